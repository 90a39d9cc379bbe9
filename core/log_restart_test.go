package core_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
	"github.com/codematrx/matrx-ship/core/planetest"
)

// collects waits until a line is in the log of a service, and checks that it is there once.
func collects(t *testing.T, p *planetest.Plane, service, text string) {
	t.Helper()
	count := func() (n int) {
		for line, err := range core.ReadLogs.Run(p.As(t, core.RoleViewer), p.Core, core.LogQuery{Services: []string{service}}) {
			if err == nil && line.Text == text {
				n++
			}
		}
		return n
	}
	coretest.Wait(t, 5*time.Second, service+" says "+text, func() bool { return count() > 0 })
	if n := count(); n != 1 {
		t.Errorf("%q was collected %d times", text, n)
	}
}

func TestALogGoesOnAfterItsContainerWasStartedAgain(t *testing.T) {
	// Each stands for what a person with the docker command does behind our back.
	for name, again := range map[string]func(ctx context.Context, t *testing.T, p *planetest.Plane, id string) error{
		"restart": func(ctx context.Context, _ *testing.T, p *planetest.Plane, id string) error {
			return p.Engine.Restart(ctx, id, time.Second)
		},
		"crash, seen as ended, and start": func(ctx context.Context, t *testing.T, p *planetest.Plane, id string) error {
			p.Engine.Die(id, 1)
			coretest.Wait(t, 5*time.Second, "it has ended", func() bool {
				d, err := core.ShowService.Run(p.As(t, core.RoleViewer), p.Core, core.ServiceIn{Service: "ship-demo"})
				return err == nil && d.State == "exited"
			})
			return p.Engine.Start(ctx, id)
		},
		"restart while the event stream is broken": func(ctx context.Context, _ *testing.T, p *planetest.Plane, id string) error {
			p.Engine.BreakEvents()
			return p.Engine.Restart(ctx, id, time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var id string
			p := planetest.New(t, core.ManagerCharter(), func(p *planetest.Plane, _ map[string]string) {
				id = p.AddService("ship-demo", core.KindShip)
			})
			p.Engine.Log(id, "stdout", "before\n")
			collects(t, p, "ship-demo", "before")
			for round := range 3 {
				if err := again(t.Context(), t, p, id); err != nil {
					t.Fatal(err)
				}
				line := fmt.Sprint("after start ", round+1)
				p.Engine.Log(id, "stdout", line+"\n")
				collects(t, p, "ship-demo", line)
			}
		})
	}
}

func TestTheLogOfASecondContainerWithTheSameNameGoesOnToo(t *testing.T) {
	var second string
	p := planetest.New(t, core.ManagerCharter(), func(p *planetest.Plane, _ map[string]string) {
		second = p.AddService("ship-demo", core.KindShip)
		p.AddService("ship-demo", core.KindShip) // newer, so it is the one that is looked at
	})
	p.Engine.Log(second, "stdout", "before\n")
	collects(t, p, "ship-demo", "before")
	if err := p.Engine.Restart(t.Context(), second, time.Second); err != nil {
		t.Fatal(err)
	}
	p.Engine.Log(second, "stdout", "after\n")
	collects(t, p, "ship-demo", "after")
}
