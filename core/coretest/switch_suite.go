package coretest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// TestSwitch is the contract of core.Switch. open gives an empty one.
func TestSwitch(t *testing.T, open func(t testing.TB) core.Switch) {
	for _, story := range []struct {
		name string
		run  func(*testing.T, core.Switch)
	}{
		{"a target is read as it was written", switchReadBack},
		{"a router is read as it was written, and goes with the next target", switchRouterReadBack},
		{"a router that is none, or could be taken for a template, is invalid and writes nothing", switchRouterInvalid},
		{"a later target replaces the earlier one, and only that of its service", switchReplaced},
		{"a service without a target is not found", switchNotFound},
		{"a removed target is gone, and removing it again is no error", switchRemoved},
		{"what cannot be a name or a port is invalid and writes nothing", switchInvalid},
		{"a cancelled call changes nothing", switchCanceled},
	} {
		t.Run(story.name, func(t *testing.T) { story.run(t, open(t)) })
	}
}

func switchReadBack(t *testing.T, s core.Switch) {
	for _, want := range []core.SwitchTarget{
		{Service: "ship-demo", Alias: "ship-demo-1a2b3c4d", Port: 3000}, {Service: "true", Alias: "mx_true", Port: 65535},
		{Service: "123", Alias: "a.b-c_d", Port: 1}, {Service: strings.Repeat("n", 128), Alias: strings.Repeat("x", 63), Port: 80},
	} {
		must(t, s.Point(t.Context(), want))
		got, err := s.Target(t.Context(), want.Service)
		if err != nil || got != want {
			t.Errorf("wrote %+v, read %+v, %v", want, got, err)
		}
	}
}

func switchRouterReadBack(t *testing.T, s core.Switch) {
	plain := core.SwitchTarget{Service: "web", Alias: "web-00000001", Port: 80}
	for _, router := range []core.SwitchRouter{
		{Rule: "Host(`a.example.com`) && !PathPrefix(`/<x>`)", Priority: 40},
		{Rule: "HostRegexp(`^[a-z]{2}\\.example\\.com$`) || Header(`X`, \"y\")", Entrypoints: "websecure,other", Middlewares: "a@file,b@docker", TLS: true,
			Resolver: "letsencrypt", TLSOptions: "strict@file", Priority: 7},
		{Rule: "Host(`ü.example.com`)", TLS: true},
		{Rule: "Host(`" + strings.Repeat("a", 4000) + "`)"},
	} {
		want := plain
		want.Router = router
		must(t, s.Point(t.Context(), want))
		if got, err := s.Target(t.Context(), "web"); err != nil || got != want {
			t.Errorf("wrote %+v, read %+v, %v", want, got, err)
		}
	}
	must(t, s.Point(t.Context(), plain))
	if got, err := s.Target(t.Context(), "web"); err != nil || got != plain {
		t.Errorf("%+v, %v", got, err)
	}
}

func switchRouterInvalid(t *testing.T, s core.Switch) {
	for _, bad := range []core.SwitchRouter{
		{TLS: true}, {Rule: " ", Priority: 1}, {Rule: "Host(`{{ env \"HOME\" }}`)"}, {Rule: "Host(`a`)\nhttp: {}"}, {Rule: "Host(`a`)", Middlewares: "{{x}}"},
		{Rule: "Host(`\xff`)"}, {Rule: strings.Repeat("x", 9<<10)},
	} {
		if err := s.Point(t.Context(), core.SwitchTarget{Service: "web", Alias: "web", Port: 80, Router: bad}); core.CodeOf(err) != core.CodeInvalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := s.Target(t.Context(), "web"); core.CodeOf(err) != core.CodeNotFound {
		t.Errorf("something was written: %v", err)
	}
}

func switchReplaced(t *testing.T, s core.Switch) {
	other := core.SwitchTarget{Service: "other", Alias: "other-00000001", Port: 80}
	must(t, s.Point(t.Context(), other))
	for _, alias := range []string{"web-00000001", "web-00000002"} {
		must(t, s.Point(t.Context(), core.SwitchTarget{Service: "web", Alias: alias, Port: 80}))
	}
	if got, err := s.Target(t.Context(), "web"); err != nil || got.Alias != "web-00000002" {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := s.Target(t.Context(), "other"); err != nil || got != other {
		t.Errorf("%+v, %v", got, err)
	}
}

func switchNotFound(t *testing.T, s core.Switch) {
	if _, err := s.Target(t.Context(), "nobody"); core.CodeOf(err) != core.CodeNotFound || core.MessageOf(err) == "" {
		t.Errorf("%v", err)
	}
}

func switchRemoved(t *testing.T, s core.Switch) {
	must(t, s.Point(t.Context(), core.SwitchTarget{Service: "web", Alias: "web", Port: 80}))
	must(t, s.Remove(t.Context(), "web"))
	must(t, s.Remove(t.Context(), "web"))
	if _, err := s.Target(t.Context(), "web"); core.CodeOf(err) != core.CodeNotFound {
		t.Errorf("%v", err)
	}
}

func switchInvalid(t *testing.T, s core.Switch) {
	for _, bad := range []core.SwitchTarget{
		{Service: "", Alias: "web", Port: 80}, {Service: "../web", Alias: "web", Port: 80}, {Service: "_tls", Alias: "web", Port: 80},
		{Service: "web", Alias: "", Port: 80}, {Service: "web", Alias: "a\"\n", Port: 80}, {Service: "web", Alias: "a/b", Port: 80},
		{Service: "web", Alias: "{{env}}", Port: 80}, {Service: "web", Alias: strings.Repeat("x", 64), Port: 80},
		{Service: "web", Alias: "a..b", Port: 80}, {Service: "web", Alias: "web", Port: 0}, {Service: "web", Alias: "web", Port: 65536},
	} {
		if err := s.Point(t.Context(), bad); core.CodeOf(err) != core.CodeInvalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := s.Target(t.Context(), "web"); core.CodeOf(err) != core.CodeNotFound {
		t.Errorf("something was written: %v", err)
	}
	for _, name := range []string{"", "../web", "a/b", "_tls", ".new"} {
		if _, err := s.Target(t.Context(), name); core.CodeOf(err) != core.CodeInvalid {
			t.Errorf("read %q: %v", name, err)
		}
		if err := s.Remove(t.Context(), name); core.CodeOf(err) != core.CodeInvalid {
			t.Errorf("remove %q: %v", name, err)
		}
	}
}

func switchCanceled(t *testing.T, s core.Switch) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Point(ctx, core.SwitchTarget{Service: "web", Alias: "web", Port: 80}); core.CodeOf(err) != core.CodeCanceled {
		t.Errorf("point: %v", err)
	}
	if _, err := s.Target(ctx, "web"); core.CodeOf(err) != core.CodeCanceled {
		t.Errorf("read: %v", err)
	}
	if err := s.Remove(ctx, "web"); core.CodeOf(err) != core.CodeCanceled {
		t.Errorf("remove: %v", err)
	}
	if _, err := s.Target(t.Context(), "web"); core.CodeOf(err) != core.CodeNotFound {
		t.Errorf("something was written: %v", err)
	}
}

// ThroughRig is a core.RouteProber and the entry point that it asks.
type ThroughRig struct {
	Prober  core.RouteProber
	Address string // of the entry point
	Host    string // that is routed there and answers 204 to /ready, 302 to /moved and 503 to /broken
	TLS     bool
	// Hang has the host answer nothing any more.
	Hang func()
	// Close has the entry point listen no more.
	Close func()
}

// TestRouteProber is the contract of core.RouteProber. open gives a fresh rig for each story.
func TestRouteProber(t *testing.T, open func(t testing.TB) ThroughRig) {
	t.Run("every status is an answer, and no redirect is followed", func(t *testing.T) {
		r := open(t)
		for path, want := range map[string]int{"/ready": 204, "/moved": 302, "/broken": 503} {
			if status, err := r.probe(t.Context(), path, 2*time.Second); err != nil || status != want {
				t.Errorf("%s: %d, %v", path, status, err)
			}
		}
	})
	t.Run("no answer in time is unavailable and has no status", func(t *testing.T) {
		r := open(t)
		r.Hang()
		began := time.Now()
		status, err := r.probe(t.Context(), "/ready", 200*time.Millisecond)
		if status != 0 || core.CodeOf(err) != core.CodeUnavailable || time.Since(began) > 2*time.Second {
			t.Errorf("after %s: %d, %v", time.Since(began), status, err)
		}
	})
	t.Run("an entry point that does not listen is unavailable", func(t *testing.T) {
		r := open(t)
		r.Close()
		if status, err := r.probe(t.Context(), "/ready", 2*time.Second); status != 0 || core.CodeOf(err) != core.CodeUnavailable {
			t.Errorf("%d, %v", status, err)
		}
	})
	t.Run("a cancelled probe is cancelled", func(t *testing.T) {
		r := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if status, err := r.probe(ctx, "/ready", 2*time.Second); status != 0 || core.CodeOf(err) != core.CodeCanceled {
			t.Errorf("%d, %v", status, err)
		}
	})
}

func (r ThroughRig) probe(ctx context.Context, path string, within time.Duration) (int, error) {
	return r.Prober.ProbeRoute(ctx, core.RouteProbe{Address: r.Address, Host: r.Host, Path: path, TLS: r.TLS, Within: within})
}
