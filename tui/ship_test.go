package tui

import (
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

func TestBuildsScreen(t *testing.T)      { looks(t, "build.list", full, sampled, "j", "B") }
func TestDeployScreen(t *testing.T)      { looks(t, "deployment.plan", full, sampled, "j", "D") }
func TestRollbackScreen(t *testing.T)    { looks(t, "release.list", full, sampled, "j", "R") }
func TestChangesScreen(t *testing.T)     { looks(t, "change.list", full, sampled, "j", "C") }
func TestEnvScreen(t *testing.T)         { looks(t, "env.show", full, sampled, "j", "v") }
func TestRoutingScreen(t *testing.T)     { looks(t, "route.watch", full, sampled, "j", "o") }
func TestDeploymentsScreen(t *testing.T) { looks(t, "deployment.list", full, sampled, "H") }
func TestAlertsScreen(t *testing.T)      { looks(t, "alert.list", full, sampled, "!") }

func TestInstancesScreen(t *testing.T) {
	t.Run("loaded", func(t *testing.T) {
		inConsole(t, full(), func(c *console) { c.press("I"); c.golden() })
	})
	t.Run("empty", func(t *testing.T) {
		none := sample()
		none.Services = none.Services[2:]
		inConsole(t, &world{snaps: newTap(none)}, func(c *console) { c.press("I"); c.golden() })
	})
	t.Run("the state stays when the deployments cannot be shown", func(t *testing.T) {
		w := full()
		w.errs = map[string]error{"deployment.list": errAway}
		inConsole(t, w, func(c *console) {
			c.press("I")
			c.shows("The last deployments cannot be shown: The engine does not answer.", "■ down", "✗ unhealthy")
		})
	})
	t.Run("a newer state is taken in, and enter opens the app", func(t *testing.T) {
		inConsole(t, full(), func(c *console) {
			c.press("I")
			next := sample()
			next.Services[1].Health = core.Health{State: core.Healthy}
			c.world.snaps.emit(next)
			c.pass(time.Second)
			c.shows("● healthy")
			c.press("enter")
			c.shows("Instances › ship-demo")
		})
	})
}
