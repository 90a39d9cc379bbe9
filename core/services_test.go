package core_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

func TestAStoppedDatabaseIsRedWithinTwoSecondsWithoutAsking(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var db string
		r := newPlane(t, func(r *planeRig) { db = r.engine.Add(web("ship-demo-db")); r.engine.Add(web("ship-demo")) })
		r.become("ship-demo-db", core.Healthy, 5*time.Second)
		time.Sleep(time.Minute) // of the bubble: everything is quiet
		ctx, cancel := context.WithCancel(r.as(core.RoleViewer))
		defer cancel()
		began := time.Now()
		stopped := false
		for snap, err := range core.WatchServices.Run(ctx, r.core, struct{}{}) {
			if err != nil {
				t.Fatal(err)
			}
			if !stopped {
				stopped, began = true, time.Now()
				r.engine.Die(db, 0)
				continue
			}
			if svc, _ := snap.Service("ship-demo-db"); svc.Health.State != core.Down {
				if time.Since(began) > 2*time.Second {
					t.Fatalf("still %s after %s", svc.Health.State, time.Since(began))
				}
				continue
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("red after %s", took)
			}
			if snap.Services[0].Name != "ship-demo-db" || snap.Faults[0].Service != "ship-demo-db" || !strings.Contains(snap.Faults[0].Do, "start ship-demo-db") {
				t.Errorf("first is %s, first fault %+v", snap.Services[0].Name, snap.Faults[0])
			}
			break
		}
	})
}

func TestAHungEngineLeavesTheLastKnownStateWithItsAge(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newPlane(t, func(r *planeRig) { r.engine.Add(web("ship-demo")) })
		r.become("ship-demo", core.Healthy, 5*time.Second)
		r.engine.SetHung(true)
		r.wait(2*time.Minute, "the hang is noticed", func() bool { return !r.snapshot().Engine.Up })
		status := r.snapshot()
		svc, ok := status.Service("ship-demo")
		if !ok || svc.State != "running" || svc.Health.State != core.Healthy {
			t.Errorf("what is known of ship-demo: %+v", svc.Health)
		}
		if status.Engine.Problem == "" || status.Engine.Seen.IsZero() || status.Engine.Since.Before(status.Engine.Seen) || status.Faults[0].Severity != core.Critical {
			t.Errorf("engine %+v, faults %+v", status.Engine, status.Faults)
		}
		before := r.prober.probes()
		time.Sleep(30 * time.Second)
		if r.prober.probes() < before+2 {
			t.Error("probes stopped with the engine")
		}
		r.engine.SetHung(false)
		r.wait(15*time.Second, "the engine is back", func() bool { return r.snapshot().Engine.Up })
	})
}

func TestABrokenEventStreamIsReopenedAndNothingIsMissed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var id string
		r := newPlane(t, func(r *planeRig) { id = r.engine.Add(web("ship-demo")) })
		r.become("ship-demo", core.Healthy, 5*time.Second)
		time.Sleep(5 * time.Second)
		r.engine.BreakEvents()
		r.engine.Update(id, func(d *core.ContainerDetail) { d.State, d.ExitCode = "exited", 1 }) // without an event
		r.become("ship-demo", core.Down, time.Second)
		time.Sleep(5 * time.Second)
		r.engine.BreakEvents()
		time.Sleep(5 * time.Second)
		if err := r.engine.Start(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		r.become("ship-demo", core.Healthy, 2*time.Second) // by the new stream: the net is 30 s wide
	})
}

func TestWhatChangedWhileTheEngineHungIsSeenAfterwards(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var id string
		r := newPlane(t, func(r *planeRig) { id = r.engine.Add(web("ship-demo")) })
		r.become("ship-demo", core.Healthy, 5*time.Second)
		time.Sleep(5 * time.Second)
		r.engine.SetHung(true)
		r.wait(2*time.Minute, "the hang is noticed", func() bool { return !r.snapshot().Engine.Up })
		r.engine.Update(id, func(d *core.ContainerDetail) { d.Restarts, d.StartedAt = 3, time.Now() }) // the list looks as before
		r.engine.SetHung(false)
		r.wait(15*time.Second, "the restarts are counted", func() bool { return r.service("ship-demo").Restarts == 3 })
	})
}

func TestARenameAndAFlappingContainerKeepOneRow(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var id string
		r := newPlane(t, func(r *planeRig) { id = r.engine.Add(web("one")) })
		r.become("one", core.Healthy, 5*time.Second)
		r.engine.Rename(id, "two")
		r.become("two", core.Healthy, 2*time.Second)
		for range 50 {
			r.engine.Die(id, 1)
			time.Sleep(20 * time.Millisecond)
			if err := r.engine.Start(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Millisecond)
		}
		r.become("two", core.Healthy, 5*time.Second)
		if n := len(r.snapshot().Services); n != 1 {
			t.Errorf("%d rows", n)
		}
		if lists := r.engine.Calls("Containers"); lists > 60 {
			t.Errorf("listed %d times for a container that flaps 50 times in 2 s", lists)
		}
	})
}

func TestAHungProbeDelaysNoOther(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var hung atomic.Int64
		r := newPlane(t, func(r *planeRig) {
			for i := range 30 {
				d := web(fmt.Sprintf("hung-%02d", i))
				d.Ports[0].Container = 6666
				r.engine.Add(d)
			}
			r.prober.script(func(ctx context.Context, target core.ProbeTarget) error {
				if !strings.HasSuffix(target.Address, ":6666") {
					return nil
				}
				hung.Add(1)
				<-ctx.Done()
				return ctx.Err()
			})
		})
		r.wait(time.Minute, "hung targets are unhealthy", func() bool { return r.core.Health().Services[core.Unhealthy] == 30 })
		r.engine.Add(web("quick"))
		r.become("quick", core.Healthy, time.Second)
		if hung.Load() < 60 {
			t.Errorf("%d probes of hung targets", hung.Load())
		}
	})
}

func TestNobodyLookingCostsLittle(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newPlane(t, func(r *planeRig) {
			for i := range 50 {
				r.engine.Add(web(fmt.Sprintf("web-%02d", i)))
			}
		})
		r.become("web-49", core.Healthy, 5*time.Second)
		time.Sleep(30 * time.Second)
		lists, inspects, stats, probes := r.engine.Calls("Containers"), r.engine.Calls("Container"), r.engine.Calls("Stats"), r.prober.probes()
		time.Sleep(10 * time.Minute)
		if n := r.engine.Calls("Containers") - lists; n > 21 {
			t.Errorf("%d listings in 10 min", n)
		}
		if n := r.engine.Calls("Container") - inspects; n > 0 {
			t.Errorf("%d inspections although nothing changed", n)
		}
		if n := r.engine.Calls("Stats") - stats; n > 61*50 {
			t.Errorf("%d readings", n)
		}
		if n := r.prober.probes() - probes; n < 55*50 || n > 75*50 {
			t.Errorf("%d probes of 50 services in 10 min", n)
		}
	})
}

func TestWatchersShareOneSnapshotAndAreNotFlooded(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newPlane(t, func(r *planeRig) {
			for i := range 20 {
				r.engine.Add(web(fmt.Sprintf("web-%02d", i)))
			}
		})
		r.become("web-19", core.Healthy, 5*time.Second)
		time.Sleep(time.Minute)
		ctx, cancel := context.WithTimeout(r.as(core.RoleViewer), 60*time.Second)
		defer cancel()
		n := 0
		for snap, err := range core.WatchServices.Run(ctx, r.core, struct{}{}) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; len(snap.Services) != 20 {
				t.Fatalf("%d services", len(snap.Services))
			}
		}
		if n < 20 || n > 240 {
			t.Errorf("%d snapshots in a quiet minute", n)
		}
	})
}

func TestClosingEndsTheStreamsOfWatchers(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newPlane(t, nil)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for range core.WatchServices.Run(r.as(core.RoleViewer), r.core, struct{}{}) {
			}
		}()
		time.Sleep(time.Second)
		if err := r.core.Close(); err != nil {
			t.Fatal(err)
		}
		<-ended
	})
}

func TestAPlaneCollectsTheLogsOfTheServicesItIsHomeOf(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var ship, db, proxy, manager string
		r := newPlane(t, func(r *planeRig) {
			ship, db = r.engine.Add(web("ship-demo")), r.engine.Add(web("ship-demo-db"))
			proxy, manager = r.engine.Add(web("traefik")), r.engine.Add(web("matrx-manager"))
			r.engine.Add(web("deploy-server"))
			helper := web("helper")
			helper.Labels = map[string]string{"com.matrx.helper": "reap"}
			r.engine.Add(helper)
		})
		r.become("ship-demo", core.Healthy, 5*time.Second)
		if got := r.collect.tracked(); len(got) != 3 || got[ship] != "ship-demo" || got[db] != "ship-demo-db" {
			t.Errorf("tracked %v", got)
		}
		if got := r.collect.lent(); len(got) != 2 || got[proxy] != "traefik" || got[manager] != "matrx-manager" {
			t.Errorf("borrowed %v", got)
		}
		r.engine.Die(proxy, 1)
		r.become("traefik", core.Down, 2*time.Second)
		if _, ok := r.collect.lent()[proxy]; !ok {
			t.Error("the log of a container that ended cannot be read any more")
		}
		if err := r.engine.Remove(t.Context(), proxy, 0); err != nil {
			t.Fatal(err)
		}
		r.wait(2*time.Second, "it is let go", func() bool { _, ok := r.collect.lent()[proxy]; return !ok })
		r.engine.Die(ship, 1)
		r.become("ship-demo", core.Down, 2*time.Second)
		if _, ok := r.collect.tracked()[ship]; !ok {
			t.Error("a container that ended is no longer collected: its last lines are lost")
		}
		if err := r.engine.Remove(t.Context(), ship, 0); err != nil {
			t.Fatal(err)
		}
		r.wait(2*time.Second, "it is let go", func() bool { _, ok := r.collect.tracked()[ship]; return !ok })
		if svc := r.service("ship-demo"); !svc.Missing {
			t.Errorf("a service without its container: %+v", svc.Health)
		}
	})
}

func TestUsageIsMeasuredMoreOftenWhileSomebodyLooks(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newPlane(t, func(r *planeRig) { r.engine.Add(web("ship-demo")) })
		r.become("ship-demo", core.Healthy, 5*time.Second)
		time.Sleep(time.Minute)
		ctx, cancel := context.WithTimeout(r.as(core.RoleViewer), time.Minute)
		defer cancel()
		before := r.engine.Calls("Stats")
		for range core.WatchServices.Run(ctx, r.core, struct{}{}) {
		}
		if n := r.engine.Calls("Stats") - before; n < 28 || n > 32 {
			t.Errorf("%d readings in a watched minute", n)
		}
		if u := r.service("ship-demo").Usage; u.CPU == 0 || len(u.History) < 30 {
			t.Errorf("usage %.3f cores, %d points", u.CPU, len(u.History))
		}
	})
}

func TestJournalAndLogTroubleAreFaults(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newPlane(t, nil)
		r.journal.Break("no space left on device", false)
		r.logs.fail("the disk is full")
		time.Sleep(3 * time.Second)
		var text strings.Builder
		for _, f := range r.snapshot().Faults {
			text.WriteString(f.What)
		}
		if !strings.Contains(text.String(), "no space left on device") || !strings.Contains(text.String(), "Logs are not kept: the disk is full") {
			t.Errorf("faults: %s", text.String())
		}
		if h := r.core.Health(); h.Ready || h.Critical == 0 || len(h.Problems) == 0 {
			t.Errorf("health %+v", h)
		}
	})
}
