// Package httpapi is the HTTP door of a control plane. Today it has the probes and one live status page, none of which
// needs a login or tells a name; pages, API and MCP endpoint join it here.
package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/codematrx/matrx-ship/core"
)

// Limits of the door.
const (
	maxHeader  = 32 << 10
	maxStreams = 64 // live pages at once; they need no login, so they are few
	streamLife = time.Hour
	refresh    = time.Second
)

// limits bound what clients can hold.
type limits struct {
	header      time.Duration // until the header of a request is there
	read        time.Duration // until the whole request is there, its body included
	write       time.Duration // from the end of the header to the end of the answer; a live page renews its own
	idle        time.Duration // between two requests
	connections int           // at once, idle ones included
}

func defaultLimits() limits {
	return limits{header: 10 * time.Second, read: 15 * time.Second, write: 15 * time.Second, idle: 2 * time.Minute, connections: 512}
}

// Options is what the door needs.
type Options struct {
	Addr   string
	Health func() core.PlaneHealth // must not block
	Log    *slog.Logger
}

// Server is the HTTP door.
type Server struct {
	opt      Options
	page     *statusPage
	listener net.Listener
	http     *http.Server
	streams  chan struct{} // one token a live page
	stop     context.CancelFunc
}

// Listen binds the address and prepares the pages; a page that cannot be parsed is an error here and not at 2 AM.
func Listen(ctx context.Context, opt Options) (*Server, error) {
	return listen(ctx, opt, defaultLimits())
}

func listen(ctx context.Context, opt Options, l limits) (*Server, error) {
	page, err := newStatusPage()
	if err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", opt.Addr)
	if err != nil {
		return nil, fmt.Errorf("listen for HTTP on %s: %w", opt.Addr, err)
	}
	s := &Server{opt: opt, page: page, listener: newBoundedListener(listener, l.connections), streams: make(chan struct{}, maxStreams)}
	base, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.http = &http.Server{
		Handler: s.routes(), MaxHeaderBytes: maxHeader,
		ReadHeaderTimeout: l.header, ReadTimeout: l.read, WriteTimeout: l.write, IdleTimeout: l.idle,
		BaseContext: func(net.Listener) context.Context { return base },
		ErrorLog:    slog.NewLogLogger(opt.Log.Handler(), slog.LevelWarn),
	}
	return s, nil
}

// Addr is where the door listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Serve answers until Shutdown.
func (s *Server) Serve() error {
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve HTTP: %w", err)
	}
	return nil
}

// Shutdown ends the live pages, lets running requests finish until ctx ends, and closes the rest.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stop()
	if err := s.http.Shutdown(ctx); err != nil {
		return errors.Join(err, s.http.Close())
	}
	return nil
}

// routes is the one list of what the door answers.
func (s *Server) routes() http.Handler {
	r := chi.NewRouter()
	r.Use(middleware.Recoverer, headers)
	r.Get("/", s.handleStatusShow)
	r.Get("/status/events", s.handleStatusEvents)
	r.Get("/static/status.css", s.handleStylesheet)
	r.Get("/static/status.js", s.handleScript)
	r.Get("/healthz", s.handleHealthz)
	r.Get("/readyz", s.handleReadyz)
	r.Get("/admin", redirectHome)
	r.Get("/admin/", redirectHome)
	return r
}

// headers are the same on every answer: nothing from elsewhere is loaded, framed or sniffed.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

func redirectHome(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, "/", http.StatusMovedPermanently)
}
