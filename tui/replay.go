package tui

import (
	"context"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/vt"

	"github.com/codematrx/matrx-ship/core"
)

// The bounds of a replay.
const (
	replayTick  = 50 * time.Millisecond
	replayQueue = 4096            // events read ahead
	replayBytes = 32 << 10        // drawn at one tick
	replayIdle  = 2 * time.Second // longer pauses are shortened to this
)

// replay plays a recorded shell in a terminal of its own: what the recording writes reaches no real one.
type replay struct {
	scope
	rec    core.Recording
	feed   *feed[core.CastEvent]
	queue  []core.CastEvent
	held   bool
	ended  bool // the stream has given everything
	err    error
	screen *vt.Emulator
	cols   int
	lines  int
	pos    time.Duration
	last   time.Time
	speed  int // times
	paused bool
	ticks  int // tells the running clock from stopped ones
}

// playMsg is one tick of a replay's clock.
type playMsg struct{ to, ticks int }

func (p playMsg) addressee() int { return p.to }

// newReplay plays a recording.
func newReplay(rec core.Recording) func(scope) Screen {
	return func(s scope) Screen { return &replay{scope: s, rec: rec, speed: 1} }
}

// Title is the breadcrumb.
func (r *replay) Title() string { return "Replay " + r.rec.Service }

// Keys are those of this screen.
func (r *replay) Keys() []key.Binding {
	return []key.Binding{keys.pause, keys.faster, keys.slower, keys.again}
}

// Init plays from the start.
func (r *replay) Init() tea.Cmd {
	if r.feed != nil {
		r.feed.stop()
	}
	r.queue, r.held, r.ended, r.err, r.pos, r.paused = nil, false, false, nil, 0, false
	r.resize(80, 24)
	r.feed = follow(r.scope, func(ctx context.Context) iter.Seq2[core.CastEvent, error] {
		return r.src.cast.open(ctx, core.RecordingIn{ID: r.rec.ID})
	})
	return tea.Batch(r.feed.next(), r.tick())
}

// resize makes the replay's terminal that large; a new one is made only at the start.
func (r *replay) resize(w, h int) {
	r.cols, r.lines = max(min(w, 500), 1), max(min(h, 200), 1)
	if r.pos > 0 && r.screen != nil {
		r.screen.Resize(r.cols, r.lines)
		return
	}
	r.screen = vt.NewEmulator(r.cols, r.lines)
	r.screen.SetScrollbackSize(1)
	// Programs in a recording ask their terminal questions. Nobody may wait for the answers, so their pipe is shut.
	if pipe, ok := r.screen.InputPipe().(io.Closer); ok {
		_ = pipe.Close() // closing a pipe's writer never fails
	}
}

// tick starts the clock anew.
func (r *replay) tick() tea.Cmd {
	r.ticks++
	r.last = r.now()
	return r.again()
}

func (r *replay) again() tea.Cmd {
	id, ticks := r.id, r.ticks
	return tea.Tick(replayTick, func(time.Time) tea.Msg { return playMsg{id, ticks} })
}

// Update takes an answer, a newer state or a key in.
func (r *replay) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case batch[core.CastEvent]:
		return r.take(msg)
	case playMsg:
		return r.play(msg)
	case tea.KeyPressMsg:
		return r.press(msg)
	}
	return nil
}

// take reads ahead, within a bound.
func (r *replay) take(b batch[core.CastEvent]) tea.Cmd {
	if b.from != r.feed {
		return nil
	}
	r.queue = append(r.queue, b.items...)
	if b.done {
		r.ended, r.err = true, b.err
		return nil
	}
	if r.held = len(r.queue) >= replayQueue; r.held {
		return nil
	}
	return r.feed.next()
}

// play lets the recording's time pass and draws what happened in it.
func (r *replay) play(msg playMsg) tea.Cmd {
	if msg.ticks != r.ticks || r.paused || r.over() {
		return nil
	}
	now := r.now()
	r.pos += now.Sub(r.last) * time.Duration(r.speed)
	r.last = now
	if len(r.queue) > 0 && r.queue[0].At > r.pos+replayIdle*time.Duration(r.speed) {
		r.pos = r.queue[0].At - replayIdle*time.Duration(r.speed)
	}
	if err := r.write(); err != nil {
		r.ended, r.queue, r.err = true, nil, err
	}
	cmds := []tea.Cmd{r.again()}
	if r.held && len(r.queue) < replayQueue/2 {
		r.held = false
		cmds = append(cmds, r.feed.next())
	}
	return tea.Batch(cmds...)
}

// write draws the events whose time has come. A recording that breaks the emulator ends its own replay only.
func (r *replay) write() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	for n := 0; len(r.queue) > 0 && r.queue[0].At <= r.pos && n < replayBytes; r.queue = r.queue[1:] {
		event := r.queue[0]
		n += len(event.Data)
		if event.Kind == "r" {
			var w, h int
			if _, err := fmt.Sscanf(event.Data, "%dx%d", &w, &h); err == nil {
				r.resize(w, h)
			}
			continue
		}
		if _, err := r.screen.WriteString(event.Data); err != nil {
			return fmt.Errorf("draw recording: %w", err)
		}
	}
	return nil
}

// over reports whether there is nothing more to come.
func (r *replay) over() bool { return r.ended && len(r.queue) == 0 }

func (r *replay) press(msg tea.KeyPressMsg) tea.Cmd {
	switch {
	case key.Matches(msg, keys.pause):
		r.paused = !r.paused
		if !r.paused {
			return r.tick()
		}
	case key.Matches(msg, keys.faster):
		r.speed = min(r.speed*2, 32)
	case key.Matches(msg, keys.slower):
		r.speed = max(r.speed/2, 1)
	case key.Matches(msg, keys.again):
		return r.Init()
	}
	return nil
}

// View draws the screen.
func (r *replay) View(w, h int) string {
	lines := []string{r.status(w)}
	if r.err != nil && r.pos == 0 {
		return lines[0] + "\n" + errorView(r.st, w, h-1, "The recording cannot be read", r.err)
	}
	room := min(h-1, r.lines)
	from := max(min(r.screen.CursorPosition().Y-room+1, r.lines-room), 0) // the cursor stays in sight
	for y := from; y < from+room; y++ {
		lines = append(lines, cut(r.line(y), w))
	}
	return strings.Join(lines, "\n")
}

// line draws one line of the replay's terminal: its cells and colours, without links.
func (r *replay) line(y int) string {
	var b strings.Builder
	for x := 0; x < r.cols; {
		cell := r.screen.CellAt(x, y)
		if cell == nil || cell.Width <= 0 {
			b.WriteByte(' ')
			x++
			continue
		}
		text := safe(cell.Content)
		if width(text) != cell.Width {
			text = fit("?", cell.Width)
		}
		if cell.Style.IsZero() {
			b.WriteString(text)
		} else {
			b.WriteString(cell.Style.Styled(text))
		}
		x += cell.Width
	}
	return b.String()
}

// status is where the replay stands.
func (r *replay) status(w int) string {
	st := r.st
	state := st.ok.draw("● playing")
	switch {
	case r.err != nil:
		state = st.bad.draw("✗ " + safe(core.MessageOf(r.err)))
	case r.over():
		state = st.dim.draw("■ at its end")
	case r.paused:
		state = st.warn.draw("‖ paused")
	}
	pos := r.pos
	if r.rec.Took > 0 {
		pos = min(pos, r.rec.Took)
	}
	parts := []string{
		state, st.text.draw(core.FormatAge(pos) + " of " + core.FormatAge(r.rec.Took)), st.accent.draw(fmt.Sprintf("%dx", r.speed)),
		st.dim.draw(safe(r.rec.By.Name) + " at " + stamp(r.rec.Started)), st.dim.draw(fmt.Sprintf("%dx%d", r.cols, r.lines)),
	}
	return cut(" "+strings.Join(parts, st.faint.draw(" · ")), w)
}
