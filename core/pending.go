package core

import (
	"context"
)

// What is not built yet answers so.
func notBuilt() error { return Errorf(CodeUnavailable, "This is not built yet.") }

func planAdopt(context.Context, *Core, AdoptIn) (AdoptPlan, error) { return AdoptPlan{}, notBuilt() }
func adopt(context.Context, *Core, AdoptIn) (AdoptPlan, error)     { return AdoptPlan{}, notBuilt() }
func listDefinitions(context.Context, *Core, struct{}) ([]DefinitionVersion, error) {
	return nil, notBuilt()
}
func showDefinition(context.Context, *Core, ServiceIn) (DefinitionView, error) {
	return DefinitionView{}, notBuilt()
}
func setDefinition(context.Context, *Core, DefinitionIn) (DefinitionView, error) {
	return DefinitionView{}, notBuilt()
}

// The names of tables.
const (
	definitionsTable = "definitions"
	buildsTable      = "builds"
	releasesTable    = "releases"
	deploymentsTable = "deployments"
)

// definitionOf gives the newest definition of a service.
func (c *Core) definitionOf(service string) (DefinitionVersion, error) {
	return DefinitionVersion{}, notBuilt()
}

// definitionAt gives the definition that belongs to a commit: the store's, or the one in the repository there.
func (c *Core) definitionAt(ctx context.Context, dv DefinitionVersion, sha string) (Definition, error) {
	return dv.Definition, notBuilt()
}

// writeFolder writes the rendered compose file of a service into its folder, with its env beside it.
func (c *Core) writeFolder(ctx context.Context, d Definition, env map[string]string) error {
	return nil
}
