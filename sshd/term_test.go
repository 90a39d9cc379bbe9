package sshd

import (
	"fmt"
	"io"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/sshd/sshdtest"
)

// desk is the program of these tests: it shows its size, the keys typed, the newest value posted to it and how often
// it came back from a shell.
type desk struct {
	term   *Term
	shell  func(in io.Reader, out io.Writer, onResize func(func(width, height int))) error
	w, h   int
	keys   string
	value  int
	back   int
	lost   error
	broken bool
}

type valueMsg int
type backMsg struct{ err error }

func (d desk) Init() tea.Cmd { return nil }

func (d desk) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		d.w, d.h = msg.Width, msg.Height
	case valueMsg:
		d.value = int(msg)
	case tea.PasteMsg:
		d.keys += "[" + msg.Content + "]"
	case backMsg:
		d.back++
		d.lost = msg.err
	case tea.KeyPressMsg:
		return d.key(msg.String())
	}
	return d, nil
}

func (d desk) key(key string) (tea.Model, tea.Cmd) {
	switch key {
	case "q":
		return d, tea.Quit
	case "S":
		return d, d.term.Exec(d.shell, func(err error) tea.Msg { return backMsg{err} })
	case "P":
		panic("in Update")
	case "C":
		return d, func() tea.Msg { panic("in a command") }
	case "B":
		return d, tea.Batch(func() tea.Msg { panic("in a batch") }, nil, func() tea.Msg { return nil })
	case "V":
		d.broken = true
	case "Z":
		return d, tea.Suspend
	default:
		d.keys += key
	}
	return d, nil
}

func (d desk) View() tea.View {
	if d.broken {
		panic("in View")
	}
	text := fmt.Sprintf("desk %dx%d\nkeys:%s\nvalue:%d\nback:%d", d.w, d.h, d.keys, d.value, d.back)
	if d.lost != nil {
		text += "\nlost: " + d.lost.Error()
	}
	v := tea.NewView(text)
	v.AltScreen = true
	return v
}

// atDesk runs a desk in each interactive session; its exit code is 3 when the program failed.
func atDesk(shell func(in io.Reader, out io.Writer, onResize func(func(width, height int))) error) Handler {
	return func(s *Session) int {
		t, ok := s.Term()
		if !ok {
			_, _ = fmt.Fprintln(s.Stderr(), "no terminal")
			return 2
		}
		if _, err := RunProgram(s, desk{term: t, shell: shell}); err != nil {
			_, _ = fmt.Fprintln(s, core.MessageOf(err))
			return 3
		}
		_, _ = fmt.Fprintln(s, "left the desk")
		return 0
	}
}

func TestAProgramIsDrawnTypedAtAndLeft(t *testing.T) {
	r := start(t, atDesk(nil), nil)
	s := sshdtest.Open(t, r.dial(t), sshdtest.ScreenConfig{Width: 100, Height: 30})
	s.Wait("desk 100x30")
	if !s.AltScreen() {
		t.Error("not on the other screen")
	}
	s.Type("abc")
	s.Wait("keys:abc")
	s.Paste("hello\nthere")
	s.Wait("[hello")
	s.Resize(120, 40)
	s.Wait("desk 120x40")
	s.Type("q")
	s.Wait("left the desk")
	if code := s.Exit(); code != 0 || s.AltScreen() {
		t.Fatalf("exit code %d, other screen %v", code, s.AltScreen())
	}
}

func TestEverySizeIsDrawn(t *testing.T) {
	r := start(t, atDesk(nil), nil)
	for _, c := range []struct{ w, h, wantW, wantH int }{
		{-1, -1, 80, 24}, {1, 1, 1, 1}, {5, 2, 5, 2}, {3000, 2000, 500, 200}, {1 << 31, 1 << 31, 500, 200},
	} {
		s := sshdtest.Open(t, r.dial(t), sshdtest.ScreenConfig{Width: c.w, Height: c.h})
		sshdtest.Eventually(t, "the session", func() bool { list := r.Sessions(); return len(list) == 1 && list[0].Terminal != "" })
		if got := r.Sessions()[0].Size; got != (Size{c.wantW, c.wantH}) {
			t.Errorf("%dx%d became %v", c.w, c.h, got)
		}
		s.WaitFor("a first frame", func(string) bool { return s.AltScreen() })
		s.Type("q")
		if code := s.Exit(); code != 0 {
			t.Errorf("%dx%d: exit code %d", c.w, c.h, code)
		}
		sshdtest.Eventually(t, "no session", func() bool { return len(r.Sessions()) == 0 })
	}
}

func TestAWindowThatChangesBeforeTheShellDoesNotHang(t *testing.T) {
	r := start(t, atDesk(nil), nil)
	session, err := r.dial(t).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = session.Close() }()
	out, err := session.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := session.WindowChange(9, 9); err != nil { // before there is a terminal
		t.Fatal(err)
	}
	if err := session.RequestPty("xterm", 24, 80, nil); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if err := session.WindowChange(24+i, 80+i); err != nil {
			t.Fatal(err)
		}
	}
	if err := session.Shell(); err != nil {
		t.Fatal(err)
	}
	found := make(chan struct{})
	go func() {
		var seen strings.Builder
		buf := make([]byte, 1024)
		for !strings.Contains(seen.String(), "99x43") {
			n, err := out.Read(buf)
			if err != nil {
				return
			}
			seen.Write(buf[:n])
		}
		close(found)
	}()
	receive(t, "the last size", found)
}

func TestAStormOfResizesDoesNotBlockAndEndsWithTheLast(t *testing.T) {
	r := start(t, atDesk(nil), nil)
	s := sshdtest.Open(t, r.dial(t), sshdtest.ScreenConfig{})
	s.Wait("desk 80x24")
	for i := range 500 {
		s.Resize(60+i%50, 20+i%20)
	}
	s.Resize(90, 25)
	s.Wait("desk 90x25")
}

func TestADumbTerminalIsRefusedWithAMessage(t *testing.T) {
	r := start(t, atDesk(nil), nil)
	for _, term := range []string{"dumb", "-", "evil\x1b[2J", strings.Repeat("x", 100)} {
		s := sshdtest.Open(t, r.dial(t), sshdtest.ScreenConfig{Term: term})
		s.Wait("needs a terminal that can")
		if code := s.Exit(); code == 0 {
			t.Errorf("TERM %q: exit code 0", term)
		}
		if strings.Contains(s.Raw(), "\x1b") {
			t.Errorf("TERM %q: control sequences %q", term, s.Raw())
		}
	}
}

func TestWithoutATerminalTheConsoleSaysSo(t *testing.T) {
	r := start(t, atDesk(nil), nil)
	session, err := r.dial(t).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	var errs strings.Builder
	session.Stderr = &errs
	if err := session.Shell(); err != nil {
		t.Fatal(err)
	}
	if err := session.Wait(); err == nil || errs.String() != "no terminal\n" {
		t.Fatalf("%v, %q", err, errs.String())
	}
}

func TestTheEndOfTheInputEndsTheProgram(t *testing.T) {
	r := start(t, atDesk(nil), nil)
	s := sshdtest.Open(t, r.dial(t), sshdtest.ScreenConfig{})
	s.Wait("desk")
	s.Type("abc")
	s.EOF()
	s.Wait("left the desk")
	if code := s.Exit(); code != 0 {
		t.Fatal(code)
	}
}

func TestAnEndedSessionLeavesTheTerminalAsItWas(t *testing.T) {
	r := start(t, atDesk(nil), quick)
	s := sshdtest.Open(t, r.dial(t), sshdtest.ScreenConfig{})
	s.Wait("desk")
	r.End(r.Sessions()[0].ID, "Time is up.")
	s.Wait("Session ended: Time is up.")
	if code := s.Exit(); code != 1 || s.AltScreen() {
		t.Fatalf("exit code %d, other screen %v", code, s.AltScreen())
	}
}

func TestAPanicInTheConsoleRestoresTheTerminalAndOthersLive(t *testing.T) {
	r := start(t, atDesk(nil), nil)
	client := r.dial(t)
	other := sshdtest.Open(t, client, sshdtest.ScreenConfig{})
	other.Wait("desk")
	for _, key := range []string{"P", "C", "V", "B"} {
		s := sshdtest.Open(t, client, sshdtest.ScreenConfig{})
		s.Wait("desk")
		s.Type(key)
		s.Wait("The console has failed.")
		if code := s.Exit(); code != 3 || s.AltScreen() {
			t.Errorf("%s: exit code %d, other screen %v", key, code, s.AltScreen())
		}
	}
	other.Type("x")
	other.Wait("keys:x")
	for _, where := range []string{"in Update", "in a command", "in View"} {
		if !strings.Contains(r.log.String(), where) {
			t.Errorf("the log lacks the panic %s", where)
		}
	}
}

func TestSuspendDoesNotStopTheServer(t *testing.T) {
	r := start(t, atDesk(nil), nil)
	s := sshdtest.Open(t, r.dial(t), sshdtest.ScreenConfig{})
	s.Wait("desk")
	s.Type("Zab")
	s.Wait("keys:ab")
}

func TestPostsReachTheProgramTheNewestFirst(t *testing.T) {
	terms := make(chan *Term, 1)
	r := start(t, func(s *Session) int {
		if term, ok := s.Term(); ok {
			term.Post("value", valueMsg(1)) // before it runs
			terms <- term
		}
		return atDesk(nil)(s)
	}, nil)
	s := sshdtest.Open(t, r.dial(t), sshdtest.ScreenConfig{})
	term := receive(t, "the terminal", terms)
	s.Wait("value:1")
	for i := range 10_000 {
		term.Post("value", valueMsg(i))
	}
	s.Wait("value:9999")
}

// bash is a shell on a pseudo-terminal, as a container's would be.
// echo reads n bytes, says what it read, and ends.
func TestAfterAProgramTheSessionReadsOn(t *testing.T) {
	r := start(t, func(s *Session) int {
		if code := atDesk(nil)(s); code != 0 {
			return code
		}
		_, _ = io.WriteString(s, "name? ")
		buf := make([]byte, 3)
		if _, err := io.ReadFull(s, buf); err != nil {
			return 9
		}
		_, _ = fmt.Fprintf(s, "hello %s\n", buf)
		return atDesk(nil)(s) // and once more
	}, nil)
	s := sshdtest.Open(t, r.dial(t), sshdtest.ScreenConfig{})
	s.Wait("desk")
	s.Type("q")
	s.Wait("name?")
	s.Type("ada")
	s.Wait("desk")
	s.Type("zz")
	s.Wait("keys:zz")
	s.Type("q")
	s.Wait("hello ada")
	if code := s.Exit(); code != 0 {
		t.Fatal(code)
	}
}
