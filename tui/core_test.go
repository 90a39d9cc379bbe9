package tui

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
)

// surroundings are the parts of a core besides its engine and its journal: everything passes and nothing is collected.
type surroundings struct{}

func (surroundings) Probe(context.Context, core.ProbeTarget) (string, error) {
	return "HTTP 200 from /healthz", nil
}
func (surroundings) Routes(context.Context) ([]core.Route, error) { return nil, nil }
func (surroundings) Version(context.Context) (string, error)      { return "3.5.3", nil }
func (surroundings) Usage(context.Context) (core.HostUsage, error) {
	return core.HostUsage{At: time.Now(), CPUs: 2, MemoryTotal: 8 << 30, Memory: 1 << 30, DiskTotal: 80 << 30, Disk: 8 << 30}, nil
}
func (surroundings) Track(string, string) {}
func (surroundings) Borrow(_, _ string)   {}
func (surroundings) Untrack(string)       {}

// written is a log store that gives the same lines to everybody and has no new ones.
type written struct{ lines []core.LogLine }

func (w written) Read(context.Context, core.LogQuery) iter.Seq2[core.LogLine, error] {
	return func(yield func(core.LogLine, error) bool) {
		for _, l := range w.lines {
			if !yield(l, nil) {
				return
			}
		}
	}
}

func (w written) Follow(ctx context.Context, q core.LogQuery) iter.Seq2[core.LogLine, error] {
	return func(yield func(core.LogLine, error) bool) {
		w.Read(ctx, q)(yield)
		<-ctx.Done()
	}
}

func (w written) Search(context.Context, core.LogQuery) iter.Seq2[core.LogHit, error] {
	return func(yield func(core.LogHit, error) bool) {
		for i := range w.lines {
			if !yield(core.LogHit{Line: &w.lines[i]}, nil) {
				return
			}
		}
	}
}
func (w written) Services(context.Context) ([]core.LogService, error) { return nil, nil }
func (w written) Trim(context.Context, core.LogBounds) (core.LogTrimmed, error) {
	return core.LogTrimmed{}, errors.New("not here")
}
func (w written) SetBounds(core.LogBounds) {}
func (w written) Stats() core.LogStats     { return core.LogStats{} }

// overCore runs a test with a console over a real core, whose engine and journal are the stateful fakes.
func overCore(t *testing.T, role core.Role, test func(*console, *coretest.Docker, string)) {
	inBubble(t, func(t *testing.T) {
		engine := coretest.NewDocker()
		add := func(name string) string {
			return engine.Add(core.ContainerDetail{Container: core.Container{Name: name, Ports: []core.Port{{Container: 3000, Protocol: "tcp"}}}})
		}
		db := add("ship-demo-db")
		add("ship-demo")
		add(core.DeployName)
		cfg, err := core.LoadConfig(func(name string) string { return map[string]string{"MATRX_ROOT": t.TempDir()}[name] })
		if err != nil {
			t.Fatal(err)
		}
		some := surroundings{}
		c, err := core.Open(t.Context(), core.Parts{
			Config: cfg, Charter: core.ManagerCharter(), Version: "test", Journal: coretest.NewJournal(), Docker: engine, Usage: engine,
			Logs: written{logLines("ship-demo", 5)}, Collect: some, Prober: some, Proxy: some, Host: some,
			Docs: fstest.MapFS{"010-start.md": {Data: []byte("# Start here\n\nRead me.\n")}}, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		actor := person("ana", role)
		app := New(Options{Context: t.Context(), Core: c, Actor: actor, Theme: ThemeDark})
		con := &console{TB: t, app: app, msgs: make(chan tea.Msg, 4096)}
		t.Cleanup(func() {
			app.Close()
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			con.wg.Wait()
		})
		con.run(app.Init())
		con.settle()
		con.pass(20 * time.Second)
		test(con, engine, db)
	})
}

func TestADatabaseStoppedBehindOurBackTurnsRedAndIsRestartedFromTheConsole(t *testing.T) {
	overCore(t, core.RoleAdmin, func(c *console, engine *coretest.Docker, db string) {
		c.shows("● ship-demo-db", "● no faults")
		engine.Die(db, 137)
		c.pass(2 * time.Second)
		c.shows("■ ship-demo-db", "ship-demo-db is down", "✗")
		c.press("g", "r")
		c.shows("Restart a service", "ship-demo-db")
		c.pass(time.Second)
		c.press("y")
		c.pass(20 * time.Second)
		c.shows("● ship-demo-db", "● no faults")
		c.press("6")
		c.pass(time.Second)
		c.shows("● ok", "ana", "service.restart", "ship-demo-db")
		c.press("enter")
		c.shows("ssh 203.0.113.7:50122")
	})
}

func TestAnEngineThatHangsLeavesItsLastStateOnTheScreen(t *testing.T) {
	overCore(t, core.RoleViewer, func(c *console, engine *coretest.Docker, _ string) {
		engine.SetHung(true)
		c.pass(2 * time.Minute)
		c.shows("✗ engine down", "Shown is the state of", "● ship-demo")
		engine.SetHung(false)
		c.pass(time.Minute)
		c.shows("● engine up")
	})
}

func TestAViewerIsRefusedByTheDoorAndSeesWhy(t *testing.T) {
	overCore(t, core.RoleViewer, func(c *console, _ *coretest.Docker, _ string) {
		c.press("r")
		c.pass(time.Second)
		c.press("y")
		c.size(160, 40)
		c.shows("service.restart needs the role operator; ana is viewer.")
	})
}

func TestEveryScreenWorksOverARealCore(t *testing.T) {
	overCore(t, core.RoleAdmin, func(c *console, _ *coretest.Docker, _ string) {
		for name, keys := range everyScreen() {
			c.press("1")
			c.press(keys...)
			c.pass(5 * time.Second)
			screen := c.text()
			if name == "replay" || name == "job" { // there is neither yet
				continue
			}
			for _, bad := range []string{"cannot be shown", "looking …", "Internal error"} {
				if strings.Contains(screen, bad) {
					t.Errorf("%s shows %q:\n%s", name, bad, screen)
				}
			}
		}
		c.press("2")
		c.pass(time.Second)
		c.shows("request 4 GET /items")
		c.command("doc start")
		c.pass(time.Second)
		c.shows("Read me.")
	})
}
