package sshd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"github.com/codematrx/matrx-ship/sshd/sshdtest"
)

func TestACommandHasInputOutputErrorsAndAnExitCode(t *testing.T) {
	r := start(t, func(s *Session) int {
		in, err := io.ReadAll(s)
		if err != nil {
			return 99
		}
		_, _ = fmt.Fprintf(s, "%d bytes\n", len(in))
		_, _ = fmt.Fprintln(s.Stderr(), "a complaint")
		code, _ := strconv.Atoi(s.Command()[1])
		return code
	}, nil)
	client := r.dial(t)
	const size = 3 << 20
	got := sshdtest.Run(t, client, "exit 42", strings.Repeat("x", size))
	if got != (sshdtest.Result{Stdout: "3145728 bytes\n", Stderr: "a complaint\n", Code: 42}) {
		t.Fatalf("%+v", got)
	}
	if got := sshdtest.Run(t, client, "exit 0", ""); got.Code != 0 {
		t.Fatalf("%+v", got)
	}
}

func TestACommandIsSplitLikeAShellDoesAndNothingMore(t *testing.T) {
	for line, want := range map[string][]string{
		`logs ship-acme --grep 'a b'`: {"logs", "ship-acme", "--grep", "a b"},
		`a "b \"c\" \\ $HOME" d`:      {"a", `b "c" \ $HOME`, "d"},
		`a\ b ''`:                     {"a b", ""},
		`x"y"'z'`:                     {"xyz"},
		"  a\t\nb  ":                  {"a", "b"},
		`$(rm) * ; | ` + "`id`":       {"$(rm)", "*", ";", "|", "`id`"},
		`'it''s'`:                     {"its"},
		"":                            nil,
	} {
		got, err := splitCommand(line)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v", line, got, err)
		}
	}
	for _, line := range []string{`a 'b`, `a "b`, `a\`, `"a\"`} {
		if got, err := splitCommand(line); err == nil {
			t.Errorf("%q: %q", line, got)
		}
	}
}

func TestACommandThatCannotBeReadSaysSo(t *testing.T) {
	r := start(t, sayWho, nil)
	client := r.dial(t)
	got := sshdtest.Run(t, client, `logs 'x`, "")
	if got.Code != 2 || got.Stdout != "" || !strings.Contains(got.Stderr, "quote") {
		t.Fatalf("%+v", got)
	}
}

func TestTheEnvironmentIsBounded(t *testing.T) {
	r := start(t, func(s *Session) int {
		_, _ = fmt.Fprint(s, strings.Join(s.Env(), "\n"))
		return 0
	}, nil)
	session, err := r.dial(t).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"LARGE": strings.Repeat("x", maxEnvSize), "TERM": "x", "": "x", "A B": "x", "A=B": "x", "CONTROL": "a\x1b[2J", "LINE": "a\nb",
	} {
		if err := session.Setenv(name, value); err == nil {
			t.Errorf("%q=%.10q was taken", name, value)
		}
	}
	taken := 0
	for i := range 100 {
		if session.Setenv(fmt.Sprintf("LC_%d", i), strings.Repeat("y", 1000)) == nil {
			taken++
		}
	}
	out, err := session.Output("env")
	if lines := strings.Split(string(out), "\n"); taken != maxEnv || len(lines) != maxEnv || err != nil {
		t.Fatalf("%d taken, %d there, %v", taken, len(lines), err)
	}
}

func TestWhatNobodyUsesIsRefused(t *testing.T) {
	r := start(t, sayWho, nil)
	client := r.dial(t)
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	for _, request := range []string{"auth-agent-req@openssh.com", "x11-req", "break", "no-such-request@example.com"} {
		if ok, err := session.SendRequest(request, true, nil); ok || err != nil {
			t.Errorf("%s: %v, %v", request, ok, err)
		}
	}
	if err := session.RequestSubsystem("sftp"); err == nil {
		t.Error("sftp was granted")
	}
	for _, kind := range []string{"direct-tcpip", "direct-streamlocal@openssh.com", "x11", "auth-agent@openssh.com", "tun@openssh.com"} {
		if _, _, err := client.OpenChannel(kind, nil); err == nil {
			t.Errorf("a channel of type %s was opened", kind)
		}
	}
	for _, request := range []string{"tcpip-forward", "streamlocal-forward@openssh.com"} {
		if ok, _, err := client.SendRequest(request, true, nil); ok || err != nil {
			t.Errorf("%s: %v, %v", request, ok, err)
		}
	}
	if _, err := client.Listen("tcp", "127.0.0.1:0"); err == nil {
		t.Error("remote forwarding was granted")
	}
	if err := session.Run("x"); err != nil {
		t.Errorf("the session itself: %v", err)
	}
}

func TestAMalformedRequestIsRefusedAndTheSessionLives(t *testing.T) {
	r := start(t, sayWho, nil)
	session, err := r.dial(t).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	for _, request := range []string{"pty-req", "env", "exec", "window-change", "signal"} {
		for _, payload := range []string{"", "\xff\xff\xff\xff", "\x00\x00\x00\x01", strings.Repeat("\xff", 5000)} {
			if ok, err := session.SendRequest(request, true, []byte(payload)); ok || err != nil {
				t.Errorf("%s %.8q: %v, %v", request, payload, ok, err)
			}
		}
	}
	if err := session.Run("x"); err != nil {
		t.Fatal(err)
	}
}

func TestASecondCommandOnOneChannelIsRefused(t *testing.T) {
	ended := make(chan error, 1)
	r := start(t, until(ended), nil)
	session, err := r.dial(t).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Start("one"); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"exec", "shell", "pty-req", "env"} {
		payload := gossh.Marshal(struct{ A, B string }{"two", "x"})
		if ok, err := session.SendRequest(kind, true, payload); ok || err != nil {
			t.Errorf("%s: %v, %v", kind, ok, err)
		}
	}
}

func TestAPanicEndsOneSessionWithExitCodeOne(t *testing.T) {
	ended := make(chan error, 1)
	r := start(t, func(s *Session) int {
		if slices.Equal(s.Command(), []string{"panic"}) {
			panic("on purpose")
		}
		return until(ended)(s)
	}, nil)
	client := r.dial(t)
	sshdtest.Open(t, client, sshdtest.ScreenConfig{})
	got := sshdtest.Run(t, client, "panic", "")
	if got.Code != 1 || !strings.Contains(got.Stderr, "Internal error in session") || strings.Contains(got.Stderr, "on purpose") {
		t.Fatalf("%+v", got)
	}
	if log := r.log.String(); !strings.Contains(log, "on purpose") || !strings.Contains(log, "session_test.go") {
		t.Fatalf("the log lacks the panic or its stack:\n%s", log)
	}
	select {
	case err := <-ended:
		t.Fatalf("the other session ended: %v", err)
	default:
	}
	sshdtest.Eventually(t, "one session", func() bool { return len(r.Sessions()) == 1 })
}

func TestAPanicOnAFullScreenGivesTheTerminalBack(t *testing.T) {
	r := start(t, func(s *Session) int {
		_, _ = io.WriteString(s, "\x1b[?1049h\x1b[?25lfull screen")
		panic("on purpose")
	}, nil)
	s := sshdtest.Open(t, r.dial(t), sshdtest.ScreenConfig{})
	if code := s.Exit(); code != 1 || s.AltScreen() || !strings.Contains(s.Text(), "Internal error in session") {
		t.Fatalf("exit code %d, other screen %v:\n%s", code, s.AltScreen(), s.Text())
	}
}

func TestClosingOneChannelEndsThatSessionAlone(t *testing.T) {
	ended := make(chan error, 2)
	r := start(t, until(ended), nil)
	client := r.dial(t)
	one := sshdtest.Open(t, client, sshdtest.ScreenConfig{})
	sshdtest.Open(t, client, sshdtest.ScreenConfig{})
	sshdtest.Eventually(t, "two sessions", func() bool { return len(r.Sessions()) == 2 })
	one.Close()
	if cause := receive(t, "the end of one", ended); !errors.Is(cause, errHungUp) {
		t.Fatal(cause)
	}
	sshdtest.Eventually(t, "one session", func() bool { return len(r.Sessions()) == 1 })
	select {
	case err := <-ended:
		t.Fatalf("the other ended too: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
}

func TestAClientThatVanishesEndsItsSessions(t *testing.T) {
	ended := make(chan error, 2)
	r := start(t, until(ended), nil)
	client := r.dial(t)
	for range 2 {
		sshdtest.Open(t, client, sshdtest.ScreenConfig{})
	}
	_ = client.Close()
	for range 2 {
		_ = receive(t, "the end", ended)
	}
	sshdtest.Eventually(t, "nothing left", func() bool { return len(r.Sessions()) == 0 && len(r.connections()) == 0 })
}

func TestASignalEndsTheSession(t *testing.T) {
	ended := make(chan error, 1)
	r := start(t, until(ended), nil)
	session, err := r.dial(t).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Start("wait"); err != nil {
		t.Fatal(err)
	}
	if err := session.Signal(gossh.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = receive(t, "the end", ended)
}

func TestSessionsAreListedAndEnded(t *testing.T) {
	ended := make(chan error, 2)
	r := start(t, until(ended), quick)
	client := r.dial(t)
	screen := sshdtest.Open(t, client, sshdtest.ScreenConfig{Width: 100, Height: 30})
	var list []SessionInfo
	sshdtest.Eventually(t, "the session", func() bool { list = r.Sessions(); return len(list) == 1 && list[0].Terminal != "" })
	got := list[0]
	if got.Identity.Name != "ada@laptop" || got.User != "operator" || got.Size != (Size{100, 30}) || got.Terminal != "xterm-256color" ||
		got.Remote != client.LocalAddr().String() || !strings.HasPrefix(got.ClientVersion, "SSH-2.0-") || !got.LastInput.IsZero() {
		t.Fatalf("%+v", got)
	}
	screen.Type("x")
	sshdtest.Eventually(t, "the key press", func() bool { return !r.Sessions()[0].LastInput.IsZero() })

	if r.End("no such session", "x") {
		t.Fatal("ended what is not there")
	}
	if !r.End(got.ID, "The operator says so.") {
		t.Fatal("not found")
	}
	screen.Wait("Session ended: The operator says so.")
	if code := screen.Exit(); code != 1 {
		t.Fatalf("exit code %d", code)
	}
	if res := sshdtest.Run(t, client, "", ""); res.Code == -1 {
		t.Fatal("the connection ended with its session")
	}
}

func TestASessionThatDoesNotGoIsCutAfterItsGrace(t *testing.T) {
	release := make(chan struct{})
	r := start(t, func(s *Session) int { <-release; return 0 }, quick)
	defer close(release)
	client := r.dial(t)
	screen := sshdtest.Open(t, client, sshdtest.ScreenConfig{})
	sshdtest.Eventually(t, "the session", func() bool { return len(r.Sessions()) == 1 })
	r.End(r.Sessions()[0].ID, "x")
	select {
	case <-screen.Ended():
	case <-time.After(sshdtest.Patience):
		t.Fatal("not cut")
	}
}

func TestShutdownAsksEverybodyToLeave(t *testing.T) {
	r := start(t, func(s *Session) int { <-s.Context().Done(); return 0 }, quick)
	var screens []*sshdtest.Screen
	for range 3 {
		screens = append(screens, sshdtest.Open(t, r.dial(t), sshdtest.ScreenConfig{}))
	}
	idle := r.dial(t)
	sshdtest.Eventually(t, "the sessions", func() bool { return len(r.Sessions()) == 3 })
	began := time.Now()
	if err := r.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("took %s", took)
	}
	for _, screen := range screens {
		screen.Wait("Session ended: The server is shutting down.")
		if code := screen.Exit(); code != 1 {
			t.Errorf("exit code %d", code)
		}
	}
	if err := idle.Wait(); err == nil {
		t.Error("an idle connection ended without a word")
	}
	if _, err := sshdtest.Login(r.addr, sshdtest.ClientConfig("ada", r.key)); err == nil {
		t.Error("still let in")
	}
}

func TestShutdownDoesNotWaitForeverForASessionToOutliveIt(t *testing.T) { // the name excuses the error: see start
	release := make(chan struct{})
	defer close(release)
	r := start(t, func(s *Session) int { <-release; return 0 }, func(c *Config) {
		quick(c)
		c.Limits.ShutdownGrace = 200 * time.Millisecond
	})
	sshdtest.Open(t, r.dial(t), sshdtest.ScreenConfig{})
	sshdtest.Eventually(t, "the session", func() bool { return len(r.Sessions()) == 1 })
	began := time.Now()
	err := r.Shutdown(context.Background())
	if err == nil || time.Since(began) > 5*time.Second {
		t.Fatalf("%v after %s", err, time.Since(began))
	}
}
