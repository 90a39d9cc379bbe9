package core

import (
	"cmp"
	"context"
	"iter"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
)

// The rhythm of watching.
const (
	coalesce     = 250 * time.Millisecond // between snapshots, unless a state changed
	urgentGap    = 20 * time.Millisecond  // between snapshots, always
	snapshotLife = time.Second            // a snapshot older than this is made anew for whoever asks
)

// services keeps the last known state of every service and tells whoever watches. Readers get an immutable snapshot and
// wait for nothing but a short lock; nobody waits for the engine but who asked it to do something.
type services struct {
	charter Charter
	project string // of our stack; empty when there is only one
	docker  Docker
	meter   StatsSource
	host    HostMeter
	prober  Prober
	collect LogCollector
	journal Journal
	logs    LogStore
	shared  *sharing
	log     *slog.Logger
	now     func() time.Time

	life context.Context // ends with run
	end  context.CancelFunc
	wg   sync.WaitGroup

	hub     *Hub[*Snapshot]
	changed chan struct{} // a new snapshot is due
	urgent  chan struct{} // at once
	kick    chan struct{} // list the containers again
	probes  chan struct{} // look again what is due to be probed
	looked  chan struct{} // somebody began to watch: measure now
	listing chan struct{} // capacity 1: held by who lists containers

	disk diskGauge

	mu       sync.Mutex // guards everything below
	board    *board
	engine   EngineState
	list     []Container // as the engine gave it last
	learned  time.Time   // when the engine was last asked about itself
	usage    hostUsage
	faults   faultAges
	doubt    doubt
	switches map[string]string  // what is wrong with switch files, by service
	removals map[string]string  // removals that nobody goes on with, by service
	tracks   map[string]tracked // by container
	last     *Snapshot
	stale    bool // last does not show what is known
	rev      uint64
	ended    bool // nothing is spawned any more
}

// notAsked is the engine's problem until the first answer.
const notAsked = "It has not been asked yet."

func newServices(c *Core, p Parts) *services {
	s := &services{
		charter: c.charter, project: c.cfg.Project, docker: p.Docker, meter: p.Usage, host: p.Host, prober: p.Prober, collect: p.Collect,
		journal: p.Journal, logs: p.Logs, shared: c.shared, log: c.log, now: c.now,
		hub: NewHub[*Snapshot](1), changed: signal(), urgent: signal(), kick: signal(), probes: signal(), looked: signal(),
		listing: make(chan struct{}, 1), board: newBoard(c.charter, cmp.Or(p.Own, ownContainer())),
		tracks: map[string]tracked{}, faults: faultAges{}, stale: true,
	}
	s.engine = EngineState{Problem: notAsked, Since: c.started}
	s.life, s.end = context.WithCancel(context.Background())
	return s
}

// signal makes a channel that remembers one ring.
func signal() chan struct{} { return make(chan struct{}, 1) }

// ring rings without waiting.
func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}

// run watches until ctx ends, and waits for everything it started.
func (s *services) run(ctx context.Context) {
	defer s.end()
	s.wg.Go(func() { s.keepFollowing(ctx) })
	s.wg.Go(func() { s.keepListed(ctx) })
	s.wg.Go(func() { s.keepProbed(ctx) })
	s.wg.Go(func() { s.keepMeasured(ctx) })
	s.wg.Go(func() { s.keepPublishing(ctx) })
	<-ctx.Done()
	s.end()
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.wg.Wait()
}

// spawn starts work that run waits for. It is false once run has ended.
func (s *services) spawn(work func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	s.wg.Go(work)
	return true
}

// watch yields the state now and every newer one; who is slow sees only the newest.
func (s *services) watch(ctx context.Context) iter.Seq2[*Snapshot, error] {
	return func(yield func(*Snapshot, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(s.life, cancel)()
		stream, leave := s.hub.Join(ctx)
		defer leave()
		s.noticeWatcher()
		if !yield(s.snapshot(), nil) {
			return
		}
		for received := range stream {
			if !yield(received.Item, nil) {
				return
			}
		}
	}
}

// noticeWatcher makes what is shown fresh for somebody who begins to look.
func (s *services) noticeWatcher() {
	ring(s.looked)
	s.mu.Lock()
	old := s.now().Sub(s.engine.Seen) > listWatched
	s.mu.Unlock()
	if old {
		ring(s.kick)
	}
}

// touch marks the state as changed. An urgent change is published at once.
func (s *services) touch(urgent bool) {
	s.mu.Lock()
	s.stale = true
	s.mu.Unlock()
	if urgent {
		ring(s.urgent)
	} else {
		ring(s.changed)
	}
}

// keepPublishing publishes what changed, not more often than viewers can use. While nobody watches nothing is made.
func (s *services) keepPublishing(ctx context.Context) {
	var last time.Time
	for {
		gap, hurry := coalesce, s.urgent
		select {
		case <-ctx.Done():
			return
		case <-s.urgent:
			gap, hurry = urgentGap, nil
		case <-s.changed:
		}
		if !rest(ctx, gap-time.Since(last), hurry) {
			return
		}
		last = time.Now()
		if s.hub.Subscribers() > 0 {
			s.hub.Publish(s.snapshot())
		}
	}
}

// rest waits; a ring of wake ends it early. It is false when ctx ended.
func rest(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-wake:
	case <-timer.C:
	}
	return true
}

// snapshot is the state now. It is made at most once for each change.
func (s *services) snapshot() *Snapshot {
	head, logs, sharing := s.journal.Head(), s.logs.Stats(), s.shared.troubles()
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if s.last != nil && !s.stale && now.Sub(s.last.At) < snapshotLife {
		return s.last
	}
	s.rev++
	snap := &Snapshot{Rev: s.rev, At: now, Engine: s.engine, Host: s.usage.newest}
	snap.Services = make([]Service, 0, len(s.board.rows))
	for _, k := range s.board.rows {
		snap.Services = append(snap.Services, k.service(s.charter, s.board.home.container))
	}
	snap.Faults = s.faults.age(now, faultsOf(faultInput{
		now: now, charter: s.charter, engine: s.engine, rows: s.board.rows, host: s.usage.newest, journal: head, logs: logs,
		switches: s.switches, removals: s.removals, sharing: sharing,
	}))
	sortServices(snap.Services, snap.Faults)
	s.last, s.stale = snap, false
	return snap
}

// sortServices puts services with faults first, the worst first, then by layer and name.
func sortServices(list []Service, faults []Fault) {
	rank := make(map[string]int, len(faults))
	for _, f := range faults {
		rank[f.Service] = min(rank[f.Service], -f.Severity.weight())
	}
	sort.Slice(list, func(i, j int) bool {
		a, b := &list[i], &list[j]
		switch {
		case rank[a.Name] != rank[b.Name]:
			return rank[a.Name] < rank[b.Name]
		case a.Layer != b.Layer:
			return a.Layer < b.Layer
		default:
			return a.Name < b.Name
		}
	})
}

// find gives a service by its name, with its container as the engine last described it. The error names near matches.
func (s *services) find(name string) (Service, ContainerDetail, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.board.rows[name]; k != nil {
		return k.service(s.charter, s.board.home.container), k.detail, nil
	}
	return Service{}, ContainerDetail{}, s.unknown(name, slices.Sorted(maps.Keys(s.board.rows)))
}

// unknown is the error for a name that is not among the names; it says which are near. The mutex is held.
func (s *services) unknown(name string, names []string) error {
	near := nearNames(name, names)
	switch {
	case len(near) > 0:
		return Errorf(CodeNotFound, "There is no service %q. Did you mean %s?", shortText(name), strings.Join(near, ", "))
	case s.engine.Seen.IsZero():
		return Errorf(CodeUnavailable, "No service is known yet. %s", s.engine.Problem)
	default:
		return Errorf(CodeNotFound, "There is no service %q.", shortText(name))
	}
}

// checkLogs refuses names that are neither services nor have logs.
func (s *services) checkLogs(ctx context.Context, names []string) error {
	s.mu.Lock()
	unknown := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return s.board.rows[name] != nil })
	s.mu.Unlock()
	if len(unknown) == 0 {
		return nil
	}
	kept, err := s.logs.Services(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	known := slices.Collect(maps.Keys(s.board.rows))
	for _, l := range kept {
		known = append(known, l.Service)
	}
	slices.Sort(known)
	known = slices.Compact(known)
	for _, name := range unknown {
		if _, ok := slices.BinarySearch(known, name); !ok {
			return s.unknown(name, known)
		}
	}
	return nil
}

// ownContainer is the id of the container this process runs in, as far as the process can tell; empty outside of one.
func ownContainer() string {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return ""
	}
	return containerInMounts(string(mounts))
}

// containerInMounts finds the container's id in the path from which the engine mounts /etc/hostname.
func containerInMounts(mounts string) string {
	for line := range strings.Lines(mounts) {
		fields := strings.Fields(line)
		if len(fields) < 5 || fields[4] != "/etc/hostname" && fields[4] != "/etc/resolv.conf" {
			continue
		}
		_, rest, _ := strings.Cut(fields[3], "/containers/")
		if id, _, ok := strings.Cut(rest, "/"); ok && len(id) == 64 && isHex(id) {
			return id
		}
	}
	return ""
}
