package core

import (
	"context"
	"iter"
)

// What is not built yet answers so.
func notBuilt() error { return Errorf(CodeUnavailable, "This is not built yet.") }

func startBuild(context.Context, *Core, BuildIn) (Job, error)      { return Job{}, notBuilt() }
func listBuilds(context.Context, *Core, BuildsIn) ([]Build, error) { return nil, notBuilt() }
func followBuild(context.Context, *Core, BuildLogIn) iter.Seq2[BuildLine, error] {
	return func(yield func(BuildLine, error) bool) { yield(BuildLine{}, notBuilt()) }
}
func listChanges(context.Context, *Core, ServiceIn) (Changes, error) { return Changes{}, notBuilt() }
func planAdopt(context.Context, *Core, AdoptIn) (AdoptPlan, error)   { return AdoptPlan{}, notBuilt() }
func adopt(context.Context, *Core, AdoptIn) (AdoptPlan, error)       { return AdoptPlan{}, notBuilt() }

// The names of tables.
const (
	buildsTable      = "builds"
	releasesTable    = "releases"
	deploymentsTable = "deployments"
)

// diffDefinitions names what differs between two definitions.
func diffDefinitions(old, new Definition) []ChangeItem { return nil }

// buildIn builds an image as a part of the job j and records the build.
func (c *Core) buildIn(ctx context.Context, j *jobRun, in BuildIn) (Build, error) {
	return Build{}, notBuilt()
}
