package logs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"github.com/codematrx/matrx-ship/core"
)

// Config says where logs are kept and how much of them. Zero values get the defaults named here.
type Config struct {
	Dir          string
	Bounds       core.LogBounds   // 4 GiB in all, 1 GiB per service, 30 days; negative: no bound
	MinFree      int64            // bytes of free disk under which nothing is written; 512 MiB; negative: no limit
	Flush        time.Duration    // how long a line may be in memory only; 1 s
	SegmentBytes int64            // compressed size at which a segment is closed; 8 MiB
	SegmentAge   time.Duration    // age at which a segment is closed; 6 h
	Now          func() time.Time // the clock; time.Now
	Logger       *slog.Logger     // discards
}

func (c Config) withDefaults() Config {
	c.Bounds.MaxBytes = cmp.Or(c.Bounds.MaxBytes, 4<<30)
	c.Bounds.MaxBytesPerService = cmp.Or(c.Bounds.MaxBytesPerService, 1<<30)
	c.Bounds.MaxAge = cmp.Or(c.Bounds.MaxAge, 30*24*time.Hour)
	c.MinFree = cmp.Or(c.MinFree, 512<<20)
	c.Flush = cmp.Or(c.Flush, time.Second)
	c.SegmentBytes = cmp.Or(c.SegmentBytes, 8<<20)
	c.SegmentAge = cmp.Or(c.SegmentAge, 6*time.Hour)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// errClosed is the answer of a store that is no longer open.
var errClosed = core.Errorf(core.CodeUnavailable, "The log store is closed.")

// serviceName is what may name a service and so a directory.
var serviceName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$`)

// Store keeps the lines of services in segments. It implements core.LogStore and is safe for concurrent use.
type Store struct {
	cfg  Config
	log  *slog.Logger
	root *os.Root
	dir  *os.File // holds the lock
	enc  *zstd.Encoder
	dec  *zstd.Decoder
	disk atomic.Int64 // bytes
	keep chan struct{}

	ctx    context.Context // ends when the store is closed
	cancel context.CancelFunc
	closed atomic.Bool
	wg     sync.WaitGroup // the keeper and all writers

	mu       sync.Mutex // guards what follows; taken before a service's mutex
	services map[string]*service
	loans    map[string]*loan // by container
	everyone []*viewer        // viewers of all services, those to come included

	boundsMu sync.Mutex // guards bounds; nothing else is locked under it
	bounds   core.LogBounds

	viewers       atomic.Int64
	viewerDropped atomic.Int64
}

var _ core.LogStore = (*Store)(nil)

// Open reads what the directory holds, repairs what a killed process left, and starts keeping the bounds. A directory
// that another process has open is a conflict. Damaged segments do not keep the store from opening.
func Open(cfg Config) (*Store, error) {
	cfg = cfg.withDefaults()
	st := &Store{
		cfg: cfg, log: cfg.Logger, bounds: cfg.Bounds,
		keep: make(chan struct{}, 1), services: map[string]*service{}, loans: map[string]*loan{},
	}
	if err := st.openDir(); err != nil {
		return nil, err
	}
	if err := st.openCodecs(); err != nil {
		return nil, errors.Join(err, st.closeDir())
	}
	if err := st.load(); err != nil {
		return nil, errors.Join(err, st.closeDir())
	}
	st.ctx, st.cancel = context.WithCancel(context.Background())
	st.wg.Go(st.keepLoop)
	for _, s := range st.services {
		s.mu.Lock()
		if len(s.frozen) > 0 {
			s.startWriter()
		}
		s.mu.Unlock()
	}
	return st, nil
}

func (st *Store) openDir() (err error) {
	if err := os.MkdirAll(st.cfg.Dir, 0o750); err != nil {
		return core.Errorf(core.CodeUnavailable, "make log directory: %w", err)
	}
	if st.root, err = os.OpenRoot(st.cfg.Dir); err != nil {
		return core.Errorf(core.CodeUnavailable, "open log directory: %w", err)
	}
	if st.dir, err = st.root.Open("."); err != nil {
		return core.Errorf(core.CodeUnavailable, "open log directory: %w", errors.Join(err, st.root.Close()))
	}
	if err = unix.Flock(int(st.dir.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return core.Errorf(core.CodeConflict, "log directory %s is in use by another process: %w", st.cfg.Dir,
			errors.Join(err, st.closeDir()))
	}
	return nil
}

func (st *Store) closeDir() error { return errors.Join(st.dir.Close(), st.root.Close()) }

// openCodecs makes the coders that all services share; each of them works on one block at a time and core.
func (st *Store) openCodecs() (err error) {
	st.enc, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2),
		zstd.WithWindowSize(blockSize), zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return fmt.Errorf("make encoder: %w", err)
	}
	st.dec, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxBlock),
		zstd.WithDecoderLowmem(true))
	if err != nil {
		return fmt.Errorf("make decoder: %w", err)
	}
	return nil
}

// load finds the services on disk. What one service has wrong is logged and does not touch the others.
func (st *Store) load() error {
	names, err := st.dir.Readdirnames(-1)
	if err != nil {
		return core.Errorf(core.CodeUnavailable, "list log directory: %w", err)
	}
	for _, name := range names {
		if !serviceName.MatchString(name) {
			continue
		}
		s := newService(st, name)
		if err := s.load(); err != nil {
			st.log.Error("logs not read in full", "service", name, "err", err)
		}
		if s.empty() {
			// An empty directory goes; one with files that are not ours stays, and that is no fault.
			_ = st.root.Remove(name)
			continue
		}
		st.services[name] = s
	}
	return nil
}

// empty is true when nothing is kept and nobody writes. The mutex is held, or the service not shared yet.
func (s *service) empty() bool {
	return len(s.closed) == 0 && s.open == nil && len(s.frozen) == 0 && s.pending == nil && s.refs == 0 && s.lent == 0 && !s.writing
}

// Close writes what is in memory, ends all viewers and waits for everything that runs. Collectors are closed before.
func (st *Store) Close() error {
	if st.closed.Swap(true) {
		return nil
	}
	st.cancel()
	for _, s := range st.all() {
		s.mu.Lock()
		if !s.writing && (len(s.frozen) > 0 || !s.dirty.IsZero()) {
			s.writing = true
			st.wg.Go(s.writeLoop)
		}
		s.mu.Unlock()
	}
	st.wg.Wait()
	var errs []error
	for _, s := range st.all() {
		errs = append(errs, s.closeFile())
		if s.trouble != "" {
			errs = append(errs, core.Errorf(core.CodeUnavailable, "logs not written: %s", s.trouble))
		}
	}
	st.dec.Close()
	return errors.Join(append(errs, st.enc.Close(), st.closeDir())...)
}

func (st *Store) isClosed() bool { return st.closed.Load() }

func (st *Store) now() time.Time { return st.cfg.Now() }

// all lists the services by name.
func (st *Store) all() []*service {
	st.mu.Lock()
	defer st.mu.Unlock()
	return slices.SortedFunc(maps.Values(st.services), func(a, b *service) int { return cmp.Compare(a.name, b.name) })
}

// acquire gives the service for a stream to write to; release it when the stream ends.
func (st *Store) acquire(name string) (*service, error) {
	if !serviceName.MatchString(name) {
		return nil, core.Errorf(core.CodeInvalid, "%q cannot be the name of a service", name)
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	s := st.service(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refs++
	return s, nil
}

// service gives a service, a new one for a name that is not known. The mutex is held.
func (st *Store) service(name string) *service {
	s, ok := st.services[name]
	if ok {
		return s
	}
	s = newService(st, name)
	st.services[name] = s
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range st.everyone {
		s.join(v)
	}
	return s
}

func (s *service) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refs--
}

// named gives the services of a query, or all. A name that has no lines is left out.
func (st *Store) named(names []string) []*service {
	if len(names) == 0 {
		return st.all()
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	var found []*service
	for _, name := range names {
		if s, ok := st.services[name]; ok && !slices.Contains(found, s) {
			found = append(found, s)
		}
	}
	return found
}

// Services lists every service name that has lines or is read from the engine, by name.
func (st *Store) Services(ctx context.Context) ([]core.LogService, error) {
	var list []core.LogService
	lent := st.lentContainers()
	for _, s := range st.all() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		l := s.summary()
		for _, id := range lent[s.name] {
			if !slices.Contains(l.Containers, id) && len(l.Containers) < maxContainers {
				l.Containers = append(l.Containers, id)
			}
		}
		if l.Lines > 0 || l.Live || l.Borrowed {
			list = append(list, l)
		}
	}
	return list, nil
}

// maxContainers is how many containers Services names for each service.
const maxContainers = 50

// summary describes what is kept of one service.
func (s *service) summary() core.LogService {
	marks := s.marks()
	slices.SortStableFunc(marks, func(a, b mark) int { return cmp.Compare(b.last, a.last) })
	l := core.LogService{Service: s.name}
	for _, m := range marks[:min(len(marks), maxContainers)] {
		l.Containers = append(l.Containers, m.id)
	}
	snap := s.view(nil)
	first, last := snap.times()
	if l.Lines = snap.lines(); l.Lines > 0 {
		l.First, l.Last = time.Unix(0, first).UTC(), time.Unix(0, last).UTC()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l.Bytes, l.Live, l.Borrowed = s.size, s.refs > 0, s.lent > 0
	return l
}

// Stats gives the counters.
func (st *Store) Stats() core.LogStats {
	total := core.LogStats{
		OnDisk: st.disk.Load(), Viewers: int(st.viewers.Load()), ViewerDropped: st.viewerDropped.Load(),
	}
	for _, s := range st.all() {
		s.mu.Lock()
		total.Lines += s.stats.Lines
		total.Bytes += s.stats.Bytes
		total.Dropped += s.stats.Dropped
		total.Gaps += s.stats.Gaps
		total.Cut += s.stats.Cut
		total.Following += s.refs
		total.Trouble = cmp.Or(total.Trouble, s.trouble)
		s.mu.Unlock()
	}
	return total
}
