package httpapi

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

//go:embed html/status.html static/status.css static/status.js
var files embed.FS

// statusPage is the one page that needs no login: how the control plane and what it looks after are, without a name.
type statusPage struct {
	template *template.Template
}

// statusData is what the page draws.
type statusData struct {
	core.PlaneHealth
	State  string // ok, warn, fail: glyph, word and colour follow from it
	Glyph  string
	Word   string
	Rows   []statusRow
	Uptime string
	Age    string
}

// statusRow is one health state and how many services are in it.
type statusRow struct {
	State core.HealthState
	Glyph string
	Count int
}

// statusRows is the order of the page, worst first, with the glyphs of the console.
var statusRows = []statusRow{
	{core.Unhealthy, "✗", 0}, {core.Down, "■", 0}, {core.Starting, "◐", 0},
	{core.Unproven, "◇", 0}, {core.Paused, "‖", 0}, {core.Healthy, "●", 0},
}

func newStatusPage() (*statusPage, error) {
	t, err := template.ParseFS(files, "html/status.html")
	if err != nil {
		return nil, fmt.Errorf("parse status page: %w", err)
	}
	p := &statusPage{t}
	if _, err := p.render("page", core.PlaneHealth{}); err != nil {
		return nil, err
	}
	return p, nil
}

// render draws the whole page ("page") or the part of it that lives ("live").
func (p *statusPage) render(name string, health core.PlaneHealth) ([]byte, error) {
	var buf bytes.Buffer
	if err := p.template.ExecuteTemplate(&buf, name, newStatusData(health)); err != nil {
		return nil, fmt.Errorf("draw status page: %w", err)
	}
	return buf.Bytes(), nil
}

func newStatusData(health core.PlaneHealth) statusData {
	d := statusData{PlaneHealth: health, State: "ok", Glyph: "●", Word: "Everything serves"}
	switch {
	case !health.Engine:
		d.State, d.Glyph, d.Word = "fail", "✗", "The container engine does not answer"
	case health.Critical > 0:
		d.State, d.Glyph, d.Word = "fail", "✗", "Something does not serve"
	case !health.Ready || health.Warnings > 0:
		d.State, d.Glyph, d.Word = "warn", "▲", "Something needs a look"
	}
	d.Uptime = core.FormatAge(health.At.Sub(health.Started))
	d.Age = core.FormatAge(health.Age)
	for _, row := range statusRows {
		row.Count = health.Services[row.State]
		if row.Count > 0 {
			d.Rows = append(d.Rows, row)
		}
	}
	return d
}

// handleStatusShow draws the page.
func (s *Server) handleStatusShow(w http.ResponseWriter, _ *http.Request) {
	page, err := s.page.render("page", s.opt.Health())
	if err != nil {
		s.opt.Log.Error("status page", "err", err)
		http.Error(w, "Internal error.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	s.write(w, page)
}

// handleStatusEvents keeps a page live: the changing part is sent whenever it differs, and a comment now and then so
// that a dead connection is noticed.
func (s *Server) handleStatusEvents(w http.ResponseWriter, r *http.Request) {
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		http.Error(w, "Too many live pages are open. Reload to see the state.", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	ticker := time.NewTicker(refresh)
	defer ticker.Stop()
	end := time.NewTimer(streamLife)
	defer end.Stop()
	stream := eventStream{w: w, control: http.NewResponseController(w)}
	if err := stream.outlive(); err != nil {
		s.opt.Log.Error("live page", "err", err)
		http.Error(w, "Internal error.", http.StatusInternalServerError)
		return
	}
	for {
		if err := s.sendStatus(&stream); err != nil {
			s.opt.Log.Debug("live page ended", "err", err)
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-end.C:
			return // the browser opens a new one by itself
		case <-ticker.C:
		}
	}
}

// sendStatus sends the live part when it changed.
func (s *Server) sendStatus(stream *eventStream) error {
	live, err := s.page.render("live", s.opt.Health())
	if err != nil {
		return err
	}
	return stream.send(live)
}

func (s *Server) handleStylesheet(w http.ResponseWriter, r *http.Request) {
	s.serveFile(w, r, "static/status.css", "text/css; charset=utf-8")
}

func (s *Server) handleScript(w http.ResponseWriter, r *http.Request) {
	s.serveFile(w, r, "static/status.js", "text/javascript; charset=utf-8")
}

// serveFile sends an embedded file.
func (s *Server) serveFile(w http.ResponseWriter, _ *http.Request, name, kind string) {
	raw, err := files.ReadFile(name)
	if err != nil {
		s.opt.Log.Error("embedded file", "name", name, "err", err)
		http.Error(w, "Internal error.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "max-age=300")
	s.write(w, raw)
}
