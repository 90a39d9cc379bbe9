// Package journal is the local append-only record on disk: the commit point of everything that a control plane
// promises. docs/journal.md has the format and the rules of recovery.
package journal

import (
	"context"
	"errors"
	"hash"
	"os"
	"sync"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// The defaults of a Config, and the limits that no Config moves.
const (
	DefaultReserve        = 64 << 20  // bytes
	DefaultMinFree        = 256 << 20 // bytes
	DefaultSegmentBytes   = 8 << 20
	DefaultSegmentRecords = 10_000

	maxSegmentBytes = 64 << 20
	maxBatchBytes   = 4 << 20  // of one write; an append alone may be as long
	maxQueueBytes   = 64 << 20 // of all appends that wait
	maxQueue        = 4096     // appends that wait
	maxProbeWait    = 10 * time.Second
	tendEvery       = 5 * time.Second
	closeWait       = 5 * time.Second
)

// Config says where a journal lies and what its limits are. Zero values mean the defaults.
type Config struct {
	Dir    string // one directory per writer
	Writer string // "manager", "deploy"
	Server string // name of the server
	Epoch  uint64 // of the lease under which records are written; 0 while there is none

	Reserve        int64            // bytes set aside for AppendRelief on a full disk; negative: none
	MinFree        int64            // bytes that must stay free on the disk for Append; negative: no limit
	SegmentBytes   int64            // a new segment begins before one would grow over this
	SegmentRecords int64            // or over this many records
	Stall          time.Duration    // a write that takes longer is given up; 10 s
	Probe          time.Duration    // first wait before a journal in trouble tries the disk again, doubled up to 10 s; 250 ms
	Now            func() time.Time // the clock

	disk disk
}

// withDefaults checks the configuration and fills in what is not set.
func (c Config) withDefaults() (Config, error) {
	if c.Dir == "" || c.Writer == "" || c.Server == "" {
		return c, core.Errorf(core.CodeInvalid, "A journal needs a directory, a writer and a server name.")
	}
	if c.SegmentBytes > maxSegmentBytes {
		return c, core.Errorf(core.CodeInvalid, "A segment of the journal has at most %s.", mib(maxSegmentBytes))
	}
	setDefault(&c.Reserve, DefaultReserve)
	setDefault(&c.MinFree, DefaultMinFree)
	setDefault(&c.SegmentBytes, DefaultSegmentBytes)
	setDefault(&c.SegmentRecords, DefaultSegmentRecords)
	setDefault(&c.Stall, 10*time.Second)
	setDefault(&c.Probe, 250*time.Millisecond)
	c.Reserve, c.MinFree = max(c.Reserve, 0), max(c.MinFree, 0)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.disk == nil {
		c.disk = osDisk{}
	}
	return c, nil
}

// setDefault replaces a zero value.
func setDefault[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}

// Journal is a core.Journal in a directory. One goroutine at a time *leads*: it writes what it and others want to
// append, and then hands the lead to the next that waits. So a single writer pays no hand-over, and many share a sync.
type Journal struct {
	cfg    Config
	disk   disk
	ctx    context.Context // the keeper's; ended by Close
	cancel context.CancelFunc
	wg     sync.WaitGroup
	kick   chan struct{} // capacity 1; tells the keeper that there is trouble

	mu       sync.Mutex // guards what follows up to the next blank line
	head     mark       // the last durable append; off counts within the last segment
	segs     []segment
	bytes    int64 // of all segments
	trouble  *trouble
	low      *trouble // the disk has less free than MinFree
	torn     string
	reserve  int64
	queue    []*request
	queued   int64 // bytes in queue
	busy     bool  // somebody leads
	closed   bool
	inflight []*request // what the leader writes now, itself first
	givenUp  bool       // the watchdog has answered for inflight
	commits  uint64     // counts writes, so that a late watchdog knows its own

	// What follows belongs to the leader.
	lock  *os.File
	known bool   // the directory was read and head is true
	shown uint64 // the head that readers saw when the journal was opened
	tail  file   // the last segment, nil when the next append makes one or when in trouble
	buf   []byte
	sum   hash.Hash
}

var _ core.Journal = (*Journal)(nil)

// Open opens the journal in cfg.Dir and makes it when there is none. A disk or a file that is not as it should be gives
// a Journal in trouble, which can be read as far as it is whole. An error means a wrong configuration (CodeInvalid),
// another process or another owner (CodeConflict), or that ctx ended.
func Open(ctx context.Context, cfg Config) (*Journal, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	j := &Journal{cfg: cfg, disk: cfg.disk, kick: make(chan struct{}, 1)}
	j.ctx, j.cancel = context.WithCancel(context.Background()) // Close ends it
	err = j.recover(ctx)
	if core.CodeOf(err) == core.CodeConflict || ctx.Err() != nil {
		j.cancel()
		return nil, errors.Join(err, j.release())
	}
	if err != nil {
		j.trouble = j.newTrouble(err)
	}
	j.shown = j.head.seq
	j.wg.Go(j.keep)
	return j, nil
}

// Head says how the journal is; it never waits for the disk.
func (j *Journal) Head() core.JournalHead {
	j.mu.Lock()
	defer j.mu.Unlock()
	h := core.JournalHead{
		Seq: j.head.seq, Hash: j.head.hash, Bytes: j.bytes, Segments: len(j.segs), Reserve: j.reserve,
		Writable: !j.closed, Torn: j.torn,
	}
	if t := j.wrong(); t != nil {
		h.Writable, h.Trouble, h.Since = false, t.text, t.since
	}
	return h
}

// wrong is what keeps Append from writing. It needs mu.
func (j *Journal) wrong() *trouble {
	if j.trouble != nil {
		return j.trouble
	}
	return j.low
}

// Close lets the appends that wait finish, then gives the files back. After 5 s of a disk that does not answer it gives
// up with CodeUnavailable.
func (j *Journal) Close() error {
	j.mu.Lock()
	done := j.closed
	j.closed = true
	j.mu.Unlock()
	if done {
		return nil
	}
	j.cancel()
	ctx, cancel := context.WithTimeout(context.Background(), closeWait)
	defer cancel()
	if err := j.acquire(ctx); err != nil {
		return core.Errorf(core.CodeUnavailable, "close the journal: the disk does not answer: %w", err)
	}
	defer j.pass()
	j.wg.Wait()
	return j.release()
}

// release closes what the leader holds.
func (j *Journal) release() error {
	var errs []error
	if j.tail != nil {
		errs = append(errs, j.tail.Close())
		j.tail = nil
	}
	if j.lock != nil {
		errs = append(errs, j.lock.Close())
		j.lock = nil
	}
	return errors.Join(errs...)
}
