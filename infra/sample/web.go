package main

import (
	_ "embed"
	"encoding/json"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

const maxBody = 4096 // bytes of a posted form

//go:embed page.html
var pageSource string

// web answers the app's requests.
type web struct {
	notes *notes
	log   *slog.Logger
	page  *template.Template
}

func routes(n *notes, log *slog.Logger) http.Handler {
	w := &web{notes: n, log: log, page: template.Must(template.New("page").Parse(pageSource))}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", w.handleNoteList)
	mux.HandleFunc("POST /notes", w.handleNoteAdd)
	mux.HandleFunc("GET /notes", w.handleNoteJSON)
	mux.HandleFunc("GET /healthz", w.handleHealth)
	return w.logged(mux)
}

func (w *web) handleNoteList(rw http.ResponseWriter, r *http.Request) {
	all, err := w.notes.list(r.Context())
	if err != nil {
		w.fail(rw, err)
		return
	}
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := w.page.Execute(rw, all); err != nil {
		w.log.Error("page not written", "error", err.Error())
	}
}

func (w *web) handleNoteJSON(rw http.ResponseWriter, r *http.Request) {
	all, err := w.notes.list(r.Context())
	if err != nil {
		w.fail(rw, err)
		return
	}
	w.writeJSON(rw, http.StatusOK, all)
}

func (w *web) handleNoteAdd(rw http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(rw, r.Body, maxBody)
	made, err := w.notes.add(r.Context(), r.PostFormValue("text"))
	if errors.Is(err, errText) {
		http.Error(rw, errText.Error(), http.StatusBadRequest)
		return
	}
	if err != nil {
		w.fail(rw, err)
		return
	}
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		http.Redirect(rw, r, "/", http.StatusSeeOther)
		return
	}
	w.writeJSON(rw, http.StatusCreated, made)
}

// handleHealth is healthy only when the database is.
func (w *web) handleHealth(rw http.ResponseWriter, r *http.Request) {
	if err := w.notes.check(r.Context()); err != nil {
		w.log.Warn("unhealthy", "error", err.Error())
		w.writeJSON(rw, http.StatusServiceUnavailable, map[string]string{"status": "database unavailable"})
		return
	}
	w.writeJSON(rw, http.StatusOK, map[string]string{"status": "ok"})
}

func (w *web) writeJSON(rw http.ResponseWriter, status int, body any) {
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(status)
	if err := json.NewEncoder(rw).Encode(body); err != nil {
		w.log.Error("answer not written", "error", err.Error())
	}
}

func (w *web) fail(rw http.ResponseWriter, err error) {
	w.log.Error("request failed", "error", err.Error())
	http.Error(rw, "The database does not answer.", http.StatusServiceUnavailable)
}

// statusWriter remembers the status of an answer for the access log.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (s *statusWriter) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// logged writes one line for each request.
func (w *web) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		began := time.Now()
		status := &statusWriter{ResponseWriter: rw, status: http.StatusOK}
		next.ServeHTTP(status, r)
		w.log.Info("request", "method", r.Method, "path", r.URL.Path, "status", status.status,
			"ms", time.Since(began).Milliseconds(), "client", r.Header.Get("X-Forwarded-For"))
	})
}
