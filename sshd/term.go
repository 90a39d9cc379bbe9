package sshd

import (
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

// Size is that of a terminal, in cells.
type Size struct{ Width, Height int }

// Bounds of a terminal: each cell costs memory, and a client may say what it likes.
const (
	maxWidth  = 500
	maxHeight = 200
)

// clampSize makes any size usable; a side that is not known (0) counts as in 80x24.
func clampSize(width, height int) Size {
	if width <= 0 {
		width = 80
	}
	if height <= 0 {
		height = 24
	}
	return Size{min(width, maxWidth), min(height, maxHeight)}
}

// TermConfig is what a Term is made of.
type TermConfig struct {
	In     io.Reader // the keys; ends when the user is gone
	Out    io.Writer // the screen, in raw mode; may be written from several goroutines
	Name   string    // TERM
	Size   Size
	Logger *slog.Logger
}

// Term is a user's terminal: it hands its input to one reader at a time, follows its size, and runs Bubble Tea
// programs and shells. It knows nothing of SSH, so a terminal in a browser can be one as well.
type Term struct {
	name   string
	out    io.Writer
	cooked *cooked
	gate   *gate
	direct *port // read by Read
	mail   *Mailbox
	logger *slog.Logger

	run atomic.Pointer[program] // the program that runs now

	mu   sync.Mutex
	size Size
	kick chan struct{} // capacity 1: the size has changed

	sinkMu sync.Mutex // held while sink is called
	sink   func(width, height int)

	done  chan struct{}
	once  sync.Once
	owned sync.WaitGroup
}

// NewTerm makes a terminal and starts reading its input. Close it when In has ended.
func NewTerm(cfg TermConfig) *Term {
	t := &Term{
		name: cfg.Name, out: cfg.Out, cooked: &cooked{w: cfg.Out}, gate: newGate(), mail: NewMailbox(), logger: cfg.Logger,
		size: clampSize(cfg.Size.Width, cfg.Size.Height), kick: make(chan struct{}, 1), done: make(chan struct{}),
	}
	t.direct = t.gate.open("")
	t.gate.use(t.direct)
	t.owned.Go(func() { t.gate.pump(cfg.In) })
	t.owned.Go(t.followSize)
	return t
}

// Close ends every reader and waits for the terminal's goroutines. In must have ended, or end soon.
func (t *Term) Close() {
	t.once.Do(func() {
		t.gate.close()
		close(t.done)
	})
	t.owned.Wait()
}

// Name is TERM.
func (t *Term) Name() string { return t.name }

// Size is the size now, within bounds that hold for every terminal.
func (t *Term) Size() Size {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.size
}

// Usable says why a program cannot be drawn on this terminal; nil when it can. The error is fit to be shown.
func (t *Term) Usable() error {
	if t.name == "" || t.name == "dumb" {
		return core.Errorf(core.CodeInvalid, "The console needs a terminal that can move its cursor; TERM is %q. "+
			"Set TERM (xterm-256color fits most terminals), or give a command: \"help\" lists them.", t.name)
	}
	return nil
}

// Read reads the keys while neither a program nor a shell does. It ends with the terminal.
func (t *Term) Read(p []byte) (int, error) { return t.direct.Read(p) }

// Write writes text, a line feed as carriage return and line feed.
func (t *Term) Write(p []byte) (int, error) { return t.cooked.Write(p) }

// Raw writes what a program on a terminal of its own has written already.
func (t *Term) Raw() io.Writer { return t.out }

// Post leaves a message for the program, in place of an undelivered one of the same topic. It never waits.
func (t *Term) Post(topic string, msg tea.Msg) { t.mail.Put(topic, msg) }

// Resize tells the terminal that its window has changed. It never waits.
func (t *Term) Resize(width, height int) {
	t.mu.Lock()
	t.size = clampSize(width, height)
	t.mu.Unlock()
	select {
	case t.kick <- struct{}{}:
	default:
	}
}

// LastInput is when the last key was pressed, zero when there was none.
func (t *Term) LastInput() time.Time { return t.gate.lastInput() }

// OnResize calls fn with the size now and after every change, one call at a time, until it is replaced; nil for
// nobody. It waits for a call that runs, so fn must come back soon; when OnResize returns, the fn before is not running
// and will not be called any more.
func (t *Term) OnResize(fn func(width, height int)) {
	t.sinkMu.Lock()
	defer t.sinkMu.Unlock()
	t.sink = fn
	if fn != nil {
		size := t.Size()
		fn(size.Width, size.Height)
	}
}

func (t *Term) followSize() {
	for {
		select {
		case <-t.done:
			return
		case <-t.kick:
		}
		size := t.Size()
		t.sinkMu.Lock()
		if t.sink != nil {
			t.sink(size.Width, size.Height)
		}
		t.sinkMu.Unlock()
	}
}

// restore leaves everything that a program may have switched on; for one that could not do so itself.
func (t *Term) restore() {
	const reset = "\x1b[<u\x1b[>4m" + // keyboard protocols
		"\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l" + // mouse
		"\x1b[?1004l\x1b[?2004l\x1b[?2026l" + // focus, paste, synchronized output
		"\x1b[?1049l\x1b[<u\x1b[0m\x1b[?25h\r\n" // the other screen, its keyboard, colours, cursor
	_, _ = io.WriteString(t.out, reset) // a client that is gone has no terminal to restore
}
