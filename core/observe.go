package core

import (
	"context"
	"time"
)

// How the effect of an operation is observed.
const (
	serveWait = 30 * time.Second       // a started container may take so long until it passes its health check
	settled   = time.Second            // what cannot be probed must at least run so long
	lookEvery = 100 * time.Millisecond // at what is known
)

// servingWords say how it is known that a service serves.
func servingWords(s Service) string {
	if s.Health.State == Unproven {
		return "whether it serves is unproven, " + s.Health.Detail
	}
	return s.Health.Detail
}

// awaitServing waits until the container of a service runs and its health passes or cannot be proven. Success is what
// was observed after the engine was asked again, never what was known before.
func (s *services) awaitServing(ctx context.Context, name, id string, wait time.Duration) (Service, error) {
	now, err := s.await(ctx, name, wait, func(svc Service) (bool, error) {
		switch {
		case svc.ID != id:
			return false, nil // it is being replaced, or not seen yet
		case svc.Health.State == Healthy:
			return true, nil
		case svc.Health.State == Unproven:
			return s.now().Sub(svc.Started) >= settled, nil
		case svc.State == "exited" || svc.State == "dead":
			return false, Errorf(CodeConflict, "%s was started and ended at once: %s. Why: logs %s", name, svc.Health.Detail, name)
		}
		return false, nil
	})
	if err == nil || CodeOf(err) != CodeUnavailable {
		return now, err
	}
	return now, Errorf(CodeUnavailable, "%s was started but does not serve after %s: it is %s, %s. Why: logs %s",
		name, wait, now.Health.State, now.Health.Detail, name)
}

// awaitEnded waits until the container of a service no longer runs.
func (s *services) awaitEnded(ctx context.Context, name, id string) (Service, error) {
	return s.await(ctx, name, serveWait, func(svc Service) (bool, error) {
		return svc.ID != id || svc.Missing || svc.State == "exited" || svc.State == "dead" || svc.State == "created", nil
	})
}

// awaitRemoved waits until a container is gone, and forgets the service with it unless another container has its name.
func (s *services) awaitRemoved(ctx context.Context, name, id string) error {
	_, err := s.await(ctx, name, serveWait, func(svc Service) (bool, error) { return svc.ID != id || svc.Missing, nil })
	if CodeOf(err) == CodeNotFound {
		return nil
	}
	if err == nil {
		s.drop(name)
	}
	return err
}

// await looks at a service until done says so. It has the containers listed first, so that nothing older than the call
// counts; from then on the events keep what is known fresh, and looking costs nothing. When the time is over the error is
// CodeUnavailable with the last facts.
func (s *services) await(ctx context.Context, name string, wait time.Duration, done func(Service) (bool, error)) (Service, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	var last Service
	for fresh := false; ; {
		pause := lookEvery
		if !fresh {
			s.suspect(name)
			fresh, pause = s.relist(ctx) == nil, listRetry
		}
		if fresh {
			svc, _, err := s.find(name)
			if err != nil {
				return last, err
			}
			last = svc
			if ok, err := done(svc); ok || err != nil {
				return svc, err
			}
			pause = lookEvery
		}
		if !rest(ctx, pause, nil) {
			return last, s.waitedInVain(ctx, name, last)
		}
	}
}

// waitedInVain says what is known when the time is over.
func (s *services) waitedInVain(ctx context.Context, name string, last Service) error {
	if ctx.Err() == context.Canceled {
		return ctx.Err()
	}
	if last.Name == "" {
		return Errorf(CodeUnavailable, "The engine was asked, but has not said since how %s is.", name)
	}
	return Errorf(CodeUnavailable, "%s is still %s: %s.", name, last.Health.State, last.Health.Detail)
}

// suspect has a service's container inspected at the next listing.
func (s *services) suspect(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.board.rows[name]; k != nil {
		s.doubt.note(k.container.ID)
	}
}

// drop forgets a service that has no container.
func (s *services) drop(name string) {
	s.mu.Lock()
	if k := s.board.rows[name]; k != nil && !k.missing.IsZero() {
		delete(s.board.rows, name)
	}
	s.mu.Unlock()
	s.touch(true)
}
