package logs

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// maxFrozen is how many full blocks wait for the disk. A source that is faster than the disk then waits, too.
const maxFrozen = 2

// service is what the store holds for one service name.
type service struct {
	store *Store
	name  string
	wake  chan struct{} // capacity 1: the writer has something new to do

	names sync.RWMutex // guards the names of segments: held while a file is opened by its name, or gets another

	mu      sync.Mutex // guards everything below
	closed  []*segment // oldest first
	open    *segment   // nil before the first block
	frozen  []*rawBlock
	pending *rawBlock // nil or with at least one line
	next    uint64    // sequence number of the next line
	clock   timeWriter
	lost    *core.LogGap // lines that could not be kept since the last one that could
	trouble string       // why nothing can be written
	refs    int          // streams that write here
	lent    int          // containers that are read from the engine; guarded by the store's mutex, too
	viewers []*subscription
	ring    *ring         // what they read; nil without any
	writing bool          // a writer runs
	seal    bool          // close the open segment soon
	space   chan struct{} // closed when a full service may have room again
	expect  int           // how large the next block is likely to become
	dirty   time.Time     // since when pending has lines that are in no file
	size    int64         // bytes on disk
	stats   core.LogStats

	file *os.File // the open segment for writing; belongs to the writer, to load before there is one
}

func newService(st *Store, name string) *service {
	return &service{store: st, name: name, next: 1, wake: make(chan struct{}, 1), space: make(chan struct{})}
}

// addDisk accounts for bytes written or removed. The mutex is held, or the service not shared yet.
func (s *service) addDisk(n int64) {
	s.size += n
	s.store.disk.Add(n)
}

// append takes a line, publishes it to the viewers, and returns. It waits only while a healthy disk is behind by more
// than maxFrozen blocks; while nothing can be written, lines are counted as lost instead.
func (s *service) append(ctx context.Context, e entry) error {
	level := core.LevelUnknown
	if e.stream != streamGap {
		level = Level(e.text)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.makeRoom() && s.trouble == "" {
		if err := s.waitForSpace(ctx); err != nil {
			return err
		}
	}
	if s.store.isClosed() {
		return errClosed
	}
	s.publish(e, level, s.next)
	s.count(e)
	if s.makeRoom() {
		s.add(e, level)
	} else {
		s.lose(e)
	}
	s.next++
	return nil
}

// waitForSpace gives the mutex away until the writer has done a piece of work.
func (s *service) waitForSpace(ctx context.Context) error {
	space := s.space
	s.mu.Unlock()
	defer s.mu.Lock()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.store.ctx.Done():
		return errClosed
	case <-space:
		return nil
	}
}

// makeRoom freezes a full block and says whether a line can be taken. After lines were lost the first thing taken is
// the gap. The mutex is held.
func (s *service) makeRoom() bool {
	if s.pending != nil && len(s.pending.text) >= blockSize {
		if len(s.frozen) >= maxFrozen {
			return false
		}
		s.freeze()
	}
	if s.lost != nil {
		gap := *s.lost
		s.lost = nil
		s.add(gapEntry("", gap), core.LevelUnknown)
		s.next++
		s.stats.Gaps++
	}
	return true
}

// add puts a line into the pending block. The mutex is held.
func (s *service) add(e entry, level core.LogLevel) {
	if s.pending == nil {
		s.pending = &rawBlock{blockMeta: blockMeta{firstSeq: s.next}, text: make([]byte, 0, s.expect)}
	}
	if s.dirty.IsZero() {
		s.dirty = s.store.now()
	}
	s.pending.add(&s.clock, e, level)
	if len(s.pending.text) >= blockSize && len(s.frozen) < maxFrozen {
		s.freeze()
	}
	s.startWriter()
}

// freeze hands the pending block to the writer. The mutex is held.
func (s *service) freeze() {
	s.expect = min(len(s.pending.text)+maxText/8, blockSize+maxText/8)
	s.frozen = append(s.frozen, s.pending)
	s.pending, s.dirty = nil, time.Time{}
	s.signal()
}

// lose counts a line that cannot be kept. The mutex is held.
func (s *service) lose(e entry) {
	at := time.Unix(0, e.at).UTC()
	if s.lost == nil {
		s.lost = &core.LogGap{From: at, Reason: s.trouble}
	}
	s.lost.To = at
	s.lost.Dropped++
	s.stats.Dropped++
}

// count keeps the counters. The mutex is held.
func (s *service) count(e entry) {
	if e.stream == streamGap {
		s.stats.Gaps++
		return
	}
	s.stats.Lines++
	s.stats.Bytes += int64(len(e.text))
	if e.cut {
		s.stats.Cut++
	}
}

// startWriter sees to it that a writer runs. The mutex is held.
func (s *service) startWriter() {
	if s.writing || s.store.isClosed() {
		return
	}
	s.writing = true
	s.store.wg.Go(s.writeLoop)
}

// signal tells a waiting writer to look again.
func (s *service) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// snapshot is what a service held at one moment. Blocks in memory are shared: text that is there is never changed.
type snapshot struct {
	service  *service
	segments []segmentView
	memory   []memoryBlock
	next     uint64
}

// segmentView is a segment as it was at the snapshot.
type segmentView struct {
	*segment
	blocks   []blockMeta // nil: in the file
	size     int64
	min, max int64
	levels   uint8
	first    uint64
	end      uint64
	count    int64 // lines
	damage   string
}

// memoryBlock is a block that is not in a segment yet.
type memoryBlock struct {
	blockMeta
	text []byte
}

// view takes a snapshot and, when v is not nil, lets v follow everything after it.
func (s *service) view(v *viewer) snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	snap := snapshot{service: s, next: s.next}
	for _, g := range s.closed {
		snap.segments = append(snap.segments, g.view())
	}
	if s.open != nil && len(s.open.blocks) > 0 {
		snap.segments = append(snap.segments, s.open.view())
	}
	for _, b := range s.frozen {
		snap.memory = append(snap.memory, memoryBlock{b.blockMeta, b.text})
	}
	if s.pending != nil {
		snap.memory = append(snap.memory, memoryBlock{s.pending.blockMeta, s.pending.text})
	}
	if v != nil {
		s.join(v)
	}
	return snap
}

func (g *segment) view() segmentView {
	return segmentView{
		segment: g, blocks: g.blocks[:len(g.blocks):len(g.blocks)], size: g.size,
		min: g.min, max: g.max, levels: g.levels, first: g.first, end: g.end, count: g.lines, damage: g.damage,
	}
}

// marks are the containers of everything kept, the newest line last.
func (s *service) marks() []mark {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []mark
	add := func(marks []mark) {
		for _, m := range marks {
			all = addMark(all, m)
		}
	}
	for _, g := range s.closed {
		add(g.marks)
	}
	if s.open != nil {
		add(s.open.marks)
	}
	for _, b := range s.frozen {
		add(b.containers)
	}
	if s.pending != nil {
		add(s.pending.containers)
	}
	return all
}

// times is the range of all lines of a snapshot.
func (s snapshot) times() (first, last int64) {
	seen := false
	extend := func(lo, hi int64) {
		if !seen {
			first, last, seen = lo, hi, true
		}
		first, last = min(first, lo), max(last, hi)
	}
	for _, g := range s.segments {
		extend(g.min, g.max)
	}
	for _, b := range s.memory {
		extend(b.min, b.max)
	}
	return first, last
}

// lines counts the lines of a snapshot.
func (s snapshot) lines() (n int64) {
	for _, g := range s.segments {
		n += g.count
	}
	for _, b := range s.memory {
		n += int64(b.lines)
	}
	return n
}
