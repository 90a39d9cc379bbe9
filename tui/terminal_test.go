package tui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

func TestTerminalScreen(t *testing.T) {
	looks(t, "recording.list", full, sampled, "3")
	t.Run("a shell is opened as the form says", func(t *testing.T) {
		inConsole(t, full(), func(c *console) {
			c.press("3", "j", "enter")
			c.shows("Shell in ship-demo")
			c.types("psql -U app")
			c.press("tab")
			c.types("postgres")
			c.press("enter")
			if got := c.world.called("shell.open"); len(got) != 1 || got[0] != "shell.open {Service:ship-demo Command:[psql -U app] User:postgres Term: Cols:80 Rows:24}" {
				t.Errorf("calls: %q", got)
			}
			c.shows("The shell in ship-demo has ended.")
		})
	})
	t.Run("a shell that ends in an error says why", func(t *testing.T) {
		w := full()
		w.errs = map[string]error{"shell.open": core.Errorf(core.CodeUnavailable, "The recording cannot be written: the disk is full.")}
		inConsole(t, w, func(c *console) {
			c.press("3", "j", "s")
			c.shows("✗ Shell in ship-demo: The recording cannot be written")
		})
	})
}

func TestADoorWithoutShellsSaysWhatToUse(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.app.shell = nil
		c.press("j", "s")
		c.shows("ssh -t HOST shell ship-demo")
	})
}

func TestReplayScreen(t *testing.T) {
	inReplay := func(t *testing.T, w *world, test func(*console)) {
		inConsole(t, w, func(c *console) {
			c.press("3", "tab", "enter")
			test(c)
		})
	}
	t.Run("plays in its own time and shortens long pauses", func(t *testing.T) {
		inReplay(t, full(), func(c *console) {
			c.pass(500 * time.Millisecond)
			c.shows("● playing", "$ ls", "40x10")
			c.hides("server.js")
			c.pass(700 * time.Millisecond)
			c.shows("server.js  uploads")
			c.golden()
			c.pass(3 * time.Second)
			c.shows("■ at its end", "$ exit")
		})
	})
	t.Run("pauses, goes faster and begins again", func(t *testing.T) {
		inReplay(t, full(), func(c *console) {
			c.pass(300 * time.Millisecond)
			c.press("space")
			c.pass(5 * time.Second)
			c.shows("‖ paused")
			c.hides("server.js")
			c.press("+", "+", "-", "space")
			c.pass(450 * time.Millisecond)
			c.shows("2x", "server.js")
			c.press("a")
			c.hides("server.js")
			if n := len(c.world.called("recording.read")); n != 2 {
				t.Errorf("read %d times", n)
			}
		})
	})
	t.Run("an error is shown", func(t *testing.T) {
		w := full()
		w.errs = map[string]error{"recording.read": core.Errorf(core.CodeNotFound, "There is no recording r-2.")}
		inReplay(t, w, func(c *console) {
			c.pass(100 * time.Millisecond)
			c.shows("The recording cannot be read", "There is no recording r-2.")
		})
	})
	t.Run("questions to the terminal are answered by nobody and hang nothing", func(t *testing.T) {
		w := full()
		w.cast = []core.CastEvent{{Kind: "o", Data: strings.Repeat("\x1b[c\x1b[6n\x1b]11;?\x07\x1b[?2026$p", 500) + "still here"}}
		inReplay(t, w, func(c *console) { c.pass(time.Second); c.shows("still here") })
	})
	t.Run("what is read ahead is bounded", func(t *testing.T) {
		w := full()
		w.cast = nil
		for i := range 20_000 {
			w.cast = append(w.cast, core.CastEvent{At: time.Duration(i) * 10 * time.Millisecond, Kind: "o", Data: fmt.Sprintf("%d\r\n", i)})
		}
		inReplay(t, w, func(c *console) {
			c.pass(5 * time.Second)
			r := c.app.screen().(*replay)
			if n := len(r.queue); n > replayQueue+batchSize {
				t.Errorf("%d events are held", n)
			}
			c.shows("\n500\n")
			c.press("+", "+", "+", "+", "+")
			c.pass(10 * time.Second)
			c.shows("19999")
		})
	})
	t.Run("leaving ends the stream", func(t *testing.T) {
		w := full()
		inReplay(t, w, func(c *console) {
			c.press("esc")
			c.pass(time.Minute)
			c.shows("RECORDED")
		})
	})
}
