// Package sshdtest drives an SSH server as a person does: it logs in, looks at a real terminal screen, types, and
// waits for what should appear. It knows nothing of the server but its address.
package sshdtest

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	gossh "golang.org/x/crypto/ssh"
)

// Patience is how long a screen waits for what should appear.
const Patience = 10 * time.Second

// Screen is a session with a terminal whose screen is kept by an emulator.
type Screen struct {
	tb      testing.TB
	session *gossh.Session
	stdin   io.WriteCloser

	mu      sync.Mutex   // guards the emulator's Write, String and Resize; not Read, which waits for them
	em      *vt.Emulator // nil after Close
	last    string       // the text at Close
	raw     []byte       // what came last, at most maxRaw
	changed chan struct{}

	ended chan struct{} // closed when the session is over
	err   error         // of the session; read after ended
}

const maxRaw = 1 << 20

// ScreenConfig says what kind of terminal to open. Zero fields are those of xterm-256color at 80x24.
type ScreenConfig struct {
	Term          string   // "-" for an empty TERM
	Width, Height int      // -1 for 0
	Env           []string // NAME=value
	Command       string   // empty for the console
}

func (c ScreenConfig) withDefaults() ScreenConfig {
	if c.Term == "" {
		c.Term = "xterm-256color"
	} else if c.Term == "-" {
		c.Term = ""
	}
	if c.Width == 0 {
		c.Width = 80
	}
	if c.Height == 0 {
		c.Height = 24
	}
	c.Width, c.Height = max(c.Width, 0), max(c.Height, 0)
	return c
}

// Open opens a session with a terminal on a connection, and closes it when the test ends.
func Open(tb testing.TB, client *gossh.Client, cfg ScreenConfig) *Screen {
	tb.Helper()
	cfg = cfg.withDefaults()
	session, err := client.NewSession()
	if err != nil {
		tb.Fatalf("open session: %v", err)
	}
	width, height := cfg.Width, cfg.Height
	if width == 0 || height == 0 {
		width, height = 80, 24 // what the server makes of it
	}
	s := &Screen{
		tb: tb, session: session, em: vt.NewEmulator(min(width, 500), min(height, 200)),
		changed: make(chan struct{}), ended: make(chan struct{}),
	}
	tb.Cleanup(s.Close)
	s.start(cfg)
	return s
}

func (s *Screen) start(cfg ScreenConfig) {
	s.tb.Helper()
	var err error
	if s.stdin, err = s.session.StdinPipe(); err != nil {
		s.tb.Fatalf("open stdin: %v", err)
	}
	s.session.Stdout, s.session.Stderr = s, s
	for _, entry := range cfg.Env {
		name, value, _ := strings.Cut(entry, "=")
		if err := s.session.Setenv(name, value); err != nil {
			s.tb.Fatalf("set %s: %v", name, err)
		}
	}
	if err := s.session.RequestPty(cfg.Term, cfg.Height, cfg.Width, gossh.TerminalModes{}); err != nil {
		s.tb.Fatalf("request a terminal: %v", err)
	}
	if cfg.Command == "" {
		err = s.session.Shell()
	} else {
		err = s.session.Start(cfg.Command)
	}
	if err != nil {
		s.tb.Fatalf("start session: %v", err)
	}
	em := s.em
	go func() { _, _ = io.Copy(s.stdin, em) }() // the emulator's answers; ends with Close
	go s.await()
}

func (s *Screen) await() {
	err := s.session.Wait()
	s.mu.Lock()
	s.err = err
	close(s.ended)
	s.signal()
	s.mu.Unlock()
}

// signal wakes who waits for a change. The caller holds mu.
func (s *Screen) signal() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Write takes the server's output; the session calls it.
func (s *Screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.raw = append(s.raw, p...)
	if extra := len(s.raw) - maxRaw; extra > 0 {
		s.raw = s.raw[extra:]
	}
	defer s.signal()
	if s.em == nil {
		return len(p), nil
	}
	n, err := s.em.Write(p)
	// A terminal answers before it shows what comes behind the question: an empty write is taken when all answers are sent.
	_, _ = s.em.InputPipe().Write(nil)
	return n, err
}

// Close ends the session from the client's side, and lets go of the emulator, which holds 4 MB.
func (s *Screen) Close() {
	_ = s.session.Close() // over already is fine
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.em != nil {
		s.last = s.text()
		if answers, ok := s.em.InputPipe().(io.Closer); ok {
			_ = answers.Close() // ends the copying; the emulator's own Close may not be called beside its Read
		}
		s.em, s.raw = nil, nil
	}
}

// Type sends keys as they come over the wire: "j", "\r", "\x1b[A", "\x03".
func (s *Screen) Type(keys string) {
	s.tb.Helper()
	if _, err := io.WriteString(s.stdin, keys); err != nil {
		s.tb.Fatalf("type %q: %v", keys, err)
	}
}

// EOF ends the input.
func (s *Screen) EOF() {
	s.tb.Helper()
	if err := s.stdin.Close(); err != nil {
		s.tb.Fatalf("close stdin: %v", err)
	}
}

// Paste sends text as a bracketed paste.
func (s *Screen) Paste(text string) {
	s.tb.Helper()
	s.Type("\x1b[200~" + text + "\x1b[201~")
}

// Resize changes the window.
func (s *Screen) Resize(width, height int) {
	s.tb.Helper()
	s.mu.Lock()
	if s.em != nil {
		s.em.Resize(width, height)
	}
	s.mu.Unlock()
	if err := s.session.WindowChange(height, width); err != nil {
		s.tb.Fatalf("resize: %v", err)
	}
}

// Text is the screen now: its lines without trailing blanks, without trailing empty lines.
func (s *Screen) Text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text()
}

func (s *Screen) text() string {
	if s.em == nil {
		return s.last
	}
	lines := strings.Split(s.em.String(), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " \r")
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

// Raw is what the server has sent, the last MiB of it.
func (s *Screen) Raw() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.raw)
}

// AltScreen reports whether a full-screen program has the terminal.
func (s *Screen) AltScreen() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.em != nil && s.em.IsAltScreen()
}

// Wait waits until text is on the screen.
func (s *Screen) Wait(text string) {
	s.tb.Helper()
	s.WaitFor(fmt.Sprintf("%q", text), func(screen string) bool { return strings.Contains(screen, text) })
}

// WaitGone waits until text is not on the screen any more.
func (s *Screen) WaitGone(text string) {
	s.tb.Helper()
	s.WaitFor(fmt.Sprintf("%q to go", text), func(screen string) bool { return !strings.Contains(screen, text) })
}

// WaitFor waits until the screen satisfies a condition, which is looked at after each change; what says it in words.
func (s *Screen) WaitFor(what string, ok func(screen string) bool) {
	s.tb.Helper()
	deadline := time.After(Patience)
	for {
		s.mu.Lock()
		text, changed := s.text(), s.changed
		s.mu.Unlock()
		if ok(text) {
			return
		}
		ended := s.ended
		select {
		case <-changed:
			continue
		default:
		}
		select {
		case <-changed:
		case <-ended:
			s.tb.Fatalf("waiting for %s: the session has ended (%v); the screen:\n%s", what, s.err, text)
		case <-deadline:
			s.tb.Fatalf("waited %s for %s; the screen:\n%s", Patience, what, text)
		}
	}
}

// Exit waits for the end of the session and gives its exit code, -1 when the connection broke.
func (s *Screen) Exit() int {
	s.tb.Helper()
	select {
	case <-s.ended:
	case <-time.After(Patience):
		s.tb.Fatalf("the session did not end in %s; the screen:\n%s", Patience, s.Text())
	}
	return exitCode(s.err)
}

// Ended is closed when the session is over.
func (s *Screen) Ended() <-chan struct{} { return s.ended }
