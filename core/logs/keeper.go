package logs

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path"
	"slices"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

const (
	keepEvery   = time.Minute
	keepForever = 100 * 365 * 24 * time.Hour
	minSegment  = 64 << 10
)

// SetBounds changes what is enforced from now on. Zero keeps the present value, a negative one means no bound.
func (st *Store) SetBounds(b core.LogBounds) {
	st.boundsMu.Lock()
	st.bounds.MaxBytes = cmp.Or(b.MaxBytes, st.bounds.MaxBytes)
	st.bounds.MaxBytesPerService = cmp.Or(b.MaxBytesPerService, st.bounds.MaxBytesPerService)
	st.bounds.MaxAge = cmp.Or(b.MaxAge, st.bounds.MaxAge)
	st.boundsMu.Unlock()
	st.wakeKeeper()
}

func (st *Store) limits() core.LogBounds {
	st.boundsMu.Lock()
	defer st.boundsMu.Unlock()
	return st.bounds
}

// segmentLimit is the size at which a segment is closed: small enough that trimming whole segments keeps the bounds.
func (st *Store) segmentLimit() int64 {
	limit, b := st.cfg.SegmentBytes, st.limits()
	if b.MaxBytes > 0 {
		limit = min(limit, b.MaxBytes/8)
	}
	if b.MaxBytesPerService > 0 {
		limit = min(limit, b.MaxBytesPerService/4)
	}
	return max(limit, min(minSegment, st.cfg.SegmentBytes))
}

// keepIfOver wakes the keeper when a bound is passed. size is that of the service just written.
func (st *Store) keepIfOver(size int64) {
	b := st.limits()
	if b.MaxBytes > 0 && st.disk.Load() > b.MaxBytes || b.MaxBytesPerService > 0 && size > b.MaxBytesPerService {
		st.wakeKeeper()
	}
}

func (st *Store) wakeKeeper() {
	select {
	case st.keep <- struct{}{}:
	default:
	}
}

// keepLoop enforces the bounds: at once when a size is passed, and each minute for the age.
func (st *Store) keepLoop() {
	ticker := time.NewTicker(keepEvery)
	defer ticker.Stop()
	for {
		if _, err := st.Trim(st.ctx, st.limits()); err != nil && st.ctx.Err() == nil {
			st.log.Error("logs not trimmed", "err", err)
		}
		st.closeOld()
		select {
		case <-st.ctx.Done():
			return
		case <-ticker.C:
		case <-st.keep:
		}
	}
}

// closeOld closes segments that have been open for long, so that age can be enforced and archives can be made, and
// forgets services of which nothing is left.
func (st *Store) closeOld() {
	old, gone := st.now().Add(-st.cfg.SegmentAge), st.now().Add(-keepForever)
	if age := st.limits().MaxAge; age > 0 {
		gone = st.now().Add(-age)
	}
	before := func(ns int64, t time.Time) bool { return time.Unix(0, ns).Before(t) }
	for _, s := range st.all() {
		s.mu.Lock()
		if p := s.pending; p != nil && (before(p.min, old) || before(p.max, gone)) && len(s.frozen) < maxFrozen {
			s.freeze()
			s.startWriter()
		}
		if s.open != nil && (s.open.opened.Before(old) || before(s.open.max, gone)) {
			s.sealSoon()
		}
		s.mu.Unlock()
		st.forget(s)
	}
}

// sealSoon asks the writer to close the open segment. The mutex is held.
func (s *service) sealSoon() {
	s.seal = true
	s.startWriter()
	s.signal()
}

// forget drops a service that has nothing left, with its empty directory.
func (st *Store) forget(s *service) {
	st.mu.Lock()
	defer st.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.empty() && len(s.viewers) <= len(st.everyone) {
		delete(st.services, s.name)
		// A directory that holds files of others stays, and that is no fault.
		_ = st.root.Remove(s.name)
	}
}

// Trim removes closed segments, the oldest first, until the bounds hold. A bound of zero or less is none. What is in an
// open segment stays; when only open ones are left and a bound does not hold, they are closed and go next.
func (st *Store) Trim(ctx context.Context, b core.LogBounds) (core.LogTrimmed, error) {
	var report core.LogTrimmed
	services := st.all()
	for _, s := range services {
		if err := st.trimService(ctx, s, b, &report); err != nil {
			return report, err
		}
	}
	for b.MaxBytes > 0 && st.disk.Load() > b.MaxBytes {
		s := oldest(services)
		if s == nil {
			sealLargest(services)
			break
		}
		if err := st.trimOldest(ctx, s, &report); err != nil {
			return report, err
		}
	}
	for _, s := range services {
		if snap := s.view(nil); snap.lines() > 0 {
			first, _ := snap.times()
			if at := time.Unix(0, first).UTC(); report.Oldest.IsZero() || at.Before(report.Oldest) {
				report.Oldest = at
			}
		}
	}
	return report, nil
}

// trimService enforces the bounds that concern one service alone.
func (st *Store) trimService(ctx context.Context, s *service, b core.LogBounds, report *core.LogTrimmed) error {
	for {
		s.mu.Lock()
		over := b.MaxBytesPerService > 0 && s.size > b.MaxBytesPerService
		if over && len(s.closed) == 0 && s.open != nil {
			s.sealSoon()
		}
		if !over && b.MaxAge > 0 && len(s.closed) > 0 {
			over = time.Unix(0, s.closed[0].max).Before(st.now().Add(-b.MaxAge))
		}
		over = over && len(s.closed) > 0
		s.mu.Unlock()
		if !over {
			return nil
		}
		if err := st.trimOldest(ctx, s, report); err != nil {
			return err
		}
	}
}

// trimOldest removes the oldest closed segment of a service. Who reads it keeps his open file.
func (st *Store) trimOldest(ctx context.Context, s *service, report *core.LogTrimmed) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	if len(s.closed) == 0 { // another trim was faster
		s.mu.Unlock()
		return nil
	}
	g := s.closed[0]
	s.mu.Unlock()
	s.names.RLock()
	name := g.name
	s.names.RUnlock()
	if err := st.root.Remove(path.Join(s.name, name)); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("trim log segment: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at := slices.Index(s.closed, g)
	if at < 0 { // another trim was faster
		return nil
	}
	s.closed = slices.Concat(s.closed[:at], s.closed[at+1:])
	s.addDisk(-g.size)
	report.Segments++
	report.Bytes += g.size
	return nil
}

// oldest is the service with the oldest closed segment.
func oldest(services []*service) (found *service) {
	var at int64
	for _, s := range services {
		s.mu.Lock()
		if len(s.closed) > 0 && (found == nil || s.closed[0].max < at) {
			found, at = s, s.closed[0].max
		}
		s.mu.Unlock()
	}
	return found
}

// sealLargest asks for the largest open segment to be closed.
func sealLargest(services []*service) {
	var largest *service
	var size int64
	for _, s := range services {
		s.mu.Lock()
		if s.open != nil && s.open.size > size {
			largest, size = s, s.open.size
		}
		s.mu.Unlock()
	}
	if largest != nil {
		largest.mu.Lock()
		defer largest.mu.Unlock()
		largest.sealSoon()
	}
}
