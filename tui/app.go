package tui

import (
	"context"
	"iter"
	"strings"
	"sync"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"golang.org/x/time/rate"

	"github.com/codematrx/matrx-ship/core"
)

// Options is what a console is made of. Core and Actor are needed.
type Options struct {
	Context context.Context // of the session; nil means one that only Close ends
	Core    *core.Core
	Actor   core.Actor
	Theme   string // one of Themes; empty means ThemeAuto
	// Shell suspends the console, runs a shell, and ends with a ShellEnded message. Nil: no shells through this door.
	Shell func(core.OpenShellIn) tea.Cmd
	Now   func() time.Time // nil means time.Now
}

// ShellEnded tells the console that the shell it was suspended for is over.
type ShellEnded struct {
	In  core.OpenShellIn
	Err error // nil when the shell ended by itself, whatever its exit code
}

// App is the console as a Bubble Tea model.
type App struct {
	*env
	cancel context.CancelFunc
	wanted string // theme as chosen
	dark   bool   // what the terminal said
}

var _ tea.Model = (*App)(nil)

// New makes a console for one session. Close ends what it started.
func New(o Options) *App {
	return newApp(o, newSource(o.Core), o.Core.Charter(), o.Core.Server(), o.Core.Version())
}

// newApp makes a console over a source.
func newApp(o Options, src source, charter core.Charter, server, version string) *App {
	parent := o.Context
	if parent == nil {
		parent = context.Background() // Close is the owner
	}
	ctx, cancel := context.WithCancel(core.WithActor(parent, o.Actor))
	now := o.Now
	if now == nil {
		now = time.Now
	}
	a := &App{
		env: &env{
			src: src, charter: charter, server: safe(server), version: version, actor: o.Actor, shell: o.Shell, now: now,
			ctx: ctx, wg: &sync.WaitGroup{}, width: 80, height: 24, running: map[string]bool{}, selected: charter.Opens,
			duties: newDuties(&src),
		},
		cancel: cancel, wanted: ThemeAuto, dark: true,
	}
	a.setTheme(o.Theme)
	return a
}

// Close ends the session's streams and waits for them and for actions that have begun, which are not broken off.
func (a *App) Close() {
	a.cancel()
	a.wg.Wait()
}

// setTheme applies a theme by name; an empty or unknown one is auto.
func (a *App) setTheme(name string) {
	a.wanted = name
	switch {
	case name == ThemeLight, name == ThemeDark, name == ThemeContrast, name == ThemeMono:
	case a.dark:
		a.wanted, name = ThemeAuto, ThemeDark
	default:
		a.wanted, name = ThemeAuto, ThemeLight
	}
	a.st = newStyles(name)
}

type (
	clockMsg  struct{}
	resumeMsg struct{} // open the stream of snapshots again
	themeMsg  struct{ name string }
	mouseMsg  struct{}
)

// Init opens the first screens and the one stream of snapshots.
func (a *App) Init() tea.Cmd {
	cmds := []tea.Cmd{tick(), a.watch(), tea.RequestBackgroundColor, ask(a.root(), a.src.docs, struct{}{})}
	cmds = append(cmds, a.push(newHome))
	if a.charter.Opens != "" {
		cmds = append(cmds, a.push(newOverview(a.charter.Opens)))
	}
	return tea.Batch(cmds...)
}

func tick() tea.Cmd { return tea.Tick(time.Second, func(time.Time) tea.Msg { return clockMsg{} }) }

// watch follows the state of everything, at most four snapshots a second.
func (a *App) watch() tea.Cmd {
	f := startFeed(a.root(), rate.NewLimiter(4, 2), true, func(ctx context.Context) iter.Seq2[*core.Snapshot, error] {
		return a.src.watch.open(ctx, struct{}{})
	})
	return f.next()
}

// Update is the one place where messages arrive.
func (a *App) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	cmd := a.route(msg)
	if len(a.stack) > 0 {
		a.noteSelected()
	}
	return a, cmd
}

// route hands a message to whom it is for.
func (a *App) route(msg tea.Msg) tea.Cmd {
	if len(a.stack) == 0 {
		return a.frameMsg(msg)
	}
	switch msg := msg.(type) {
	case tea.KeyPressMsg:
		return a.press(msg)
	case tea.PasteMsg:
		return a.paste(msg)
	case tea.MouseWheelMsg:
		return a.wheel(msg)
	case addressed:
		return a.deliver(msg)
	default:
		return a.frameMsg(msg)
	}
}

// frameMsg handles what concerns the frame.
func (a *App) frameMsg(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		a.resize(msg.Width, msg.Height)
		return a.all(resizedMsg{})
	case tea.BackgroundColorMsg:
		a.dark = msg.IsDark()
		a.setTheme(a.wanted)
		return a.all(themeMsg{})
	case tea.ColorProfileMsg:
		return upgrade(msg.Profile)
	case clockMsg:
		return tick()
	case resumeMsg:
		return a.watch()
	case themeMsg:
		a.setTheme(msg.name)
		a.say(noticeDone, "Theme: "+a.wanted)
		return a.all(themeMsg{})
	case mouseMsg:
		return a.toggleMouse()
	case actionDone:
		return a.finish(msg)
	case ShellEnded:
		return a.shellEnded(msg)
	}
	return nil
}

// upgrade asks a terminal whose TERM promises few colours whether it has all of them: over SSH nothing else says so. Who
// wants no colours is not asked.
func upgrade(p colorprofile.Profile) tea.Cmd {
	if p == colorprofile.ANSI || p == colorprofile.ANSI256 {
		return tea.RequestCapability("RGB")
	}
	return nil
}

// resize takes a new size; 0x0 counts as 80x24, and no terminal is larger than 500x200.
func (a *App) resize(w, h int) {
	if w <= 0 || h <= 0 {
		w, h = 80, 24
	}
	a.width, a.height = min(w, 500), min(h, 200)
}

// all gives a message to every screen.
func (a *App) all(msg tea.Msg) tea.Cmd {
	cmds := make([]tea.Cmd, 0, len(a.stack))
	for _, e := range a.stack {
		cmds = append(cmds, e.screen.Update(msg))
	}
	return tea.Batch(cmds...)
}

// deliver hands an answer to the screen that asked, when that is still there.
func (a *App) deliver(msg addressed) tea.Cmd {
	if msg.addressee() == 0 {
		return a.own(msg)
	}
	for _, e := range a.stack {
		if e.scope.id == msg.addressee() {
			return e.screen.Update(msg)
		}
	}
	return nil
}

// own handles the answers to what the frame asked.
func (a *App) own(msg addressed) tea.Cmd {
	switch msg := msg.(type) {
	case batch[*core.Snapshot]:
		return a.snapshots(msg)
	case result[[]core.Doc]:
		if msg.err == nil {
			a.docs = msg.val
		}
	}
	return nil
}

// snapshots takes the newest state in and tells the screens.
func (a *App) snapshots(b batch[*core.Snapshot]) tea.Cmd {
	if len(b.items) > 0 {
		a.snap, a.snapErr = b.items[len(b.items)-1], nil
	}
	next := b.from.next()
	if b.done {
		a.snapErr = b.err
		if a.snapErr == nil {
			a.snapErr = core.Errorf(core.CodeUnavailable, "The stream of states ended; it is opened again.")
		}
		next = tea.Tick(time.Second, func(time.Time) tea.Msg { return resumeMsg{} })
	}
	return tea.Batch(a.all(snapshotMsg{}), next)
}

// press hands a key to the overlay, the line at the bottom, the frame, or the screen, in this order.
func (a *App) press(msg tea.KeyPressMsg) tea.Cmd {
	switch {
	case key.Matches(msg, keys.end):
		return tea.Quit
	case len(a.overlays) > 0:
		return a.pressOverlay(msg)
	case a.prompt != nil:
		return a.pressPrompt(msg)
	}
	if cmd, taken := a.pressFrame(msg); taken {
		return cmd
	}
	if cmd, taken := a.pressPlace(msg); taken {
		return cmd
	}
	if cmd, taken := a.pressService(msg); taken {
		return cmd
	}
	return a.screen().Update(msg)
}

// pressOverlay hands a message to the overlay on top and takes it away when it is through.
func (a *App) pressOverlay(msg tea.Msg) tea.Cmd {
	top := a.overlays[len(a.overlays)-1]
	closed, cmd := top.update(msg)
	if closed {
		a.dropOverlay(top)
	}
	return cmd
}

// dropOverlay removes one overlay; it may have put another one on top of itself.
func (a *App) dropOverlay(o overlay) {
	for i := len(a.overlays) - 1; i >= 0; i-- {
		if a.overlays[i] == o {
			a.overlays = append(a.overlays[:i:i], a.overlays[i+1:]...)
			return
		}
	}
}

// pressFrame handles the keys that work everywhere.
func (a *App) pressFrame(msg tea.KeyPressMsg) (tea.Cmd, bool) {
	switch {
	case key.Matches(msg, keys.command):
		return a.openCommand(""), true
	case key.Matches(msg, keys.palette):
		return a.over(newPalette(a.env)), true
	case key.Matches(msg, keys.filter):
		return a.openFilter(), true
	case key.Matches(msg, keys.help):
		return a.over(newHelp(a.env)), true
	case key.Matches(msg, keys.messages):
		return a.over(newMessages(a.env)), true
	case key.Matches(msg, keys.refresh):
		return a.screen().Init(), true
	case key.Matches(msg, keys.copy):
		return a.copyText(), true
	case key.Matches(msg, keys.mouse):
		return a.toggleMouse(), true
	case key.Matches(msg, keys.back):
		cmd, _ := a.goBack()
		return cmd, true
	case key.Matches(msg, keys.quit):
		if cmd, left := a.goBack(); left {
			return cmd, true
		}
		return tea.Quit, true
	}
	return nil, false
}

// paste hands pasted text to whoever is being typed into.
func (a *App) paste(msg tea.PasteMsg) tea.Cmd {
	switch {
	case len(a.overlays) > 0:
		return a.pressOverlay(msg)
	case a.prompt != nil:
		a.prompt.in.insert(msg.Content)
		return a.prompt.changed()
	}
	a.say(noticeInfo, "Nothing here takes pasted text.")
	return nil
}

// wheel moves like the keys.
func (a *App) wheel(msg tea.MouseWheelMsg) tea.Cmd {
	code := tea.KeyDown
	if msg.Button == tea.MouseWheelUp {
		code = tea.KeyUp
	}
	return a.press(tea.KeyPressMsg{Code: code})
}

// toggleMouse turns the wheel on or off; while it is on the terminal selects no text.
func (a *App) toggleMouse() tea.Cmd {
	a.mouse = !a.mouse
	if a.mouse {
		a.say(noticeInfo, "Mouse on: the wheel scrolls. Select text with shift held, or turn it off with M.")
	} else {
		a.say(noticeInfo, "Mouse off: the terminal selects text again.")
	}
	return nil
}

// hidingScreen may offer a secret, which is not repeated in a message.
type hidingScreen interface{ Hides() bool }

// copyText puts what the screen offers into the operator's clipboard.
func (a *App) copyText() tea.Cmd {
	s, ok := a.screen().(copyScreen)
	if !ok || s.Copy() == "" {
		a.say(noticeInfo, "There is nothing to copy here.")
		return nil
	}
	lines := strings.Split(s.Copy(), "\n")
	for i := range lines {
		lines[i] = safe(lines[i])
	}
	text := strings.Join(lines, "\n")
	if h, ok := s.(hidingScreen); ok && h.Hides() {
		a.say(noticeDone, "Copied. The clipboard has it in the clear; the messages do not.")
	} else {
		a.say(noticeDone, "Copied: "+cut(safe(text), 60))
	}
	return tea.SetClipboard(text)
}
