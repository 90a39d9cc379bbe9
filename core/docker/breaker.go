package docker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/codematrx/matrx-ship/core"
	dockersdk "github.com/moby/moby/client"
)

// missesAllowed is how many deadlines in a row may pass before the breaker opens.
const missesAllowed = 3

// missAfter is how long a call must have waited to count as missed when its caller's own deadline was shorter than ours.
const missAfter = 2 * time.Second

// breaker keeps callers from waiting for an engine that is away. Closed, it only counts; open, it refuses at once, and
// one probe in the background (started by onOpen) decides when it closes.
type breaker struct {
	onOpen func()

	mu     sync.Mutex // guards all below
	misses int        // deadlines in a row
	first  time.Time  // of the misses in a row
	since  time.Time  // open since; zero when closed
	cause  string
	closed bool // for good
	last   outage
}

// outage is a time without an engine.
type outage struct {
	From, To time.Time
	Cause    string
}

func newBreaker(onOpen func()) *breaker { return &breaker{onOpen: onOpen} }

// allow refuses while the breaker is open.
func (b *breaker) allow() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.since.IsZero() {
		return nil
	}
	return core.Errorf(core.CodeUnavailable, "The engine does not answer since %s: %s.", stamp(b.since), b.cause)
}

// report takes in how a call ended: ctx is the caller's, took how long it waited.
func (b *breaker) report(ctx context.Context, err error, took time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case err == nil:
		b.misses = 0
	case errors.Is(ctx.Err(), context.Canceled): // says nothing about the engine
	case dockersdk.IsErrConnectionFailed(err):
		b.open(time.Now(), "the connection fails")
	case errors.Is(err, context.DeadlineExceeded):
		b.miss(ctx, took)
	default:
		b.misses = 0 // an error is an answer
	}
}

// miss counts a deadline that passed. Call with mu held.
func (b *breaker) miss(ctx context.Context, took time.Duration) {
	if ctx.Err() != nil && took < missAfter {
		return
	}
	if b.misses == 0 {
		b.first = time.Now().Add(-took)
	}
	if b.misses++; b.misses >= missesAllowed {
		b.open(b.first, fmt.Sprintf("%d calls in a row got no answer in time", b.misses))
	}
}

// open opens the breaker. Call with mu held.
func (b *breaker) open(since time.Time, cause string) {
	if !b.since.IsZero() || b.closed {
		return
	}
	b.since, b.cause = since, cause
	b.onOpen()
}

// closeAgain lets calls through, and gives how long they were not.
func (b *breaker) closeAgain() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last = outage{b.since, time.Now(), b.cause}
	b.misses, b.since, b.cause = 0, time.Time{}, ""
	return b.last.To.Sub(b.last.From)
}

// recent gives the last outage when it ended less than within ago.
func (b *breaker) recent(within time.Duration) (outage, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last, !b.last.To.IsZero() && time.Since(b.last.To) < within
}

// shut keeps the breaker from starting another probe.
func (b *breaker) shut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
}

// stamp writes a time for an operator.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
