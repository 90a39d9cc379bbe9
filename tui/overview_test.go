package tui

import (
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

func TestServiceOverview(t *testing.T) {
	t.Run("loaded", func(t *testing.T) {
		inConsole(t, full(), func(c *console) { c.press("j", "d"); c.golden() })
	})
	t.Run("empty", func(t *testing.T) {
		inConsole(t, sampled(), func(c *console) { c.press("j", "d"); c.golden() })
	})
	t.Run("error", func(t *testing.T) {
		w := &world{errs: map[string]error{"service.show": core.Errorf(core.CodeNotFound, "There is no service nope.")}}
		inConsole(t, w, func(c *console) { c.command("describe nope"); c.golden() })
	})
	t.Run("stale", func(t *testing.T) {
		w := full()
		w.errs = map[string]error{"service.show": errAway}
		inConsole(t, w, func(c *console) {
			c.press("j", "d")
			c.shows("The engine does not answer. What stands below is from before.", "kind        ship")
		})
	})
}

func TestTheOverviewInspectsAgainWhenTheContainerIsAnother(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.press("j", "d")
		c.world.snaps.emit(sample())
		c.pass(time.Second)
		if n := len(c.world.called("service.show")); n != 1 {
			t.Fatalf("inspected %d times although nothing changed", n)
		}
		next := sample()
		next.Services[1].ID = "another"
		c.world.snaps.emit(next)
		c.pass(time.Second)
		if n := len(c.world.called("service.show")); n != 2 {
			t.Errorf("inspected %d times", n)
		}
		next = sample()
		next.Services[1].Health = core.Health{State: core.Healthy, Detail: "HTTP 200 from /healthz"}
		c.world.snaps.emit(next)
		c.pass(time.Second)
		c.shows("● healthy HTTP 200 from /healthz")
	})
}

func TestEveryActionOfTheOverviewRunsItsOperation(t *testing.T) {
	for press, op := range map[string]string{"S": "service.start", "X": "service.stop", "F": "service.recreate", "r": "service.restart"} {
		inConsole(t, full(), func(c *console) {
			c.press("j", "d", press)
			c.pass(time.Second)
			c.press("y")
			if n := len(c.world.called(op)); n != 1 {
				t.Errorf("%s called %s %d times", press, op, n)
			}
		})
	}
}

func TestTheOverviewScrolls(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.press("j", "d")
		c.hides("Audit")
		c.press("G")
		c.shows("service.restart")
		c.press("g")
		c.shows("kind        ship")
	})
}
