// Package planetest opens a whole control plane over the fakes of coretest, for the tests of the doors.
package planetest

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
	"github.com/codematrx/matrx-ship/core/logs"
)

// Plane is a whole control plane over the fake engine and the fake journal, with a real store of logs: what the doors'
// tests stand on. Probes pass, the proxy has no routes, and the server is idle.
type Plane struct {
	Core    *core.Core
	Engine  *coretest.Docker
	Journal *coretest.Journal
	Root    string // MATRX_ROOT

	// Ship are the parts for building and deploying; prepare sets those that a test needs.
	Ship core.ShipParts

	// Between, when prepare sets it, stands between the control plane and its engine: a test of what the engine itself
	// cannot be told to do.
	Between func(core.Docker) core.Docker
}

// New opens a control plane. prepare, when it is not nil, fills the engine and may change the environment before.
func New(t testing.TB, charter core.Charter, prepare func(p *Plane, env map[string]string)) *Plane {
	t.Helper()
	p := &Plane{Engine: coretest.NewDocker(), Journal: coretest.NewJournal(), Root: t.TempDir()}
	env := map[string]string{"MATRX_ROOT": p.Root, "MATRX_SERVER_NAME": "srv-1"}
	if prepare != nil {
		prepare(p, env)
	}
	cfg, err := core.LoadConfig(func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	store, err := logs.Open(logs.Config{Dir: filepath.Join(p.Root, "logs")})
	if err != nil {
		t.Fatal(err)
	}
	var engine core.Docker = p.Engine
	if p.Between != nil {
		engine = p.Between(engine)
	}
	collector := logs.NewCollector(store, p.Engine, logs.CollectorConfig{})
	p.Core, err = core.Open(t.Context(), core.Parts{
		Config: cfg, Charter: charter, Version: "test", Journal: p.Journal, Docker: engine, Usage: engine,
		Logs: store, Collect: collector, Prober: passing{}, Proxy: noRoutes{}, Host: idle{}, Ship: p.Ship,
		Docs: fstest.MapFS{"010-start.md": {Data: []byte("# Start here\n\nWoken at night.\n")}}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := p.Core.Close()
		collector.Close()
		for _, err := range []error{err, store.Close()} {
			if err != nil {
				t.Error(err)
			}
		}
	})
	return p
}

// AddService puts a running container on the engine that says which service it is, and gives its id. It has no port,
// so nothing of it is probed.
func (p *Plane) AddService(name string, kind core.Kind) string {
	return p.Engine.Add(core.ContainerDetail{
		Container: core.Container{
			Name: name, Image: name + ":1", State: "running", Created: time.Now(),
			Labels: map[string]string{"com.matrx.service": name, "com.matrx.kind": string(kind), "com.matrx.health": "skip"},
		},
		StartedAt: time.Now(), RestartPolicy: "unless-stopped",
	})
}

// As is a context in which a person of the role acts.
func (p *Plane) As(t testing.TB, role core.Role) context.Context {
	t.Helper()
	return core.WithActor(t.Context(), core.Actor{
		Name: "ann", Kind: core.ActorPerson, Role: role, Door: core.DoorSSH, Address: "192.0.2.1:4711", Fingerprint: "SHA256:test",
	})
}

// passing is a prober whose every probe passes.
type passing struct{}

// Probe passes.
func (passing) Probe(context.Context, core.ProbeTarget) (string, error) { return "passes", nil }

// noRoutes is a proxy without routes.
type noRoutes struct{}

// Routes gives none.
func (noRoutes) Routes(context.Context) ([]core.Route, error) { return nil, nil }

// Version gives one.
func (noRoutes) Version(context.Context) (string, error) { return "3.0.0", nil }

// idle is a server that has nothing to do.
type idle struct{}

// Usage gives fixed figures.
func (idle) Usage(context.Context) (core.HostUsage, error) {
	return core.HostUsage{At: time.Now(), CPUs: 2, Memory: 1 << 30, MemoryTotal: 4 << 30, Disk: 10 << 30, DiskTotal: 100 << 30}, nil
}
