package notify

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
)

var _ core.Notifier = (*Notifier)(nil)

// hook is a web hook that keeps what it was sent.
type hook struct {
	*httptest.Server
	mu     sync.Mutex // guards the rest
	got    []string
	status int
}

func newHook(t testing.TB) *hook {
	h := &hook{status: http.StatusOK}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.got = append(h.got, string(body))
		w.WriteHeader(h.status)
	}))
	t.Cleanup(h.Server.Close)
	return h
}

func (h *hook) answer(status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status = status
}

func (h *hook) sent() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.got
}

func (h *hook) address(path string) string {
	return "generic://" + strings.TrimPrefix(h.URL, "http://") + path + "?disabletls=yes"
}

func open(t testing.TB, addresses ...string) *Notifier {
	t.Helper()
	n, err := New("# comment\n\n" + strings.Join(addresses, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAWebHookIsTold(t *testing.T) {
	h := newHook(t)
	n := open(t, h.address("/hooks/s3cr3t"))
	if err := n.Notify(t.Context(), "ship-demo is unhealthy", "HTTP 500 from /healthz"); err != nil {
		t.Fatal(err)
	}
	got := h.sent()
	if len(got) != 1 || !strings.Contains(got[0], "ship-demo is unhealthy") || !strings.Contains(got[0], "HTTP 500") {
		t.Errorf("it got %q", got)
	}
	if targets := n.Targets(); len(targets) != 1 || targets[0] != "generic" {
		t.Errorf("targets: %q", targets)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
}

func TestAMessageGoesAgainOnlyToThoseThatDidNotTakeIt(t *testing.T) {
	good, bad := newHook(t), newHook(t)
	bad.answer(http.StatusServiceUnavailable)
	n := open(t, good.address("/a"), bad.address("/s3cr3t"))
	err := n.Notify(t.Context(), "title", "text")
	if core.CodeOf(err) != core.CodeUnavailable || !strings.Contains(err.Error(), "generic (line 4): it answered 503") {
		t.Fatalf("%v", err)
	}
	if strings.Contains(err.Error(), "s3cr3t") || strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("the error shows the address: %v", err)
	}
	bad.answer(http.StatusOK)
	if err := n.Notify(t.Context(), "title", "text"); err != nil {
		t.Fatal(err)
	}
	if len(good.sent()) != 1 || len(bad.sent()) != 2 {
		t.Errorf("sent %d and %d times", len(good.sent()), len(bad.sent()))
	}
}

func TestAnAddressThatHangsDelaysNoOther(t *testing.T) {
	free := make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-free }))
	t.Cleanup(hangs.Close)
	defer close(free)
	good := newHook(t)
	n := open(t, "generic://"+strings.TrimPrefix(hangs.URL, "http://")+"/s3cr3t?disabletls=yes", good.address("/b"))
	n.wait = 100 * time.Millisecond
	err := n.Notify(t.Context(), "one", "text")
	if err == nil || !strings.Contains(err.Error(), "1 of 2") || !strings.Contains(err.Error(), errLate.Error()) {
		t.Errorf("%v", err)
	}
	err = n.Notify(t.Context(), "two", "text")
	if err == nil || !strings.Contains(err.Error(), errBusy.Error()) {
		t.Errorf("a second message to it: %v", err)
	}
	if len(good.sent()) != 2 {
		t.Errorf("the good one got %q", good.sent())
	}
	if err := n.Close(); err == nil {
		t.Error("Close does not say that something is still being sent")
	}
	if err := n.Notify(t.Context(), "three", "text"); err == nil || !strings.Contains(err.Error(), errClosed.Error()) {
		t.Errorf("after Close: %v", err)
	}
}

func TestACallerWhoGivesUpIsAnsweredAtOnce(t *testing.T) {
	free := make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-free }))
	t.Cleanup(hangs.Close)
	defer close(free)
	n := open(t, "generic://"+strings.TrimPrefix(hangs.URL, "http://")+"/?disabletls=yes")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.Notify(ctx, "one", "text"); err == nil {
		t.Error("it was sent")
	}
}

func TestMailIsSent(t *testing.T) {
	sink := newMailSink(t)
	n := open(t, "smtp://"+sink.address+"/?from=ship@example.com&to=ops@example.com&auth=none&encryption=none&usestarttls=no")
	if err := n.Notify(t.Context(), "The disk is 97 % full", "Prune it."); err != nil {
		t.Fatal(err)
	}
	coretest.Wait(t, 5*time.Second, "the mail", func() bool { return strings.Contains(sink.text(), "Prune it.") })
	for _, want := range []string{"RCPT TO:<ops@example.com>", "Subject: The disk is 97 % full", "Prune it."} {
		if !strings.Contains(sink.text(), want) {
			t.Errorf("no %q in %q", want, sink.text())
		}
	}
}

func TestBadAddressesAreNamedByTheirLineAndNotShown(t *testing.T) {
	h := newHook(t)
	n, err := New("carrier-pigeon://s3cr3t@loft\n" + h.address("/ok") + "\nhttps://example.com/s3cr3t\nslack://s3cr3t\n\x00s3cr3t:\nlogger://\n")
	if core.CodeOf(err) != core.CodeInvalid || !strings.Contains(err.Error(), "line 1, 3, 4, 5, 6 ") || strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("%v", err)
	}
	if err := n.Notify(t.Context(), "title", "text"); err != nil || len(h.sent()) != 1 {
		t.Errorf("the good one: %v, %q", err, h.sent())
	}
}

func TestWithoutAddressesNobodyIsTold(t *testing.T) {
	n := open(t)
	if err := n.Notify(t.Context(), "title", "text"); core.CodeOf(err) != core.CodeUnavailable {
		t.Errorf("%v", err)
	}
}

func TestErrorsAreToldInWordsOfOurs(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	// What answers in another language gives an error that no table knows, with the whole address in it.
	n := open(t, "generic://"+strings.TrimPrefix(closed.URL, "http://")+"/s3cr3t?disabletls=yes", "generic://s3cr3t.invalid/x",
		"generic://"+newMailSink(t).address+"/s3cr3t?disabletls=yes")
	err := n.Notify(t.Context(), "title", "text")
	if err == nil || strings.Contains(strings.ToLower(err.Error()), "s3cr3t") {
		t.Fatalf("%v", err)
	}
	for _, want := range []string{"(line 3): the connection was refused", "(line 5): it did not take the message"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
}

// mailSink is a mail server that takes every mail.
type mailSink struct {
	address string
	mu      sync.Mutex // guards got
	got     strings.Builder
}

func newMailSink(t testing.TB) *mailSink {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &mailSink{address: l.Addr().String()}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
	})
	return s
}

func (s *mailSink) serve(conn net.Conn) {
	defer conn.Close()
	fmt.Fprint(conn, "220 sink\r\n")
	data := false
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		line := lines.Text()
		s.mu.Lock()
		fmt.Fprintln(&s.got, line)
		s.mu.Unlock()
		switch {
		case data && line != ".":
		case data:
			data = false
			fmt.Fprint(conn, "250 taken\r\n")
		case line == "DATA":
			data = true
			fmt.Fprint(conn, "354 go on\r\n")
		case line == "QUIT":
			fmt.Fprint(conn, "221 bye\r\n")
			return
		default:
			fmt.Fprint(conn, "250 ok\r\n")
		}
	}
}

func (s *mailSink) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got.String()
}
