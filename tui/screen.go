package tui

import (
	"context"
	"fmt"
	"iter"
	"runtime/debug"
	"sync"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"golang.org/x/time/rate"

	"github.com/codematrx/matrx-ship/core"
)

// Screen is one page of the console.
type Screen interface {
	Title() string          // for the breadcrumbs
	Init() tea.Cmd          // the first load; runs when pushed and on refresh
	Update(tea.Msg) tea.Cmd // changes the screen; never does I/O
	View(w, h int) string   // at most h lines of at most w cells
	Keys() []key.Binding    // what works now besides what works everywhere
}

// What a screen may be besides.
type (
	// serviceScreen has a service selected: the frame's keys for services work on it.
	serviceScreen interface{ Service() string }
	// filterScreen takes a filter from the line at the bottom.
	filterScreen interface {
		Filter() string
		SetFilter(text string) tea.Cmd
	}
	// copyScreen has something to copy.
	copyScreen interface{ Copy() string }
	// backScreen has something of its own to leave first; it reports whether it did.
	backScreen interface{ Back() (tea.Cmd, bool) }
)

// snapshotMsg tells a screen that env.snap is a newer one.
type snapshotMsg struct{}

// scope is a screen's part of the console: shared state, and a ctx that ends when the screen is left.
type scope struct {
	*env
	ctx context.Context
	id  int
}

// addressed is a message for one screen; it is dropped when that screen is gone.
type addressed interface{ addressee() int }

// result is the answer to do.
type result[T any] struct {
	to  int
	val T
	err error
}

func (r result[T]) addressee() int { return r.to }

// workLimit is how long one call may take; the operations have shorter deadlines of their own.
const workLimit = 2 * time.Minute

// do runs work beside the event loop and brings its answer to the screen.
func do[T any](s scope, work func(context.Context) (T, error)) tea.Cmd {
	return func() (msg tea.Msg) {
		defer func() {
			if p := recover(); p != nil {
				msg = result[T]{to: s.id, err: panicked(p)}
			}
		}()
		ctx, cancel := context.WithTimeout(s.ctx, workLimit)
		defer cancel()
		val, err := work(ctx)
		return result[T]{s.id, val, err}
	}
}

// ask runs an operation and brings its answer to the screen.
func ask[In, Out any](s scope, v verb[In, Out], in In) tea.Cmd {
	return do(s, func(ctx context.Context) (Out, error) { return v.run(ctx, in) })
}

// panicked makes an error of a panic, so that it ends neither the session nor anybody else's.
func panicked(p any) error {
	return &core.Error{Code: core.CodeInternal, Message: "Internal error.", Err: fmt.Errorf("panic: %v\n%s", p, debug.Stack())}
}

// The bounds of a feed: a batch holds what is ready, and batches come at this rate after a first burst.
const (
	batchSize  = 256
	batchRate  = 20
	batchBurst = 20
)

// feed pulls a stream for one screen. One goroutine waits for items; what it holds is bounded, so a stream that is
// faster than the screen waits, and drops at its own source, which counts.
type feed[T any] struct {
	to     int
	ctx    context.Context
	stop   context.CancelFunc
	pace   *rate.Limiter
	newest bool // only the newest item counts
	ready  chan struct{}
	space  chan struct{}

	mu    sync.Mutex // guards what follows
	items []T
	done  bool
	err   error
}

// batch is what a feed has for its screen. After a batch that is not done the screen asks for next.
type batch[T any] struct {
	from  *feed[T]
	items []T
	done  bool
	err   error
}

func (b batch[T]) addressee() int { return b.from.to }

// follow opens a stream for a screen. It ends with the screen, or by stop.
func follow[T any](s scope, open func(context.Context) iter.Seq2[T, error]) *feed[T] {
	return startFeed(s, rate.NewLimiter(batchRate, batchBurst), false, open)
}

// startFeed starts the goroutine behind a feed.
func startFeed[T any](s scope, pace *rate.Limiter, newest bool, open func(context.Context) iter.Seq2[T, error]) *feed[T] {
	ctx, stop := context.WithCancel(s.ctx)
	f := &feed[T]{
		to: s.id, ctx: ctx, stop: stop, pace: pace, newest: newest,
		ready: make(chan struct{}, 1), space: make(chan struct{}, 1),
	}
	s.wg.Go(func() { f.finish(f.pull(open)) })
	return f
}

// pull fills the buffer until the stream ends.
func (f *feed[T]) pull(open func(context.Context) iter.Seq2[T, error]) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	for item, err := range open(f.ctx) {
		if err != nil {
			return err
		}
		if !f.put(item) {
			return f.ctx.Err()
		}
	}
	return nil
}

// put adds one item, waiting for space; it is false when the feed has ended.
func (f *feed[T]) put(item T) bool {
	for {
		f.mu.Lock()
		if f.newest {
			f.items = f.items[:0]
		}
		if len(f.items) < batchSize {
			f.items = append(f.items, item)
			f.mu.Unlock()
			signal(f.ready)
			return true
		}
		f.mu.Unlock()
		select {
		case <-f.space:
		case <-f.ctx.Done():
			return false
		}
	}
}

// finish marks the end.
func (f *feed[T]) finish(err error) {
	f.mu.Lock()
	f.done, f.err = true, err
	f.mu.Unlock()
	signal(f.ready)
}

// next waits for a batch.
func (f *feed[T]) next() tea.Cmd {
	return func() tea.Msg {
		select {
		case <-f.ready:
		case <-f.ctx.Done():
			return nil
		}
		if f.pace.Wait(f.ctx) != nil {
			return nil // the screen is gone
		}
		return f.take()
	}
}

// take empties the buffer. After the last batch the feed's context is let go.
func (f *feed[T]) take() tea.Msg {
	f.mu.Lock()
	b := batch[T]{f, f.items, f.done, f.err}
	f.items = nil
	f.mu.Unlock()
	signal(f.space)
	if b.done {
		f.stop()
	}
	return b
}

// signal wakes a waiter and never blocks.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
