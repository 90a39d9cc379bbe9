package logs

import (
	"slices"
	"sync"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

const (
	// The ring of a service that is followed holds this many lines and bytes; a viewer that is further behind loses
	// the oldest.
	maxRingLines = 8192
	maxRingBytes = 4 << 20
	lineOverhead = 160 // bytes that a core.LogLine takes beside its text
	maxTake      = 1024
)

// ring holds the newest lines of one service for all who follow it: publishing costs the same for one and for fifty,
// and a slow viewer costs nothing. (core.Hub keeps a buffer for each subscriber and counts items; lines may have 64 KiB.)
type ring struct {
	lines []*core.LogLine // line n is at n % maxRingLines
	first uint64          // oldest line that is held
	next  uint64
	bytes int
}

func newRing() *ring { return &ring{lines: make([]*core.LogLine, maxRingLines)} }

// add takes a line; the oldest ones make room.
func (r *ring) add(l *core.LogLine) {
	r.bytes += cost(l)
	for r.next-r.first >= maxRingLines || r.bytes > maxRingBytes && r.next > r.first {
		oldest := &r.lines[r.first%maxRingLines]
		r.bytes -= cost(*oldest)
		*oldest = nil
		r.first++
	}
	r.lines[r.next%maxRingLines] = l
	r.next++
}

func cost(l *core.LogLine) int { return len(l.Text) + lineOverhead }

// viewer is one who follows some services. Whoever publishes never waits for it.
type viewer struct {
	ready chan struct{} // capacity 1

	mu   sync.Mutex // guards subs; each element belongs to who pulls
	subs []*subscription
}

// subscription is how far a viewer has come with one service.
type subscription struct {
	service *service
	next    uint64    // in the service's ring
	seen    time.Time // of the last line taken
}

func newViewer() *viewer { return &viewer{ready: make(chan struct{}, 1)} }

// join lets a viewer follow the service from the present on. The service's mutex is held.
func (s *service) join(v *viewer) {
	if s.ring == nil {
		s.ring = newRing()
	}
	s.viewers = append(s.viewers, v)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.subs = append(v.subs, &subscription{service: s, next: s.ring.next, seen: s.store.now().UTC()})
}

// leave ends a viewer's subscription; with the last one the ring goes.
func (s *service) leave(v *viewer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.viewers = slices.DeleteFunc(s.viewers, func(o *viewer) bool { return o == v })
	if len(s.viewers) == 0 {
		s.ring = nil
	}
}

// publish hands a line to everyone who follows. The mutex is held, so that all see the same order.
func (s *service) publish(e entry, level core.LogLevel) {
	if len(s.viewers) == 0 {
		return
	}
	line := e.logLine(s.name, s.next, level)
	s.ring.add(&line)
	for _, v := range s.viewers {
		v.signal()
	}
}

func (v *viewer) signal() {
	select {
	case v.ready <- struct{}{}:
	default:
	}
}

// take gives what is new, at most maxTake lines of each service, oldest first within a service. Where lines were lost a
// gap comes first.
func (v *viewer) take() (lines []*core.LogLine, dropped int64) {
	v.mu.Lock()
	subs := slices.Clone(v.subs)
	v.mu.Unlock()
	for _, sub := range subs {
		var n int64
		lines, n = sub.take(lines)
		if dropped += n; n > 0 || len(lines) >= maxTake {
			v.signal() // there may be more
		}
	}
	return lines, dropped
}

// take appends what is new in one service.
func (sub *subscription) take(lines []*core.LogLine) (_ []*core.LogLine, dropped int64) {
	s := sub.service
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.ring
	if r == nil || sub.next == r.next {
		return lines, 0
	}
	if sub.next < r.first {
		dropped = int64(r.first - sub.next)
		to := r.lines[r.first%maxRingLines].At
		lines = append(lines, &core.LogLine{At: to, Service: s.name, Gap: &core.LogGap{
			From: sub.seen, To: to, Dropped: dropped, Reason: "this viewer was too slow",
		}})
		sub.next = r.first
	}
	end := min(r.next, sub.next+maxTake)
	for ; sub.next < end; sub.next++ {
		lines = append(lines, r.lines[sub.next%maxRingLines])
	}
	sub.seen = lines[len(lines)-1].At
	return lines, dropped
}
