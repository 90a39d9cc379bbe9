package httpapi

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// door starts a real server on a free port; health may be swapped while it runs.
func door(t *testing.T, health core.PlaneHealth) (base string, swap func(core.PlaneHealth)) {
	t.Helper()
	return limitedDoor(t, health, defaultLimits())
}

// limitedDoor is door with other limits.
func limitedDoor(t *testing.T, health core.PlaneHealth, l limits) (base string, swap func(core.PlaneHealth)) {
	t.Helper()
	var now atomic.Pointer[core.PlaneHealth]
	now.Store(&health)
	s, err := listen(t.Context(), Options{
		Addr: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler),
		Health: func() core.PlaneHealth { return *now.Load() },
	}, l)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return "http://" + s.Addr().String(), func(h core.PlaneHealth) { now.Store(&h) }
}

func fine() core.PlaneHealth {
	return core.PlaneHealth{
		Server: "srv-1", Plane: core.ManagerName, Title: "Server Manager", Version: "test", Ready: true, Engine: true,
		Services: map[core.HealthState]int{core.Healthy: 6},
	}
}

func get(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

func TestHealthzAnswersWhateverIsWrong(t *testing.T) {
	base, _ := door(t, core.PlaneHealth{Problems: []string{"everything"}})
	res, body := get(t, base+"/healthz")
	if res.StatusCode != http.StatusOK || body != "ok\n" {
		t.Fatalf("got %d %q", res.StatusCode, body)
	}
}

func TestReadyzSaysWhyNot(t *testing.T) {
	health := fine()
	base, swap := door(t, health)
	if res, body := get(t, base+"/readyz"); res.StatusCode != http.StatusOK || !strings.Contains(body, `"problems":[]`) {
		t.Fatalf("ready: got %d %s", res.StatusCode, body)
	}
	health.Ready, health.Problems = false, []string{"The journal takes no records: disk full."}
	swap(health)
	res, body := get(t, base+"/readyz")
	var answer struct {
		Ready    bool
		Problems []string
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusServiceUnavailable || answer.Ready || len(answer.Problems) != 1 {
		t.Fatalf("not ready: got %d %s", res.StatusCode, body)
	}
}

func TestStatusPageShowsTheWorstInWords(t *testing.T) {
	health := fine()
	base, swap := door(t, health)
	cases := []struct {
		name   string
		change func(*core.PlaneHealth)
		want   string
	}{
		{"all well", func(*core.PlaneHealth) {}, "Everything serves"},
		{"a warning", func(h *core.PlaneHealth) { h.Warnings = 1 }, "Something needs a look"},
		{"a critical fault", func(h *core.PlaneHealth) { h.Critical = 1 }, "Something does not serve"},
		{"no engine", func(h *core.PlaneHealth) { h.Engine = false }, "The container engine does not answer"},
		{"nothing known", func(h *core.PlaneHealth) { h.Services = nil }, "No service is known yet."},
		{"hostile text", func(h *core.PlaneHealth) { h.Server = "<script>x</script>" }, "&lt;script&gt;x&lt;/script&gt;"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := health
			c.change(&h)
			swap(h)
			res, body := get(t, base+"/")
			if res.StatusCode != http.StatusOK || !strings.Contains(body, c.want) {
				t.Fatalf("got %d, want %q in:\n%s", res.StatusCode, c.want, body)
			}
			if csp := res.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") {
				t.Fatalf("content security policy is %q", csp)
			}
		})
	}
}

func TestAdminLeadsHome(t *testing.T) {
	base, _ := door(t, fine())
	for _, path := range []string{"/admin", "/admin/"} {
		if res, _ := get(t, base+path); res.StatusCode != http.StatusMovedPermanently || res.Header.Get("Location") != "/" {
			t.Errorf("%s: got %d to %q", path, res.StatusCode, res.Header.Get("Location"))
		}
	}
}

func TestLivePageGetsTheChangeAndEndsAtShutdown(t *testing.T) {
	base, swap := door(t, fine())
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/status/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	waitLine(t, lines, "Everything serves")
	worse := fine()
	worse.Critical = 2
	swap(worse)
	waitLine(t, lines, "Something does not serve")
}

// waitLine reads until a line holds the text; the request's deadline bounds it.
func waitLine(t *testing.T, lines *bufio.Scanner, text string) {
	t.Helper()
	for lines.Scan() {
		if strings.Contains(lines.Text(), text) {
			return
		}
	}
	t.Fatalf("the stream ended without %q: %v", text, lines.Err())
}

func TestLivePagesAreBounded(t *testing.T) {
	base, _ := door(t, fine())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: maxStreams + 8}}
	defer client.CloseIdleConnections()
	for range maxStreams {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/status/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
	}
	if res, _ := get(t, base+"/status/events"); res.StatusCode != http.StatusServiceUnavailable {
		t.Fatalf("one stream too many got %d", res.StatusCode)
	}
}

func TestStatusPageDrawsStatesAsTheConsoleDoes(t *testing.T) {
	health := fine()
	health.Services = map[core.HealthState]int{core.Unproven: 2}
	base, _ := door(t, health)
	if _, body := get(t, base+"/"); !strings.Contains(body, "◇") {
		t.Errorf("an unproven service has another glyph:\n%s", body)
	}
}
