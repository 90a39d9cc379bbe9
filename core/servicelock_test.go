package core_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

func TestNothingActsOnAServiceThatIsBeingReplaced(t *testing.T) {
	for name, act := range map[string]func(context.Context, *core.Core) error{
		"start": start("ship-demo"), "stop": stop("ship-demo"), "restart": restart("ship-demo"), "remove": remove("ship-demo", "ship-demo"),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := newShipRig(t, func(r *shipRig) { prepareDemo(r.planeRig) })
				r.become("ship-demo", core.Healthy, 5*time.Second)
				unlock, err := r.locks.Lock("ship-demo", "deploy of ship-demo by bob over ssh, on the Deploy Server")
				if err != nil {
					t.Fatal(err)
				}
				err = act(r.as(core.RoleAdmin), r.core)
				if core.CodeOf(err) != core.CodeConflict || !strings.Contains(core.MessageOf(err), "by bob over ssh, on the Deploy Server") {
					t.Errorf("%q: %s", core.CodeOf(err), core.MessageOf(err))
				}
				if svc := r.service("ship-demo"); svc.Health.State != core.Healthy {
					t.Errorf("it is %s", svc.Health.State)
				}
				if err := unlock(); err != nil {
					t.Fatal(err)
				}
				if err := act(r.as(core.RoleAdmin), r.core); core.CodeOf(err) != core.CodeInternal { // saidDone has no code of its own
					t.Errorf("once it is over: %v", err)
				}
				if note := r.locks.Holder("ship-demo"); note != "" {
					t.Errorf("still locked: %s", note)
				}
			})
		})
	}
}

func TestWhatIsBeingRemovedIsLockedMeanwhile(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newShipRig(t, func(r *shipRig) { patient(r.planeRig) })
		r.become("ship-slow", core.Healthy, 5*time.Second)
		ended := make(chan error, 1)
		go func() { ended <- remove("ship-slow", "ship-slow")(r.as(core.RoleAdmin), r.core) }()
		synctest.Wait() // the engine waits for the app to end
		if note := r.locks.Holder("ship-slow"); !strings.Contains(note, "removal of ship-slow by ann over ssh") {
			t.Errorf("the lock says %q", note)
		}
		<-ended
	})
}
