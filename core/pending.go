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
func showEnv(context.Context, *Core, ServiceIn) (EnvView, error)          { return EnvView{}, notBuilt() }
func revealEnv(context.Context, *Core, RevealEnvIn) (EnvValues, error) {
	return EnvValues{}, notBuilt()
}
func setEnv(context.Context, *Core, SetEnvIn) (EnvView, error)   { return EnvView{}, notBuilt() }
func undoEnv(context.Context, *Core, UndoEnvIn) (EnvView, error) { return EnvView{}, notBuilt() }
func listRoutes(context.Context, *Core, RoutesIn) (RoutingView, error) {
	return RoutingView{}, notBuilt()
}
func listAlerts(context.Context, *Core, struct{}) (AlertsView, error) {
	return AlertsView{}, notBuilt()
}
func testAlert(context.Context, *Core, struct{}) (Done, error) { return Done{}, notBuilt() }

// The names of tables.
const (
	envTable         = "env"
	buildsTable      = "builds"
	releasesTable    = "releases"
	deploymentsTable = "deployments"
	alertsTable      = "alerts"
)

// envFor decrypts a version of a service's env; version 0 is the newest. A service without an env has version 0 and no values.
func (c *Core) envFor(service string, version int) (map[string]string, EnvVersion, error) {
	return nil, EnvVersion{}, notBuilt()
}

// diffEnv names what differs between two versions of an env.
func diffEnv(old, new EnvVersion) []ChangeItem { return nil }

// diffDefinitions names what differs between two definitions.
func diffDefinitions(old, new Definition) []ChangeItem { return nil }

// buildIn builds an image as a part of the job j and records the build.
func (c *Core) buildIn(ctx context.Context, j *jobRun, in BuildIn) (Build, error) {
	return Build{}, notBuilt()
}

// alert tells people of something, once until it is over.
func (c *Core) alert(ctx context.Context, a Alert) {}

// importEnv makes the values that a container has the first version of its service's env.
func (c *Core) importEnv(ctx context.Context, service string, values map[string]string) (EnvVersion, error) {
	return EnvVersion{}, notBuilt()
}

// renderEnvFile writes values as a .env file.
func renderEnvFile(values map[string]string) []byte { return nil }

func planAdopt(context.Context, *Core, AdoptIn) (AdoptPlan, error) { return AdoptPlan{}, notBuilt() }
func adopt(context.Context, *Core, AdoptIn) (AdoptPlan, error)     { return AdoptPlan{}, notBuilt() }
