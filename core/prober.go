package core

import (
	"context"
	"math/rand/v2"
	"time"
)

// The rhythm of probing.
const (
	probeEvery   = 10 * time.Second
	probeSoon    = 2 * time.Second        // while a service fails or starts
	probeSlow    = 500 * time.Millisecond // a probe that takes longer stands in the other queue
	probesQuick  = 8                      // probes under way that may still answer quickly
	probesSlow   = 24                     // probes of targets that were slow the last time
	probeRecheck = 100 * time.Millisecond // when every place was taken
)

// probeTask is one probe that is due.
type probeTask struct {
	name   string
	gen    int
	target ProbeTarget
}

// keepProbed probes every service when it is due. Targets that hang have places of their own, so that they delay nobody.
func (s *services) keepProbed(ctx context.Context) {
	for {
		s.mu.Lock()
		tasks, wait := s.board.due(s.now())
		s.mu.Unlock()
		for _, task := range tasks {
			s.wg.Go(func() { s.probeOnce(ctx, task) })
		}
		if !rest(ctx, wait, s.probes) {
			return
		}
	}
}

// due takes the probes that may start now, and says when to look again.
func (b *board) due(now time.Time) ([]probeTask, time.Duration) {
	quick, slow := b.underWay(now)
	var tasks []probeTask
	wait := probeEvery
	for name, k := range b.rows {
		switch {
		case !k.probeable() || !k.probe.running.IsZero():
			continue
		case k.probe.next.After(now):
			wait = min(wait, k.probe.next.Sub(now))
			continue
		case k.probe.slow && slow >= probesSlow, !k.probe.slow && quick >= probesQuick:
			wait = min(wait, probeRecheck)
			continue
		case k.probe.slow:
			slow++
		default:
			quick++
		}
		k.probe.running, k.probe.again = now, false
		tasks = append(tasks, probeTask{name, k.probe.gen, ProbeTarget{How: k.rule.how, Address: k.probe.address, Path: k.rule.path}})
	}
	return tasks, wait
}

// underWay counts the probes that run. One that has taken long no longer counts as quick.
func (b *board) underWay(now time.Time) (quick, slow int) {
	for _, k := range b.rows {
		switch {
		case k.probe.running.IsZero():
		case k.probe.slow:
			slow++
		case now.Sub(k.probe.running) < probeSlow:
			quick++
		}
	}
	return quick, slow
}

// probeOnce runs one probe and takes its result in.
func (s *services) probeOnce(ctx context.Context, task probeTask) {
	probing, cancel := context.WithTimeout(ctx, ProbeTimeout)
	defer cancel()
	began := time.Now()
	detail, err := s.prober.Probe(probing, task.target)
	took := time.Since(began)
	if ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	changed := s.board.probed(s.now(), task, detail, took, err)
	s.stale = true
	s.mu.Unlock()
	ring(s.probes)
	if changed {
		ring(s.urgent)
	}
}

// probed takes the result of a probe in and reports whether the service's state changed. A result of an earlier life of
// the container is dropped.
func (b *board) probed(now time.Time, task probeTask, detail string, took time.Duration, err error) bool {
	k := b.rows[task.name]
	if k == nil {
		return false
	}
	p := &k.probe
	p.running = time.Time{}
	if p.gen != task.gen {
		return false
	}
	first := !p.passed
	p.detail, p.checked, p.took, p.slow = shortText(detail), now, took, took >= probeSlow
	if err == nil {
		p.passed, p.failing = true, 0
	} else {
		p.failing++
	}
	changed := k.judge(now)
	switch {
	case p.again:
		p.next, p.again = now, false
	case p.failing > 0 || !p.passed:
		p.next = now.Add(jitter(probeSoon))
	case first: // spreads services that came up together
		p.next = now.Add(time.Duration(rand.Int64N(int64(probeEvery)) + 1))
	default:
		p.next = now.Add(jitter(probeEvery))
	}
	return changed
}
