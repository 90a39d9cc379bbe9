package sshd

import (
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/codematrx/matrx-ship/sshd/sshdtest"
)

func bash(in io.Reader, out io.Writer, onResize func(func(width, height int))) error {
	cmd := exec.Command("bash", "--norc", "--noprofile", "-i")
	cmd.Env = []string{"PS1=sh> ", "TERM=xterm", "PATH=/usr/bin:/bin"}
	tty, err := pty.Start(cmd)
	if err != nil {
		return err
	}
	onResize(func(w, h int) { _ = pty.Setsize(tty, &pty.Winsize{Cols: uint16(w), Rows: uint16(h)}) })
	go func() {
		_, _ = io.Copy(tty, in)
		_ = cmd.Process.Kill() // the user is gone, or the shell is: then there is nothing to kill
	}()
	_, _ = io.Copy(out, tty) // ends when the shell does
	err = cmd.Wait()
	onResize(nil)
	return errors.Join(err, tty.Close())
}

func TestAShellHasTheTerminalToItselfAndTheProgramComesBack(t *testing.T) {
	r := start(t, atDesk(bash), nil)
	s := sshdtest.Open(t, r.dial(t), sshdtest.ScreenConfig{})
	s.Wait("desk 80x24")
	s.Type("S")
	s.Wait("sh>")
	s.Type("echo $((6*7)); stty size\r")
	s.Wait("24 80")
	s.Wait("42")
	s.Resize(100, 30)
	// The size and what is typed come by different ways: on a busy machine the size may be the later one.
	s.Type("until [ \"$(stty size)\" = \"$((29+1)) 100\" ]; do sleep 0.05; done; stty size\r")
	s.Wait("30 100")
	s.Type("echo $((1+1))-begins; cat\r")
	s.Wait("2-begins") // the terminal is cooked from here on
	s.Type("echoed\r")
	s.WaitFor("the echo of the terminal and of cat", func(text string) bool { return strings.Count(text, "echoed") == 2 })
	s.Type("\x03")
	s.WaitFor("the prompt after ^C", func(text string) bool {
		_, after, interrupted := strings.Cut(text, "^C")
		return interrupted && strings.Contains(after, "sh>")
	})
	s.Type("exit\r")
	s.Wait("back:1")
	s.Wait("desk 100x30")
	s.Type("xyz")
	s.Wait("keys:xyz")
	s.Type("q")
	if code := s.Exit(); code != 0 {
		t.Fatal(code)
	}
}

func echo(n int) func(io.Reader, io.Writer, func(func(width, height int))) error {
	return func(in io.Reader, out io.Writer, _ func(func(width, height int))) error {
		_, _ = io.WriteString(out, "\r\nready\r\n")
		buf := make([]byte, n)
		if _, err := io.ReadFull(in, buf); err != nil {
			return err
		}
		_, err := fmt.Fprintf(out, "read %q\r\n", buf)
		return err
	}
}

func TestNoKeyIsLostBetweenProgramAndShell(t *testing.T) {
	r := start(t, atDesk(echo(3)), nil)
	s := sshdtest.Open(t, r.dial(t), sshdtest.ScreenConfig{})
	s.Wait("desk")
	want := ""
	for i := range 20 {
		s.Type("S")
		sshdtest.Eventually(t, "the shell", func() bool { return strings.Count(s.Raw(), "ready") == i+1 })
		s.Type("123ab") // three are the shell's; the others are typed ahead for the program
		want += "ab"
		s.Wait("keys:" + want)
		s.Wait(fmt.Sprintf("back:%d", i+1))
	}
	if n := strings.Count(s.Raw(), `read "123"`); n != 20 {
		t.Fatalf("the shell read its keys %d times of 20", n)
	}
}

func TestAReaderThatTheShellLeftBehindEndsWithIt(t *testing.T) {
	ended := make(chan error, 1)
	r := start(t, atDesk(func(in io.Reader, _ io.Writer, _ func(func(width, height int))) error {
		go func() {
			_, err := io.Copy(io.Discard, in)
			ended <- err
		}()
		return nil
	}), nil)
	s := sshdtest.Open(t, r.dial(t), sshdtest.ScreenConfig{})
	s.Wait("desk")
	s.Type("S")
	s.Wait("back:1")
	if err := receive(t, "the end of the reader", ended); err != nil {
		t.Fatal(err)
	}
	s.Type("abc")
	s.Wait("keys:abc")
}

func TestTheShellStartsAtOnce(t *testing.T) {
	r := start(t, atDesk(echo(1)), nil)
	s := sshdtest.Open(t, r.dial(t), sshdtest.ScreenConfig{})
	s.Wait("desk")
	var worst time.Duration
	for i := range 5 {
		began := time.Now()
		s.Type("S")
		sshdtest.Eventually(t, "the shell", func() bool { return strings.Count(s.Raw(), "ready") == i+1 })
		worst = max(worst, time.Since(began))
		s.Type("x")
		s.Wait(fmt.Sprintf("back:%d", i+1))
	}
	if worst > 300*time.Millisecond { // the stock way takes 500
		t.Fatalf("it took %s", worst)
	}
}

func TestAnEndedSessionEndsItsShellToo(t *testing.T) {
	over := make(chan error, 1)
	shell := func(in io.Reader, out io.Writer, onResize func(func(width, height int))) error {
		err := bash(in, out, onResize)
		over <- err
		return err
	}
	r := start(t, atDesk(shell), quick)
	for _, end := range []func(*sshdtest.Screen){
		func(*sshdtest.Screen) { r.End(r.Sessions()[0].ID, "x") },
		func(s *sshdtest.Screen) { s.Close() },
		func(s *sshdtest.Screen) { s.EOF() },
	} {
		s := sshdtest.Open(t, r.dial(t), sshdtest.ScreenConfig{})
		s.Wait("desk")
		s.Type("S")
		s.Wait("sh>")
		end(s)
		_ = receive(t, "the end of the shell", over)
		sshdtest.Eventually(t, "no session", func() bool { return len(r.Sessions()) == 0 })
	}
}

func TestAPanicInAShellBringsTheProgramBack(t *testing.T) {
	r := start(t, atDesk(func(io.Reader, io.Writer, func(func(width, height int))) error { panic("in the shell") }), nil)
	s := sshdtest.Open(t, r.dial(t), sshdtest.ScreenConfig{})
	s.Wait("desk")
	s.Type("S")
	s.Wait("lost: panic: in the shell")
	s.Type("ok")
	s.Wait("keys:ok")
}

func TestASecondShellAtOnceIsRefused(t *testing.T) {
	r := start(t, atDesk(echo(1)), nil)
	s := sshdtest.Open(t, r.dial(t), sshdtest.ScreenConfig{})
	s.Wait("desk")
	s.Type("SS")
	s.WaitFor("the shell", func(string) bool { return strings.Contains(s.Raw(), "ready") })
	s.Type("x")
	s.WaitFor("both to be answered", func(string) bool { return strings.Contains(s.Text(), "back:2") })
}
