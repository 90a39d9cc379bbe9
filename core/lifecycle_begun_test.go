package core_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// patient is an instance whose app takes the whole grace to end.
func patient(r *planeRig) {
	prepareDemo(r)
	app := web("ship-slow")
	app.Command = []string{"stubborn"}
	r.engine.Add(app)
}

func TestAnActThatWasBegunIsSeenThroughWhenItsConnectionBreaks(t *testing.T) {
	slow := core.StopServiceIn{ServiceIn: core.ServiceIn{Service: "ship-slow"}, Grace: 9 * time.Minute}
	for name, tc := range map[string]struct {
		act   func(ctx context.Context, c *core.Core) error
		audit string
	}{
		"stop": {stopIn(slow), "service.stop ship-slow ok"},
		"restart": {func(ctx context.Context, c *core.Core) error { return done(core.RestartService.Run(ctx, c, slow)) },
			"service.restart ship-slow ok"},
		"remove": {remove("ship-slow", "ship-slow"), "service.remove ship-slow ok"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := newPlane(t, patient)
				r.become("ship-slow", core.Healthy, 5*time.Second)
				ctx, leave := context.WithCancel(r.as(core.RoleAdmin))
				ended := make(chan error, 1)
				go func() { ended <- tc.act(ctx, r.core) }()
				synctest.Wait() // the engine waits for the app to end
				leave()
				if err := <-ended; core.CodeOf(err) != core.CodeInternal { // saidDone has no code of its own
					t.Errorf("it ended with %v", err)
				}
				if got := r.audited(); !slices.Contains(got, tc.audit) {
					t.Errorf("audited %q", got)
				}
			})
		})
	}
}

func TestAStartThatWasBegunIsObservedWhenItsConnectionBreaks(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newPlane(t, prepareDemo)
		r.become("ship-demo", core.Healthy, 5*time.Second)
		if err := r.engine.Stop(t.Context(), idOf(r, "ship-demo"), 0); err != nil {
			t.Fatal(err)
		}
		r.become("ship-demo", core.Down, 5*time.Second)
		serves := make(chan struct{})
		r.prober.script(func(ctx context.Context, _ core.ProbeTarget) error {
			select {
			case <-serves:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		ctx, leave := context.WithCancel(r.as(core.RoleOperator))
		ended := make(chan error, 1)
		go func() { ended <- start("ship-demo")(ctx, r.core) }()
		r.wait(5*time.Second, "it runs", func() bool { return r.service("ship-demo").State == "running" })
		leave()
		close(serves)
		<-ended
		if got := r.audited(); !slices.Contains(got, "service.start ship-demo ok") {
			t.Errorf("audited %q", got)
		}
	})
}

func TestAnActEndsWithTheControlPlaneAndSaysSo(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newPlane(t, patient)
		r.become("ship-slow", core.Healthy, 5*time.Second)
		ended := make(chan error, 1)
		go func() {
			_, err := core.StopService.Run(r.as(core.RoleOperator), r.core,
				core.StopServiceIn{ServiceIn: core.ServiceIn{Service: "ship-slow"}, Grace: 9 * time.Minute})
			ended <- err
		}()
		synctest.Wait()
		began := time.Now()
		if err := r.core.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; core.CodeOf(err) != core.CodeCanceled || time.Since(began) > time.Second {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
	})
}
