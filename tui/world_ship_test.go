package tui

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// shipWorld answers what the console asks to build, deploy and configure.
type shipWorld struct {
	builds      []core.Build
	lines       *tap[core.BuildLine]
	plan        core.DeployPlan
	job         core.Job
	deployments []core.Deployment
	live        *tap[core.Deployment]
	releases    []core.ReleaseView
	changes     core.Changes
	env         core.EnvView
	values      map[string]string
	routes      core.RoutingView
	routing     *tap[core.RoutingView] // newer ones
	alerts      core.AlertsView
	blocked     []string // why a removal is refused
}

func (w *world) shipSource() shipSource {
	s := &w.ship
	return shipSource{
		builds: answer(w, core.ListBuilds, func(core.BuildsIn) []core.Build { return s.builds }),
		build:  answer(w, core.StartBuild, func(core.BuildIn) core.Job { return s.job }), buildLog: pour(w, core.FollowBuild, s.lines),
		plan:   answer(w, core.PlanDeploy, func(core.DeployIn) core.DeployPlan { return s.plan }),
		deploy: answer(w, core.Deploy, func(core.DeployIn) core.Job { return s.job }),
		deployments: answer(w, core.ListDeployments, func(in core.DeploymentsIn) []core.Deployment {
			var out []core.Deployment
			for _, d := range s.deployments {
				if (in.Service == "" || d.Service == in.Service) && (in.State == "" || d.State == in.State) && (in.By == "" || d.By.Name == in.By) {
					out = append(out, d)
				}
			}
			return out
		}),
		deployment: pour(w, core.FollowDeployment, s.live), cancelIt: answer(w, core.CancelDeployment, func(core.DeploymentIn) core.Done { return w.done }),
		releases: answer(w, core.ListReleases, func(core.ServiceIn) []core.ReleaseView { return s.releases }),
		rollback: answer(w, core.Rollback, func(core.RollbackIn) core.Job { return s.job }),
		changes:  answer(w, core.ListChanges, func(core.ServiceIn) core.Changes { return s.changes }),
		env:      answer(w, core.ShowEnv, func(core.ServiceIn) core.EnvView { return s.env }),
		reveal:   answer(w, core.RevealEnv, func(core.RevealEnvIn) core.EnvValues { return core.EnvValues{Version: s.env.Version, Values: s.values} }),
		setEnv:   answer(w, core.SetEnv, func(core.SetEnvIn) core.EnvView { return core.EnvView{Version: s.env.Version + 1} }),
		undoEnv:  answer(w, core.UndoEnv, func(core.UndoEnvIn) core.EnvView { return core.EnvView{Version: s.env.Version + 1} }),
		routes:   answer(w, core.ListRoutes, func(core.RoutesIn) core.RoutingView { return s.routes }), routing: w.routesStream(),
		alerts: answer(w, core.ListAlerts, func(struct{}) core.AlertsView { return s.alerts }), adopt: answer(w, core.Adopt, func(in core.AdoptIn) core.AdoptPlan {
			return core.AdoptPlan{Items: []core.AdoptItem{{Service: in.Services[0]}}}
		}),
		removal: answer(w, core.PlanRemoval, s.plannedRemoval), rmDefinition: answer(w, core.RemoveDefinition, func(core.RemoveDefinitionIn) core.Job { return s.job }),
		testAlert: answer(w, core.TestAlert, func(struct{}) core.Done { return w.done }),
	}
}

// routesStream gives the routes, and then what a test adds.
func (w *world) routesStream() stream[core.RoutesIn, core.RoutingView] {
	first := answer(w, core.Op[core.RoutesIn, core.RoutingView]{Name: core.WatchRoutes.Name}, func(core.RoutesIn) core.RoutingView { return w.ship.routes })
	return stream[core.RoutesIn, core.RoutingView]{core.WatchRoutes.Info(), func(ctx context.Context, in core.RoutesIn) iter.Seq2[core.RoutingView, error] {
		return func(yield func(core.RoutingView, error) bool) {
			if view, err := first.run(ctx, in); yield(view, err) && err == nil && w.ship.routing != nil {
				w.ship.routing.each(ctx, yield)
			}
		}
	}}
}

// plannedRemoval is what the removal of ship-demo would do.
func (s *shipWorld) plannedRemoval(in core.RemovalIn) core.RemovalPlan {
	plan := core.RemovalPlan{Service: in.Service, KeepContainer: in.KeepContainer, Goes: []string{"its definition"}, Blocked: s.blocked,
		Stays: []string{"the volume ship-demo-files"}, Warn: []string{"https://demo.example.com does not answer any more."}}
	if in.KeepContainer {
		plan.Stays = append(plan.Stays, "the container ship-demo (running)")
	} else {
		plan.Goes = append(plan.Goes, "the container ship-demo (running)")
	}
	return plan
}

// commit makes a commit of the fixtures.
func commit(n int, subject string, files ...string) core.Commit {
	return core.Commit{SHA: fmt.Sprintf("%x", 0xa1b2c3d4e5f0+n) + "0123456789abcdef0123456789ab", Author: "ana", At: epoch.Add(-time.Duration(9-n) * time.Hour), Subject: subject, Files: files}
}

// fullShip is something on every screen of building and deploying.
func fullShip() shipWorld {
	ran, head := commit(1, "Show the shop's name"), commit(4, "Answer 404 for what is gone")
	items := []core.ChangeItem{
		{Kind: core.ChangeCommit, What: "3 commits since " + ran.Short(), Need: core.NeedsBuild},
		{Kind: core.ChangeDefinition, What: "memory: 128 MiB to 256 MiB", Need: core.NeedsDeploy},
		{Kind: core.ChangeEnv, What: "DATABASE_URL changed", Need: core.NeedsDeploy},
	}
	from := core.Release{ID: "r-12", Service: "ship-demo", At: epoch.Add(-50 * time.Hour), Image: "sha256:9c1e000000000000", EnvVersion: 3, Commit: ran, Build: "b-12"}
	return shipWorld{
		builds: builtOnes(ran, head), lines: ending(buildLines(40)...), job: core.Job{ID: "j-9", Kind: "deployment.start", Target: "ship-demo", By: person("ana", core.RoleAdmin), State: core.JobRunning, Started: epoch},
		plan: core.DeployPlan{
			Service: "ship-demo", From: &from, Commit: head, Build: true, Changes: items, Warn: []string{"Its database was migrated by the running version; a rollback does not undo that."},
			Steps: []string{core.StepLock, core.StepSource, core.StepBuild, core.StepTest, core.StepCandidate, core.StepHealth, core.StepSwitch, core.StepRoute, core.StepDrain, core.StepStop, core.StepRename, core.StepObserve, core.StepKeep},
		},
		deployments: deployedOnes(ran, head), releases: releasedOnes(from),
		changes: core.Changes{
			Service: "ship-demo", Running: ran.SHA, Known: true, Head: head, Need: core.NeedsBuild, Items: items,
			Commits: []core.Commit{head, commit(3, "Read the port from the environment", "server.js", "Dockerfile"), commit(2, "Fix a typo")},
		},
		env: core.EnvView{
			Service: "ship-demo", Version: 4, Running: 3, At: epoch.Add(-20 * time.Minute), By: "ana", KeyID: "age1qf3",
			Names:      []core.EnvName{{Name: "DATABASE_URL", Changed: true}, {Name: "SESSION_SECRET"}},
			Definition: []core.EnvName{{Name: "NODE_ENV", Value: "production"}, {Name: "PORT", Value: "3000"}},
			History:    []core.EnvHistory{{Version: 4, At: epoch.Add(-20 * time.Minute), By: "ana", Note: "set DATABASE_URL"}, {Version: 3, At: epoch.Add(-51 * time.Hour), By: "bo", Note: "set SESSION_SECRET"}},
		},
		values: map[string]string{"DATABASE_URL": "postgres://demo:s3cret@ship-demo-db/demo"},
		routes: routedOnes(), routing: newTap[core.RoutingView](),
		alerts: core.AlertsView{Targets: []string{"smtp", "slack"}, Alerts: []core.Alert{
			{ID: "al-2", At: epoch.Add(-12 * time.Second), Service: "ship-demo-db", Cause: "unhealthy", Title: "ship-demo-db is down", Text: "It exited with 0.", Sent: true},
			{ID: "al-1", At: epoch.Add(-26 * time.Hour), Over: epoch.Add(-25 * time.Hour), Service: "ship-demo", Cause: "deployment failed", Title: "A deployment of ship-demo failed", Text: "The old version serves.", Problem: "smtp: the server did not answer"},
		}},
	}
}

func builtOnes(ran, head core.Commit) []core.Build {
	return []core.Build{
		{ID: "b-14", Service: "ship-demo", Plane: "manager", By: person("ana", core.RoleAdmin), State: core.BuildRunning, Ref: "main", Commit: head, Started: epoch.Add(-8 * time.Second), Job: "j-8"},
		{ID: "b-13", Service: "ship-demo", By: person("bo", core.RoleOperator), State: core.BuildFailed, Ref: "main", Commit: commit(2, "Fix a typo"), Started: epoch.Add(-3 * time.Hour), Took: 21 * time.Second, Message: "npm ci: exit 1", Job: "j-3"},
		{ID: "b-12", Service: "ship-demo", By: person("ana", core.RoleAdmin), State: core.BuildDone, Ref: "main", Commit: ran, Started: epoch.Add(-50 * time.Hour), Took: 64 * time.Second, Image: "sha256:9c1e000000000000", Tag: "ship-demo:b-12", Size: 180 << 20, Job: "j-2"},
		{ID: "b-11", Service: "ship-demo", By: person("ana", core.RoleAdmin), State: core.BuildDone, Ref: "main", Commit: commit(0, "Begin"), Started: epoch.Add(-90 * time.Hour), Took: 70 * time.Second, Image: "sha256:77aa000000000000", Size: 179 << 20, Gone: true, Job: "j-1"},
	}
}

func buildLines(n int) []core.BuildLine {
	out := make([]core.BuildLine, n)
	for i := range out {
		out[i].Text = fmt.Sprintf("Step %d/%d : RUN npm run part-%d", i+1, n, i)
	}
	return out
}

func steps(states ...core.DeployStep) []core.DeployStep { return states }

func deployedOnes(ran, head core.Commit) []core.Deployment {
	return []core.Deployment{
		{
			ID: "d-21", Service: "ship-demo", Plane: "manager", Kind: "deploy", By: person("ana", core.RoleAdmin), Job: "j-3", State: core.DeployFailed, Started: epoch.Add(-3 * time.Hour),
			Took: 75 * time.Second, From: "r-12", To: "r-13", Commit: commit(2, "Fix a typo"), FromSHA: ran.SHA, Env: 3, Build: "b-13", Asked: 40,
			Steps: steps(core.DeployStep{Name: core.StepLock, State: "done", Took: 20 * time.Millisecond}, core.DeployStep{Name: core.StepBuild, State: "done", Took: 12 * time.Second, Detail: "image 9c1e00000000"},
				core.DeployStep{Name: core.StepHealth, State: "failed", Took: time.Minute, Detail: "HTTP 500 from /healthz for 60 s"}),
			Result: "The new version did not pass its health check within 60 s. The old version serves.", LastLog: []string{"listening on 3000", "TypeError: x is undefined"}, Health: []string{"00:00:01 HTTP 500 from /healthz", "00:00:02 HTTP 500 from /healthz"},
		},
		{
			ID: "d-20", Service: "ship-demo", Plane: "manager", Kind: "deploy", By: person("ana", core.RoleAdmin), Job: "j-2", State: core.DeployDone, Started: epoch.Add(-50 * time.Hour), Took: 71 * time.Second,
			From: "r-11", To: "r-12", Commit: ran, FromSHA: commit(0, "Begin").SHA, Env: 3, Asked: 214, Result: "Release r-12 runs and is healthy.",
			Steps: steps(core.DeployStep{Name: core.StepLock, State: "done", Took: 20 * time.Millisecond}),
		},
		{ID: "d-19", Service: "pgadmin", Plane: "manager", Kind: "rollback", By: person("bo", core.RoleOperator), State: core.DeployDone, Started: epoch.Add(-70 * time.Hour), Took: 4 * time.Second, Commit: core.Commit{}, Asked: 60, Lost: 2, Gap: 1800 * time.Millisecond, Result: "Release r-3 runs."},
	}
}

func releasedOnes(from core.Release) []core.ReleaseView {
	old := core.Release{ID: "r-11", Service: "ship-demo", At: epoch.Add(-90 * time.Hour), Image: "sha256:77aa000000000000", EnvVersion: 2, Commit: commit(0, "Begin")}
	gone := core.Release{ID: "r-10", Service: "ship-demo", At: epoch.Add(-200 * time.Hour), Commit: core.Commit{}}
	return []core.ReleaseView{
		{Release: from, Running: true, ImageHere: true, EnvHere: true},
		{Release: old, ImageHere: true, EnvHere: true, Note: "Not undone: data in databases and volumes, and migrations that have run.", Diff: []core.ChangeItem{{Kind: core.ChangeCommit, What: "1 commit back", Need: core.NeedsDeploy}, {Kind: core.ChangeEnv, What: "SESSION_SECRET removed", Need: core.NeedsDeploy}}},
		{Release: gone, ImageGone: true, EnvHere: true, Note: "Its image was removed to make room."},
	}
}

func routedOnes() core.RoutingView {
	return core.RoutingView{
		Traefik: "3.5.3",
		Routes: []core.RouteView{
			{
				Service: "ship-demo", Domains: []string{"demo.dev.codematrx.test"}, Wanted: "Host(`demo.dev.codematrx.test`)", Router: "ship-demo@docker", Rule: "Host(`demo.dev.codematrx.test`)",
				Entrypoints: []string{"websecure"}, TLS: true, Backend: "ship-demo@file", Servers: []string{"http://ship-demo-1a2b:3000 DOWN"}, Switch: "http://ship-demo-1a2b:3000", Status: "enabled",
				Expires: epoch.Add(3 * 24 * time.Hour), Issuer: "Let's Encrypt", Probe: "503 in 4 ms", Verdict: "Traefik reaches it, and it answers 503", Do: "Read its log with l; its database is down.",
			},
			{
				Service: core.DeployName, Domains: []string{"deploy.dev.codematrx.test"}, Wanted: "Host(`deploy.dev.codematrx.test`)", Router: "deploy-server@docker", Rule: "Host(`deploy.dev.codematrx.test`)",
				Entrypoints: []string{"websecure"}, TLS: true, Backend: "deploy-server@file", Servers: []string{"http://deploy-server:3000 UP"}, Switch: "http://deploy-server:3000", Status: "enabled", Probe: "200 in 3 ms", OK: true, Verdict: "works",
			},
		},
		Others: []core.Route{{Name: "dashboard@internal", Rule: "PathPrefix(`/dashboard`)", Service: "dashboard@internal", Status: "enabled"}},
	}
}

// evilShip is the same with a text wherever one comes from outside.
func evilShip(s shipWorld, evil string) shipWorld {
	c := core.Commit{SHA: evil, Author: evil, At: epoch, Subject: evil, Files: []string{evil}}
	item := core.ChangeItem{Kind: evil, What: evil, Need: evil}
	for i := range s.builds {
		b := &s.builds[i]
		b.Commit, b.Message, b.Ref, b.Tag, b.Image, b.By.Name, b.ID = c, evil, evil, evil, evil, evil, evil+b.ID
	}
	s.lines = ending(core.BuildLine{Text: evil}, core.BuildLine{Text: evil})
	s.plan.Commit, s.plan.From.Commit, s.plan.From.ID, s.plan.Changes = c, c, evil, []core.ChangeItem{item}
	s.plan.Steps, s.plan.Held, s.plan.Blocked, s.plan.Warn = []string{evil}, evil, []string{evil}, []string{evil}
	for i := range s.deployments {
		d := &s.deployments[i]
		d.ID, d.Kind, d.Plane, d.Commit, d.FromSHA, d.Result, d.By.Name, d.From, d.To, d.Build = evil+d.ID, evil, evil, c, evil, evil, evil, evil, evil, evil
		d.Steps, d.LastLog, d.Health = []core.DeployStep{{Name: evil, State: evil, Detail: evil}}, []string{evil}, []string{evil, evil}
	}
	s.live = ending(s.deployments[0])
	for i := range s.releases {
		r := &s.releases[i]
		r.ID, r.Commit, r.Note, r.Image, r.Diff = evil+r.ID, c, evil, evil, []core.ChangeItem{item}
	}
	s.changes.Head, s.changes.Commits, s.changes.Items, s.changes.Note, s.changes.Need, s.changes.Running = c, []core.Commit{c, c}, []core.ChangeItem{item}, evil, evil, evil
	s.env.Names, s.env.Definition, s.env.Problem, s.env.By = []core.EnvName{{Name: evil}}, []core.EnvName{{Name: evil + "2", Value: evil}}, evil, evil
	s.env.History, s.values = []core.EnvHistory{{Version: 1, By: evil, Note: evil}}, map[string]string{evil: evil}
	r := &s.routes.Routes[0]
	r.Service, r.Domains, r.Wanted, r.Router, r.Rule, r.Entrypoints, r.Middlewares, r.Backend, r.Servers = evil, []string{evil}, evil, evil, evil, []string{evil}, []string{evil}, evil, []string{evil}
	r.Switch, r.Status, r.Errors, r.Issuer, r.Probe, r.Verdict, r.Do = evil, evil, []string{evil}, evil, evil, evil, evil
	s.routes.Traefik, s.routes.Problem = evil, evil
	s.routes.Others = []core.Route{{Name: evil, Rule: evil, Service: evil, Hosts: []string{evil}, Servers: []string{evil}, Errors: []string{evil}, Status: evil}}
	a := &s.alerts.Alerts[0]
	a.ID, a.Service, a.Cause, a.Title, a.Text, a.Problem, s.alerts.Targets = evil, evil, evil, evil, evil, evil, []string{evil}
	return s
}
