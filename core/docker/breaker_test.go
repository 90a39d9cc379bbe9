package docker

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

func TestTheBreakerOpensAtTheThirdMissInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opened := 0
		b := newBreaker(func() { opened++ })
		begin := time.Now()
		for range 2 {
			time.Sleep(readLimit)
			b.report(t.Context(), context.DeadlineExceeded, readLimit)
		}
		b.report(t.Context(), nil, time.Millisecond) // an answer in between: the row begins anew
		for range 2 {
			b.report(t.Context(), context.DeadlineExceeded, readLimit)
		}
		if err := b.allow(); err != nil || opened != 0 {
			t.Fatalf("open after two in a row: %v", err)
		}
		time.Sleep(time.Second)
		b.report(t.Context(), context.DeadlineExceeded, readLimit)
		err := b.allow()
		if core.CodeOf(err) != core.CodeUnavailable || opened != 1 || !strings.Contains(err.Error(), "does not answer since "+stamp(begin.Add(readLimit))) {
			t.Errorf("opened %d times, error %v, begin %s", opened, err, stamp(begin))
		}
		time.Sleep(time.Minute)
		if away := b.closeAgain(); away != time.Minute+time.Second+readLimit || b.allow() != nil {
			t.Errorf("away %s, then %v", away, b.allow())
		}
		if gone, ok := b.recent(time.Second); !ok || gone.Cause == "" {
			t.Error("the outage is forgotten")
		}
	})
}

func TestACallersHasteIsNotTheEnginesFault(t *testing.T) {
	b := newBreaker(func() { t.Error("opened") })
	hasty, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	gone, leave := context.WithCancel(t.Context())
	leave()
	for range 5 {
		b.report(hasty, context.DeadlineExceeded, 10*time.Millisecond)
		b.report(gone, context.Canceled, 10*time.Second)
	}
	if err := b.allow(); err != nil {
		t.Error(err)
	}
}

func TestACancelledCallInBetweenIsNoAnswer(t *testing.T) {
	opened := false
	b := newBreaker(func() { opened = true })
	gone, leave := context.WithCancel(t.Context())
	leave()
	for range missesAllowed {
		b.report(gone, context.Canceled, time.Second)
		b.report(t.Context(), context.DeadlineExceeded, readLimit)
	}
	if !opened {
		t.Error("still closed")
	}
}

// standIn is an HTTP server on a socket in the place of an engine.
func standIn(t *testing.T, path string, h http.HandlerFunc) {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(l) // ends with Close
	}()
	t.Cleanup(func() {
		_ = srv.Close()
		<-done
	})
}

// pong answers the negotiation.
func pong(w http.ResponseWriter, r *http.Request, api string) bool {
	if !strings.HasSuffix(r.URL.Path, "/_ping") {
		return false
	}
	w.Header().Set("API-Version", api)
	return true
}

func TestAnEngineThatIsNotThereIsSaidAtOnceAndFoundWhenItComes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "engine.sock")
	d, err := Open(Config{Host: "unix://" + path})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.Containers(t.Context()); core.CodeOf(err) != core.CodeUnavailable {
		t.Fatalf("got %v", err)
	}
	begin := time.Now()
	_, err = d.Containers(t.Context())
	if took := time.Since(begin); core.CodeOf(err) != core.CodeUnavailable || took > 100*time.Millisecond || !strings.Contains(err.Error(), "does not answer since") {
		t.Fatalf("after %s: %v", took, err)
	}
	standIn(t, path, func(w http.ResponseWriter, r *http.Request) {
		if !pong(w, r, "1.44") {
			_, _ = w.Write([]byte("[]"))
		}
	})
	for deadline := time.Now().Add(5 * time.Second); err != nil; _, err = d.Containers(t.Context()) {
		if time.Now().After(deadline) {
			t.Fatalf("never back: %v", err)
		}
	}
}

func TestTheVersionIsNegotiatedFromFortyUp(t *testing.T) {
	for offered, want := range map[string]string{"1.40": "/v1.40/", "1.41": "/v1.41/", "1.51": "/v1.51/", "1.99": "/v1.56/", "1.39": ""} {
		t.Run(offered, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "engine.sock")
			var asked atomic.Value
			standIn(t, path, func(w http.ResponseWriter, r *http.Request) {
				if !pong(w, r, offered) {
					asked.Store(r.URL.Path)
					_, _ = w.Write([]byte("[]"))
				}
			})
			d, err := Open(Config{Host: "unix://" + path})
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			_, err = d.Containers(t.Context())
			got, _ := asked.Load().(string)
			if want == "" {
				if err == nil || !strings.Contains(err.Error(), "minimum supported API version is 1.40") {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || !strings.HasPrefix(got, want) {
				t.Errorf("asked %q, %v", got, err)
			}
		})
	}
}

func TestAStreamIsTriedThoughTheBreakerIsOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "engine.sock")
	standIn(t, path, func(w http.ResponseWriter, r *http.Request) {
		if !pong(w, r, "1.41") {
			_, _ = w.Write([]byte(`{"Type":"container","Action":"start","Actor":{"ID":"x","Attributes":{"name":"n","a":"b"}},"timeNano":5}` + "\n"))
		}
	})
	d, err := Open(Config{Host: "unix://" + path})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	d.breaker.onOpen = func() {} // nobody closes it
	d.breaker.mu.Lock()
	d.breaker.open(time.Now(), "testing")
	d.breaker.mu.Unlock()
	if _, err := d.Containers(t.Context()); core.CodeOf(err) != core.CodeUnavailable {
		t.Errorf("a call got %v", err)
	}
	var got []core.EngineEvent
	for e, err := range d.Events(t.Context()) {
		if err != nil {
			if core.CodeOf(err) != core.CodeUnavailable {
				t.Errorf("ended with %v", err)
			}
			break
		}
		got = append(got, e)
	}
	if len(got) != 1 || got[0].Name != "n" || got[0].Labels["a"] != "b" || got[0].At.UnixNano() != 5 {
		t.Errorf("got %+v", got)
	}
}

func TestAStreamThatNeverBeginsEndsWithinTheLimit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "engine.sock")
	hold := make(chan struct{})
	standIn(t, path, func(w http.ResponseWriter, r *http.Request) {
		if !pong(w, r, "1.41") {
			<-hold
		}
	})
	t.Cleanup(func() { close(hold) })
	d, err := Open(Config{Host: "unix://" + path})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	begin := time.Now()
	for _, err := range d.Events(t.Context()) {
		if took := time.Since(begin); core.CodeOf(err) != core.CodeUnavailable || took < readLimit || took > 2*readLimit {
			t.Errorf("after %s: %v", took, err)
		}
	}
}
