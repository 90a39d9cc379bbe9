package core

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// The bounds of live sessions.
const (
	maxSessions      = 500
	adminSessions    = 16              // of them, kept for admins: a pile of sessions must not lock them out
	sessionAuditWait = 2 * time.Second // how long a login waits for its audit; then it goes on without
)

// openSessionIn is what the audit keeps of a session.
type openSessionIn struct {
	What string `json:"what"`
}

// Target is what was opened.
func (in openSessionIn) Target() string { return in.What }

// sessionInfo describes the opening of a session to the audit.
func sessionInfo() Info {
	return Info{
		Name: "session.open", Summary: "Open a session", Risk: Read, Role: RoleViewer, Audited: true,
		In: reflect.TypeFor[openSessionIn](), Out: reflect.TypeFor[LiveSession](),
	}
}

// OpenedSession is one live session of a door. Its door closes it.
type OpenedSession struct {
	access  *access
	id      string
	actor   Actor
	what    string
	started time.Time
	active  atomic.Int64 // Unix nanoseconds of the last key press
	end     func(reason string)
	gone    chan struct{}                // closed by Close
	audit   chan func(cause error) error // capacity 1; what writes the outcome, nil when there is no intent
	once    sync.Once                    // guards Close

	mu     sync.Mutex
	reason string // why it was told to end
}

// OpenSession registers somebody who is connected: a console, a shell, a command. The door passes a function that ends
// the session and may take its time; it is called at most once, when the key or the person goes, the role drops, or
// session.end asks for it. The session has the id in actor.Session when the door gave it one, else a new one. A person whose key does not work any more is CodeForbidden, too many sessions are
// CodeUnavailable. The audit records a session when it can: a journal in trouble keeps nobody out.
func (c *Core) OpenSession(ctx context.Context, actor Actor, what string, end func(reason string)) (*OpenedSession, error) {
	a := c.access
	s := &OpenedSession{
		access: a, id: cmp.Or(actor.Session, uuid.Must(uuid.NewV7()).String()), actor: actor, what: what, started: c.now().UTC(),
		end: end, gone: make(chan struct{}), audit: make(chan func(error) error, 1),
	}
	s.actor.Session = s.id
	s.active.Store(s.started.UnixNano())
	if err := a.enter(s); err != nil {
		return nil, err
	}
	s.record(ctx)
	return s, nil
}

// enter puts a session on the list, unless its actor may not be there.
func (a *access) enter(s *OpenedSession) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	bound := maxSessions - adminSessions
	if s.actor.Role == RoleAdmin {
		bound = maxSessions
	}
	switch {
	case s.actor.Name == "" || s.actor.Role == RoleNone:
		return Errorf(CodeForbidden, "Nobody is signed in, so no session is opened.")
	case a.closed:
		return Errorf(CodeUnavailable, "The control plane is shutting down.")
	case len(a.live) >= bound:
		return Errorf(CodeUnavailable, "%d sessions are open, which is the most there may be.", len(a.live))
	}
	if why := a.refuses(s.actor); why != "" {
		return Errorf(CodeForbidden, "%s", why)
	}
	if a.live[s.id] != nil {
		return Errorf(CodeConflict, "There is a session %s already.", SafeText(s.id))
	}
	a.live[s.id] = s
	if _, _, ok := a.find(s.actor.Fingerprint); ok {
		a.uses.use(s.actor.Fingerprint, s.started)
	}
	return nil
}

// record writes the audit's intent, and goes on without when the journal does not answer in time.
func (s *OpenedSession) record(ctx context.Context) {
	c, done := s.access.c, make(chan struct{})
	s.access.spawn(func() {
		defer close(done)
		end, err := c.beginAudit(context.WithoutCancel(ctx), sessionInfo(), s.actor, openSessionIn{s.what})
		if err != nil {
			c.log.Error("session without an audit record", "session", s.id, "actor", s.actor.Name, "err", err)
		}
		s.audit <- end
	})
	late := time.NewTimer(sessionAuditWait)
	defer late.Stop()
	select {
	case <-done:
	case <-late.C:
		c.log.Error("session goes on before its audit record is written", "session", s.id, "actor", s.actor.Name)
	}
}

// spawn runs work that access waits for at its end.
func (a *access) spawn(work func()) {
	a.mu.Lock()
	if !a.closed {
		defer a.mu.Unlock()
		a.wg.Go(work)
		return
	}
	a.mu.Unlock()
	work()
}

// ID is the session's id.
func (s *OpenedSession) ID() string { return s.id }

// Actor is who acts in the session, with the session's id set: what operations get in their context.
func (s *OpenedSession) Actor() Actor { return s.actor }

// Touch notes a key press.
func (s *OpenedSession) Touch() { s.active.Store(s.access.c.now().UnixNano()) }

// Close takes the session off the list; the audit gets its outcome. It may be called more than once.
func (s *OpenedSession) Close() {
	s.once.Do(func() {
		a := s.access
		a.mu.Lock()
		delete(a.live, s.id)
		a.mu.Unlock()
		close(s.gone)
		a.spawn(s.recordEnd)
	})
}

// recordEnd writes the audit's outcome.
func (s *OpenedSession) recordEnd() {
	end := <-s.audit
	if end == nil {
		return
	}
	s.mu.Lock()
	reason := cmp.Or(s.reason, "Closed.")
	s.mu.Unlock()
	c := s.access.c
	note := fmt.Sprintf("After %s. %s", FormatAge(c.now().Sub(s.started)), reason)
	if err := end(&outcomeNote{note}); err != nil {
		c.log.Error("end of a session not in the audit", "session", s.id, "err", err)
	}
}

// stop tells the door to end the session, once.
func (s *OpenedSession) stop(reason string) {
	s.mu.Lock()
	told := s.reason != ""
	if !told {
		s.reason = reason
	}
	s.mu.Unlock()
	if !told {
		s.access.spawn(func() { s.end(reason) })
	}
}

// sessions lists who is connected, oldest first. The caller holds mu.
func (a *access) sessions() []LiveSession {
	open := slices.Collect(maps.Values(a.live))
	slices.SortFunc(open, func(x, y *OpenedSession) int { return cmp.Or(x.started.Compare(y.started), cmp.Compare(x.id, y.id)) })
	list := make([]LiveSession, 0, len(open))
	for _, s := range open {
		list = append(list, LiveSession{s.id, s.actor, s.what, s.started, time.Unix(0, s.active.Load()).UTC()})
	}
	return list
}

// count is how many sessions are open.
func (a *access) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.live)
}

// watchSessions is called before a change that ends sessions. What it returns waits until those that were told to end
// are gone, but for the caller's own, and says in words how many.
func (a *access) watchSessions() func(ctx context.Context) string {
	a.mu.Lock()
	before := slices.Collect(maps.Values(a.live))
	a.mu.Unlock()
	return func(ctx context.Context) string {
		var told []*OpenedSession
		for _, s := range before {
			s.mu.Lock()
			if s.reason != "" {
				told = append(told, s)
			}
			s.mu.Unlock()
		}
		if left := awaitGone(ctx, told); left > 0 {
			return fmt.Sprintf("%d of its %d sessions were told to end and are still open", left, len(told))
		}
		return fmt.Sprintf("%d sessions ended", len(told))
	}
}

// awaitGone waits a bounded time until sessions are gone and returns how many are not. The caller's own does not count:
// it can only end when the caller returns.
func awaitGone(ctx context.Context, sessions []*OpenedSession) (left int) {
	ctx, cancel := context.WithTimeout(ctx, sessionEndTimeout)
	defer cancel()
	own := ActorFrom(ctx).Session
	for _, s := range sessions {
		if s.id == own {
			continue
		}
		select {
		case <-s.gone:
		case <-ctx.Done():
			left++
		}
	}
	return left
}

func endSession(ctx context.Context, c *Core, in EndSessionIn) (Done, error) {
	a := c.access
	a.mu.Lock()
	s := a.live[in.ID]
	a.mu.Unlock()
	if s == nil {
		return Done{}, Errorf(CodeNotFound, "There is no live session %q.", SafeText(in.ID))
	}
	s.stop("Ended by " + ActorFrom(ctx).Name + ".")
	if awaitGone(ctx, []*OpenedSession{s}) > 0 {
		return Done{}, Errorf(CodeUnavailable, "The session of %s was told to end and is still open.", s.actor.Name)
	}
	return Done{fmt.Sprintf("The session of %s ended.", s.actor.Name)}, nil
}
