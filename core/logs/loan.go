package logs

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

const (
	// loanOverlap is how far before the present a stream of a loan begins; whoever joins recognises what it has read already.
	loanOverlap = 10 * time.Second
)

// loan is a container whose log is collected elsewhere. Nothing of it is kept here: who reads gets it from the engine,
// and while somebody follows, one stream of it is open for all of them.
type loan struct {
	lender
	service   *service // whose viewers get the lines
	container string
	short     string
	kick      chan struct{} // capacity 1: the container may have been started again
	returned  atomic.Bool   // it is no loan any more: the stream goes on to its end at most

	cancel context.CancelFunc // of the stream, nil without one; guarded by the store's mutex
}

// lender is where loans are read from, and how.
type lender struct {
	store  *Store
	source core.LogSource
	cfg    CollectorConfig
}

// lend makes a container's log readable under a service name. For a loan that is known its stream is opened again, when
// somebody follows it.
func (st *Store) lend(from lender, name, container string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.isClosed() {
		return
	}
	l, ok := st.loans[container]
	if ok && l.service.name == name {
		l.signal()
		return
	}
	if ok {
		st.giveBack(l)
	}
	s := st.service(name)
	s.mu.Lock()
	s.lent++
	s.mu.Unlock()
	st.loans[container] = &loan{lender: from, service: s, container: container, short: shortID(container), kick: make(chan struct{}, 1)}
	st.attend()
}

// reclaim ends a loan. Its stream may go on for the grace: the last lines of a container that was removed are those
// that matter.
func (st *Store) reclaim(container string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if l, ok := st.loans[container]; ok {
		st.giveBack(l)
	}
}

// giveBack is reclaim with the mutex held.
func (st *Store) giveBack(l *loan) {
	delete(st.loans, l.container)
	l.service.mu.Lock()
	l.service.lent--
	l.service.mu.Unlock()
	l.returned.Store(true)
	l.signal()
	if l.cancel != nil {
		time.AfterFunc(l.cfg.Grace, l.cancel)
	}
}

// lentContainers are the short ids of the containers on loan, by service.
func (st *Store) lentContainers() map[string][]string {
	st.mu.Lock()
	defer st.mu.Unlock()
	ids := map[string][]string{}
	for _, l := range st.loans {
		ids[l.service.name] = append(ids[l.service.name], l.short)
	}
	return ids
}

// attend opens the streams of loans that somebody follows, and ends those that nobody does. The mutex is held.
func (st *Store) attend() {
	if st.isClosed() {
		return
	}
	for _, l := range st.loans {
		l.service.mu.Lock()
		wanted := len(l.service.viewers) > 0
		l.service.mu.Unlock()
		switch {
		case wanted && l.cancel == nil:
			l.start()
		case !wanted && l.cancel != nil:
			l.cancel()
			l.cancel = nil
		}
	}
}

// start opens the stream from a moment ago. The store's mutex is held.
func (l *loan) start() {
	ctx, cancel := context.WithCancel(l.store.ctx)
	l.cancel = cancel
	from := l.store.now().Add(-loanOverlap).UnixNano()
	l.store.wg.Go(func() {
		defer cancel()
		l.run(ctx, place{at: from})
	})
}

func (l *loan) signal() {
	select {
	case l.kick <- struct{}{}:
	default:
	}
}

// place is how far a stream has come: the time of the newest line, and how many lines of that time there were.
type place struct {
	at    int64
	count int
}

// run publishes the container's lines, over its restarts and the engine's, until nobody follows any more.
func (l *loan) run(ctx context.Context, p place) {
	for failed := 0; ; {
		before := p
		err := l.pull(ctx, &p)
		if p != before {
			failed = 0
		}
		wait := time.Duration(math.MaxInt64) // a container that has ended: until it is said to have been started
		if err != nil && core.CodeOf(err) != core.CodeNotFound {
			wait = min(l.cfg.Retry<<min(failed, 20), l.cfg.MaxRetry)
			if failed++; failed == stuckAfter && ctx.Err() == nil {
				l.publishGap(p, err)
			}
		}
		if ctx.Err() != nil || l.returned.Load() || !l.rest(ctx, wait) {
			return
		}
	}
}

// rest waits before the stream is opened again; it is false when the stream shall end.
func (l *loan) rest(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-l.kick:
	case <-timer.C:
	}
	return !l.returned.Load()
}

// pull publishes what comes after the place, to the end of the stream.
func (l *loan) pull(ctx context.Context, p *place) error {
	var lines assembler
	had := *p
	emit := func(e entry) error {
		if e.at == had.at && had.count > 0 { // published before the stream broke
			had.count--
			return nil
		}
		switch {
		case e.at > p.at:
			*p = place{e.at, 1}
		case e.at == p.at:
			p.count++
		}
		return l.publish(ctx, e)
	}
	for raw, err := range l.source.ContainerLogs(ctx, l.container, since(p.at), true) {
		if err != nil {
			return err
		}
		if err := lines.add(raw, l.store.lineTime(raw.At), emit); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return lines.flush(emit)
}

// publish hands a line to who follows. A stream that was ended publishes nothing more, because another may have begun.
func (l *loan) publish(ctx context.Context, e entry) error {
	e.container = l.short
	level := Level(e.text)
	l.service.mu.Lock()
	defer l.service.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	l.service.publish(e, level, 0)
	return nil
}

// publishGap tells who follows that the engine does not give the log.
func (l *loan) publishGap(p place, cause error) {
	now := l.store.now().UTC()
	e := gapEntry(l.short, core.LogGap{From: since(p.at), To: now, Dropped: -1, Reason: unread(cause)})
	l.service.mu.Lock()
	defer l.service.mu.Unlock()
	l.service.publish(e, core.LevelUnknown, 0)
}

// unread says why a log is not to be had from the engine.
func unread(cause error) string { return "the engine cannot read its log: " + core.MessageOf(cause) }
