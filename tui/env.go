package tui

import (
	"context"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

// The bounds of what a session keeps.
const (
	maxStack   = 12  // screens; the oldest but the first go
	maxNotices = 200 // messages in the history
)

// env is what the frame and every screen share. It is touched by the event loop alone.
type env struct {
	src     source
	charter core.Charter
	server  string
	version string
	actor   core.Actor
	shell   func(core.OpenShellIn) tea.Cmd // nil: this door opens no shells
	now     func() time.Time
	ctx     context.Context // of the session
	wg      *sync.WaitGroup // feeds and actions
	duties  duties          // of keys

	st      *styles
	snap    *core.Snapshot // nil until the first one
	snapErr error          // why there is no newer one
	docs    []core.Doc     // names and titles
	width   int            // of the terminal
	height  int

	selected string // the service that stays selected when the screen changes
	stack    []entry
	lastID   int
	overlays []overlay
	prompt   *prompt
	notices  []notice
	running  map[string]bool // actions under way
	mouse    bool
}

// entry is a screen on the stack.
type entry struct {
	screen Screen
	scope  scope
	leave  context.CancelFunc
}

// notice is one message to the operator.
type notice struct {
	at   time.Time
	kind noticeKind
	text string
}

type noticeKind int

const (
	noticeInfo noticeKind = iota
	noticeDone
	noticeWarn
	noticeError
	noticeBusy // stays until the next one
)

// look is how a notice is shown.
func (n notice) look(st *styles) look {
	switch n.kind {
	case noticeDone:
		return look{"●", "done", st.ok}
	case noticeWarn:
		return look{"▲", "note", st.warn}
	case noticeError:
		return look{"✗", "failed", st.bad}
	case noticeBusy:
		return look{"◐", "working", st.accent}
	default:
		return look{"›", "info", st.text}
	}
}

// lasts is how long a notice stays on the line at the bottom.
func (n notice) lasts() time.Duration {
	switch n.kind {
	case noticeBusy:
		return actionLimit
	case noticeError, noticeWarn:
		return 15 * time.Second
	default:
		return 6 * time.Second
	}
}

// newScope makes a scope that lives until leave is called.
func (e *env) newScope() (scope, context.CancelFunc) {
	e.lastID++
	ctx, leave := context.WithCancel(e.ctx)
	return scope{e, ctx, e.lastID}, leave
}

// root is the scope of the frame itself, which lives as long as the session.
func (e *env) root() scope { return scope{e, e.ctx, 0} }

// push puts a screen on top and starts its first load.
func (e *env) push(make func(scope) Screen) tea.Cmd {
	if len(e.stack) >= maxStack {
		e.stack[1].leave()
		e.stack = append(e.stack[:1:1], e.stack[2:]...)
	}
	s, leave := e.newScope()
	screen := make(s)
	e.stack = append(e.stack, entry{screen, s, leave})
	e.noteSelected()
	return screen.Init()
}

// pop leaves the top screen; the first one stays.
func (e *env) pop() bool {
	if len(e.stack) < 2 {
		return false
	}
	e.stack[len(e.stack)-1].leave()
	e.stack = e.stack[:len(e.stack)-1]
	return true
}

// goTo leaves everything above Home and pushes a screen; nil is Home itself.
func (e *env) goTo(make func(scope) Screen) tea.Cmd {
	for e.pop() {
		continue
	}
	if make == nil {
		return nil
	}
	return e.push(make)
}

// over puts an overlay on top.
func (e *env) over(o overlay) tea.Cmd {
	e.overlays = append(e.overlays, o)
	return nil
}

// say shows a message and keeps it in the history.
func (e *env) say(kind noticeKind, text string) {
	e.notices = append(e.notices, notice{e.now(), kind, safe(text)})
	if len(e.notices) > maxNotices {
		e.notices = append(e.notices[:0:0], e.notices[len(e.notices)-maxNotices:]...)
	}
}

// sayError shows an error as its table entry says.
func (e *env) sayError(what string, err error) {
	kind := noticeError
	if code := core.CodeOf(err); code == core.CodeCanceled || code == core.CodeForbidden {
		kind = noticeWarn
	}
	e.say(kind, what+": "+core.MessageOf(err))
}

// screen is the one on top.
func (e *env) screen() Screen { return e.stack[len(e.stack)-1].screen }

// noteSelected remembers the service that the top screen has selected.
func (e *env) noteSelected() {
	if s, ok := e.screen().(serviceScreen); ok && s.Service() != "" {
		e.selected = s.Service()
	}
}

// service finds a service in the newest snapshot.
func (e *env) service(name string) (core.Service, bool) {
	if e.snap == nil {
		return core.Service{}, false
	}
	return e.snap.Service(name)
}

// age is how old what is shown is; 0 while it is live.
func (e *env) age() time.Duration {
	if e.snap == nil {
		return 0
	}
	if e.snapErr == nil && e.snap.Engine.Up {
		return 0
	}
	seen := e.snap.Engine.Seen
	if seen.IsZero() {
		seen = e.snap.At
	}
	return max(e.now().Sub(seen), time.Second)
}
