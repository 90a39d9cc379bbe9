package traefik

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
)

// entry answers as an entry point does that routes one host name.
func entry(t testing.TB, tls bool) coretest.ThroughRig {
	hang := make(chan struct{})
	var hung atomic.Bool
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hung.Load() {
			<-hang
		}
		switch {
		case r.Host != "demo.example.com", r.TLS != nil && r.TLS.ServerName != r.Host:
			http.NotFound(w, r)
		case r.URL.Path == "/ready":
			w.WriteHeader(http.StatusNoContent)
		case r.URL.Path == "/moved":
			http.Redirect(w, r, "/ready", http.StatusFound)
		case r.URL.Path == "/half":
			w.Header().Set("Content-Length", strconv.Itoa(1000))
			w.WriteHeader(http.StatusOK)
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	if tls {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(func() { close(hang); server.Close() })
	return coretest.ThroughRig{
		Prober: NewProber(), Address: server.Listener.Addr().String(), Host: "demo.example.com", TLS: tls,
		Hang: func() { hung.Store(true) }, Close: func() { _ = server.Listener.Close() },
	}
}

func TestRouteProber(t *testing.T) {
	for name, tls := range map[string]bool{"plain": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			coretest.TestRouteProber(t, func(t testing.TB) coretest.ThroughRig { return entry(t, tls) })
		})
	}
}

func TestAnAnswerThatBreaksOffHasItsStatusAndAnError(t *testing.T) {
	r := entry(t, true)
	status, err := r.Prober.ProbeRoute(t.Context(), core.RouteProbe{Address: r.Address, Host: r.Host, Path: "/half", TLS: true, Within: time.Second})
	if status != http.StatusOK || core.CodeOf(err) != core.CodeUnavailable {
		t.Errorf("%d, %v", status, err)
	}
}

func TestAProbeThatCannotBeSentIsInvalid(t *testing.T) {
	for _, p := range []core.RouteProbe{
		{Address: "127.0.0.1:1", Host: "demo.example.com", Path: "no-slash"}, {Address: "127.0.0.1:1", Host: "demo.example.com", Path: "http://elsewhere/"},
		{Address: "127.0.0.1:1", Host: "demo.example.com", Path: "/a\r\nX: y"}, {Address: "127.0.0.1:1", Host: "a b", Path: "/"},
	} {
		if status, err := NewProber().ProbeRoute(t.Context(), p); status != 0 || core.CodeOf(err) != core.CodeInvalid {
			t.Errorf("%+v: %d, %v", p, status, err)
		}
	}
}

func TestAnErrorOfAProbeNamesHostAndEntryPoint(t *testing.T) {
	_, err := NewProber().ProbeRoute(t.Context(), core.RouteProbe{Address: "127.0.0.1:1", Host: "demo.example.com", Path: "/"})
	if message := core.MessageOf(err); !strings.Contains(message, "demo.example.com") || !strings.Contains(message, "127.0.0.1:1") {
		t.Errorf("%v", err)
	}
}
