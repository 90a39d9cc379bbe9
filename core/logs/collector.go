package logs

import (
	"cmp"
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// CollectorConfig tunes a Collector. Zero values get the defaults named here.
type CollectorConfig struct {
	Retry    time.Duration // the first wait after a stream broke, doubled each time; 100 ms
	MaxRetry time.Duration // the longest wait; 10 s
	Grace    time.Duration // how long an untracked container's stream may go on to its end; 5 s
	Logger   *slog.Logger  // discards
}

// Collector keeps one stream open for each tracked container and appends its lines to a store. It implements
// core.LogCollector and is safe for concurrent use.
type Collector struct {
	store  *Store
	source core.LogSource
	cfg    CollectorConfig
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup // all streams

	mu      sync.Mutex // guards streams and the flags of each
	streams map[string]*stream
}

var _ core.LogCollector = (*Collector)(nil)

// NewCollector makes a collector that tracks nothing yet. Close it before the store.
func NewCollector(store *Store, source core.LogSource, cfg CollectorConfig) *Collector {
	cfg.Retry = cmp.Or(cfg.Retry, 100*time.Millisecond)
	cfg.MaxRetry = cmp.Or(cfg.MaxRetry, 10*time.Second)
	cfg.Grace = cmp.Or(cfg.Grace, 5*time.Second)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Collector{store: store, source: source, cfg: cfg, streams: map[string]*stream{}}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// Close ends all streams and waits for them.
func (c *Collector) Close() {
	c.mu.Lock()
	c.cancel()
	c.mu.Unlock()
	c.wg.Wait()
}

// Track collects a container's lines under a service name from where they were left. For a container that is tracked
// already it changes the name, and opens its stream again when that has ended, as it does when a container stops; so
// call it whenever a container starts. A name that cannot be one is logged and ignored.
func (c *Collector) Track(service, container string) {
	if !serviceName.MatchString(service) || container == "" {
		c.cfg.Logger.Warn("container not collected: not a name of a service", "service", service, "container", container)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		return
	}
	s, ok := c.streams[container]
	if !ok {
		s = &stream{Collector: c, container: container, short: shortID(container), kick: make(chan struct{}, 1)}
		c.streams[container] = s
	}
	s.name.Store(&service)
	if s.leave != nil {
		s.leave.Stop()
		s.leave = nil
	}
	c.store.reclaim(container)
	if s.running {
		s.again = true
		s.signal()
		return
	}
	s.start()
}

// Borrow makes a container's lines readable under a service name without collecting them, because another plane does:
// they are read from the engine. As Track, it is called whenever the container starts.
func (c *Collector) Borrow(service, container string) {
	if !serviceName.MatchString(service) || container == "" {
		c.cfg.Logger.Warn("container not readable: not a name of a service", "service", service, "container", container)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		return
	}
	c.end(container)
	c.store.lend(lender{c.store, c.source, c.cfg}, service, container)
}

// Untrack ends the collecting or borrowing of a container. Its stream may go on for the grace, because the last lines of a
// container that was removed are those that matter.
func (c *Collector) Untrack(container string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.store.reclaim(container)
	c.end(container)
}

// end is the end of a stream, if there is one. The mutex is held.
func (c *Collector) end(container string) {
	s, ok := c.streams[container]
	switch {
	case !ok || s.leave != nil:
	case s.running:
		s.again = false
		s.leave = time.AfterFunc(c.cfg.Grace, s.cancel)
		s.signal()
	default:
		delete(c.streams, container)
	}
}

// shortID is how a container is named in the log: twelve characters that cannot break the format.
func shortID(id string) string {
	id = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '_'
		}
		return r
	}, id)
	return id[:min(len(id), 12)]
}
