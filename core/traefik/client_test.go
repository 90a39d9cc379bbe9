package traefik

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// serve answers like Traefik's API and gives a client for it.
func serve(t *testing.T, handler http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	c, err := New(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// recorded answers with what a Traefik 3.5.3 said.
func recorded(t *testing.T) *Client {
	files := map[string]string{"/api/version": "version", "/api/entrypoints": "entrypoints", "/api/http/routers": "routers", "/api/http/services": "services", "/api/overview": "overview"}
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		raw, err := os.ReadFile("testdata/" + files[r.URL.Path] + ".json")
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("X-Next-Page", "1")
		_, _ = w.Write(raw)
	})
}

func TestRoutesAreReadAsARealTraefikGivesThem(t *testing.T) {
	c := recorded(t)
	version, err := c.Version(t.Context())
	if err != nil || version != "3.5.3" {
		t.Errorf("version %q, %v", version, err)
	}
	routes, err := c.Routes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(routes) != 3 {
		t.Fatalf("%d routes: %+v", len(routes), routes)
	}
	r := routes[2]
	if r.Name != "ship-demo@docker" || r.Hosts[0] != "demo.dev.codematrx.test" || !r.TLS || r.Status != "enabled" ||
		len(r.Servers) != 1 || !strings.HasSuffix(r.Servers[0], ":3000 UP") || len(r.Listens) != 1 || !strings.HasSuffix(r.Listens[0], ":8443") {
		t.Errorf("%+v", r)
	}
	if r.Priority != 31 || r.TLSOptions != "default" || len(r.Entrypoints) != 1 || r.Entrypoints[0] != "websecure" || r.Backend() != "ship-demo@docker" {
		t.Errorf("%+v", r)
	}
}

func TestTheOverviewCountsWhatIsWrongAndNamesTheProviders(t *testing.T) {
	o, err := recorded(t).Overview(t.Context())
	if err != nil || o.Errors != 4 || o.Warnings != 1 || len(o.Providers) != 2 || o.Providers[1] != "File" {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestARouteSaysItsMiddlewaresAndWhoGivesItsCertificate(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/http/routers" {
			_, _ = io.WriteString(w, "[]")
			return
		}
		_, _ = io.WriteString(w, `[{"name":"a@docker","provider":"docker","service":"a@file","middlewares":["secure-headers@file","compress@file"],
			"priority":9223372036854775807,"tls":{"options":"strict","certResolver":"letsencrypt"}},
			{"name":"b@docker","provider":"docker","service":"b","priority":1e30}]`)
	})
	routes, err := c.Routes(t.Context())
	if err != nil || len(routes) != 2 {
		t.Fatalf("%+v, %v", routes, err)
	}
	a, b := routes[0], routes[1]
	if strings.Join(a.Middlewares, " ") != "secure-headers@file compress@file" || a.Resolver != "letsencrypt" || a.TLSOptions != "strict" || a.Priority != 1<<63-1 || a.Backend() != "a@file" {
		t.Errorf("%+v", a)
	}
	if b.TLS || b.Priority != 0 || b.Backend() != "b@docker" {
		t.Errorf("%+v", b)
	}
}

func TestARouteWithoutItsServiceHasItsErrors(t *testing.T) {
	routes := join(
		[]router{
			{Name: "a@docker", Service: "a", Provider: "docker", Status: "disabled", Errors: []string{"the service \"a@docker\" does not exist"}},
			{Name: "b@docker", Service: "b@file", Provider: "docker", Status: "enabled"},
		},
		[]service{{Name: "b@file", Errors: []string{"no server"}}}, nil)
	if len(routes) != 2 || routes[0].Errors[0] == "" || routes[0].Status != "disabled" || len(routes[1].Errors) != 1 {
		t.Errorf("%+v", routes)
	}
}

func TestAListOfSeveralPagesIsReadToItsEnd(t *testing.T) {
	asked := 0
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/http/routers" {
			w.Header().Set("X-Next-Page", "1")
			_, _ = io.WriteString(w, "[]")
			return
		}
		asked++
		page := r.URL.Query().Get("page")
		w.Header().Set("X-Next-Page", map[string]string{"1": "2", "2": "3", "3": "1"}[page])
		_ = json.NewEncoder(w).Encode([]router{{Name: "r" + page + "@docker", Provider: "docker"}})
	})
	if routes, err := c.Routes(t.Context()); err != nil || len(routes) != 3 || asked != 3 {
		t.Errorf("%d routes in %d pages, %v", len(routes), asked, err)
	}
}

func TestWhateverTraefikDoesTheErrorSaysItInWords(t *testing.T) {
	endless := func(w http.ResponseWriter, r *http.Request) {
		var n int
		_, _ = fmt.Sscan(r.URL.Query().Get("page"), &n)
		w.Header().Set("X-Next-Page", fmt.Sprint(n+1))
		_, _ = io.WriteString(w, "[]")
	}
	cases := []struct {
		name   string
		handle http.HandlerFunc
		says   string
	}{
		{"not found", http.NotFound, "answers 404"},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, "answers 302"},
		{"not JSON", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }, "cannot be read"},
		{"too long", func(w http.ResponseWriter, _ *http.Request) {
			for range 9 {
				_, _ = w.Write(make([]byte, 1<<20))
			}
		}, "longer than 8.0 MiB"},
		{"pages without end", endless, "more than 10000 entries"},
		{"hung", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "does not answer within 3s"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			_, err := serve(t, tc.handle).Routes(t.Context())
			if core.CodeOf(err) != core.CodeUnavailable || !strings.Contains(core.MessageOf(err), tc.says) || time.Since(began) > 2*timeout {
				t.Errorf("after %s: %v", time.Since(began), err)
			}
		})
	}
}

func TestAnUnreachableTraefikIsUnavailableAndACancelledCallCancelled(t *testing.T) {
	c, err := New("http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Version(t.Context()); core.CodeOf(err) != core.CodeUnavailable || !strings.Contains(core.MessageOf(err), "refused") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Version(ctx); core.CodeOf(err) != core.CodeCanceled {
		t.Errorf("%v", err)
	}
}

func TestAnAddressThatIsNoneIsRefused(t *testing.T) {
	for _, base := range []string{"", "traefik:8082", "ftp://traefik", "http://", "::"} {
		if _, err := New(base); core.CodeOf(err) != core.CodeInvalid {
			t.Errorf("%q: %v", base, err)
		}
	}
}
