package coretest_test

import (
	"testing"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
)

func TestJournalInMemoryKeepsTheContract(t *testing.T) {
	coretest.TestJournal(t, func(*testing.T) core.Journal { return coretest.NewJournal() })
}

func TestJournalInMemoryCanBeBrokenAndDamaged(t *testing.T) {
	j, rec := coretest.NewJournal(), core.Record{Table: "audit", Op: core.RecordNote}
	if _, err := j.Append(t.Context(), rec, rec, rec); err != nil {
		t.Fatal(err)
	}
	j.Break("The disk is full.", true)
	if _, err := j.Append(t.Context(), rec); core.CodeOf(err) != core.CodeUnavailable || core.MessageOf(err) != "The disk is full." {
		t.Errorf("append: %v", err)
	}
	if _, err := j.AppendRelief(t.Context(), rec); err != nil {
		t.Errorf("relief: %v", err)
	}
	if h := j.Head(); h.Writable || h.Trouble == "" {
		t.Errorf("head %+v", h)
	}
	j.Damage(2)
	if report, err := j.Verify(t.Context()); err != nil || report.OK || report.Seq != 2 {
		t.Errorf("report %+v %v", report, err)
	}
}
