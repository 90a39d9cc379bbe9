package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// newApp is the app before a database that nobody serves, and its log.
func newApp(t *testing.T) (http.Handler, *bytes.Buffer) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	n, err := openNotes("postgres://demo:secret@" + address + "/demo")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.close)
	log := new(bytes.Buffer)
	return routes(n, slog.New(slog.NewJSONHandler(log, nil))), log
}

func answer(app http.Handler, method, target, form string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, target, strings.NewReader(form))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec := httptest.NewRecorder()
	app.ServeHTTP(rec, req)
	return rec
}

func TestWithoutItsDatabaseTheAppIsUnhealthyAndSaysNoMore(t *testing.T) {
	app, _ := newApp(t)
	for _, target := range []string{"/healthz", "/", "/notes"} {
		rec := answer(app, "GET", target, "")
		if rec.Code != http.StatusServiceUnavailable || strings.Contains(rec.Body.String(), "127.0.0.1") {
			t.Errorf("%s: %d %q", target, rec.Code, rec.Body)
		}
	}
}

func TestANoteHasTextAndABound(t *testing.T) {
	app, _ := newApp(t)
	for _, text := range []string{"", "   ", strings.Repeat("x", maxText+1), strings.Repeat("x", 2*maxBody)} {
		form := url.Values{"text": {text}}.Encode()
		if rec := answer(app, "POST", "/notes", form); rec.Code != http.StatusBadRequest {
			t.Errorf("a note of %d bytes: %d", len(text), rec.Code)
		}
	}
}

func TestEveryRequestIsOneJSONLineInTheLog(t *testing.T) {
	app, log := newApp(t)
	answer(app, "GET", "/nowhere", "")
	var line struct {
		Msg, Method, Path string
		Status            int
	}
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Fatalf("%v in %q", err, log)
	}
	if line.Msg != "request" || line.Method != "GET" || line.Path != "/nowhere" || line.Status != http.StatusNotFound {
		t.Errorf("logged %+v", line)
	}
}

func TestABadDatabaseURLIsRefusedWithoutShowingItsPassword(t *testing.T) {
	_, err := openNotes("demo:secret@host/demo") // the scheme was forgotten
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("error: %v", err)
	}
}
