package core

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

// auditEntry is one audit record as the journal gives it.
func auditEntry(t *testing.T, seq uint64, id string, body auditBody) Entry {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return Entry{Seq: seq, At: time.Unix(int64(seq), 0), Record: Record{Table: auditTable, Key: id, Op: RecordNote, Body: raw}, Hash: fmt.Sprint(seq)}
}

func TestAnAuditRecordIsReadAsItWasWritten(t *testing.T) {
	s := newState()
	intent := auditBody{Phase: phaseIntent, Op: "service.stop", Target: "web", Risk: Change, Actor: &Actor{Name: "ann", Role: RoleOperator}}
	if err := s.apply(auditEntry(t, 1, "a", intent)); err != nil {
		t.Fatal(err)
	}
	if e := s.byID["a"]; e.Outcome != OutcomeOpen || e.Actor.Name != "ann" || e.Actor.Role != RoleOperator || len(s.open) != 1 {
		t.Errorf("%+v", e)
	}
	before := s.byID["a"]
	if err := s.apply(auditEntry(t, 2, "a", auditBody{Phase: phaseOutcome, Outcome: OutcomeOK, Millis: 1500})); err != nil {
		t.Fatal(err)
	}
	if e := s.byID["a"]; e.Outcome != OutcomeOK || e.Took != 1500*time.Millisecond || e.Seq != 1 || e.Hash != "2" || len(s.open) != 0 {
		t.Errorf("%+v", e)
	}
	if before.Outcome != OutcomeOpen {
		t.Error("an event that readers hold was written again")
	}
}

func TestAuditEventsKeepTheirOrderWhenWritersOvertakeEachOther(t *testing.T) {
	s := newState()
	for _, seq := range []uint64{2, 5, 1, 4, 3} {
		if err := s.apply(auditEntry(t, seq, fmt.Sprint(seq), auditBody{Phase: phaseIntent})); err != nil {
			t.Fatal(err)
		}
	}
	for i, e := range s.audit {
		if e.Seq != uint64(i+1) {
			t.Errorf("place %d has %d", i, e.Seq)
		}
	}
}

func TestTheAuditInMemoryIsBoundedAndForgetsNoOpenIntentEarly(t *testing.T) {
	s := newState()
	apply := func(e Entry) {
		if err := s.apply(e); err != nil {
			t.Fatal(err)
		}
	}
	apply(auditEntry(t, 1, "open", auditBody{Phase: phaseIntent, Op: "shell.open"}))
	seq := uint64(1)
	for i := range 3 * maxAuditEvents {
		id := fmt.Sprint(i)
		seq++
		apply(auditEntry(t, seq, id, auditBody{Phase: phaseIntent}))
		seq++
		apply(auditEntry(t, seq, id, auditBody{Phase: phaseOutcome, Outcome: OutcomeOK}))
	}
	if len(s.audit) > maxAuditEvents*5/4 || len(s.byID) > maxAuditEvents*5/4+1 || len(s.open) != 1 {
		t.Fatalf("%d events, %d by id, %d open", len(s.audit), len(s.byID), len(s.open))
	}
	apply(auditEntry(t, seq+1, "open", auditBody{Phase: phaseOutcome, Outcome: OutcomeOK}))
	if len(s.open) != 0 || s.byID["open"] != nil {
		t.Error("an old intent that ended is kept for ever")
	}
}

func TestARowHasItsNewestVersionAndGoesWhenItIsDeleted(t *testing.T) {
	s := newState()
	put := func(seq uint64, ver int64, body string) Entry {
		return Entry{Seq: seq, Record: Record{Table: "settings", Key: "k", Ver: ver, Op: RecordPut, Body: json.RawMessage(body)}}
	}
	for _, e := range []Entry{put(1, 1, `"one"`), put(2, 3, `"three"`), put(3, 2, `"two"`)} {
		if err := s.apply(e); err != nil {
			t.Fatal(err)
		}
	}
	if v, ver, ok := get[string](s, "settings", "k"); !ok || v != "three" || ver != 3 {
		t.Errorf("%q version %d, %v", v, ver, ok)
	}
	if rows := all[string](s, "settings"); len(rows) != 1 {
		t.Errorf("%v", rows)
	}
	if rows := all[int](s, "settings"); len(rows) != 0 {
		t.Errorf("a row of another shape was read: %v", rows)
	}
	if err := s.apply(Entry{Seq: 4, Record: Record{Table: "settings", Key: "k", Op: RecordDelete}}); err != nil {
		t.Fatal(err)
	}
	if _, _, ok := get[string](s, "settings", "k"); ok || s.version("settings", "k") != 0 {
		t.Error("the row is still there")
	}
}
