package compose_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/compose"
)

func TestWhatIsRenderedIsReadAsTheSameDefinition(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 1))
	for range 500 {
		want := randomDefinition(random)
		text, err := compose.New().Render(want)
		if err != nil {
			t.Fatalf("seed %d: render %+v: %v", seed, want, err)
		}
		got, err := compose.New().Parse("/srv/x/docker-compose.yml", text, nil)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, text)
		}
		if len(got) != 1 || !reflect.DeepEqual(got[0], want) {
			t.Fatalf("seed %d:\n got %+v\nwant %+v\n%s", seed, got, want, text)
		}
		if got[0].Hash() != want.Hash() {
			t.Fatalf("seed %d: the hash differs", seed)
		}
		text, err = compose.New().Write(want)
		if err != nil {
			t.Fatalf("seed %d: write %+v: %v", seed, want, err)
		}
		got, err = compose.New().Parse("definition", text, nil)
		if err != nil || !reflect.DeepEqual(got, []core.Definition{want}) || strings.Contains(string(text), "com.matrx.") || strings.Contains(string(text), "traefik.http.") {
			t.Fatalf("seed %d: what is written to be edited: %v\n%s", seed, err, text)
		}
	}
}

// odd are texts that YAML, compose and shells read as something else when they are not written with care.
var odd = []string{
	"", "plain", "yes", "no", "true", "null", "~", "0123", "1e3", "0x1f", "12:34:56", "2026-01-01", "- a", "a: b", "#x", "x #y", "{a}", "[b]",
	"$", "$$", "${X}", "$HOME", "a\nb", " lead", "trail ", "\t", "'", `"`, `\n`, "%", "@x", "`x`", "!x", "&a", "*a", "|", ">", "ünï", "1.0", ".5", "+1", "=", "<<",
	"a\r\nb", "\x01", "\u2028", "\u00a0", "😀", "on", "Off", "0o7", "1_000", ".inf", ".nan", "---", "...",
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func some(r *rand.Rand, most int, one func() string) []string {
	var list []string
	for range r.IntN(most + 1) {
		list = append(list, one())
	}
	return list
}

func values(r *rand.Rand, name string) map[string]string {
	var m map[string]string
	for i := range r.IntN(6) {
		if m == nil {
			m = map[string]string{}
		}
		m[fmt.Sprintf(name, i)] = pick(r, odd...)
	}
	return m
}

func randomDefinition(r *rand.Rand) core.Definition {
	text := func() string { return pick(r, odd...) }
	d := core.Definition{
		Service: pick(r, "web", "ship-demo", "ship-demo-db", "a1", "agent-x"), Project: pick(r, "", "mx"), Layer: r.IntN(4),
		Image:      pick(r, "matrx/web:abc", "postgres:17", "ghcr.io/a/b@sha256:0123456789012345678901234567890123456789012345678901234567890123"),
		Entrypoint: some(r, 3, text), Command: some(r, 4, text), Env: values(r, "NAME_%d"), User: pick(r, "", "0:0", "1000", "app"),
		Groups: pick(r, nil, []string{"999"}, []string{"docker", "10"}), WorkDir: pick(r, "", "/app", "/a b"), Labels: values(r, "own.label-%d"),
		Restart: pick(r, "no", "on-failure", "unless-stopped", "always"), StopSignal: pick(r, "", "SIGINT", "9"),
		StopGrace: time.Duration(r.IntN(3600)) * time.Second, Memory: pick[int64](r, 0, 6<<20, 128<<20, 1234567890), ShmSize: pick[int64](r, 0, 128<<20),
		CPUs: float64(r.IntN(4000)) / 1000, Pids: int64(r.IntN(3) * 128), ReadOnly: r.IntN(2) == 0, Init: r.IntN(2) == 0, NoNewPrivileges: r.IntN(2) == 0,
		CapAdd: some(r, 1, func() string { return "CHOWN" }), CapDrop: some(r, 1, func() string { return "ALL" }),
		StopFirst: r.IntN(2) == 0, Order: r.IntN(20) - 10, Drain: time.Duration(r.IntN(60000)) * time.Millisecond, Test: some(r, 3, text), Keep: r.IntN(5),
	}
	d.Container = pick(r, d.Service, "mx-"+d.Service)
	d.Kind, d.Instance = core.KindOf(d.Service)
	d.Networks = []core.NetworkUse{{Name: "mx-proxy", Internal: r.IntN(2) == 0}}
	if r.IntN(2) == 0 {
		d.Networks = append(d.Networks, core.NetworkUse{Name: "a-first", Aliases: []string{"x", d.Service + "-db"}})
	}
	randomPlaces(r, &d)
	randomWays(r, &d)
	return d
}

// randomPlaces gives it ports and mounts.
func randomPlaces(r *rand.Rand, d *core.Definition) {
	for i := range r.IntN(3) {
		d.Ports = append(d.Ports, core.Port{Address: pick(r, "", "127.0.0.1", "::1"), Host: 8000 + i, Container: 80 + i, Protocol: pick(r, "tcp", "udp")})
	}
	for i := range r.IntN(3) {
		m := core.Mount{Type: "volume", Name: pick(r, "data", "mx_data.1"), Target: fmt.Sprintf("/v%d", i), ReadOnly: r.IntN(2) == 0}
		if r.IntN(2) == 0 {
			m.Type, m.Name, m.Source = "bind", "", pick(r, "/srv/projects/web/data", "/data/$a b", "/data/x#y")
		}
		d.Mounts = append(d.Mounts, m)
	}
	if r.IntN(2) == 0 {
		d.Tmpfs = map[string]string{"/tmp": pick(r, "", "size=1m,mode=1777"), "/run": "rw"}
	}
}

// randomWays gives it health, route and source.
func randomWays(r *rand.Rand, d *core.Definition) {
	d.Health = pick(r,
		core.HealthRule{How: core.ProbeHTTP, Path: "/healthz?x=$y", Port: 3000},
		core.HealthRule{How: core.ProbeTCP, Port: 25},
		core.HealthRule{How: core.ProbePostgres, Port: 5432},
		core.HealthRule{How: core.ProbeSkip, Reason: "no: it #sleeps"})
	d.Health.Within = time.Duration(1+r.IntN(600)) * time.Second
	if r.IntN(2) == 0 {
		d.Route = &core.RouteRule{
			Domains: []core.Domain{"a.example.com", "b.example.com"}[:1+r.IntN(2)], Port: 3000, Network: "mx-proxy",
			Entrypoints: pick(r, "websecure", "web,websecure"), Resolver: pick(r, "", "letsencrypt"), Middlewares: some(r, 2, func() string { return "limit@file" }),
		}
	}
	if r.IntN(2) == 0 {
		d.Source = &core.Source{
			Repo: pick(r, "https://example.com/a/b.git", "git@example.com:a/b.git", "ssh://git@example.com/a", "file:///srv/projects/a.git"), Ref: pick(r, "main", "v1.0", "feature/x"),
			Context: pick(r, ".", "apps/web"), Dockerfile: "Dockerfile", Args: values(r, "ARG_%d"), Submodules: r.IntN(2) == 0,
			Definition: pick(r, "", "infra/x/compose.yml"), Vars: values(r, "VAR_%d"),
		}
		d.Image = ""
	}
}
