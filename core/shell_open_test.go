package core_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
	"github.com/codematrx/matrx-ship/core/planetest"
)

// lateExec is an engine that starts a process and answers only after its caller has gone.
type lateExec struct {
	core.Docker
	leave func()
}

func (e *lateExec) Exec(ctx context.Context, id string, spec core.ExecSpec) (core.Exec, error) {
	x, err := e.Docker.Exec(ctx, id, spec)
	e.leave()
	if err == nil && ctx.Err() != nil {
		return nil, errors.Join(context.Cause(ctx), x.Close())
	}
	return x, err
}

func TestAShellWhoseUserGoesWhileItOpensLeavesNoProcess(t *testing.T) {
	late := &lateExec{}
	p := planetest.New(t, core.ManagerCharter(), func(p *planetest.Plane, _ map[string]string) {
		p.AddService("ship-demo", core.KindShip)
		p.Between = func(d core.Docker) core.Docker { late.Docker = d; return late }
	})
	var id string
	coretest.Wait(t, 5*time.Second, "the service is known", func() bool {
		d, err := core.ShowService.Run(p.As(t, core.RoleViewer), p.Core, core.ServiceIn{Service: "ship-demo"})
		id = d.ID
		return err == nil
	})
	ctx, leave := context.WithCancel(p.As(t, core.RoleOperator))
	late.leave = leave
	markers := make(chan string, 1)
	p.Engine.OnExec(func(proc coretest.Process) int {
		markers <- proc.Spec.Marker
		<-proc.Hangup
		return 129
	})
	sh, err := core.OpenShell(ctx, p.Core, core.OpenShellIn{Service: "ship-demo", Command: []string{"sleep", "300"}})
	if err == nil {
		<-sh.Done()
	}
	if n := p.Engine.Execs(id, <-markers); n != 0 {
		t.Errorf("%d processes of the shell are left", n)
	}
}
