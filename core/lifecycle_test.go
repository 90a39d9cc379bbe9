package core_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

func TestLifecycleOperationsAreAllowedRefusedOrExplained(t *testing.T) {
	down := core.Errorf(core.CodeUnavailable, "The engine does not answer.")
	cases := []struct {
		name    string
		role    core.Role
		prepare func(r *planeRig)
		run     func(ctx context.Context, c *core.Core) error
		code    core.Code
		says    string
		audit   string
	}{
		{"stop", core.RoleOperator, nil, stop("ship-demo"), "", "ship-demo is stopped: exited with 0.", "service.stop ship-demo ok"},
		{"restart", core.RoleOperator, nil, restart("ship-demo"), "", "was restarted and runs: passes.", "service.restart ship-demo ok"},
		{"start of one that runs", core.RoleOperator, nil, start("ship-demo"), "", "ship-demo runs: passes.", "service.start ship-demo ok"},
		{"remove", core.RoleAdmin, nil, remove("ship-demo", "ship-demo"), "", "What stays: its log, its image, the volume demo-files.", "service.remove ship-demo ok"},
		{"stop by a viewer", core.RoleViewer, nil, stop("ship-demo"), core.CodeForbidden, "needs the role operator", "service.stop ship-demo forbidden"},
		{"remove by an operator", core.RoleOperator, nil, remove("ship-demo", "ship-demo"), core.CodeForbidden, "needs the role admin", "service.remove ship-demo forbidden"},
		{"remove unconfirmed", core.RoleAdmin, nil, remove("ship-demo", ""), core.CodeInvalid, "repeat the name", "service.remove ship-demo invalid"},
		{"remove with another name", core.RoleAdmin, nil, remove("ship-demo", "ship-dem0"), core.CodeInvalid, "repeat the name", "service.remove ship-demo invalid"},
		{"no name", core.RoleOperator, nil, stop(""), core.CodeInvalid, "Which service?", "service.stop - invalid"},
		{"grace below zero", core.RoleOperator, nil, stopIn(core.StopServiceIn{ServiceIn: core.ServiceIn{Service: "ship-demo"}, Grace: -1}),
			core.CodeInvalid, "The grace is", "service.stop ship-demo invalid"},
		{"unknown", core.RoleOperator, nil, stop("ship-dmeo"), core.CodeNotFound, "Did you mean ship-demo", "service.stop ship-dmeo not_found"},
		{"itself", core.RoleOperator, nil, stop("matrx-manager"), core.CodeConflict,
			"The Deploy Server can: ssh -p 2222 deploy.dev.codematrx.test stop matrx-manager", "service.stop matrx-manager conflict"},
		{"itself restarted", core.RoleOperator, nil, restart("matrx-manager"), core.CodeConflict, "does not restart itself", "service.restart matrx-manager conflict"},
		{"itself removed", core.RoleAdmin, nil, remove("matrx-manager", "matrx-manager"), core.CodeConflict, "does not remove itself", "service.remove matrx-manager conflict"},
		{"engine down", core.RoleOperator, func(r *planeRig) { r.engine.SetDown(down) }, stop("ship-demo"), core.CodeUnavailable,
			"ship-demo was healthy when the engine last answered", "service.stop ship-demo unavailable"},
		{"engine refuses", core.RoleOperator, func(r *planeRig) { r.engine.Fail("Restart", core.Errorf(core.CodeConflict, "The port is taken.")) },
			restart("ship-demo"), core.CodeConflict, "The port is taken.", "service.restart ship-demo conflict"},
		{"an engine error without words", core.RoleOperator, func(r *planeRig) { r.engine.Fail("Stop", errors.New("boom")) },
			stop("ship-demo"), core.CodeInternal, "Internal error.", "service.stop ship-demo internal"},
		{"does not serve afterwards", core.RoleOperator, func(r *planeRig) {
			r.prober.script(func(context.Context, core.ProbeTarget) error { return errProbe })
		}, restart("ship-demo"), core.CodeUnavailable, "does not serve after 30s: it is starting, connection refused", "service.restart ship-demo unavailable"},
		{"ends at once", core.RoleOperator, func(r *planeRig) {
			r.engine.Update(idOf(r, "ship-demo"), func(d *core.ContainerDetail) { d.Command = []string{"exit", "3"} })
		},
			restart("ship-demo"), core.CodeConflict, "ended at once: exited with 3", "service.restart ship-demo conflict"},
		{"the journal cannot be written", core.RoleOperator, func(r *planeRig) { r.journal.Break("no space left", false) },
			restart("ship-demo"), core.CodeUnavailable, "Nothing was done", ""},
		{"stop is relief", core.RoleOperator, func(r *planeRig) { r.journal.Break("no space left", true) },
			stop("ship-demo"), "", "is stopped", "service.stop ship-demo ok"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := newPlane(t, prepareDemo)
				r.become("ship-demo", core.Healthy, 5*time.Second)
				if tc.prepare != nil {
					tc.prepare(r)
				}
				err := tc.run(r.as(tc.role), r.core)
				said := core.MessageOf(err)
				var done saidDone
				if errors.As(err, &done) {
					err, said = nil, string(done)
				}
				if core.CodeOf(err) != tc.code || !strings.Contains(said, tc.says) {
					t.Errorf("%q: %s", core.CodeOf(err), said)
				}
				if got := r.audited(); strings.Join(got, "\n") != tc.audit {
					t.Errorf("audited %q", got)
				}
			})
		})
	}
}

// prepareDemo puts an instance, both control planes and Traefik into the engine.
func prepareDemo(r *planeRig) {
	demo := web("ship-demo")
	demo.Mounts = []core.Mount{{Type: "volume", Name: "demo-files", Target: "/data"}}
	r.engine.Add(demo)
	r.engine.Add(web("ship-demo-db"))
	r.engine.Add(web("matrx-manager"))
	r.engine.Add(web("deploy-server"))
	r.engine.Add(web("traefik"))
}

// saidDone carries what an operation said when it worked.
type saidDone string

func (s saidDone) Error() string { return string(s) }

func done(d core.Done, err error) error {
	if err != nil {
		return err
	}
	return saidDone(d.Message)
}

func start(name string) func(context.Context, *core.Core) error {
	return func(ctx context.Context, c *core.Core) error {
		return done(core.StartService.Run(ctx, c, core.ServiceIn{Service: name}))
	}
}

func stop(name string) func(context.Context, *core.Core) error {
	return stopIn(core.StopServiceIn{ServiceIn: core.ServiceIn{Service: name}})
}

func stopIn(in core.StopServiceIn) func(context.Context, *core.Core) error {
	return func(ctx context.Context, c *core.Core) error { return done(core.StopService.Run(ctx, c, in)) }
}

func restart(name string) func(context.Context, *core.Core) error {
	return func(ctx context.Context, c *core.Core) error {
		return done(core.RestartService.Run(ctx, c, core.StopServiceIn{ServiceIn: core.ServiceIn{Service: name}}))
	}
}

func remove(name, confirm string) func(context.Context, *core.Core) error {
	return func(ctx context.Context, c *core.Core) error {
		return done(core.RemoveService.Run(ctx, c, core.RemoveServiceIn{ServiceIn: core.ServiceIn{Service: name}, Confirm: core.Confirm{Confirm: confirm}}))
	}
}

// idOf is the container of a service.
func idOf(r *planeRig, name string) string { return r.service(name).ID }

func TestARemovedServiceIsForgottenAndAMissingOneCanBe(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newPlane(t, prepareDemo)
		r.become("ship-demo", core.Healthy, 5*time.Second)
		if err := remove("ship-demo", "ship-demo")(r.as(core.RoleAdmin), r.core); core.CodeOf(err) != core.CodeInternal {
			t.Fatal(err) // saidDone has no code of its own
		}
		status := r.snapshot()
		if _, ok := status.Service("ship-demo"); ok {
			t.Error("still listed after it was removed on purpose")
		}
		if err := r.engine.Remove(t.Context(), idOf(r, "ship-demo-db"), 0); err != nil {
			t.Fatal(err)
		}
		r.wait(2*time.Second, "the database is missing", func() bool { return r.service("ship-demo-db").Missing })
		err := restart("ship-demo-db")(r.as(core.RoleOperator), r.core)
		if core.CodeOf(err) != core.CodeConflict || !strings.Contains(core.MessageOf(err), "no container to restart") {
			t.Errorf("restart of a missing service: %v", err)
		}
		_ = remove("ship-demo-db", "ship-demo-db")(r.as(core.RoleAdmin), r.core)
		status = r.snapshot()
		if _, ok := status.Service("ship-demo-db"); ok {
			t.Error("a missing service cannot be forgotten")
		}
	})
}

func TestRecreateIsAJobThatEndsWhenTheNewContainerServes(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newPlane(t, prepareDemo)
		r.become("ship-demo", core.Healthy, 5*time.Second)
		old := idOf(r, "ship-demo")
		job, err := core.RecreateService.Run(r.as(core.RoleOperator), r.core, core.StopServiceIn{ServiceIn: core.ServiceIn{Service: "ship-demo"}})
		if err != nil {
			t.Fatal(err)
		}
		r.wait(time.Minute, "the job ends", func() bool {
			job, err = core.ShowJob.Run(r.as(core.RoleViewer), r.core, core.JobIn{ID: job.ID})
			return err == nil && job.State != core.JobRunning
		})
		if job.State != core.JobDone || !strings.Contains(job.Result, "ship-demo runs in the new container") || idOf(r, "ship-demo") == old {
			t.Errorf("job %+v", job)
		}
		if n := len(r.snapshot().Services); n != 5 {
			t.Errorf("%d services", n)
		}
	})
}

func TestARecreatedServiceThatDoesNotServeGetsItsOldContainerBack(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newPlane(t, prepareDemo)
		r.become("ship-demo", core.Healthy, 5*time.Second)
		old := r.service("ship-demo")
		r.prober.script(func(_ context.Context, target core.ProbeTarget) error {
			if id := idOf(r, "ship-demo"); id != old.ID {
				return errProbe
			}
			return nil
		})
		job, err := core.RecreateService.Run(r.as(core.RoleOperator), r.core, core.StopServiceIn{ServiceIn: core.ServiceIn{Service: "ship-demo"}})
		if err != nil {
			t.Fatal(err)
		}
		r.wait(time.Minute, "the job ends", func() bool {
			job, err = core.ShowJob.Run(r.as(core.RoleViewer), r.core, core.JobIn{ID: job.ID})
			return err == nil && job.State != core.JobRunning
		})
		if job.State != core.JobFailed || !strings.Contains(job.Result, "does not serve after 30s") || !strings.HasSuffix(job.Result, "The old container is back.") {
			t.Errorf("job %+v", job)
		}
		r.become("ship-demo", core.Healthy, 5*time.Second)
		if now := r.service("ship-demo"); now.ID != old.ID || len(r.snapshot().Services) != 5 {
			t.Errorf("%s is container %s, was %s", now.Name, now.ID, old.ID)
		}
	})
}

func TestAJSONCallPassesTheSameDoor(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newPlane(t, prepareDemo)
		r.become("ship-demo", core.Healthy, 5*time.Second)
		out, err := core.ListServices.Call(r.as(core.RoleViewer), r.core, json.RawMessage(`{"kind":"ship-db"}`))
		if list, ok := out.([]core.Service); err != nil || !ok || len(list) != 1 || list[0].Name != "ship-demo-db" {
			t.Errorf("%v, %v", out, err)
		}
		if _, err := core.ListServices.Call(r.as(core.RoleViewer), r.core, json.RawMessage(`{"kind":"pets"}`)); core.CodeOf(err) != core.CodeInvalid {
			t.Errorf("an unknown kind: %v", err)
		}
		model := core.WithActor(t.Context(), core.Actor{Name: "bot", Kind: core.ActorModel, Role: core.RoleAdmin, Door: core.DoorMCP})
		_, err = core.RemoveService.Call(model, r.core, json.RawMessage(`{"service":"ship-demo","confirm":"ship-demo"}`))
		if core.CodeOf(err) != core.CodeForbidden {
			t.Errorf("a model confirmed by itself: %v", err)
		}
	})
}

func TestADescribedServiceHasItsDetailAsLongAsSomethingIsKnown(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newPlane(t, prepareDemo)
		r.become("ship-demo", core.Healthy, 5*time.Second)
		show := func() core.ServiceDetail {
			d, err := core.ShowService.Run(r.as(core.RoleViewer), r.core, core.ServiceIn{Service: "ship-demo"})
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
		if d := show(); d.Detail == nil || d.Note != "" || len(d.Detail.Mounts) != 1 {
			t.Errorf("%+v", d)
		}
		r.engine.SetDown(core.Errorf(core.CodeUnavailable, "The engine does not answer."))
		if d := show(); d.Detail == nil || !strings.Contains(d.Note, "last described") {
			t.Errorf("without the engine: %+v", d)
		}
	})
}

func TestInfrastructureNamesThePartsThatDoNotAnswer(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newPlane(t, prepareDemo)
		r.engine.AddVolume(core.Volume{Name: "demo-files"})
		r.proxy.err = core.Errorf(core.CodeUnavailable, "Traefik's API cannot be reached.")
		show := func() core.Infrastructure {
			out, err := core.ShowInfra.Run(r.as(core.RoleViewer), r.core, struct{}{})
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		out := show()
		if len(out.Volumes) != 1 || out.Engine.Version == "" || len(out.Problems) != 2 || !strings.Contains(strings.Join(out.Problems, " "), "routes: Traefik's API") {
			t.Errorf("%+v", out)
		}
		r.engine.SetHung(true)
		began := time.Now()
		if out := show(); len(out.Problems) < 6 || time.Since(began) > 10*time.Second {
			t.Errorf("with a hung engine after %s: %v", time.Since(began), out.Problems)
		}
	})
}

func TestPruneIsAJobThatSaysWhatItFreed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newPlane(t, func(r *planeRig) { r.engine.AddImage(core.Image{Size: 5 << 20}) })
		r.wait(time.Second, "listed", func() bool { return r.snapshot().Engine.Up })
		job, err := core.PruneDisk.Run(r.as(core.RoleOperator), r.core, struct{}{})
		if err != nil {
			t.Fatal(err)
		}
		r.wait(time.Minute, "the job ends", func() bool {
			job, err = core.ShowJob.Run(r.as(core.RoleViewer), r.core, core.JobIn{ID: job.ID})
			return err == nil && job.State != core.JobRunning
		})
		if !strings.Contains(job.Result, "5.0 MiB: 1 image") {
			t.Errorf("%+v", job)
		}
	})
}

func TestInfrastructureOfAClosedPlaneStartsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newPlane(t, prepareDemo)
		r.wait(time.Second, "listed", func() bool { return r.snapshot().Engine.Up })
		if err := r.core.Close(); err != nil {
			t.Fatal(err)
		}
		out, err := core.ShowInfra.Run(r.as(core.RoleViewer), r.core, struct{}{})
		if err != nil || !strings.Contains(strings.Join(out.Problems, " "), "disk: This control plane is ending.") {
			t.Errorf("%v, %v", out.Problems, err)
		}
	})
}
