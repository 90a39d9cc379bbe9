package logs

import (
	"context"
	"iter"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

const (
	// chunkBlocks is how many blocks one worker takes at a time; they are read with one call.
	chunkBlocks = 8
	// aheadChunks is how many chunks a core may be ahead of the oldest that is not done, so that on a busy machine one
	// worker that has to wait for its turn does not keep the others from working; beyond maxAhead bytes of hits they
	// wait all the same.
	aheadChunks = 16
	maxAhead    = 4 << 20
	// progressEvery is how often a search says how far it has come.
	progressEvery = 100 * time.Millisecond
)

// Search yields hits newest first through everything collected, over all services of the query at once, with progress
// in between and at the end. Order is by time, then by sequence. Segments are decoded on all cores; memory is bounded
// by what the workers hold. It ends early after q.Limit hits. A part that cannot be read is a hit with a gap.
func (st *Store) Search(ctx context.Context, q core.LogQuery) iter.Seq2[core.LogHit, error] {
	return func(yield func(core.LogHit, error) bool) {
		f, err := newFilter(q)
		if err != nil {
			yield(core.LogHit{}, err)
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		s := &search{store: st, filter: &f, ctx: ctx, limit: q.Limit, yield: yield, cores: runtime.GOMAXPROCS(0)}
		s.jobs = make(chan *job, aheadChunks*s.cores)
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		for range s.cores {
			wg.Go(s.work)
		}
		s.plan(st.parts(q))
		s.borrow(st.lent(q.Services, &f))
		s.run()
	}
}

// search goes through targets from the newest to the oldest. A target that is a segment is replaced by its chunks when
// its turn comes; chunks go to the workers, at most a few at once, and their hits come back in the same order. A hit is
// yielded when nothing that is still to be read can be newer.
type search struct {
	store  *Store
	filter *filter
	ctx    context.Context
	limit  int
	yield  func(core.LogHit, error) bool
	cores  int

	targets  []target // a heap, the newest first
	jobs     chan *job
	flight   []*job // given to workers, in order
	hits     []core.LogLine
	progress core.LogProgress
	told     time.Time
	ahead    atomic.Int64 // bytes of hits in flight
}

// target is what is still to be searched: a segment, some blocks of one, or a block in memory.
type target struct {
	service  *service
	view     *segmentView
	blocks   []blockMeta // of view, when it is a chunk
	memory   []byte      // instead of view
	min, max int64
	last     bool // of its segment
	bytes    int64
}

func newer(a, b target) bool {
	if a.max != b.max {
		return a.max > b.max
	}
	return a.service.name > b.service.name
}

// job is a chunk in the hands of a worker.
type job struct {
	target
	hits []core.LogLine
	size int64 // of the hits in memory
	done chan struct{}
}

// plan lists what there is and counts it. Only the ranges of segments are known; their indexes are read later.
func (s *search) plan(parts []part) {
	for _, p := range parts {
		for i := range p.snap.segments {
			g := &p.snap.segments[i]
			s.progress.TotalSegments++
			s.progress.TotalBytes += g.size
			if !s.filter.mayHold(g.min, g.max, g.levels) {
				s.pass(target{bytes: g.size, last: true})
				continue
			}
			push(&s.targets, target{service: p.snap.service, view: g, min: g.min, max: g.max}, newer)
		}
		for _, b := range p.snap.memory {
			if s.filter.mayHold(b.min, b.max, b.levels) {
				t := target{service: p.snap.service, blocks: []blockMeta{b.blockMeta}, memory: b.text, min: b.min, max: b.max}
				push(&s.targets, t, newer)
			}
		}
	}
}

// borrow adds what is found in the engine's logs. They are read to their end before the first hit is yielded.
func (s *search) borrow(all []*lent) {
	load(s.ctx, all, s.filter, s.limit)
	for _, l := range all {
		for _, line := range l.lines {
			push(&s.hits, line, newerLine)
		}
	}
}

// pass counts a target as searched.
func (s *search) pass(t target) {
	s.progress.Bytes += t.bytes
	if t.last {
		s.progress.Segments++
	}
}

// run keeps the workers busy and yields what they find.
func (s *search) run() {
	for {
		for len(s.targets) > 0 && s.mayGoAhead() {
			if t := pop(&s.targets, newer); t.view != nil && t.blocks == nil {
				s.expand(t)
			} else if !s.dispatch(t) {
				break
			}
		}
		if s.ctx.Err() != nil {
			s.yield(core.LogHit{}, s.ctx.Err())
			return
		}
		if len(s.flight) == 0 {
			break
		}
		if !s.collect() || !s.report(false) {
			return
		}
	}
	if s.emit(false, 0) {
		s.report(true)
	}
}

// mayGoAhead says whether another chunk may be given to the workers. Two for each core always may.
func (s *search) mayGoAhead() bool {
	n := len(s.flight)
	return n < 2*s.cores || n < aheadChunks*s.cores && s.ahead.Load() < maxAhead
}

// dispatch hands a chunk to a worker.
func (s *search) dispatch(t target) bool {
	j := &job{target: t, done: make(chan struct{})}
	select {
	case s.jobs <- j:
		s.flight = append(s.flight, j)
		return true
	case <-s.ctx.Done():
		return false
	}
}

// collect waits for the oldest job in flight and yields the hits that are certain to be next.
func (s *search) collect() bool {
	j := s.flight[0]
	select {
	case <-j.done:
	case <-s.ctx.Done():
		s.yield(core.LogHit{}, s.ctx.Err())
		return false
	}
	s.flight = s.flight[1:]
	s.ahead.Add(-j.size)
	for _, l := range j.hits {
		push(&s.hits, l, newerLine)
	}
	s.pass(j.target)
	s.progress.Oldest = time.Unix(0, j.max).UTC()
	rest, bound := s.rest()
	return s.emit(rest, bound)
}

// rest says whether something is still to be read and how new it may be.
func (s *search) rest() (more bool, bound int64) {
	if len(s.flight) > 0 {
		more, bound = true, s.flight[0].max
	}
	if len(s.targets) > 0 && (!more || s.targets[0].max > bound) {
		more, bound = true, s.targets[0].max
	}
	return more, bound
}

// emit yields held hits that are newer than the bound, or all when there is none.
func (s *search) emit(bounded bool, bound int64) bool {
	for len(s.hits) > 0 && (!bounded || s.hits[0].At.UnixNano() > bound) {
		l := pop(&s.hits, newerLine)
		if !s.yield(core.LogHit{Line: &l}, nil) {
			return false
		}
		if l.Gap != nil || s.limit == 0 {
			continue
		}
		if s.limit--; s.limit == 0 {
			s.report(true)
			return false
		}
	}
	return true
}

func newerLine(a, b core.LogLine) bool {
	switch {
	case !a.At.Equal(b.At):
		return a.At.After(b.At)
	case a.Service != b.Service:
		return a.Service > b.Service
	}
	return a.Seq > b.Seq
}

// report yields the progress, now and then or at the end.
func (s *search) report(end bool) bool {
	if now := time.Now(); end || now.Sub(s.told) >= progressEvery {
		s.told = now
		p := s.progress
		return s.yield(core.LogHit{Progress: &p}, nil)
	}
	return true
}

// expand replaces a segment by its chunks.
func (s *search) expand(t target) {
	f, err := t.service.openSegment(t.view.segment, t.view.blocks)
	if err != nil {
		push(&s.hits, gapLine(t.service.name, t.view.min, t.view.max, t.view.count, err.Error()), newerLine)
		s.pass(target{bytes: t.view.size, last: true})
		return
	}
	defer f.close()
	if t.view.damage != "" {
		push(&s.hits, gapLine(t.service.name, t.view.max, t.view.max, -1, t.view.damage), newerLine)
	}
	left := t.view.size
	for blocks := f.blocks; len(blocks) > 0; {
		n := min(len(blocks), chunkBlocks)
		c := target{service: t.service, view: t.view, last: n == len(blocks)}
		c.blocks = slices.DeleteFunc(slices.Clone(blocks[:n]), func(m blockMeta) bool {
			return !s.filter.mayHold(m.min, m.max, m.levels)
		})
		end := blocks[n-1].offset + int64(blocks[n-1].packed)
		c.bytes = end - (t.view.size - left)
		if blocks, left = blocks[n:], t.view.size-end; c.last {
			c.bytes += left
		}
		s.add(c)
	}
}

// add plans a chunk; one of which nothing can pass is done already.
func (s *search) add(c target) {
	if len(c.blocks) == 0 {
		s.pass(c)
		return
	}
	c.min, c.max = c.blocks[0].min, c.blocks[0].max
	for _, m := range c.blocks {
		c.min, c.max = min(c.min, m.min), max(c.max, m.max)
	}
	push(&s.targets, c, newer)
}
