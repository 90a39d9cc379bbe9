package core

import (
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"
)

// The bounds of audit queries.
const (
	defaultAuditLimit = 100
	maxAuditLimit     = 1000
	maxAuditText      = 200 // characters looked for
	auditReadTimeout  = 20 * time.Second
	interruptBatch    = 100 // outcomes in one journal write
)

// Validate checks the bounds.
func (in ListAuditIn) Validate() error {
	switch {
	case in.Limit < 0 || in.Limit > maxAuditLimit:
		return Errorf(CodeInvalid, "The limit is %d; give 1 to %d.", in.Limit, maxAuditLimit)
	case len(in.Text) > maxAuditText:
		return Errorf(CodeInvalid, "The text is longer than %d bytes.", maxAuditText)
	default:
		return nil
	}
}

// matches tells whether an event is asked for.
func (in ListAuditIn) matches(e *AuditEvent) bool {
	return (in.Before == 0 || e.Seq < in.Before) &&
		(in.Actor == "" || e.Actor.Name == in.Actor) &&
		strings.HasPrefix(e.Op, in.Op) &&
		(in.Target == "" || e.Target == in.Target) &&
		(in.Outcome == "" || e.Outcome == in.Outcome) &&
		!e.At.Before(in.Since) &&
		in.matchesText(e)
}

// matchesText looks for the text, whatever its case.
func (in ListAuditIn) matchesText(e *AuditEvent) bool {
	if in.Text == "" {
		return true
	}
	want := strings.ToLower(in.Text)
	return slices.ContainsFunc([]string{e.Actor.Name, e.Op, e.Target, e.Actor.Address, e.Message}, func(s string) bool {
		return strings.Contains(strings.ToLower(s), want)
	})
}

// listAudit answers from memory, which holds the newest 5,000 events. What is older is read from the journal from its
// beginning, in one pass that keeps no more than what it answers: about 7 s for a million records, at most 20 s.
func listAudit(ctx context.Context, c *Core, in ListAuditIn) ([]AuditEvent, error) {
	limit := cmp.Or(in.Limit, defaultAuditLimit)
	events, oldest, whole := c.state.auditNewest(in, limit)
	if len(events) == limit || whole || !in.Since.IsZero() && c.state.auditCovers(in.Since) {
		return events, nil
	}
	older, err := c.readAudit(ctx, in, oldest, limit-len(events))
	if err != nil {
		return nil, err
	}
	return append(events, older...), nil
}

// auditNewest gives matching events of memory, newest first, the Seq of the oldest event in memory, and whether memory
// holds every event there is.
func (s *state) auditNewest(in ListAuditIn, limit int) (events []AuditEvent, oldest uint64, whole bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	events = []AuditEvent{}
	for _, e := range slices.Backward(s.audit) {
		if len(events) == limit {
			break
		}
		if in.matches(e) {
			events = append(events, *e)
		}
	}
	if len(s.audit) > 0 {
		oldest = s.audit[0].Seq
	}
	return events, oldest, len(s.audit) < maxAuditEvents // nothing is forgotten before there are so many
}

// auditCovers tells whether memory goes back to a time.
func (s *state) auditCovers(since time.Time) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.audit) > 0 && s.audit[0].At.Before(since)
}

// readAudit reads events older than those in memory from the journal and gives the newest that match, newest first.
func (c *Core) readAudit(ctx context.Context, in ListAuditIn, end uint64, limit int) ([]AuditEvent, error) {
	ctx, cancel := context.WithTimeout(ctx, auditReadTimeout)
	defer cancel()
	page := auditPage{in: in, limit: limit, open: map[string]*AuditEvent{}}
	for e, err := range c.journal.Replay(ctx, 1) {
		if err != nil {
			return nil, err
		}
		if e.Seq >= end && len(page.open) == 0 {
			break
		}
		if e.Table == auditTable {
			if err := page.take(e, e.Seq < end); err != nil {
				return nil, err
			}
		}
	}
	return page.answer(), nil
}

// auditPage joins records read in order and keeps the newest events that match.
type auditPage struct {
	in    ListAuditIn
	limit int
	open  map[string]*AuditEvent // no outcome seen yet
	found []*AuditEvent          // in order of outcome; at most twice the limit
}

// take takes one record in; intents count only where wanted.
func (p *auditPage) take(e Entry, wanted bool) error {
	var b auditBody
	if err := json.Unmarshal(e.Body, &b); err != nil {
		return Errorf(CodeInternal, "Audit record %d cannot be read: %w.", e.Seq, err)
	}
	if b.Phase == phaseIntent {
		if wanted {
			p.open[e.Key] = joinIntent(e, b)
		}
		return nil
	}
	event := p.open[e.Key]
	if event == nil {
		return nil
	}
	delete(p.open, e.Key)
	joinOutcome(event, e, b)
	p.keep(event)
	return nil
}

// keep keeps an event that matches, and drops the oldest when there are many.
func (p *auditPage) keep(event *AuditEvent) {
	if !p.in.matches(event) {
		return
	}
	p.found = append(p.found, event)
	if len(p.found) >= 2*p.limit {
		p.newest()
	}
}

// newest sorts what was found, newest first, and cuts it to the limit.
func (p *auditPage) newest() {
	slices.SortFunc(p.found, func(x, y *AuditEvent) int { return cmp.Compare(y.Seq, x.Seq) })
	p.found = p.found[:min(len(p.found), p.limit)]
}

// answer gives the page, with events that are open still.
func (p *auditPage) answer() []AuditEvent {
	for _, event := range p.open {
		p.keep(event)
	}
	p.newest()
	events := make([]AuditEvent, 0, len(p.found))
	for _, event := range p.found {
		events = append(events, *event)
	}
	return events
}

// followAudit yields each event when it begins and when it ends, as it is then. A reader that was too slow gets the
// newest events again, so that it ends up with what is true.
func followAudit(ctx context.Context, c *Core, _ struct{}) iter.Seq2[AuditEvent, error] {
	return func(yield func(AuditEvent, error) bool) {
		stream, leave := c.state.hub.Join(ctx)
		defer leave()
		for received := range stream {
			if received.Dropped > 0 {
				missed, _, _ := c.state.auditNewest(ListAuditIn{}, min(2*received.Dropped, maxAuditLimit))
				for _, event := range slices.Backward(missed) {
					if !yield(event, nil) {
						return
					}
				}
			}
			if !yield(received.Item, nil) {
				return
			}
		}
	}
}

func verifyAudit(ctx context.Context, c *Core, _ struct{}) (JournalReport, error) {
	return c.journal.Verify(ctx)
}

// interruptAudit gives the intents that the last process left open their outcome. It is called before a door opens;
// what it could not write stays open and is written by a later call.
func (c *Core) interruptAudit(ctx context.Context, left []string) error {
	body, err := json.Marshal(auditBody{Phase: phaseOutcome, Outcome: OutcomeInterrupted, Message: "The control plane ended before its outcome was on record."})
	if err != nil {
		return err
	}
	for ids := range slices.Chunk(left, interruptBatch) {
		recs := make([]Record, 0, len(ids))
		for _, id := range ids {
			if c.state.isOpen(id) {
				recs = append(recs, Record{Table: auditTable, Key: id, Op: RecordNote, Body: body, Actor: c.charter.Name})
			}
		}
		if len(recs) == 0 {
			continue
		}
		if err := c.appendNotes(ctx, recs); err != nil {
			return err
		}
	}
	return nil
}

// openAudit lists intents without an outcome.
func (s *state) openAudit() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Sorted(maps.Keys(s.open))
}

// isOpen tells whether an intent has no outcome.
func (s *state) isOpen(id string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.open[id] != nil
}
