package tui

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/exp/golden"

	"github.com/codematrx/matrx-ship/core"
)

// console drives an App without a tea.Program: commands run in goroutines of a synctest bubble, so that a test sees
// every effect of a key before it goes on, and time passes only when it says so.
type console struct {
	testing.TB
	app    *App
	world  *world
	msgs   chan tea.Msg
	wg     sync.WaitGroup // commands under way
	quit   bool
	copied string // of the type of the last message for the terminal itself
}

// inConsole runs a test in a bubble with a console over a world, at 80x24.
func inConsole(t *testing.T, w *world, test func(*console)) {
	t.Helper()
	inBubble(t, func(t *testing.T) { test(openConsole(t, w, core.ManagerCharter())) })
}

// inBubble runs a test where time passes only when everything waits.
func inBubble(t *testing.T, test func(*testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

// openConsole starts a console; it is closed when the test ends.
func openConsole(t testing.TB, w *world, charter core.Charter) *console {
	t.Helper()
	w.init()
	actor := core.Actor{Name: "ana", Kind: core.ActorPerson, Role: core.RoleAdmin, Door: core.DoorSSH, Session: "s-ana"}
	shell := func(in core.OpenShellIn) tea.Cmd {
		w.note("shell.open", in)
		return func() tea.Msg { return ShellEnded{In: in, Err: w.errs["shell.open"]} }
	}
	app := newApp(Options{Context: context.Background(), Actor: actor, Theme: ThemeDark, Shell: shell}, w.source(), charter, "vps-1", "1.0.0")
	c := &console{TB: t, app: app, world: w, msgs: make(chan tea.Msg, 1024)}
	t.Cleanup(func() {
		app.Close()
		w.close()
		c.wg.Wait() // lets timers run out
	})
	c.run(app.Init())
	c.settle()
	c.size(80, 24)
	return c
}

// run starts a command.
func (c *console) run(cmd tea.Cmd) {
	if cmd != nil {
		c.wg.Go(func() { c.msgs <- cmd() })
	}
}

// settle runs until nothing more happens by itself.
func (c *console) settle() {
	c.Helper()
	for range 10000 {
		synctest.Wait()
		select {
		case msg := <-c.msgs:
			c.handle(msg)
		default:
			return
		}
	}
	c.Fatal("the console does not come to rest")
}

func (c *console) handle(msg tea.Msg) {
	switch msg := msg.(type) {
	case nil:
	case tea.BatchMsg:
		for _, cmd := range msg {
			c.run(cmd)
		}
	case tea.QuitMsg:
		c.quit = true
	default:
		if name := fmt.Sprintf("%T", msg); strings.Contains(name, "lipboard") {
			c.copied = fmt.Sprint(msg)
		}
		_, cmd := c.app.Update(msg)
		c.run(cmd)
	}
}

// send gives one message to the console and lets everything follow.
func (c *console) send(msg tea.Msg) {
	c.Helper()
	c.handle(msg)
	c.settle()
}

func (c *console) size(w, h int) { c.Helper(); c.send(tea.WindowSizeMsg{Width: w, Height: h}) }

// press presses keys by their names.
func (c *console) press(names ...string) {
	c.Helper()
	for _, name := range names {
		c.send(pressOf(name))
	}
}

// types presses one key a character.
func (c *console) types(text string) {
	c.Helper()
	for _, r := range text {
		c.send(tea.KeyPressMsg{Code: r, Text: string(r)})
	}
}

// pass lets the bubble's time pass, in steps, so that what happens in between has its effect in between.
func (c *console) pass(d time.Duration) {
	c.Helper()
	for d > 0 {
		step := min(d, 50*time.Millisecond)
		time.Sleep(step)
		c.settle()
		d -= step
	}
}

// pressOf makes the message of a key.
func pressOf(name string) tea.KeyPressMsg {
	special := map[string]rune{
		"enter": tea.KeyEnter, "esc": tea.KeyEscape, "tab": tea.KeyTab, "up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft,
		"right": tea.KeyRight, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "home": tea.KeyHome, "end": tea.KeyEnd,
		"backspace": tea.KeyBackspace, "delete": tea.KeyDelete,
	}
	if name == "space" {
		return tea.KeyPressMsg{Code: tea.KeySpace, Text: " "}
	}
	var mod tea.KeyMod
	rest := name
	if after, ok := strings.CutPrefix(rest, "ctrl+"); ok {
		mod, rest = mod|tea.ModCtrl, after
	}
	if after, ok := strings.CutPrefix(rest, "shift+"); ok {
		mod, rest = mod|tea.ModShift, after
	}
	if code, ok := special[rest]; ok {
		return tea.KeyPressMsg{Code: code, Mod: mod}
	}
	r := []rune(rest)[0]
	if mod != 0 {
		return tea.KeyPressMsg{Code: r, Mod: mod}
	}
	return tea.KeyPressMsg{Code: r, Text: rest}
}

// text is the screen without colours and trailing blanks.
func (c *console) text() string {
	lines := c.app.lines()
	for i, line := range lines {
		lines[i] = strings.TrimRight(ansi.Strip(line), " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

// golden compares the screen with its file at both sizes.
func (c *console) golden() {
	c.Helper()
	c.size(80, 24)
	var both strings.Builder
	both.WriteString(c.text())
	c.size(120, 40)
	both.WriteString(strings.Repeat("=", 120) + "\n" + c.text())
	c.size(80, 24)
	golden.RequireEqual(c.TB, both.String())
}

// shows fails the test unless all the texts are on the screen.
func (c *console) shows(texts ...string) {
	c.Helper()
	screen := c.text()
	for _, text := range texts {
		if !strings.Contains(screen, text) {
			c.Fatalf("the screen does not show %q:\n%s", text, screen)
		}
	}
}

// hides fails the test when one of the texts is on the screen.
func (c *console) hides(texts ...string) {
	c.Helper()
	screen := c.text()
	for _, text := range texts {
		if strings.Contains(screen, text) {
			c.Fatalf("the screen shows %q:\n%s", text, screen)
		}
	}
}

// holds fails the test unless the frame has the size of the terminal.
func (c *console) holds(w, h int) {
	c.Helper()
	lines := c.app.lines()
	if len(lines) != h {
		c.Fatalf("%dx%d: %d lines", w, h, len(lines))
	}
	for i, line := range lines {
		if n := ansi.StringWidth(line); n > w {
			c.Fatalf("%dx%d: line %d has %d cells: %q", w, h, i, n, line)
		}
		if strings.ContainsAny(ansi.Strip(line), "\x1b\n\r\a\b") {
			c.Fatalf("%dx%d: line %d has a control character: %q", w, h, i, line)
		}
	}
}

// paste pastes text.
func (c *console) paste(text string) { c.Helper(); c.send(tea.PasteMsg{Content: text}) }

// command runs one line of the command line.
func (c *console) command(line string) {
	c.Helper()
	c.press(":")
	c.types(line)
	c.press("enter")
}
