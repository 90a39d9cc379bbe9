package tui

import (
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

func TestARestartAsksOnceWithCancelFocusedAndTheExactEffect(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.press("r")
		c.golden()
		c.pass(time.Second)
		c.press("enter") // on Cancel
		c.hides("Restart a service")
		if got := c.world.called("service.restart"); len(got) != 0 {
			t.Fatalf("enter on Cancel restarted: %q", got)
		}
		c.press("r")
		c.pass(time.Second)
		c.press("tab", "enter")
		if got := c.world.called("service.restart"); len(got) != 1 || got[0] != "service.restart {ServiceIn:{Service:ship-demo-db} Grace:0s}" {
			t.Fatalf("calls: %q", got)
		}
		c.shows("It runs, and its health check passed after 2 s.")
	})
}

func TestAConfirmationSwallowsKeysUntilItHasBeenSeen(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.press("r", "y", "n", "esc", "enter", "q")
		c.shows("Restart a service")
		c.pass(settle - 50*time.Millisecond)
		c.press("y")
		c.shows("Restart a service")
		c.pass(100 * time.Millisecond)
		c.press("y")
		c.hides("Restart a service ─")
		if n := len(c.world.called("service.restart")); n != 1 {
			t.Errorf("restarted %d times", n)
		}
	})
}

func TestEveryWayToSayNoSaysNo(t *testing.T) {
	for _, no := range []string{"n", "N", "esc", "q"} {
		inConsole(t, full(), func(c *console) {
			c.press("r")
			c.pass(time.Second)
			c.press(no)
			c.hides("Restart a service")
			if c.quit || len(c.world.called("service.restart")) != 0 {
				t.Errorf("%s did more than cancel", no)
			}
		})
	}
}

func TestADestroyAsksForTheNameAndTakesNoOther(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.press("j", "d", "ctrl+x")
		c.pass(time.Second)
		c.golden()
		c.press("enter", "y", "backspace")
		c.types("ship-dem")
		c.press("enter")
		c.shows("✗ That is not the name.")
		c.types("o")
		c.shows("[  Remove  ]")
		if n := len(c.world.called("service.remove")); n != 0 {
			t.Fatal("removed before it was confirmed")
		}
		c.press("enter")
		if got := c.world.called("service.remove"); len(got) != 1 || got[0] != "service.remove {ServiceIn:{Service:ship-demo} Confirm:{Confirm:ship-demo}}" {
			t.Errorf("calls: %q", got)
		}
	})
}

func TestAnActionThatFailsSaysWhyAndTheScreenLooksAgain(t *testing.T) {
	w := full()
	w.errs = map[string]error{"service.restart": core.Errorf(core.CodeForbidden, "service.restart needs the role operator; vic is viewer.")}
	inConsole(t, w, func(c *console) {
		c.press("d")
		before := len(w.called("service.show"))
		c.press("r")
		c.pass(time.Second)
		c.press("y")
		c.size(120, 40)
		c.shows("▲ Restart a service: ship-demo-db: service.restart needs the role operator; vic is viewer.")
		if len(w.called("service.show")) == before {
			t.Error("the screen did not look again")
		}
	})
}

func TestTheSameActionIsNotBegunTwice(t *testing.T) {
	w := full()
	w.hold = map[string]bool{"service.restart": true}
	inConsole(t, w, func(c *console) {
		c.press("r")
		c.pass(time.Second)
		c.press("y")
		c.shows("◐ Restart a service: ship-demo-db …")
		c.press("r")
		c.shows("is under way already")
		c.press("j", "r")
		c.shows("Restart a service", "ship-demo")
	})
}

func TestAnActionGoesOnWhenTheSessionBreaks(t *testing.T) {
	w := full()
	w.hold = map[string]bool{"service.restart": true}
	inConsole(t, w, func(c *console) {
		c.press("r")
		c.pass(time.Second)
		c.press("y")
		closed := make(chan struct{})
		go func() { c.app.Close(); close(closed) }()
		c.settle()
		select {
		case <-closed:
			t.Fatal("Close did not wait for the action")
		default:
		}
		w.release()
		<-closed
	})
}

func TestTheEffectNamesWhatElseNotices(t *testing.T) {
	for name, want := range map[string]string{
		"traefik": "nothing is reachable from outside", "ship-demo-db": "The instance demo uses this database", "postgres": "loses its connections",
		core.ManagerName: "deploy-server can", "ship-demo": "https://demo.dev.codematrx.test does not answer meanwhile",
	} {
		inConsole(t, full(), func(c *console) {
			c.size(160, 50)
			c.command("restart " + name)
			c.shows(want)
		})
	}
}
