package tui

import (
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

func TestARemovalIsPlannedConfirmedByNameAndShownAsAJob(t *testing.T) {
	w := full()
	w.ship.job = core.Job{ID: "j-77", Kind: "definition.remove", Target: "ship-demo", State: core.JobRunning}
	inConsole(t, w, func(c *console) {
		c.press("j", "d", "ctrl+k")
		c.shows("Remove ship-demo with its definition", "What goes", "✗ the container ship-demo (running)", "What stays", "● the volume ship-demo-files", "does not answer any more")
		c.press("space")
		c.shows("● the container ship-demo (running)", "Its container goes on as it is")
		c.press("space", "enter")
		c.shows("Type the name to confirm", "What goes: its definition, the container ship-demo (running).", "What stays: the volume ship-demo-files.")
		c.pass(time.Second)
		c.types("ship-demo-db")
		c.press("enter")
		c.shows("That is not the name.")
		c.press("backspace", "backspace", "backspace", "enter")
		got := c.world.called("definition.remove")
		if len(got) != 1 || got[0] != "definition.remove {ServiceIn:{Service:ship-demo} Confirm:{Confirm:ship-demo} KeepContainer:false}" {
			t.Errorf("calls: %q", got)
		}
		c.shows("j-77")
	})
}

func TestARemovalThatIsRefusedSaysWhyAndAsksForNoName(t *testing.T) {
	w := full()
	w.ship.blocked = []string{"traefik belongs to the platform."}
	inConsole(t, w, func(c *console) {
		c.command("remove-definition ship-demo")
		c.shows("✗ traefik belongs to the platform.")
		c.press("enter")
		c.hides("Type the name to confirm")
		if got := c.world.called("definition.remove"); len(got) != 0 {
			t.Errorf("calls: %q", got)
		}
		c.press("esc", "I", "ctrl+k")
		c.shows("What goes")
	})
}
