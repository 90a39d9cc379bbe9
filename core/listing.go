package core

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// The rhythm of listing containers.
const (
	listIdle     = 60 * time.Second // the safety net beside the events; a listing of 200 containers costs the engine some 50 ms of CPU
	listWatched  = 10 * time.Second // while somebody looks: a hung engine must not go unseen
	listRetry    = time.Second      // first wait after the engine did not answer
	listRetryMax = 5 * time.Second
	debounce     = 50 * time.Millisecond // events come in bursts
	engineWait   = 10 * time.Second      // bound of one question to the engine, beside the adapter's own
	inspectors   = 4                     // inspections at a time
	infoEvery    = 5 * time.Minute       // the engine's facts about itself
	streamRetry  = 200 * time.Millisecond
	streamMax    = 10 * time.Second
	streamSteady = 10 * time.Second // a stream that lived so long begins with short waits again
)

// keepFollowing holds the one event stream open for everybody. After each new stream the containers are listed again:
// what happened in between had no listener.
func (s *services) keepFollowing(ctx context.Context) {
	wait := streamRetry
	for ctx.Err() == nil {
		opened := time.Now()
		s.suspectAll()
		s.followOnce(ctx)
		if time.Since(opened) > streamSteady {
			wait = streamRetry
		}
		if !rest(ctx, jitter(wait), nil) {
			return
		}
		wait = min(2*wait, streamMax)
	}
}

// followOnce reads one event stream to its end. A stream says nothing when it is open, so the containers are listed once
// more a moment after it began.
func (s *services) followOnce(ctx context.Context) {
	again := time.AfterFunc(listRetry, s.suspectAll)
	defer again.Stop()
	for event, err := range s.docker.Events(ctx) {
		if err != nil {
			if ctx.Err() == nil {
				s.log.Debug("event stream ended", "err", err)
			}
			return
		}
		s.heed(event)
	}
}

// heed marks what an event is about.
func (s *services) heed(e EngineEvent) {
	action, _, _ := strings.Cut(e.Action, ":")
	switch {
	case e.Type == "network":
		ring(s.kick)
		return
	case e.Type != "container" || strings.HasPrefix(action, "exec_") || action == "attach" || action == "detach" || action == "resize" || action == "top":
		return
	}
	s.mu.Lock()
	s.doubt.note(e.ID)
	if action == "oom" {
		s.board.noteOOM(e.ID, s.now())
	}
	s.mu.Unlock()
	ring(s.kick)
}

// noteOOM remembers that a container ran out of memory.
func (b *board) noteOOM(id string, now time.Time) {
	for _, k := range b.rows {
		if k.container.ID == id {
			k.oom = now
		}
	}
}

// suspectAll has every container inspected again.
func (s *services) suspectAll() {
	s.mu.Lock()
	s.doubt.all = true
	s.mu.Unlock()
	ring(s.kick)
}

// keepListed lists containers at the start, after events and from time to time.
func (s *services) keepListed(ctx context.Context) {
	retry := listRetry
	for {
		began := time.Now()
		err := s.relist(ctx)
		took := time.Since(began)
		wait := listIdle
		switch {
		case err != nil:
			wait, retry = jitter(retry), min(2*retry, listRetryMax)
		case s.hub.Subscribers() > 0:
			wait, retry = listWatched, listRetry
		default:
			retry = listRetry
		}
		if !s.restUntilKicked(ctx, wait, min(max(debounce, 10*took), time.Second)) {
			return
		}
	}
}

// restUntilKicked waits for a kick, and then a little for more of them: the longer a listing takes the rarer they get,
// so that a storm of events cannot keep the engine busy with us.
func (s *services) restUntilKicked(ctx context.Context, wait, settle time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	case <-s.kick:
	}
	if !rest(ctx, settle, nil) {
		return false
	}
	select { // what was kicked meanwhile is served by the same listing
	case <-s.kick:
	default:
	}
	return true
}

// relist asks the engine for all containers, inspects those that changed and takes it in. One at a time.
func (s *services) relist(ctx context.Context) error {
	select {
	case s.listing <- struct{}{}:
		defer func() { <-s.listing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	s.mu.Lock()
	d := s.doubt
	s.doubt = doubt{}
	s.mu.Unlock()
	c, details, err := s.examine(ctx, d)
	if err != nil {
		s.lost(ctx, err, d)
		return err
	}
	s.takeIn(c, details, d)
	s.learnEngine(ctx)
	return nil
}

// examine lists the containers and inspects those in doubt.
func (s *services) examine(ctx context.Context, d doubt) (census, map[string]ContainerDetail, error) {
	list, err := s.containers(ctx)
	if err != nil {
		return census{}, nil, err
	}
	c := takeCensus(list)
	s.mu.Lock()
	ids := s.board.suspects(c, d)
	s.mu.Unlock()
	details, err := s.inspect(ctx, ids)
	return c, details, err
}

func (s *services) containers(ctx context.Context) ([]Container, error) {
	ctx, cancel := context.WithTimeout(ctx, engineWait)
	defer cancel()
	list, err := s.docker.Containers(ctx)
	return slices.DeleteFunc(list, s.foreign), err
}

// listedLast are the containers of the last listing, which follows the engine's events; ok is false while the engine does not answer.
func (s *services) listedLast() (list []Container, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list, s.engine.Up
}

// foreign is true for a container of another stack on the same engine: it is not ours to show or to act on.
func (s *services) foreign(c Container) bool {
	ours, theirs := s.project, c.Labels[labelProject]
	return ours != "" && theirs != "" && theirs != ours
}

// inspect asks for the details of some containers. One that has gone meanwhile is left out.
func (s *services) inspect(ctx context.Context, ids []string) (map[string]ContainerDetail, error) {
	ctx, cancel := context.WithTimeout(ctx, engineWait)
	defer cancel()
	var mu sync.Mutex // guards details and failed
	details, failed := make(map[string]ContainerDetail, len(ids)), error(nil)
	eachOf(ids, inspectors, func(id string) {
		d, err := s.docker.Container(ctx, id)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil:
			details[id] = d
		case CodeOf(err) != CodeNotFound:
			failed = errors.Join(failed, err)
		}
	})
	return details, failed
}

// eachOf does something with every item, some at a time, and waits.
func eachOf[T any](items []T, most int, do func(T)) {
	var wg sync.WaitGroup
	next := make(chan T)
	for range min(most, len(items)) {
		wg.Go(func() {
			for item := range next {
				do(item)
			}
		})
	}
	for _, item := range items {
		next <- item
	}
	close(next)
	wg.Wait()
}

// lost notes that the engine did not answer: what is known stays, and says since when it is old.
func (s *services) lost(ctx context.Context, err error, d doubt) {
	s.mu.Lock()
	s.doubt.add(d)
	s.doubt.all = true // whatever happens meanwhile has no listener
	if ctx.Err() != nil {
		s.mu.Unlock()
		return // who asked has gone, which says nothing about the engine
	}
	news := s.engine.Up || s.engine.Problem == notAsked
	if s.engine.Up {
		s.engine.Since = s.now()
	}
	s.engine.Up, s.engine.Problem, s.stale = false, engineProblem(err), true
	s.mu.Unlock()
	if !news {
		ring(s.changed)
		return
	}
	s.log.Warn("the engine does not answer", "err", err)
	ring(s.urgent)
}

// engineProblem says in words why the engine did not answer.
func engineProblem(err error) string {
	if CodeOf(err) == CodeInternal {
		return "It answers with an error that is in the log."
	}
	return MessageOf(err)
}

// takeIn makes a listing known and starts what follows from it.
func (s *services) takeIn(c census, details map[string]ContainerDetail, d doubt) {
	s.mu.Lock()
	now := s.now()
	changed := s.board.merge(now, c, details)
	back := !s.engine.Up
	if back {
		s.engine.Up, s.engine.Problem, s.engine.Since, s.learned = true, "", now, time.Time{}
	}
	s.engine.Seen, s.list = now, c.list
	s.engine.Info.Containers, s.engine.Info.Running = len(c.list), c.running()
	s.board.hurry(now, s.board.heeded(changed, d)...)
	begin, end := s.tracking(c, details, d)
	s.stale = true
	s.mu.Unlock()
	for _, id := range end {
		s.collect.Untrack(id)
	}
	for id, name := range begin {
		if HomeOf(c.owners[id].kind) == s.charter.Name {
			s.collect.Track(name, id)
		} else {
			s.collect.Borrow(name, id)
		}
	}
	ring(s.probes)
	if back || len(changed) > 0 {
		ring(s.urgent)
	} else {
		ring(s.changed)
	}
}

// tracked is a container whose log is collected or borrowed.
type tracked struct {
	service string
	runs    bool
}

// tracking decides whose log is to be collected from now on, or borrowed where another plane collects it, and whose no
// longer. A container that has ended stays: its last lines may be on their way, and it may start again. Collecting ends
// with the container's run, so one that runs and may have been started since the last listing begins anew, which does
// nothing to a log that is followed still.
func (s *services) tracking(c census, details map[string]ContainerDetail, d doubt) (begin map[string]string, end []string) {
	begin = map[string]string{}
	for i := range c.list {
		id := c.list[i].ID
		owner, ok := c.owners[id]
		if !ok {
			continue
		}
		old, ok := s.tracks[id]
		if ok && old.service != owner.name {
			end = append(end, id)
		}
		now := tracked{owner.name, c.list[i].State == "running"}
		_, inspected := details[id]
		started := now.runs && (!old.runs || inspected || d.all || d.containers[id])
		if !ok || old.service != owner.name || started {
			begin[id] = owner.name
		}
		s.tracks[id] = now
	}
	for id := range s.tracks {
		if _, ok := c.owners[id]; !ok {
			delete(s.tracks, id)
			end = append(end, id)
		}
	}
	return begin, end
}

// learnEngine asks the engine about itself after it came back and from time to time. A failure shows in the next listing.
func (s *services) learnEngine(ctx context.Context) {
	s.mu.Lock()
	due := s.now().Sub(s.learned) > infoEvery
	if due {
		s.learned = s.now()
	}
	s.mu.Unlock()
	if !due {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, engineWait)
	defer cancel()
	info, err := s.docker.Info(ctx)
	if err != nil {
		s.log.Debug("engine info", "err", err)
		return
	}
	s.mu.Lock()
	s.engine.Info = info
	s.mu.Unlock()
	s.touch(false)
}

// jitter is d, up to a fifth more or less, so that many do not come at one moment.
func jitter(d time.Duration) time.Duration {
	return d*4/5 + time.Duration(rand.Int64N(int64(d)*2/5+1))
}
