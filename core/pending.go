package core

import (
	"context"
)

// What is not built yet answers so.
func notBuilt() error { return Errorf(CodeUnavailable, "This is not built yet.") }

func planAdopt(context.Context, *Core, AdoptIn) (AdoptPlan, error) { return AdoptPlan{}, notBuilt() }
func adopt(context.Context, *Core, AdoptIn) (AdoptPlan, error)     { return AdoptPlan{}, notBuilt() }

// The names of tables.
const (
	buildsTable      = "builds"
	releasesTable    = "releases"
	deploymentsTable = "deployments"
)
