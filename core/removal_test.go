package core_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// remove begins the removal of "web" and gives the end of its job.
func (r *deployRig) remove(keep bool) core.Job {
	r.t.Helper()
	job, err := r.beginRemoval(keep)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.jobEnd(job)
}

func (r *deployRig) beginRemoval(keep bool) (core.Job, error) {
	return core.RemoveDefinition.Run(r.as(core.RoleAdmin), r.core, core.RemoveDefinitionIn{
		ServiceIn: core.ServiceIn{Service: "web"}, Confirm: core.Confirm{Confirm: "web"}, KeepContainer: keep,
	})
}

// jobEnd waits for the end of a job.
func (r *deployRig) jobEnd(job core.Job) core.Job {
	r.t.Helper()
	r.wait(10*time.Minute, "the job ends", func() bool {
		now, err := core.ShowJob.Run(r.as(core.RoleViewer), r.core, core.JobIn{ID: job.ID})
		job = now
		return err == nil && now.State != core.JobRunning
	})
	return job
}

// removalPlan asks for the plan.
func (r *deployRig) removalPlan(keep bool) core.RemovalPlan {
	r.t.Helper()
	plan, err := core.PlanRemoval.Run(r.as(core.RoleViewer), r.core, core.RemovalIn{ServiceIn: core.ServiceIn{Service: "web"}, KeepContainer: keep})
	if err != nil {
		r.t.Fatal(err)
	}
	return plan
}

// setWebEnv sets a variable of web.
func (r *deployRig) setWebEnv(name, value string) {
	r.t.Helper()
	_, err := core.SetEnv.Run(r.as(core.RoleOperator), r.core, core.SetEnvIn{ServiceIn: core.ServiceIn{Service: "web"}, Set: map[string]core.Secret{name: core.Secret(value)}})
	if err != nil {
		r.t.Fatal(err)
	}
}

// deployedWeb is web deployed by us, with an env, a volume and a network of its own.
func deployedWeb(t *testing.T) *deployRig {
	r := newDeployRig(t, func(r *deployRig) {
		r.def.Networks = append(r.def.Networks, core.NetworkUse{Name: "web-own", Internal: true})
		r.def.Mounts = []core.Mount{{Type: "volume", Name: "web-data", Target: "/data"}}
		r.define(core.Definition{Service: "edge", Container: "edge", Kind: core.KindCustom, Networks: []core.NetworkUse{{Name: "proxy"}}})
		r.engine.AddNetwork(core.Network{Name: "web-own", Labels: map[string]string{"com.matrx.service": "web"}})
		r.engine.AddVolume(core.Volume{Name: "web-data"})
	})
	r.setWebEnv("PASSWORD", "hush-web")
	r.push("version 2", "v2")
	if d := r.deploy(core.DeployIn{}); d.State != core.DeployDone {
		t.Fatalf("%+v", d)
	}
	return r
}

// auditedOp are the messages of the audit's events of an operation, newest first, each after its outcome.
func (r *deployRig) auditedOp(op string) []string {
	r.t.Helper()
	list, err := core.ListAudit.Run(r.as(core.RoleAdmin), r.core, core.ListAuditIn{Op: op})
	if err != nil {
		r.t.Fatal(err)
	}
	var out []string
	for _, e := range list {
		out = append(out, e.Outcome+": "+e.Message)
	}
	return out
}

func TestARemovedServiceIsGoneWithEverythingOfOursAndItsDataStays(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := deployedWeb(t)
		plan := r.removalPlan(false)
		goes, stays := strings.Join(plan.Goes, "; "), strings.Join(plan.Stays, "; ")
		for _, want := range []string{"its definition", "its env", "the container web (running)", "the file that leads its route", "projects/web/.env", "projects/web/docker-compose.yml", "matrx/web:current", "the network web-own"} {
			if !strings.Contains(goes, want) {
				t.Errorf("the plan does not say that %s goes: %s", want, goes)
			}
		}
		if !strings.Contains(stays, "the volume web-data") || !strings.Contains(stays, "the network proxy") || len(plan.Blocked) > 0 {
			t.Errorf("%+v", plan)
		}
		job := r.remove(false)
		if job.State != core.JobDone || !strings.Contains(job.Result, "the volume web-data") {
			t.Fatalf("%+v", job)
		}
		r.removedWholly()
		if ends := r.auditedOp("definition.removed"); len(ends) != 1 || !strings.HasPrefix(ends[0], "ok: web is removed.") {
			t.Errorf("audit %q", ends)
		}
		if _, err := r.beginRemoval(false); core.CodeOf(err) != core.CodeNotFound || !strings.Contains(err.Error(), "ann removed it") {
			t.Errorf("removed again: %v", err)
		}
		if n := len(r.deployments()); n != 1 {
			t.Errorf("%d deployments are on record", n)
		}
	})
}

// removedWholly sees that nothing of ours is left, and that the data is.
func (r *deployRig) removedWholly() {
	r.t.Helper()
	ctx := context.Background()
	if all := r.containers(); len(all) != 0 {
		r.t.Errorf("containers: %s", names(all))
	}
	if _, err := r.ship.Switch.Target(ctx, "web"); core.CodeOf(err) != core.CodeNotFound {
		r.t.Errorf("switch file: %v", err)
	}
	for _, name := range []string{"docker-compose.yml", ".env"} {
		if _, err := r.ship.Folders.ReadFile("projects/web/" + name); core.CodeOf(err) != core.CodeNotFound {
			r.t.Errorf("%s: %v", name, err)
		}
	}
	images, _ := r.engine.Images(ctx)
	for _, image := range images {
		for _, tag := range image.Tags {
			if strings.HasPrefix(tag, "matrx/web:") {
				r.t.Errorf("the image %s is left", tag)
			}
		}
	}
	networks, _ := r.engine.Networks(ctx)
	if slices.ContainsFunc(networks, func(n core.Network) bool { return n.Name == "web-own" }) || !slices.ContainsFunc(networks, func(n core.Network) bool { return n.Name == "proxy" }) {
		r.t.Errorf("networks %+v", networks)
	}
	volumes, _ := r.engine.Volumes(ctx)
	if len(volumes) != 1 {
		r.t.Errorf("volumes %+v", volumes)
	}
	if snap := r.snapshot(); slices.ContainsFunc(snap.Services, func(s core.Service) bool { return s.Name == "web" }) {
		r.t.Errorf("Home still lists web")
	}
	list, err := core.ListDefinitions.Run(r.as(core.RoleViewer), r.core, struct{}{})
	if err != nil || len(list) != 1 || list[0].Service != "edge" {
		r.t.Errorf("definitions %+v, %v", list, err)
	}
}

func TestANewServiceOfARemovedNameInheritsNeitherEnvNorReleases(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := deployedWeb(t)
		r.remove(false)
		view, err := core.SetDefinition.Run(r.as(core.RoleAdmin), r.core, core.DefinitionIn{Text: webFile("web", "web.example.com", "")})
		if err != nil {
			t.Fatal(err)
		}
		if view.Version < 3 || view.Since.IsZero() {
			t.Errorf("%+v", view.DefinitionVersion)
		}
		env, err := core.ShowEnv.Run(r.as(core.RoleViewer), r.core, core.ServiceIn{Service: "web"})
		if err != nil || len(env.Names) != 0 || len(env.History) != 2 {
			t.Errorf("env %+v, %v", env, err)
		}
		old, err := core.RevealEnv.Run(r.as(core.RoleAdmin), r.core, core.RevealEnvIn{ServiceIn: core.ServiceIn{Service: "web"}, Version: 1})
		if err != nil || old.Values["PASSWORD"] != "hush-web" {
			t.Errorf("its history: %+v, %v", old, err)
		}
		if list := r.releases(); len(list) != 0 {
			t.Errorf("releases of another service are offered: %+v", list)
		}
		_, err = core.Rollback.Run(r.as(core.RoleOperator), r.core, core.RollbackIn{ServiceIn: core.ServiceIn{Service: "web"}})
		if core.CodeOf(err) != core.CodeConflict {
			t.Errorf("rolled back to another service: %v", err)
		}
	})
}

func TestADefinitionIsReleasedFromWhatRunsAndCanBeTakenOverAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := deployedWeb(t)
		before := r.one()
		if plan := r.removalPlan(true); !strings.Contains(strings.Join(plan.Stays, "; "), "the container web (running)") || len(plan.Steps) != 2 {
			t.Errorf("%+v", plan)
		}
		job := r.remove(true)
		if job.State != core.JobDone || !strings.Contains(job.Result, "the container web (running)") {
			t.Fatalf("%+v", job)
		}
		if now := r.one(); now.ID != before.ID || !now.StartedAt.Equal(before.StartedAt) {
			t.Errorf("the container was touched: %+v", now)
		}
		if _, err := r.ship.Folders.ReadFile("projects/web/.env"); err != nil {
			t.Error(err)
		}
		_, err := core.Deploy.Run(r.as(core.RoleOperator), r.core, core.DeployIn{ServiceIn: core.ServiceIn{Service: "web"}})
		if core.CodeOf(err) != core.CodeNotFound {
			t.Errorf("deployed without a definition: %v", err)
		}
		plan, err := core.Adopt.Run(r.as(core.RoleAdmin), r.core, core.AdoptIn{Services: []string{"web"}})
		if err != nil || !plan.Items[0].Adopted {
			t.Fatalf("%+v, %v", plan, err)
		}
		values, err := core.RevealEnv.Run(r.as(core.RoleAdmin), r.core, core.RevealEnvIn{ServiceIn: core.ServiceIn{Service: "web"}})
		if err != nil || values.Version != 3 || values.Values["PASSWORD"] != "hush-web" {
			t.Errorf("%+v, %v", values, err)
		}
		if list := r.releases(); len(list) != 2 || !list[0].Running {
			t.Errorf("its releases are gone: %+v", list)
		}
	})
}

func TestTheRemovalOfADefinitionIsRefusedWhereItWouldDoHarm(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newDeployRig(t, func(r *deployRig) {
			for _, d := range []core.Definition{
				{Service: "traefik", Kind: core.KindTraefik}, {Service: "postgres", Kind: core.KindPostgres}, {Service: "deploy-server", Kind: core.KindDeploy},
				{Service: "matrx-manager", Kind: core.KindManager}, {Service: "ship-a", Kind: core.KindShip, Instance: "a"}, {Service: "ship-a-db", Kind: core.KindShipDB, Instance: "a"},
			} {
				d.Container = d.Service
				r.define(d)
			}
		})
		run := func(role core.Role, service, confirm string) error {
			_, err := core.RemoveDefinition.Run(r.as(role), r.core, core.RemoveDefinitionIn{ServiceIn: core.ServiceIn{Service: service}, Confirm: core.Confirm{Confirm: confirm}})
			return err
		}
		unlock, err := r.ship.Locks.Lock("web", "deploy of web by bob")
		if err != nil {
			t.Fatal(err)
		}
		for _, tc := range []struct {
			role             core.Role
			service, confirm string
			code             core.Code
			want             string
		}{
			{core.RoleAdmin, "traefik", "traefik", core.CodeConflict, "platform"}, {core.RoleAdmin, "postgres", "postgres", core.CodeConflict, "platform"},
			{core.RoleAdmin, "deploy-server", "deploy-server", core.CodeConflict, "platform"}, {core.RoleAdmin, "matrx-manager", "matrx-manager", core.CodeConflict, "platform"},
			{core.RoleAdmin, "ship-a-db", "ship-a-db", core.CodeConflict, "Remove that one first: definition remove ship-a"},
			{core.RoleAdmin, "web", "", core.CodeInvalid, "Not confirmed"}, {core.RoleOperator, "web", "web", core.CodeForbidden, "admin"},
			{core.RoleAdmin, "web", "web", core.CodeConflict, "bob"}, {core.RoleAdmin, "nobody", "nobody", core.CodeNotFound, "no definition"},
		} {
			if err := run(tc.role, tc.service, tc.confirm); core.CodeOf(err) != tc.code || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s as %s: %v", tc.service, tc.role, err)
			}
		}
		if plan := r.removalPlan(false); plan.Held == "" {
			t.Errorf("the plan does not say who has it: %+v", plan)
		}
		if err := unlock(); err != nil {
			t.Fatal(err)
		}
		r.one()
	})
}

func TestARemovalThatDiesAtAnyMomentIsShownAndFinishedByDoingItAgain(t *testing.T) {
	for _, keep := range []bool{false, true} {
		for dieAt, more := 1, true; more; dieAt++ {
			for _, after := range []bool{false, true} {
				inBubble(t, func(t *testing.T) { more = dieRemoving(t, keep, dieAt, after) })
			}
			if dieAt > 60 {
				t.Fatal("the removal does not come to an end")
			}
		}
	}
}

// dieRemoving ends the process at a call of a removal. It is false when the removal has fewer calls.
func dieRemoving(t *testing.T, keep bool, dieAt int, after bool) bool {
	r := deployedWeb(t)
	where := fmt.Sprintf("keep %v, killed at call %d (after it: %v)", keep, dieAt, after)
	g := r.gate
	g.mu.Lock()
	g.calls, g.names, g.died, g.after, g.dieAt = 0, nil, make(chan struct{}), after, dieAt
	g.mu.Unlock()
	job, err := r.beginRemoval(keep)
	if err == nil {
		r.wait(time.Minute, "it ends or dies", func() bool {
			select {
			case <-g.died:
				return true
			default:
			}
			now, err := core.ShowJob.Run(r.as(core.RoleViewer), r.core, core.JobIn{ID: job.ID})
			return err == nil && now.State != core.JobRunning
		})
	}
	g.mu.Lock()
	died := g.dead
	g.mu.Unlock()
	if !died {
		return false
	}
	r.restart(0)
	if r.isDefined("web") {
		r.tellsTheTruth(where)
		if job, err := r.beginRemoval(keep); err != nil {
			t.Fatalf("%s: %v", where, err)
		} else if end := r.jobEnd(job); end.State != core.JobDone {
			t.Fatalf("%s: %+v", where, end)
		}
	}
	if keep {
		r.one()
	} else {
		r.removedWholly()
	}
	if r.isDefined("web") || slices.ContainsFunc(r.snapshot().Faults, func(f core.Fault) bool { return strings.Contains(f.What, "removed in part") }) {
		t.Errorf("%s: it is still there", where)
	}
	r.noJobRuns(where)
	for _, event := range r.auditedOp("") {
		if strings.HasPrefix(event, core.OutcomeOpen+":") {
			t.Errorf("%s: the audit has an open event", where)
		}
	}
	if t.Failed() {
		t.Log(where, g.names)
	}
	return true
}

// isDefined is true while a definition is in force.
func (r *deployRig) isDefined(service string) bool {
	_, err := core.ShowDefinition.Run(r.as(core.RoleViewer), r.core, core.ServiceIn{Service: service})
	return err == nil
}

// tellsTheTruth sees that a removal that began is shown on Home and keeps anybody from deploying.
func (r *deployRig) tellsTheTruth(where string) {
	r.t.Helper()
	begun := !r.removalPlan(false).Begun.IsZero()
	shown := func() bool {
		return slices.ContainsFunc(r.snapshot().Faults, func(f core.Fault) bool { return strings.Contains(f.What, "web is removed in part") })
	}
	if !begun {
		if shown() {
			r.t.Errorf("%s: Home shows a removal that did not begin", where)
		}
		return
	}
	r.wait(time.Minute, where+": Home shows it", shown)
	plan, err := core.PlanDeploy.Run(r.as(core.RoleOperator), r.core, core.DeployIn{ServiceIn: core.ServiceIn{Service: "web"}})
	if err != nil || len(plan.Blocked) == 0 || !strings.Contains(plan.Blocked[0], "definition remove web") {
		r.t.Errorf("%s: it can be deployed: %+v, %v", where, plan, err)
	}
	ends := r.auditedOp("definition.removed")
	if len(ends) != 1 || !strings.HasPrefix(ends[0], core.OutcomeInterrupted) {
		r.t.Errorf("%s: audit %q", where, ends)
	}
}

// noJobRuns sees that every job has an end.
func (r *deployRig) noJobRuns(where string) {
	r.t.Helper()
	list, err := core.ListJobs.Run(r.as(core.RoleViewer), r.core, struct{}{})
	for _, job := range list {
		if err != nil || job.State == core.JobRunning {
			r.t.Errorf("%s: job %+v", where, job)
		}
	}
}

func TestARemovalThatCannotLookAtTheEngineRemovesNothingAndSaysSo(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := deployedWeb(t)
		r.engine.Fail("Networks", core.Errorf(core.CodeUnavailable, "No answer."))
		job := r.remove(false)
		if job.State != core.JobFailed || !strings.Contains(job.Result, "No answer. Nothing was removed.") {
			t.Errorf("%s %s", job.State, job.Result)
		}
		r.engine.Fail("Networks", nil)
		if faults := r.snapshot().Faults; slices.ContainsFunc(faults, func(f core.Fault) bool { return strings.Contains(f.What, "removed in part") }) {
			t.Errorf("%+v", faults)
		}
		r.push("version 3", "v3")
		if d := r.deploy(core.DeployIn{}); d.State != core.DeployDone {
			t.Errorf("%s %s", d.State, d.Result)
		}
	})
}

func TestANetworkThatSomebodyElsesContainerNamesStaysAlsoWhileThatIsStopped(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := deployedWeb(t)
		r.engine.Add(core.ContainerDetail{Container: core.Container{ID: "0f0f0f0f0f0f0f0f", Name: "visitor", State: "exited", Networks: []core.Attachment{{Network: "web-own"}}}})
		if plan := r.removalPlan(false); slices.Contains(plan.Goes, "the network web-own") || !slices.Contains(plan.Stays, "the network web-own") {
			t.Errorf("%+v", plan)
		}
	})
}
