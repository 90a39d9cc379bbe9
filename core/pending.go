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
func listChanges(context.Context, *Core, ServiceIn) (Changes, error)      { return Changes{}, notBuilt() }
func planAdopt(context.Context, *Core, AdoptIn) (AdoptPlan, error)        { return AdoptPlan{}, notBuilt() }
func adopt(context.Context, *Core, AdoptIn) (AdoptPlan, error)            { return AdoptPlan{}, notBuilt() }
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

// diffDefinitions names what differs between two definitions.
func diffDefinitions(old, new Definition) []ChangeItem { return nil }

// buildIn builds an image as a part of the job j and records the build.
func (c *Core) buildIn(ctx context.Context, j *jobRun, in BuildIn) (Build, error) {
	return Build{}, notBuilt()
}
