package core

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// How long the parts of Infrastructure may take.
const (
	infraWait    = 8 * time.Second
	diskUsageFor = time.Minute      // a measurement of the engine's disk is shown so long
	diskWait     = 90 * time.Second // bound of one measurement
)

// showInfra gathers what the engine and Traefik hold. The parts are asked at the same time; one that does not answer is
// named and keeps no other from being shown.
func showInfra(ctx context.Context, c *Core, _ struct{}) (Infrastructure, error) {
	ctx, cancel := context.WithTimeout(ctx, infraWait)
	defer cancel()
	var out Infrastructure
	var mu sync.Mutex // guards out.Problems
	var wg sync.WaitGroup
	part := func(what string, ask func() error) {
		wg.Go(func() {
			if err := ask(); err != nil {
				mu.Lock()
				defer mu.Unlock()
				out.Problems = append(out.Problems, what+": "+MessageOf(err))
			}
		})
	}
	part("engine", func() (err error) { out.Engine, err = c.docker.Info(ctx); return err })
	part("networks", func() (err error) { out.Networks, err = c.docker.Networks(ctx); return err })
	part("volumes", func() (err error) { out.Volumes, err = c.docker.Volumes(ctx); return err })
	part("images", func() (err error) { out.Images, err = c.docker.Images(ctx); return err })
	part("disk", func() (err error) { out.Disk, err = c.services.disk.read(ctx, c.services); return err })
	part("traefik", func() (err error) { out.Traefik, err = c.proxy.Version(ctx); return err })
	part("routes", func() (err error) { out.Routes, err = c.proxy.Routes(ctx); return err })
	wg.Wait()
	return out, nil
}

// diskGauge measures what the engine keeps on disk. That takes seconds and much reading, so it is done for everybody at
// once, goes on when who asked has gone, and is shown for a while.
type diskGauge struct {
	mu    sync.Mutex // guards the rest
	usage DiskUsage
	err   error
	at    time.Time
	busy  chan struct{} // closed when the measurement under way ends; nil when there is none
}

// read gives a recent measurement, or waits for one as long as ctx allows.
func (g *diskGauge) read(ctx context.Context, s *services) (DiskUsage, error) {
	g.mu.Lock()
	if g.busy == nil && !g.at.IsZero() && s.now().Sub(g.at) < diskUsageFor {
		defer g.mu.Unlock()
		return g.usage, g.err
	}
	if g.busy == nil {
		if !s.spawn(func() { g.measure(s) }) {
			g.mu.Unlock()
			return DiskUsage{}, Errorf(CodeUnavailable, "This control plane is ending.")
		}
		g.busy = make(chan struct{}) // measure closes it once it gets the lock that is held here
	}
	busy := g.busy
	g.mu.Unlock()
	select {
	case <-busy:
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.usage, g.err
	case <-ctx.Done():
		return DiskUsage{}, Errorf(CodeUnavailable, "It is still being measured; look again in a while.")
	}
}

// measure asks the engine and lets everybody who waits go on.
func (g *diskGauge) measure(s *services) {
	ctx, cancel := context.WithTimeout(s.life, diskWait)
	defer cancel()
	usage, err := s.docker.DiskUsage(ctx)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.usage, g.err, g.at = usage, err, s.now()
	close(g.busy)
	g.busy = nil
}

// forget lets the next reader measure again.
func (g *diskGauge) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.at = time.Time{}
}

// pruneDisk removes dangling images and build cache as a job.
func pruneDisk(ctx context.Context, c *Core, _ struct{}) (Job, error) {
	return c.jobs.start(ctx, pruneKind, "", func(ctx context.Context, j *jobRun) error {
		j.step("Remove dangling images and build cache")
		pruned, err := c.docker.Prune(ctx)
		if err != nil {
			return err
		}
		c.services.disk.forget()
		j.result(fmt.Sprintf("Freed %s: %d images and the build cache.", FormatBytes(pruned.Bytes), pruned.Images))
		return nil
	})
}
