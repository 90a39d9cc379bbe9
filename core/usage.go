package core

import (
	"context"
	"sync"
	"time"
)

// The rhythm of measuring.
const (
	measureIdle    = 10 * time.Second // nobody looks
	measureWatched = 2 * time.Second
	measureWait    = 5 * time.Second // bound of one reading
	measurers      = 4               // readings at a time
)

// keepMeasured measures every running container and the server, more often while somebody looks.
func (s *services) keepMeasured(ctx context.Context) {
	for {
		began := time.Now()
		s.measure(ctx)
		if !rest(ctx, measureWatched-time.Since(began), nil) {
			return
		}
		select { // a ring of before is served
		case <-s.looked:
		default:
		}
		if s.hub.Subscribers() == 0 && !rest(ctx, measureIdle-time.Since(began), s.looked) {
			return
		}
	}
}

// measure takes one reading of everything.
func (s *services) measure(ctx context.Context) {
	type reading struct {
		name, container string
		sample          StatsSample
	}
	s.mu.Lock()
	var targets []reading
	for name, k := range s.board.rows {
		if k.runs() {
			targets = append(targets, reading{name: name, container: k.container.ID})
		}
	}
	s.mu.Unlock()
	var mu sync.Mutex // guards readings
	var readings []reading
	eachOf(targets, measurers, func(r reading) {
		ctx, cancel := context.WithTimeout(ctx, measureWait)
		defer cancel()
		sample, err := s.meter.Stats(ctx, r.container)
		if err != nil {
			return // it ended meanwhile, or the engine is away, which its own fault says
		}
		r.sample = sample
		mu.Lock()
		defer mu.Unlock()
		readings = append(readings, r)
	})
	host, err := s.host.Usage(ctx)
	s.mu.Lock()
	for _, r := range readings {
		if k := s.board.rows[r.name]; k != nil && k.container.ID == r.container {
			k.meter.add(r.container, r.sample)
		}
	}
	s.usage.add(host, err)
	s.stale = true
	s.mu.Unlock()
	ring(s.changed)
}
