//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// terminal is a program in a real terminal: a tmux server of its own with one window.
type terminal struct {
	t      testing.TB
	socket string
	status string // file that gets the program's exit code; tmux itself sometimes forgets it
}

// open starts a program in a terminal of the given size.
func open(t testing.TB, width, height int, argv ...string) *terminal {
	t.Helper()
	dir, err := os.MkdirTemp("", "matrx-tmux") // a socket's path is bounded to about 100 bytes
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{t, filepath.Join(dir, "s"), filepath.Join(dir, "status")}
	args := []string{
		"-S", term.socket, "-f", "/dev/null", "new-session", "-d", "-x", strconv.Itoa(width), "-y", strconv.Itoa(height), "--",
		"sh", "-c", `"$@"; echo $? >"$0.part"; mv "$0.part" "$0"`, term.status,
	}
	if r := run(t, "tmux", append(args, argv...)...); r.code != 0 {
		t.Fatalf("tmux: %s", r.err)
	}
	term.tmux("set-option", "-g", "remain-on-exit", "on")
	t.Cleanup(func() {
		run(t, "tmux", "-S", term.socket, "kill-server")
		_ = os.RemoveAll(dir)
	})
	return term
}

// console opens the console of a port in a terminal.
func (s stack) console(t testing.TB, port, width, height int) *terminal {
	t.Helper()
	return open(t, width, height, append([]string{"ssh", "-tt"}, s.sshArgs(t, port, s.Key)...)...)
}

func (term *terminal) tmux(args ...string) string {
	term.t.Helper()
	r := run(term.t, "tmux", append([]string{"-S", term.socket}, args...)...)
	if r.code != 0 {
		term.t.Fatalf("tmux %s: %s", strings.Join(args, " "), r.err)
	}
	return r.out
}

// screen is what the terminal shows.
func (term *terminal) screen() string {
	term.t.Helper()
	return term.tmux("capture-pane", "-p")
}

// keys types key names as tmux knows them.
func (term *terminal) keys(keys ...string) {
	term.t.Helper()
	term.tmux(append([]string{"send-keys"}, keys...)...)
}

// text types text as it is.
func (term *terminal) text(text string) {
	term.t.Helper()
	term.tmux("send-keys", "-l", "--", text)
}

// resize gives the terminal another size.
func (term *terminal) resize(width, height int) {
	term.t.Helper()
	term.tmux("resize-window", "-x", strconv.Itoa(width), "-y", strconv.Itoa(height))
}

// sees waits until every text is on the screen at once, and gives how long that took.
func (term *terminal) sees(limit time.Duration, texts ...string) time.Duration {
	term.t.Helper()
	return term.until(limit, fmt.Sprintf("%q on the screen", texts), func(screen string) bool {
		for _, text := range texts {
			if !strings.Contains(screen, text) {
				return false
			}
		}
		return true
	})
}

// until waits until the screen is as it should be, and shows it when it does not become so.
func (term *terminal) until(limit time.Duration, what string, holds func(screen string) bool) time.Duration {
	term.t.Helper()
	began := time.Now()
	tick := time.NewTicker(30 * time.Millisecond)
	defer tick.Stop()
	for {
		screen := term.screen()
		if holds(screen) {
			return time.Since(began)
		}
		if time.Since(began) > limit {
			term.t.Fatalf("after %s not %s; the screen is:\n%s", limit, what, screen)
		}
		<-tick.C
	}
}

// ended waits until the program in the terminal has ended and gives its exit code.
func (term *terminal) ended(limit time.Duration) int {
	term.t.Helper()
	code := -1
	eventually(term.t, limit, "the program in the terminal ended", func() bool {
		raw, err := os.ReadFile(term.status)
		if err != nil {
			return false
		}
		code, err = strconv.Atoi(strings.TrimSpace(string(raw)))
		return err == nil
	})
	return code
}

// line is the first line of the screen that holds the text.
func line(screen, text string) string {
	for l := range strings.Lines(screen) {
		if strings.Contains(l, text) {
			return l
		}
	}
	return ""
}
