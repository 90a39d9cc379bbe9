package core

import (
	"context"
	"slices"
	"sync"
	"time"
)

// The bounds of outcomes that wait for the journal.
const (
	maxLateOutcomes  = 1000            // from then on nothing new is begun; what runs may still end
	lateOutcomesWait = 5 * time.Second // for the last attempt, when the control plane ends
)

// lateOutcomes are the outcomes of actions that the journal could not take when the actions ended. They wait here until
// it can: an action whose outcome is known must not be found open by the next process and be called interrupted.
type lateOutcomes struct {
	mu   sync.Mutex // guards recs
	recs []Record   // in the order in which the actions ended
}

// add keeps an outcome.
func (l *lateOutcomes) add(rec Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.recs = append(l.recs, rec)
}

// first are the oldest outcomes, as many as one journal write takes.
func (l *lateOutcomes) first() []Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.recs[:min(len(l.recs), interruptBatch)])
}

// drop forgets the oldest n, which are on record.
func (l *lateOutcomes) drop(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.recs = slices.Delete(l.recs, 0, n)
}

// count is how many outcomes wait.
func (l *lateOutcomes) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.recs)
}

// saveOutcomes writes the outcomes that wait. One caller at a time.
func (c *Core) saveOutcomes(ctx context.Context) error {
	for {
		recs := c.late.first()
		if len(recs) == 0 {
			return nil
		}
		if err := c.appendNotes(ctx, recs); err != nil {
			return err
		}
		c.late.drop(len(recs))
	}
}

// saveLastOutcomes is the last attempt. What cannot be written even now is in the log of the control plane alone.
func (c *Core) saveLastOutcomes() {
	ctx, cancel := context.WithTimeout(context.Background(), lateOutcomesWait)
	defer cancel()
	err := c.saveOutcomes(ctx)
	if err == nil {
		return
	}
	c.late.mu.Lock()
	defer c.late.mu.Unlock()
	for _, rec := range c.late.recs {
		c.log.Error("audit outcome lost", "audit", rec.Key, "actor", rec.Actor, "outcome", string(rec.Body), "err", err)
	}
}

// appendNotes makes audit records durable and takes them in; on a full disk it uses the reserve, because they say how
// something ended that was begun.
func (c *Core) appendNotes(ctx context.Context, recs []Record) error {
	entries, err := c.journal.Append(ctx, recs...)
	if err != nil {
		entries, err = c.journal.AppendRelief(ctx, recs...)
	}
	if err != nil {
		return err
	}
	return c.state.apply(entries...)
}

// settle shows an action's outcome before it is on record.
func (s *state) settle(id string, b auditBody) {
	s.mu.Lock()
	event := s.byID[id]
	if event == nil {
		s.mu.Unlock()
		return
	}
	next := *event // events are shared with readers and never written again
	joinOutcome(&next, Entry{Hash: event.Hash}, b)
	s.replaceAudit(&next)
	s.mu.Unlock()
	s.hub.Publish(next)
}
