package core

import (
	"context"
	"iter"
)

// What is not built yet answers so.
func notBuilt() error { return Errorf(CodeUnavailable, "This is not built yet.") }

func listReleases(context.Context, *Core, ServiceIn) ([]ReleaseView, error) { return nil, notBuilt() }
func rollback(context.Context, *Core, RollbackIn) (Job, error)              { return Job{}, notBuilt() }
func planDeploy(context.Context, *Core, DeployIn) (DeployPlan, error) {
	return DeployPlan{}, notBuilt()
}
func deploy(context.Context, *Core, DeployIn) (Job, error) { return Job{}, notBuilt() }
func listDeployments(context.Context, *Core, DeploymentsIn) ([]Deployment, error) {
	return nil, notBuilt()
}
func showDeployment(context.Context, *Core, DeploymentIn) (Deployment, error) {
	return Deployment{}, notBuilt()
}
func followDeployment(context.Context, *Core, DeploymentIn) iter.Seq2[Deployment, error] {
	return func(yield func(Deployment, error) bool) { yield(Deployment{}, notBuilt()) }
}
func cancelDeployment(context.Context, *Core, DeploymentIn) (Done, error) { return Done{}, notBuilt() }
func showEnv(context.Context, *Core, ServiceIn) (EnvView, error)          { return EnvView{}, notBuilt() }
func revealEnv(context.Context, *Core, RevealEnvIn) (EnvValues, error) {
	return EnvValues{}, notBuilt()
}
func setEnv(context.Context, *Core, SetEnvIn) (EnvView, error)   { return EnvView{}, notBuilt() }
func undoEnv(context.Context, *Core, UndoEnvIn) (EnvView, error) { return EnvView{}, notBuilt() }
func listRoutes(context.Context, *Core, RoutesIn) (RoutingView, error) {
	return RoutingView{}, notBuilt()
}
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
func listAlerts(context.Context, *Core, struct{}) (AlertsView, error) {
	return AlertsView{}, notBuilt()
}
func testAlert(context.Context, *Core, struct{}) (Done, error) { return Done{}, notBuilt() }

// The names of tables.
const (
	definitionsTable = "definitions"
	envTable         = "env"
	buildsTable      = "builds"
	releasesTable    = "releases"
	deploymentsTable = "deployments"
	alertsTable      = "alerts"
)

// definitionOf gives the newest definition of a service.
func (c *Core) definitionOf(service string) (DefinitionVersion, error) {
	return DefinitionVersion{}, notBuilt()
}

// definitionAt gives the definition that belongs to a commit: the store's, or the one in the repository there.
func (c *Core) definitionAt(ctx context.Context, dv DefinitionVersion, sha string) (Definition, error) {
	return dv.Definition, notBuilt()
}

// envFor decrypts a version of a service's env; version 0 is the newest. A service without an env has version 0 and no values.
func (c *Core) envFor(service string, version int) (map[string]string, EnvVersion, error) {
	return nil, EnvVersion{}, notBuilt()
}

// diffEnv names what differs between two versions of an env.
func diffEnv(old, new EnvVersion) []ChangeItem { return nil }

// alert tells people of something, once until it is over.
func (c *Core) alert(ctx context.Context, a Alert) {}
