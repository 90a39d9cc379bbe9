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
	minRingLines = 64
	maxRingBytes = 4 << 20
	lineOverhead = 160 // bytes that a core.LogLine takes beside its text
	maxTake      = 1024
)

// ring holds the lines of one service that someone who follows has not taken yet: publishing costs the same for one and
// for fifty, and a slow viewer costs nothing. (core.Hub keeps a buffer for each subscriber and counts items; lines may
// have 64 KiB.)
type ring struct {
	lines []*core.LogLine // line n is at n % len(lines)
	first uint64          // oldest line that is held
	next  uint64
	bytes int
}

func newRing() *ring { return &ring{lines: make([]*core.LogLine, minRingLines)} }

func (r *ring) at(n uint64) **core.LogLine { return &r.lines[n%uint64(len(r.lines))] }

// add takes a line; when the ring is full the oldest ones make room.
func (r *ring) add(l *core.LogLine) {
	r.bytes += cost(l)
	for r.next-r.first >= maxRingLines || r.bytes > maxRingBytes && r.next > r.first {
		r.release(r.first + 1)
	}
	if int(r.next-r.first) == len(r.lines) {
		larger := ring{lines: make([]*core.LogLine, 2*len(r.lines)), first: r.first, next: r.next, bytes: r.bytes}
		for n := r.first; n < r.next; n++ {
			*larger.at(n) = *r.at(n)
		}
		*r = larger
	}
	*r.at(r.next) = l
	r.next++
}

// release forgets the lines before the given one.
func (r *ring) release(before uint64) {
	for ; r.first < before; r.first++ {
		l := r.at(r.first)
		r.bytes -= cost(*l)
		*l = nil
	}
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
	viewer  *viewer
	next    uint64    // in the service's ring; guarded by the service's mutex
	seen    time.Time // of the last line taken
}

func newViewer() *viewer { return &viewer{ready: make(chan struct{}, 1)} }

// join lets a viewer follow the service from the present on. The service's mutex is held.
func (s *service) join(v *viewer) {
	if s.ring == nil {
		s.ring = newRing()
	}
	sub := &subscription{service: s, viewer: v, next: s.ring.next, seen: s.store.now().UTC()}
	s.viewers = append(s.viewers, sub)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.subs = append(v.subs, sub)
}

// leave ends a viewer's subscription; with the last one the ring goes.
func (s *service) leave(v *viewer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.viewers = slices.DeleteFunc(s.viewers, func(o *subscription) bool { return o.viewer == v })
	if len(s.viewers) == 0 {
		s.ring = nil
	}
}

// publish hands a line to everyone who follows. The mutex is held, so that all see the same order.
func (s *service) publish(e entry, level core.LogLevel, seq uint64) {
	if len(s.viewers) == 0 {
		return
	}
	line := e.logLine(s.name, seq, level)
	s.ring.add(&line)
	for _, sub := range s.viewers {
		sub.viewer.signal()
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
		to := (*r.at(r.first)).At
		lines = append(lines, &core.LogLine{At: to, Service: s.name, Gap: &core.LogGap{
			From: sub.seen, To: to, Dropped: dropped, Reason: "this viewer was too slow",
		}})
		sub.next = r.first
	}
	end := min(r.next, sub.next+maxTake)
	for ; sub.next < end; sub.next++ {
		lines = append(lines, *r.at(sub.next))
	}
	sub.seen = lines[len(lines)-1].At
	behind := sub.next
	for _, o := range s.viewers {
		behind = min(behind, o.next)
	}
	r.release(behind)
	return lines, dropped
}
