package core

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// note puts an audit record straight into the journal, as a process before this one did.
func (l *ledger) note(t testing.TB, id string, body auditBody) {
	t.Helper()
	must2(l.AppendRelief(t.Context(), Record{Table: auditTable, Key: id, Op: RecordNote, Body: must2(json.Marshal(body))(t)}))(t)
}

// done puts an action with its outcome into the journal.
func (l *ledger) done(t testing.TB, id, op, target, actor, outcome string) {
	t.Helper()
	l.note(t, id, auditBody{Phase: phaseIntent, Op: op, Target: target, Risk: Change, Actor: &Actor{Name: actor, Address: "192.0.2.7:1"}})
	l.note(t, id, auditBody{Phase: phaseOutcome, Outcome: outcome, Message: "because " + outcome})
}

func TestTheAuditIsFilteredAndPaged(t *testing.T) {
	w := newWorld(t)
	w.journal.done(t, "a", "service.restart", "ship-demo", "ada", OutcomeOK)
	w.journal.done(t, "b", "service.stop", "ship-demo", "bob", "forbidden")
	w.journal.done(t, "c", "job.cancel", "j1", "ada", OutcomeOK)
	c := w.open(t)
	for name, tc := range map[string]struct {
		in   ListAuditIn
		want string
	}{
		"everything":      {ListAuditIn{}, "c b a"},
		"a page":          {ListAuditIn{Limit: 1}, "c"},
		"the next":        {ListAuditIn{Limit: 1, Before: 5}, "b"},
		"actor":           {ListAuditIn{Actor: "ada"}, "c a"},
		"operation":       {ListAuditIn{Op: "service.stop"}, "b"},
		"its beginning":   {ListAuditIn{Op: "service."}, "b a"},
		"target":          {ListAuditIn{Target: "ship-demo"}, "b a"},
		"outcome":         {ListAuditIn{Outcome: "forbidden"}, "b"},
		"text in message": {ListAuditIn{Text: "BECAUSE FORB"}, "b"},
		"text in address": {ListAuditIn{Text: "192.0.2.7"}, "c b a"},
		"since later":     {ListAuditIn{Since: time.Now().Add(time.Hour)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, e := range must2(ListAudit.Run(as(t, RoleViewer), c, tc.in))(t) {
				got = append(got, e.ID)
			}
			if strings.Join(got, " ") != tc.want {
				t.Fatalf("got %q, want %q", got, tc.want)
			}
		})
	}
	for _, in := range []ListAuditIn{{Limit: -1}, {Limit: maxAuditLimit + 1}, {Text: strings.Repeat("x", 300)}} {
		_, err := ListAudit.Run(as(t, RoleViewer), c, in)
		wantCode(t, err, CodeInvalid)
	}
}

func TestTheAuditReachesBackBeyondMemory(t *testing.T) {
	w := newWorld(t)
	total := 2 * maxAuditEvents
	w.journal.note(t, "slow", auditBody{Phase: phaseIntent, Op: "shell.open", Target: "ship-demo", Actor: &Actor{Name: "ada"}})
	for i := range total {
		op := "service.restart"
		if i%1000 == 0 {
			op = "person.add"
		}
		w.journal.done(t, fmt.Sprint("e", i), op, fmt.Sprint("t", i), "ada", OutcomeOK)
	}
	w.journal.note(t, "slow", auditBody{Phase: phaseOutcome, Outcome: OutcomeOK}) // its intent is the oldest record of all
	c := w.open(t)
	if shells := must2(ListAudit.Run(as(t, RoleViewer), c, ListAuditIn{Op: "shell.open"}))(t); len(shells) != 1 || shells[0].Outcome != OutcomeOK {
		t.Fatalf("an action that took long is %+v", shells)
	}
	if c.state.byID["slow"] != nil {
		t.Fatal("an event that memory forgot is kept by its id")
	}
	rare := must2(ListAudit.Run(as(t, RoleViewer), c, ListAuditIn{Op: "person.add"}))(t)
	if len(rare) != 10 || rare[0].Target != "t9000" || rare[9].Target != "t0" || rare[9].Outcome != OutcomeOK {
		t.Fatalf("%d events: %+v", len(rare), rare)
	}
	seen, before := 0, uint64(0)
	for {
		page := must2(ListAudit.Run(as(t, RoleViewer), c, ListAuditIn{Limit: 900, Before: before}))(t)
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			if e.ID == "slow" {
				continue
			}
			if want := fmt.Sprint("e", total-1-seen); e.ID != want || e.Outcome != OutcomeOK {
				t.Fatalf("event %d is %s %s, want %s", seen, e.ID, e.Outcome, want)
			}
			seen++
		}
		before = page[len(page)-1].Seq
	}
	if seen != total {
		t.Fatalf("paging gave %d of %d events", seen, total)
	}
}

func TestWhatTheLastProcessLeftOpenIsInterruptedOnceAndDurably(t *testing.T) {
	for _, full := range []bool{false, true} {
		t.Run(fmt.Sprint("disk full: ", full), func(t *testing.T) {
			w := newWorld(t)
			w.journal.note(t, "left", auditBody{Phase: phaseIntent, Op: "service.restart", Risk: Change, Actor: &Actor{Name: "ada"}})
			w.journal.done(t, "done", "service.restart", "x", "ada", OutcomeOK)
			w.journal.full = full
			c := w.open(t)
			events := must2(ListAudit.Run(as(t, RoleViewer), c, ListAuditIn{Outcome: OutcomeInterrupted}))(t)
			if len(events) != 1 || events[0].ID != "left" || events[0].Message == "" {
				t.Fatalf("got %+v", events)
			}
			c.Close()
			before := len(w.journal.all())
			again := w.open(t)
			if after := len(w.journal.all()); after != before {
				t.Fatalf("the second start wrote %d records", after-before)
			}
			if events := must2(ListAudit.Run(as(t, RoleViewer), again, ListAuditIn{Outcome: OutcomeInterrupted}))(t); len(events) != 1 {
				t.Fatalf("after a restart: %+v", events)
			}
		})
	}
}

func TestWhatCouldNotBeInterruptedAtStartIsInterruptedWhenTheJournalIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.journal.note(t, "left", auditBody{Phase: phaseIntent, Op: "service.restart", Risk: Change, Actor: &Actor{Name: "ada"}})
		job := must2(json.Marshal(Job{ID: "j", Kind: "disk.prune", State: JobRunning}))(t)
		must2(w.journal.Append(t.Context(), Record{Table: jobsTable, Key: "j", Ver: 1, Op: RecordPut, Body: job}))(t)
		w.journal.broken = true
		c := w.open(t)
		if got := must2(ShowJob.Run(as(t, RoleViewer), c, JobIn{"j"}))(t); got.State != JobInterrupted {
			t.Fatalf("the job shows as %s", got.State)
		}
		w.journal.set(func() { w.journal.broken = false })
		time.Sleep(recordEvery + time.Second)
		events := must2(ListAudit.Run(as(t, RoleViewer), c, ListAuditIn{Outcome: OutcomeInterrupted}))(t)
		row, _, _ := get[Job](c.state, jobsTable, "j")
		if len(events) != 1 || row.State != JobInterrupted {
			t.Fatalf("got %+v, job %s", events, row.State)
		}
	})
}

func TestTheAuditIsFollowedWithIntentAndOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.open(t)
		ctx, cancel := context.WithCancel(as(t, RoleViewer))
		got := make(chan AuditEvent, 10)
		go func() {
			for e := range FollowAudit.Run(ctx, c, struct{}{}) {
				got <- e
			}
			close(got)
		}()
		synctest.Wait()
		_, err := EndSession.Run(as(t, RoleAdmin), c, EndSessionIn{"nothing"})
		wantCode(t, err, CodeNotFound)
		first, second := <-got, <-got
		if first.Outcome != OutcomeOpen || second.Outcome != "not_found" || first.ID != second.ID || first.Op != "session.end" {
			t.Fatalf("got %+v then %+v", first, second)
		}
		cancel()
		if _, more := <-got; more {
			t.Fatal("the stream went on")
		}
	})
}

func TestASlowFollowerOfTheAuditEndsUpWithWhatIsTrue(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	ctx, cancel := context.WithCancel(as(t, RoleViewer))
	defer cancel()
	act := func(target string) { _, _ = EndSession.Run(as(t, RoleAdmin), c, EndSessionIn{target}) }
	first := make(chan struct{})
	go func() {
		defer close(first)
		eventually(t, "somebody follows", func() bool { return c.state.hub.Subscribers() == 1 })
		act("first")
	}()
	latest := map[string]string{}
	for e := range FollowAudit.Run(ctx, c, struct{}{}) {
		latest[e.ID] = e.Outcome
		if len(latest) == 1 && e.Outcome == OutcomeOpen { // 400 actions while this reader is slow
			<-first // it has its outcome: else the reader could be done before that
			for range 400 {
				act("nothing")
			}
			act("last")
		}
		if e.Target == "last" && e.Outcome == "not_found" {
			break
		}
	}
	open := 0
	for _, outcome := range latest {
		if outcome == OutcomeOpen {
			open++
		}
	}
	if len(latest) < 400 || open > 0 {
		t.Fatalf("%d events seen, %d of them still open", len(latest), open)
	}
}

func TestTheAuditIsVerified(t *testing.T) {
	w := newWorld(t)
	if report := must2(VerifyAudit.Run(as(t, RoleViewer), w.open(t), struct{}{}))(t); !report.OK {
		t.Fatalf("got %+v", report)
	}
}
