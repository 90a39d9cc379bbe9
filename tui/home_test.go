package tui

import (
	"fmt"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

func TestHomeShowsFaultsFirstAndEveryService(t *testing.T) {
	inConsole(t, sampled(), func(c *console) { c.golden() })
}

func TestHomeWithoutAnAnswerSaysThatItLooks(t *testing.T) {
	inConsole(t, &world{}, func(c *console) { c.golden() })
}

func TestHomeOfAnEmptyServerSaysWhatWillHappen(t *testing.T) {
	empty := sample()
	empty.Services, empty.Faults = nil, nil
	inConsole(t, &world{snaps: newTap(empty)}, func(c *console) { c.golden() })
}

func TestHomeDoesNotCutWhyWhileThereIsRoom(t *testing.T) {
	inConsole(t, sampled(), func(c *console) {
		next := sample()
		next.Services[0].Health.Detail = "GET /healthz: connection refused by 172.20.0.5:3000"
		c.world.snaps.emit(next)
		c.pass(time.Second)
		for _, w := range []int{120, 160} {
			c.size(w, 40)
			c.shows(next.Services[0].Health.Detail)
		}
	})
}

func TestHomeFollowsTheEngineWithoutAKey(t *testing.T) {
	inConsole(t, sampled(), func(c *console) {
		c.shows("■ ship-demo-db")
		next := sample()
		next.Services[0] = service("ship-demo-db", core.KindShipDB)
		next.Services[0].Health.Detail = "answers as Postgres"
		next.Faults = nil
		c.world.snaps.emit(next)
		c.pass(time.Second)
		c.shows("● ship-demo-db", "answers as Postgr", "● no faults")
		c.hides("is down")
	})
}

func TestTheCursorStaysOnItsServiceWhenTheOrderChanges(t *testing.T) {
	inConsole(t, sampled(), func(c *console) {
		c.press("j", "j")
		c.shows("▌◇ pgadmin")
		next := sample()
		next.Services[0], next.Services[2] = next.Services[2], next.Services[0]
		c.world.snaps.emit(next)
		c.pass(time.Second)
		c.shows("▌◇ pgadmin")
	})
}

func TestSnapshotsInAFloodAreDrawnFourTimesASecond(t *testing.T) {
	inConsole(t, sampled(), func(c *console) {
		rev := uint64(1)
		seen := map[uint64]bool{}
		for range 200 {
			next := *sample()
			rev++
			next.Rev = rev
			c.world.snaps.emit(&next)
			c.pass(10 * time.Millisecond)
			seen[c.app.snap.Rev] = true
		}
		if len(seen) > 12 {
			t.Errorf("%d states were taken in within 2 s", len(seen))
		}
		for range 2000 { // more than a feed may hold, at once
			next := *sample()
			rev++
			next.Rev = rev
			c.world.snaps.emit(&next)
		}
		c.pass(time.Second)
		if c.app.snap.Rev != rev {
			t.Errorf("the newest state is %d, shown is %d", rev, c.app.snap.Rev)
		}
	})
}

func TestHomeIsFilteredAsOneTypes(t *testing.T) {
	inConsole(t, sampled(), func(c *console) {
		c.press("/")
		c.types("ship demo")
		c.shows("ship-demo-db", "▌")
		c.hides("traefik")
		c.press("enter")
		c.shows("esc clears the filter")
		c.press("n")
		c.shows("▌✗ ship-demo ")
		c.press("esc")
		c.shows("traefik")
		c.press("/")
		c.types("zzz")
		c.shows("No service matches zzz.")
		c.press("esc")
		c.shows("traefik")
	})
}

func TestTabMovesAmongTheFaultsAndEnterOpensTheirService(t *testing.T) {
	inConsole(t, sampled(), func(c *console) {
		c.press("tab", "j")
		c.shows("▌✗ ship-demo is unhealthy")
		c.press("enter")
		c.shows("Home › ship-demo")
	})
}

func TestManyFaultsLeaveRoomForTheServices(t *testing.T) {
	snap := sample()
	for i := range 30 {
		snap.Faults = append(snap.Faults, core.Fault{Severity: core.Warning, What: fmt.Sprintf("fault %d", i), Do: "Wait.", Since: epoch})
	}
	inConsole(t, &world{snaps: newTap(snap)}, func(c *console) {
		c.shows("and 30 more faults", "▌■ ship-demo-db")
		c.press("tab", "G")
		c.shows("▌▲ fault 29")
	})
}

func TestTheKeysOfAListMoveTheCursor(t *testing.T) {
	snap := sample()
	for i := range 200 {
		snap.Services = append(snap.Services, service(fmt.Sprintf("custom-%03d", i), core.KindCustom))
	}
	inConsole(t, &world{snaps: newTap(snap)}, func(c *console) {
		for _, step := range [][2]string{{"G", "custom-199"}, {"k", "custom-198"}, {"g", "ship-demo-db"}, {"down", "ship-demo"}, {"pgdown", ""}, {"pgup", "ship-demo"}, {"end", "custom-199"}, {"home", "ship-demo-db"}} {
			c.press(step[0])
			if step[1] != "" && c.app.selected != step[1] {
				t.Errorf("after %s the cursor is on %s, want %s", step[0], c.app.selected, step[1])
			}
			c.shows("▌")
		}
	})
}

func TestServiceKeysWorkOnTheListAsEverywhere(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.press("j", "l")
		c.shows("ship-demo · ● following")
		c.press("d")
		c.shows("Home › Logs › ship-demo")
		c.press("s")
		if got := c.world.called("shell.open"); len(got) != 1 {
			t.Errorf("shells: %q", got)
		}
		c.shows("The shell in ship-demo has ended.")
		c.press("1", "k", "s")
		c.shows("ship-demo-db does not run")
	})
}
