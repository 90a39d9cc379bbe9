package core

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"sync"
)

// row is the newest version of one row.
type row struct {
	ver  int64
	body json.RawMessage
}

// maxAuditEvents is how many audit events are kept in memory; older ones are read from the journal.
const maxAuditEvents = 5000

// state is what the journal adds up to, in memory. It changes by apply alone, so memory and journal cannot differ.
type state struct {
	mu     sync.RWMutex
	tables map[string]map[string]row
	audit  []*AuditEvent // in order of Seq, at most maxAuditEvents
	byID   map[string]*AuditEvent
	open   map[string]*AuditEvent // intents without an outcome
	hub    *Hub[AuditEvent]
	rows   *Hub[string]      // names of tables that changed
	counts map[string]uint64 // by table: how often it changed
}

func newState() *state {
	return &state{
		tables: map[string]map[string]row{}, byID: map[string]*AuditEvent{}, open: map[string]*AuditEvent{},
		hub: NewHub[AuditEvent](256), rows: NewHub[string](64),
		counts: map[string]uint64{},
	}
}

// apply takes durable entries in.
func (s *state) apply(entries ...Entry) error {
	var events []AuditEvent
	var tables []string
	s.mu.Lock()
	for _, e := range entries {
		if e.Table == auditTable {
			event, err := s.applyAudit(e)
			if err != nil {
				s.mu.Unlock()
				return err
			}
			events = append(events, event)
			continue
		}
		s.applyRow(e)
		tables = append(tables, e.Table)
	}
	s.mu.Unlock()
	for _, event := range events {
		s.hub.Publish(event)
	}
	for _, table := range tables {
		s.rows.Publish(table)
	}
	return nil
}

func (s *state) applyRow(e Entry) {
	s.counts[e.Table]++
	rows := s.tables[e.Table]
	if rows == nil {
		rows = map[string]row{}
		s.tables[e.Table] = rows
	}
	switch {
	case e.Op == RecordDelete:
		delete(rows, e.Key)
	case e.Op == RecordPut && e.Ver >= rows[e.Key].ver:
		rows[e.Key] = row{e.Ver, e.Body}
	}
}

func (s *state) applyAudit(e Entry) (AuditEvent, error) {
	var b auditBody
	if err := json.Unmarshal(e.Body, &b); err != nil {
		return AuditEvent{}, fmt.Errorf("audit record %d cannot be read: %w", e.Seq, err)
	}
	event := s.byID[e.Key]
	switch {
	case b.Phase == phaseIntent:
		event = joinIntent(e, b)
		s.byID[e.Key], s.open[e.Key] = event, event
		s.insertAudit(event)
		s.forgetOldAudit()
	case event == nil: // the intent is older than what is kept in memory
		return AuditEvent{ID: e.Key, Seq: e.Seq, At: e.At, Outcome: b.Outcome, Message: b.Message}, nil
	default:
		next := *event // events are shared with readers and never written again
		joinOutcome(&next, e, b)
		event = &next
		s.replaceAudit(event)
	}
	return *event, nil
}

// insertAudit keeps the events in order of Seq: two writers may take their entries in in either order.
func (s *state) insertAudit(event *AuditEvent) {
	i := sort.Search(len(s.audit), func(i int) bool { return s.audit[i].Seq > event.Seq })
	s.audit = slices.Insert(s.audit, i, event)
}

// replaceAudit puts a newer value of an event in place of the old one.
func (s *state) replaceAudit(event *AuditEvent) {
	s.byID[event.ID] = event
	delete(s.open, event.ID)
	i := sort.Search(len(s.audit), func(i int) bool { return s.audit[i].Seq >= event.Seq })
	if i < len(s.audit) && s.audit[i].ID == event.ID {
		s.audit[i] = event
		return
	}
	delete(s.byID, event.ID) // its intent was forgotten while it was open
}

// forgetOldAudit drops the oldest events that have ended once there are too many.
func (s *state) forgetOldAudit() {
	if len(s.audit) <= maxAuditEvents+maxAuditEvents/4 {
		return
	}
	old := s.audit[:len(s.audit)-maxAuditEvents]
	for _, event := range old {
		if s.open[event.ID] == nil {
			delete(s.byID, event.ID)
		}
	}
	s.audit = append([]*AuditEvent(nil), s.audit[len(old):]...)
}

// joinIntent makes the event an intent opens.
func joinIntent(e Entry, b auditBody) *AuditEvent {
	event := &AuditEvent{
		ID: e.Key, Seq: e.Seq, At: e.At, Op: b.Op, Target: b.Target, Request: b.Request,
		Input: b.Input, Outcome: OutcomeOpen, Hash: e.Hash,
	}
	if b.Actor != nil {
		event.Actor = *b.Actor
	}
	return event
}

// joinOutcome closes an event.
func joinOutcome(event *AuditEvent, e Entry, b auditBody) {
	event.Outcome, event.Message, event.Hash = b.Outcome, b.Message, e.Hash
	event.Took = millis(b.Millis)
}

// get decodes one row.
func get[T any](s *state, table, key string) (T, int64, bool) {
	s.mu.RLock()
	r, ok := s.tables[table][key]
	s.mu.RUnlock()
	var v T
	if !ok || json.Unmarshal(r.body, &v) != nil {
		return v, 0, false
	}
	return v, r.ver, true
}

// all decodes a table, in order of key. A row of a newer release that cannot be read is left out.
func all[T any](s *state, table string) []T {
	s.mu.RLock()
	keys := make([]string, 0, len(s.tables[table]))
	for key := range s.tables[table] {
		keys = append(keys, key)
	}
	bodies := make(map[string]json.RawMessage, len(keys))
	for key, r := range s.tables[table] {
		bodies[key] = r.body
	}
	s.mu.RUnlock()
	sort.Strings(keys)
	rows := make([]T, 0, len(keys))
	for _, key := range keys {
		var v T
		if json.Unmarshal(bodies[key], &v) == nil {
			rows = append(rows, v)
		}
	}
	return rows
}

// bodies are the rows of a table as they were written. The map is the caller's.
func (s *state) bodies(table string) map[string]json.RawMessage {
	s.mu.RLock()
	defer s.mu.RUnlock()
	bodies := make(map[string]json.RawMessage, len(s.tables[table]))
	for key, r := range s.tables[table] {
		bodies[key] = r.body
	}
	return bodies
}

// body is one row as it was written.
func (s *state) body(table, key string) (json.RawMessage, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r, ok := s.tables[table][key]
	return r.body, ok
}

// changes counts the changes of a table. While it stays, so does what all gives.
func (s *state) changes(table string) uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.counts[table]
}

// edit is one change of a row, or, for the table of the audit, one more note.
type edit struct {
	table, key string
	body       any // nil deletes
}

// commit makes the edits durable in one journal write and takes them in. Rows are versioned here.
func (c *Core) commit(ctx context.Context, edits ...edit) error {
	c.writes.Lock() // one writer at a time, so that versions follow the journal's order
	defer c.writes.Unlock()
	actor := ActorFrom(ctx).Name
	recs := make([]Record, 0, len(edits))
	for _, e := range edits {
		rec := Record{Table: e.table, Key: e.key, Op: RecordDelete, Actor: actor, Ver: c.state.version(e.table, e.key) + 1}
		if e.body != nil {
			raw, err := json.Marshal(e.body)
			if err != nil {
				return fmt.Errorf("encode %s %s: %w", e.table, e.key, err)
			}
			rec.Op, rec.Body = RecordPut, raw
		}
		if e.table == auditTable {
			rec.Op, rec.Ver = RecordNote, 0
		}
		recs = append(recs, rec)
	}
	write := c.journal.Append
	if reliefFrom(ctx) {
		write = c.journal.AppendRelief
	}
	entries, err := write(context.WithoutCancel(ctx), recs...)
	if err != nil {
		return err
	}
	return c.state.apply(entries...)
}

// version is that of the row now, 0 when there is none.
func (s *state) version(table, key string) int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.tables[table][key].ver
}
