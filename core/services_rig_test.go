package core_test

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
)

// planeRig is a whole control plane over fakes.
type planeRig struct {
	t       testing.TB
	core    *core.Core
	engine  *coretest.Docker
	journal *coretest.Journal
	prober  *scriptedProber
	collect *collected
	logs    *quietLogs
	proxy   *scriptedProxy
	root    string // MATRX_ROOT
	ship    core.ShipParts
	disks   core.FileSystems // nil: the surroundings'
	real    core.Docker      // instead of engine
	surroundings
}

// newPlane opens a Manager whose engine holds what prepare puts there, and waits until it was listed.
func newPlane(t testing.TB, prepare func(*planeRig)) *planeRig {
	t.Helper()
	r := &planeRig{
		t: t, engine: coretest.NewDocker(), journal: coretest.NewJournal(), prober: &scriptedProber{}, collect: &collected{},
		logs: &quietLogs{}, proxy: &scriptedProxy{}, root: t.TempDir(),
	}
	if prepare != nil {
		prepare(r)
	}
	c, err := core.Open(t.Context(), r.parts())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	r.core = c
	return r
}

func (r *planeRig) parts() core.Parts {
	cfg, err := core.LoadConfig(func(name string) string {
		return map[string]string{"MATRX_ROOT": r.root}[name]
	})
	if err != nil {
		r.t.Fatal(err)
	}
	disks, engine := r.disks, r.real
	if disks == nil {
		disks = r
	}
	if engine == nil {
		engine = r.engine
	}
	return core.Parts{
		Config: cfg, Charter: core.ManagerCharter(), Version: "test", Journal: r.journal, Docker: engine, Usage: r.engine,
		Logs: r.logs, Collect: r.collect, Prober: r.prober, Proxy: r.proxy, Host: r, Disks: disks, Net: r, Ship: r.ship,
		Docs: fstest.MapFS{"010-start.md": {Data: []byte("# Start\n")}}, Log: slog.New(slog.DiscardHandler),
	}
}

// as is a context with an actor of the role.
func (r *planeRig) as(role core.Role) context.Context {
	return core.WithActor(r.t.Context(), core.Actor{Name: "ann", Kind: core.ActorPerson, Role: role, Door: core.DoorSSH, Address: "192.0.2.1:4711"})
}

// snapshot is what everybody sees now.
func (r *planeRig) snapshot() core.Status {
	r.t.Helper()
	status, err := core.GetStatus.Run(r.as(core.RoleViewer), r.core, struct{}{})
	if err != nil {
		r.t.Fatal(err)
	}
	return status
}

// service is a service as everybody sees it now.
func (r *planeRig) service(name string) core.Service {
	r.t.Helper()
	status := r.snapshot()
	svc, ok := status.Service(name)
	if !ok {
		r.t.Fatalf("no service %s among %d", name, len(status.Services))
	}
	return svc
}

// wait polls until ok, in the time of a bubble when there is one.
func (r *planeRig) wait(most time.Duration, what string, ok func() bool) {
	r.t.Helper()
	coretest.Wait(r.t, most, what, ok)
}

// healthy waits until a service is in a state.
func (r *planeRig) become(name string, state core.HealthState, most time.Duration) {
	r.t.Helper()
	r.wait(most, name+" "+string(state), func() bool {
		status := r.snapshot()
		svc, ok := status.Service(name)
		return ok && svc.Health.State == state
	})
}

// audited are the events of the audit, newest first, as "op target outcome".
func (r *planeRig) audited() []string {
	r.t.Helper()
	var lines []string
	intents := map[string]string{}
	for e, err := range r.journal.Replay(r.t.Context(), 1) {
		if err != nil {
			r.t.Fatal(err)
		}
		if e.Table != "audit" {
			continue
		}
		body := string(e.Body)
		if strings.Contains(body, `"phase":"intent"`) {
			intents[e.Key] = field(body, "op") + " " + field(body, "target")
			continue
		}
		lines = append(lines, intents[e.Key]+" "+field(body, "outcome"))
	}
	return lines
}

// field finds a string in JSON text.
func field(body, name string) string {
	_, rest, ok := strings.Cut(body, `"`+name+`":"`)
	if !ok {
		return "-"
	}
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

// web is a container with something to probe.
func web(name string) core.ContainerDetail {
	return core.ContainerDetail{
		Container:     core.Container{Name: name, Ports: []core.Port{{Container: 3000, Protocol: "tcp"}}},
		RestartPolicy: "unless-stopped",
	}
}

// inBubble runs a test in the time of testing/synctest.
func inBubble(t *testing.T, run func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, run)
}

// scriptedProber answers probes by address; what has no script passes.
type scriptedProber struct {
	mu    sync.Mutex // guards the rest
	all   func(ctx context.Context, t core.ProbeTarget) error
	count map[string]int
}

func (p *scriptedProber) Probe(ctx context.Context, t core.ProbeTarget) (string, error) {
	p.mu.Lock()
	if p.count == nil {
		p.count = map[string]int{}
	}
	p.count[t.Address]++
	all := p.all
	p.mu.Unlock()
	if all != nil {
		if err := all(ctx, t); err != nil {
			return err.Error(), err
		}
	}
	return "passes", nil
}

// script sets what every probe from now on does.
func (p *scriptedProber) script(all func(ctx context.Context, t core.ProbeTarget) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = all
}

func (p *scriptedProber) probes() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, c := range p.count {
		n += c
	}
	return n
}

// collected remembers whose log is collected, and whose is borrowed.
type collected struct {
	mu       sync.Mutex // guards the rest
	list     map[string]string
	borrowed map[string]string
}

func (c *collected) Track(service, container string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.list == nil {
		c.list = map[string]string{}
	}
	c.list[container] = service
}

func (c *collected) Borrow(service, container string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.borrowed == nil {
		c.borrowed = map[string]string{}
	}
	c.borrowed[container] = service
}

func (c *collected) Untrack(container string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.list, container)
	delete(c.borrowed, container)
}

func (c *collected) lent() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.borrowed)
}

func (c *collected) tracked() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.list)
}

// quietLogs is a log store without lines.
type quietLogs struct {
	mu      sync.Mutex // guards trouble
	trouble string
}

func none[T any]() iter.Seq2[T, error] { return func(func(T, error) bool) {} }

func (*quietLogs) Read(context.Context, core.LogQuery) iter.Seq2[core.LogLine, error] {
	return none[core.LogLine]()
}
func (*quietLogs) Follow(context.Context, core.LogQuery) iter.Seq2[core.LogLine, error] {
	return none[core.LogLine]()
}
func (*quietLogs) Search(context.Context, core.LogQuery) iter.Seq2[core.LogHit, error] {
	return none[core.LogHit]()
}
func (*quietLogs) Services(context.Context) ([]core.LogService, error) { return nil, nil }
func (*quietLogs) Trim(context.Context, core.LogBounds) (core.LogTrimmed, error) {
	return core.LogTrimmed{}, nil
}
func (*quietLogs) SetBounds(core.LogBounds) {}

// fail puts the store into trouble.
func (l *quietLogs) fail(trouble string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trouble = trouble
}

func (l *quietLogs) Stats() core.LogStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return core.LogStats{Trouble: l.trouble}
}

// scriptedProxy is Traefik's API with what it is told.
type scriptedProxy struct {
	routes []core.Route
	err    error
}

func (p *scriptedProxy) Routes(context.Context) ([]core.Route, error) { return p.routes, p.err }
func (p *scriptedProxy) Version(context.Context) (string, error)      { return "3.5.3", p.err }

// surroundings are the server, its file systems and the network as Diagnose sees them.
type surroundings struct {
	full  bool // the disk
	certs map[string]core.Certificate
}

func (s *surroundings) Usage(context.Context) (core.HostUsage, error) {
	return core.HostUsage{At: time.Now(), CPUs: 2, Memory: 1 << 30, MemoryTotal: 4 << 30, Disk: 1 << 30, DiskTotal: 10 << 30}, nil
}

func (s *surroundings) FileSystem(_ context.Context, path string) (core.FileSystem, error) {
	switch {
	case strings.HasPrefix(path, "/var/lib/docker"):
		return core.FileSystem{}, core.Errorf(core.CodeNotFound, "%s does not exist here.", path)
	case s.full:
		return core.FileSystem{Used: 99, Total: 100}, nil
	}
	return core.FileSystem{Used: 10, Total: 100, InodesUsed: 1, InodesTotal: 10}, nil
}

func (s *surroundings) Certificate(_ context.Context, _, name string) (core.Certificate, error) {
	cert, ok := s.certs[name]
	if !ok {
		return core.Certificate{}, core.Errorf(core.CodeUnavailable, "No TLS with traefik:8443: connection refused.")
	}
	return cert, nil
}

func (s *surroundings) Resolve(_ context.Context, host string) ([]string, error) {
	if host == "known.example.com" {
		return []string{"192.0.2.7"}, nil
	}
	return nil, core.Errorf(core.CodeUnavailable, "%s: its name does not resolve.", host)
}

var errProbe = errors.New("connection refused")
