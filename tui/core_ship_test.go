package tui

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
)

// shipped are the surroundings of a core that deploys: the route follows the switch, and a container that was built to be
// sick fails its probes.
type shipped struct {
	surroundings
	engine *coretest.Docker
	ship   coretest.Ship
}

func (s shipped) Routes(ctx context.Context) ([]core.Route, error) {
	target, err := s.ship.Switch.Target(ctx, "web")
	if core.CodeOf(err) == core.CodeNotFound {
		return nil, nil
	}
	return []core.Route{{
		Name: "web@docker", Rule: "Host(`web.example.com`)", Service: "web@file", Hosts: []string{"web.example.com"}, TLS: true, Status: "enabled", Provider: "docker",
		Servers: []string{fmt.Sprintf("http://%s:%d UP", target.Alias, target.Port)}, Listens: []string{"traefik:8443"},
	}}, err
}

func (s shipped) Probe(ctx context.Context, target core.ProbeTarget) (string, error) {
	list, err := s.engine.Containers(ctx)
	if err != nil {
		return "", err
	}
	for _, c := range list {
		d, err := s.engine.Container(ctx, c.ID)
		if err != nil {
			return "", err
		}
		for _, n := range d.Networks {
			if n.Address != "" && strings.HasPrefix(target.Address, n.Address+":") && len(d.Command) > 0 && d.Command[0] == "sick" {
				return "HTTP 503 from /healthz", errors.New("HTTP 503")
			}
		}
	}
	return "HTTP 200 from /healthz", nil
}

// web is the definition of the service that is deployed.
func web() core.Definition {
	return core.Definition{
		Service: "web", Container: "web", Kind: core.KindCustom, Layer: core.LayerApps, Restart: "unless-stopped", StopGrace: 10 * time.Second,
		Source:   &core.Source{Repo: "file:///srv/projects/web.git", Ref: "main", Context: ".", Dockerfile: "Dockerfile"},
		Networks: []core.NetworkUse{{Name: "proxy"}}, Health: core.HealthRule{How: core.ProbeHTTP, Path: "/healthz", Port: 3000, Within: 20 * time.Second},
		Route: &core.RouteRule{Domains: []core.Domain{"web.example.com"}, Port: 3000, Network: "proxy", Entrypoints: "websecure"}, Drain: time.Second,
	}
}

// overShip runs a test with a console over a real core that deploys "web" onto the stateful fakes; push commits a version.
func overShip(t *testing.T, test func(c *console, push func(subject, command string))) {
	inBubble(t, func(t *testing.T) {
		engine := coretest.NewDocker()
		engine.AddNetwork(core.Network{Name: "proxy"})
		s := shipped{engine: engine, ship: coretest.NewShip(engine)}
		s.ship.Through.OnProbe(func(core.RouteProbe) (int, error) { return 200, nil })
		push := func(subject, command string) {
			s.ship.Git.Push("web", "main", subject, map[string]string{"Dockerfile": "FROM scratch\nCMD [\"" + command + "\"]"})
		}
		push("version 1", "v1")
		journal := coretest.NewJournal()
		row, err := json.Marshal(core.DefinitionVersion{Definition: web(), Version: 1, At: time.Now(), By: "test"})
		if err == nil {
			_, err = journal.Append(t.Context(), core.Record{Table: "definitions", Key: "web", Ver: 1, Op: core.RecordPut, Body: row, Actor: "test"})
		}
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := core.LoadConfig(func(name string) string { return map[string]string{"MATRX_ROOT": t.TempDir()}[name] })
		if err != nil {
			t.Fatal(err)
		}
		c, err := core.Open(t.Context(), core.Parts{
			Config: cfg, Charter: core.ManagerCharter(), Version: "test", Journal: journal, Docker: engine, Usage: engine, Logs: written{}, Collect: s,
			Prober: s, Proxy: s, Host: s, Docs: fstest.MapFS{"010-start.md": {Data: []byte("# Start here\n")}}, Log: slog.New(slog.DiscardHandler), Ship: s.ship.Parts(nil),
		})
		if err != nil {
			t.Fatal(err)
		}
		con := &console{TB: t, app: New(Options{Context: t.Context(), Core: c, Actor: person("ana", core.RoleAdmin), Theme: ThemeDark}), msgs: make(chan tea.Msg, 4096)}
		t.Cleanup(func() {
			con.app.Close()
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			con.wg.Wait()
		})
		con.run(con.app.Init())
		con.settle()
		con.pass(5 * time.Second)
		test(con, push)
	})
}

func TestAChangeIsDeployedFailedAndRolledBackFromTheConsoleOverARealCore(t *testing.T) {
	overShip(t, func(c *console, push func(subject, command string)) {
		ship := func(wait time.Duration, keys ...string) {
			c.press(keys...)
			c.pass(5 * time.Second)
			c.press("enter")
			c.pass(time.Second)
			c.press("y")
			c.pass(wait)
		}
		c.command("deploy web")
		ship(time.Minute)
		c.shows("● done")
		push("version 2", "v2")
		c.command("changes web")
		c.pass(5 * time.Second)
		c.shows("version 2", "needs build")
		ship(time.Minute, "D")
		c.shows("● done", "version 2", "requests lost")
		push("version 3", "sick")
		ship(3*time.Minute, "D")
		c.shows("✗ failed", "HTTP 503")
		ship(time.Minute, "R")
		c.shows("● done", "version 1")
		c.press("H")
		c.pass(5 * time.Second)
		c.shows("rollback")
		for _, keys := range [][]string{{"1", "d"}, {"1", "B"}, {"1", "C"}, {"1", "v"}, {"1", "o"}, {"I"}, {"!"}} {
			c.press(keys...)
			c.pass(5 * time.Second)
			c.hides("cannot be shown", "Internal error", "looking …")
		}
	})
}
