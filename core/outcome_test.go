package core

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// actAndBreak runs an audited action during which the journal breaks, and gives the action's error.
func (w *world) actAndBreak(t testing.TB, c *Core, target string, cause error) error {
	t.Helper()
	err := c.guard(as(t, RoleOperator), RestartService.Info(), StopServiceIn{ServiceIn: ServiceIn{target}}, func(context.Context) error {
		w.journal.set(func() { w.journal.broken = true })
		return cause
	})
	w.journal.set(func() { w.journal.broken = false })
	return err
}

func TestAnOutcomeThatTheJournalCouldNotTakeIsShownAtOnceAndWrittenLater(t *testing.T) {
	for name, tc := range map[string]struct {
		cause error
		code  Code
		want  string
	}{
		"it went well": {nil, CodeUnavailable, OutcomeOK},
		"it failed":    {Errorf(CodeConflict, "The port is taken."), CodeConflict, "conflict"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				c := w.open(t)
				wantCode(t, w.actAndBreak(t, c, "ship-demo", tc.cause), tc.code)
				want := "operator ship-demo " + tc.want
				if got := auditOf(t, c, "service.restart"); len(got) != 1 || got[0] != want {
					t.Fatalf("before it is written the audit shows %q", got)
				}
				time.Sleep(recordEvery + time.Second)
				written := len(w.journal.all())
				if c.late.count() != 0 || written != 2 {
					t.Fatalf("%d outcomes wait, %d records are written", c.late.count(), written)
				}
				c.Close()
				again := w.open(t)
				if got := auditOf(t, again, "service.restart"); len(got) != 1 || got[0] != want {
					t.Fatalf("after a restart the audit shows %q", got)
				}
				if n := len(w.journal.all()); n != written {
					t.Fatalf("the next process wrote %d records", n-written)
				}
			})
		})
	}
}

func TestAnOutcomeIsWrittenAtTheEndOfTheProcessAtTheLatest(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	_ = w.actAndBreak(t, c, "ship-demo", nil)
	c.Close()
	if got := auditOf(t, w.open(t), "service.restart"); len(got) != 1 || got[0] != "operator ship-demo ok" {
		t.Fatalf("the next process shows %q", got)
	}
}

func TestAnOutcomeOnAFullDiskUsesTheReserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.open(t)
		info := RestartService.Info()
		info.Relief = false
		_ = c.guard(as(t, RoleOperator), info, StopServiceIn{ServiceIn: ServiceIn{"ship-demo"}}, func(context.Context) error {
			w.journal.set(func() { w.journal.full = true })
			return nil
		})
		time.Sleep(recordEvery + time.Second)
		if n := len(w.journal.all()); n != 2 || c.late.count() != 0 {
			t.Fatalf("%d records, %d outcomes wait", n, c.late.count())
		}
	})
}

func TestNothingIsBegunWhileTooManyOutcomesWait(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	for i := range maxLateOutcomes {
		_ = w.actAndBreak(t, c, fmt.Sprint("t", i), nil)
	}
	began := false
	err := c.guard(as(t, RoleOperator), RestartService.Info(), StopServiceIn{ServiceIn: ServiceIn{"one-more"}}, func(context.Context) error {
		began = true
		return nil
	})
	wantCode(t, err, CodeUnavailable, "Nothing was done")
	if began {
		t.Fatal("it was done all the same")
	}
	c.Close()
	if n := len(w.journal.all()); n != 2*maxLateOutcomes {
		t.Fatalf("%d records after the end", n)
	}
}

func TestTheEndOfAJobThatTheJournalCouldNotTakeIsWrittenLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.open(t)
		job, err := c.jobs.start(as(t, RoleOperator), pruneKind, "", func(context.Context, *jobRun) error {
			w.journal.set(func() { w.journal.broken = true })
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		w.journal.set(func() { w.journal.broken = false })
		time.Sleep(recordEvery + time.Second)
		if row, _, _ := get[Job](c.state, jobsTable, job.ID); row.State != JobDone {
			t.Fatalf("the journal has it as %s", row.State)
		}
	})
}
