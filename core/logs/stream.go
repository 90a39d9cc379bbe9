package logs

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// stuckAfter is how many times in a row a stream must fail, without one new line, before that is recorded as a gap.
const stuckAfter = 3

// stream follows one container. Its goroutine ends when the container has stopped; Track starts it again.
type stream struct {
	*Collector
	container string
	short     string
	name      atomic.Pointer[string] // of the service, as last tracked
	kick      chan struct{}          // capacity 1: try again at once

	// Guarded by the collector's mutex.
	running bool
	again   bool        // tracked anew while running: the container may have been started again
	leave   *time.Timer // untracked: when it fires, the stream is cut off
	cancel  context.CancelFunc

	// Of the goroutine that runs, one after the other.
	last    int64 // time of the last line
	service *service
	as      *string // the name under which service was acquired
	seam    *seam
	lines   assembler
	failed  int
}

// start runs the stream. The collector's mutex is held.
func (s *stream) start() {
	ctx, cancel := context.WithCancel(s.ctx)
	s.running, s.cancel = true, cancel
	s.wg.Go(func() {
		defer cancel()
		for s.follow(ctx) {
		}
	})
}

func (s *stream) signal() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// follow pulls the stream until it ends, and says whether to open it again.
func (s *stream) follow(ctx context.Context) bool {
	err := s.pull(ctx)
	if ctx.Err() == nil && err != nil && core.CodeOf(err) != core.CodeNotFound {
		s.failed++
		if s.failed == 1 {
			s.cfg.Logger.Warn("log stream broke", "container", s.short, "err", err)
		}
		s.recordStuck(ctx, err)
		if s.pause(ctx) {
			return true
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.again && ctx.Err() == nil {
		s.again = false
		return true
	}
	if s.service != nil {
		s.service.release()
		s.service, s.as = nil, nil
	}
	s.running = false // from here on another goroutine may run the stream
	if s.leave != nil {
		s.leave.Stop()
		delete(s.streams, s.container)
	}
	return false
}

// pause waits before the next attempt; it is false when there shall be none.
func (s *stream) pause(ctx context.Context) bool {
	s.mu.Lock()
	leaving := s.leave != nil
	s.mu.Unlock()
	if leaving {
		return false
	}
	timer := time.NewTimer(min(s.cfg.Retry<<min(s.failed-1, 20), s.cfg.MaxRetry))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-s.kick:
		return true
	case <-timer.C:
		return true
	}
}

// pull reads the stream from where collecting was left, to its end.
func (s *stream) pull(ctx context.Context) (err error) {
	if err := s.acquire(); err != nil {
		return err
	}
	if s.seam, err = s.store.seam(ctx, s.short, s.last); err != nil {
		return err
	}
	s.lines = assembler{} // a line that broke off comes again
	emit := func(e entry) error { return s.take(ctx, e) }
	for raw, err := range s.source.ContainerLogs(ctx, s.container, since(s.seam.since), true) {
		if err != nil {
			return err
		}
		if err := s.lines.add(raw, s.store.lineTime(raw.At), emit); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return s.lines.flush(emit)
}

// since is the time from which the engine shall send; zero means all it has.
func since(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

// lineTime is a line's time, or now for a source that has none.
func (st *Store) lineTime(at time.Time) int64 {
	if at.Before(firstTime) || at.After(lastTime) {
		return st.now().UnixNano()
	}
	return at.UnixNano()
}

// acquire holds the service that the container is tracked as.
func (s *stream) acquire() error {
	name := s.name.Load()
	if name == s.as {
		return nil
	}
	target, err := s.store.acquire(*name)
	if err != nil {
		return err
	}
	if s.service != nil {
		s.service.release()
	}
	s.service, s.as = target, name
	return nil
}

// take appends a line unless it is kept already.
func (s *stream) take(ctx context.Context, e entry) error {
	e.container = s.short
	if s.seam.left > 0 {
		repeat, hole := s.seam.repeats(e)
		if repeat {
			return nil
		}
		if hole {
			gap := core.LogGap{From: time.Unix(0, s.seam.since).UTC(), To: time.Unix(0, e.at).UTC(), Dropped: -1,
				Reason: "the engine no longer had the lines in between"}
			if err := s.service.append(ctx, gapEntry(s.short, gap)); err != nil {
				return err
			}
		}
	}
	if s.name.Load() != s.as {
		if err := s.acquire(); err != nil {
			return err
		}
	}
	s.last, s.failed = e.at, 0
	return s.service.append(ctx, e)
}

// recordStuck leaves a gap, once, where the engine fails again and again to give what comes next. While the engine does
// not answer at all, nothing is lost yet.
func (s *stream) recordStuck(ctx context.Context, cause error) {
	if s.failed != stuckAfter || core.CodeOf(cause) == core.CodeUnavailable || s.service == nil {
		return
	}
	now := s.store.now().UTC()
	from := now
	if s.last != 0 {
		from = time.Unix(0, s.last).UTC()
	}
	gap := core.LogGap{From: from, To: now, Dropped: -1, Reason: "the engine cannot read its log: " + cause.Error()}
	if err := s.service.append(ctx, gapEntry(s.short, gap)); err != nil {
		s.cfg.Logger.Warn("gap not recorded", "container", s.short, "err", err)
	}
}
