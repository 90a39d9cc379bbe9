package tui

import "github.com/codematrx/matrx-ship/core"

// shipSource is what the console asks of core to build, deploy and configure services.
type shipSource struct {
	builds      verb[core.BuildsIn, []core.Build]
	build       verb[core.BuildIn, core.Job]
	buildLog    stream[core.BuildLogIn, core.BuildLine]
	plan        verb[core.DeployIn, core.DeployPlan]
	deploy      verb[core.DeployIn, core.Job]
	deployments verb[core.DeploymentsIn, []core.Deployment]
	deployment  stream[core.DeploymentIn, core.Deployment]
	cancelIt    verb[core.DeploymentIn, core.Done]
	releases    verb[core.ServiceIn, []core.ReleaseView]
	rollback    verb[core.RollbackIn, core.Job]
	changes     verb[core.ServiceIn, core.Changes]
	env         verb[core.ServiceIn, core.EnvView]
	reveal      verb[core.RevealEnvIn, core.EnvValues]
	setEnv      verb[core.SetEnvIn, core.EnvView]
	undoEnv     verb[core.UndoEnvIn, core.EnvView]
	routes      verb[core.RoutesIn, core.RoutingView]
	routing     stream[core.RoutesIn, core.RoutingView]
	alerts      verb[struct{}, core.AlertsView]
	testAlert   verb[struct{}, core.Done]
	adopt       verb[core.AdoptIn, core.AdoptPlan]

	removal      verb[core.RemovalIn, core.RemovalPlan]
	rmDefinition verb[core.RemoveDefinitionIn, core.Job]
}

// newShipSource binds them to a core.
func newShipSource(c *core.Core) shipSource {
	return shipSource{
		builds: bindOp(c, core.ListBuilds), build: bindOp(c, core.StartBuild), buildLog: bindWatch(c, core.FollowBuild),
		plan: bindOp(c, core.PlanDeploy), deploy: bindOp(c, core.Deploy), deployments: bindOp(c, core.ListDeployments),
		deployment: bindWatch(c, core.FollowDeployment), cancelIt: bindOp(c, core.CancelDeployment),
		releases: bindOp(c, core.ListReleases), rollback: bindOp(c, core.Rollback), changes: bindOp(c, core.ListChanges),
		env: bindOp(c, core.ShowEnv), reveal: bindOp(c, core.RevealEnv), setEnv: bindOp(c, core.SetEnv), undoEnv: bindOp(c, core.UndoEnv),
		routes: bindOp(c, core.ListRoutes), routing: bindWatch(c, core.WatchRoutes), alerts: bindOp(c, core.ListAlerts), testAlert: bindOp(c, core.TestAlert),
		adopt: bindOp(c, core.Adopt), removal: bindOp(c, core.PlanRemoval), rmDefinition: bindOp(c, core.RemoveDefinition),
	}
}
