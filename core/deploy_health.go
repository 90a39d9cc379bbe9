package core

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"
)

// When a new container counts as one that serves.
const (
	proofs     = 3                      // probes it must pass in a row
	proveEvery = 250 * time.Millisecond // between two probes, at first
	proveSlow  = time.Second            // and after proveQuick
	proveQuick = 5 * time.Second
	proveRun   = 5 * time.Second         // what cannot be probed must at least run so long
	proveAge   = 5500 * time.Millisecond // a new container must have run so long before the old one is removed
	proveWait  = time.Minute             // when the definition does not say
)

// proof is what a container has to show.
type proof struct {
	id     string
	kind   Kind
	within time.Duration
	before int               // restarts that it had before: an old container may have some
	again  bool              // it has shown it before: one that cannot be probed need not run for a while again
	blind  bool              // a container that cannot be reached from here counts like one without a health check
	note   func(line string) // takes every look at it
}

// sign is one look at a container: whether it passed, and whether there is any use in looking again.
type sign struct {
	passed bool
	skip   bool // nothing could be probed: it runs
	words  string
	final  error
}

// prove waits until a container has shown that it serves: it passes its health check three times in a row and has not been
// restarted. The words are those of the last probe; the error is CodeConflict and says why it does not serve.
func (c *Core) prove(ctx context.Context, p proof) (string, error) {
	within := p.within
	if within <= 0 {
		within = proveWait
	}
	limited, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	began, passes, last := time.Now(), 0, "it was not probed"
	for {
		s := c.look(limited, p)
		if limited.Err() == nil || s.passed {
			last = s.words
			p.note(fmt.Sprintf("%s %+.1f s: %s", c.now().UTC().Format("15:04:05.000"), time.Since(began).Seconds(), s.words))
		}
		passes++
		switch {
		case s.final != nil:
			return s.words, s.final
		case !s.passed:
			passes = 0
		case s.skip && (p.again || time.Since(began) >= proveRun), !s.skip && passes >= proofs:
			return s.words, nil
		}
		pause := proveEvery
		if time.Since(began) > proveQuick {
			pause = proveSlow
		}
		if !rest(limited, pause, nil) {
			break
		}
	}
	if err := ctx.Err(); err != nil {
		return last, err
	}
	return last, Errorf(CodeConflict, "The new version did not pass its health check within %s. The last answer: %s", within, sentence(last))
}

// look asks a container once.
func (c *Core) look(ctx context.Context, p proof) sign {
	d, err := c.docker.Container(ctx, p.id)
	switch {
	case CodeOf(err) == CodeNotFound:
		return sign{words: "the container is gone", final: Errorf(CodeConflict, "The container was removed while it was being checked.")}
	case err != nil:
		return sign{words: MessageOf(err)}
	case d.State == "exited" || d.State == "dead":
		words := endedWords(d, p.before)
		return sign{words: words, final: Errorf(CodeConflict, "The container ended: it %s. Its last lines are in the record.", words)}
	case d.Restarts > p.before || d.State == "restarting":
		words := endedWords(d, p.before)
		return sign{words: words, final: Errorf(CodeConflict, "The container does not stay up: it %s. Its last lines are in the record.", words)}
	case d.State != "running":
		return sign{words: "the container is " + d.State}
	case d.ImageHealth != nil && d.ImageHealth.Status != "healthy" && d.ImageHealth.Status != "" && d.ImageHealth.Status != "none":
		return sign{words: "the image's own health check is " + d.ImageHealth.Status + " " + shortText(d.ImageHealth.Last)}
	}
	return c.ask(ctx, d, p)
}

// endedWords say how a container ended that had been restarted so often before. One that runs again no longer says with what
// code it ended.
func endedWords(d ContainerDetail, before int) string {
	k := known{detail: d, container: d.Container, inspected: true}
	switch {
	case d.Restarts <= before:
		return k.exit()
	case d.State == "running":
		return fmt.Sprintf("ended and was restarted %d times", d.Restarts-before)
	}
	return fmt.Sprintf("ended and was restarted %d times, and %s", d.Restarts-before, k.exit())
}

// ask probes a container that runs.
func (c *Core) ask(ctx context.Context, d ContainerDetail, p proof) sign {
	rule := probeRuleOf(d.Container, p.kind)
	if rule.how == ProbeSkip {
		return sign{passed: true, skip: true, words: "it runs; not probed: " + rule.reason}
	}
	host, reason := reach(d.Container, c.services.standing())
	if reason != "" {
		return sign{passed: p.blind, skip: p.blind, words: reason}
	}
	probing, cancel := context.WithTimeout(ctx, ProbeTimeout)
	defer cancel()
	words, err := c.services.prober.Probe(probing, ProbeTarget{How: rule.how, Address: net.JoinHostPort(host, strconv.Itoa(rule.port)), Path: rule.path})
	return sign{passed: err == nil, words: shortText(words)}
}

// standing is where this control plane stands in the engine's networks.
func (s *services) standing() place {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.board.home
}

// proveCandidate is the health check beside the old version.
func (r *deployRun) proveCandidate(ctx context.Context) (string, error) {
	return r.c.prove(ctx, proof{id: r.snapshot().New, kind: r.def.Kind, within: r.def.Health.Within, note: r.noteHealth})
}

// proveInPlace starts the candidate of what cannot run twice, and measures how long nothing served.
func (r *deployRun) proveInPlace(ctx context.Context) (string, error) {
	id := r.snapshot().New
	if err := r.c.docker.Start(ctx, id); err != nil {
		return "", err
	}
	words, err := r.proveCandidate(ctx)
	if err == nil {
		r.update(func(row *Deployment) { row.Gap = r.c.now().Sub(r.gone) })
	}
	return words, err
}

// drain lets requests that are under way end. A new version that fails meanwhile is not given the old one's place.
func (r *deployRun) drain(ctx context.Context) (string, error) {
	if r.old == nil || !r.oldRan {
		return "", skipped("there is no old version that serves")
	}
	timer := time.NewTimer(r.def.Drain)
	defer timer.Stop()
	watch := time.NewTicker(proveEvery)
	defer watch.Stop()
	for ended := r.def.Drain <= 0; !ended; {
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-timer.C:
			ended = true
		case <-watch.C:
			if err := r.stands(ctx); err != nil {
				return "", err
			}
		}
	}
	return r.confirm(ctx)
}

// stands refuses a new container that has ended.
func (r *deployRun) stands(ctx context.Context) error {
	d, err := r.c.docker.Container(ctx, r.snapshot().New)
	if CodeOf(err) == CodeUnavailable {
		return nil // an engine that is away says nothing about the container
	}
	if err == nil && (d.State != "running" || d.Restarts > 0) {
		err = Errorf(CodeConflict, "The new version ended after it had passed its health check: it %s.", endedWords(d, 0))
	}
	return err
}

// confirm has the new container pass its health check once more, before the old one ends. It gets a few tries.
func (r *deployRun) confirm(ctx context.Context) (string, error) {
	return r.c.prove(ctx, proof{id: r.snapshot().New, kind: r.def.Kind, within: confirmWait, again: true, note: r.noteHealth})
}

// confirmWait bounds the health check of a version that has passed it before.
const confirmWait = 15 * time.Second
