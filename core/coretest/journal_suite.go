package coretest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// TestJournal is the contract of core.Journal. open gives an empty journal that the suite may close.
func TestJournal(t *testing.T, open func(t *testing.T) core.Journal) {
	cases := []struct {
		name string
		run  func(*testing.T, core.Journal)
	}{
		{"an append is replayed as it was acknowledged", replayedAsAcknowledged},
		{"records are numbered from one without a hole", numberedWithoutHole},
		{"replay starts where it is told and ends at the head of its call", replayFromAndTo},
		{"a wrong record stores nothing of its append", wrongRecordStoresNothing},
		{"a cancelled caller stores nothing", cancelledStoresNothing},
		{"many writers get whole appends in one order", manyWriters},
		{"the chain verifies and moves with every record", chainVerifies},
		{"a closed journal refuses", closedRefuses},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			j := open(t)
			c.run(t, j)
			if err := j.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
}

// note is a record whose body holds text.
func note(text string) core.Record {
	body, err := json.Marshal(map[string]string{"text": text})
	if err != nil {
		panic(err) // a map of strings always encodes
	}
	return core.Record{Table: "audit", Key: text, Op: core.RecordNote, Body: body, Actor: "ann"}
}

func mustAppend(t *testing.T, j core.Journal, recs ...core.Record) []core.Entry {
	t.Helper()
	entries, err := j.Append(t.Context(), recs...)
	if err != nil {
		t.Fatalf("append: %v", err)
	}
	return entries
}

func mustReplay(t *testing.T, j core.Journal, from uint64) []core.Entry {
	t.Helper()
	var entries []core.Entry
	for e, err := range j.Replay(t.Context(), from) {
		if err != nil {
			t.Fatalf("replay: %v", err)
		}
		entries = append(entries, e)
	}
	return entries
}

func replayedAsAcknowledged(t *testing.T, j core.Journal) {
	before := time.Now()
	want := mustAppend(t, j,
		core.Record{Table: "people", Key: "ann", Ver: 3, Op: core.RecordPut, Body: json.RawMessage(`{"a": "<&>\u00e9 é", "n": [1, 2]}`), Actor: "bob"},
		core.Record{Table: "people", Key: "eve", Ver: 4, Op: core.RecordDelete})
	want = append(want, mustAppend(t, j, note("x"))...)
	if got := mustReplay(t, j, 1); !reflect.DeepEqual(got, want) {
		t.Errorf("replayed %+v, acknowledged %+v", got, want)
	}
	for _, e := range want {
		if len(e.ID) != 36 || e.ID[14] != '7' || len(e.Hash) != 64 || e.At.Location() != time.UTC || e.At.Before(before.Add(-time.Minute)) {
			t.Errorf("entry %+v", e)
		}
	}
	if !bytes.Equal(want[1].Body, []byte("null")) {
		t.Errorf("no body became %q, want null", want[1].Body)
	}
}

func numberedWithoutHole(t *testing.T, j core.Journal) {
	if h := j.Head(); h.Seq != 0 || h.Hash != "" || !h.Writable || h.Trouble != "" {
		t.Errorf("head of an empty journal %+v", h)
	}
	var seq uint64
	for n := 1; n <= 5; n++ {
		for _, e := range mustAppend(t, j, makeNotes(n)...) {
			if seq++; e.Seq != seq {
				t.Fatalf("seq %d, want %d", e.Seq, seq)
			}
		}
	}
	if h := j.Head(); h.Seq != seq || h.Bytes == 0 || h.Segments == 0 {
		t.Errorf("head %+v, want seq %d", h, seq)
	}
}

// makeNotes makes n records.
func makeNotes(n int) []core.Record {
	recs := make([]core.Record, n)
	for i := range recs {
		recs[i] = note(fmt.Sprint(n, "-", i))
	}
	return recs
}

func replayFromAndTo(t *testing.T, j core.Journal) {
	if got := mustReplay(t, j, 1); len(got) != 0 {
		t.Errorf("an empty journal replays %v", got)
	}
	all := mustAppend(t, j, makeNotes(5)...)
	if got := mustReplay(t, j, 4); !reflect.DeepEqual(got, all[3:]) {
		t.Errorf("from 4: %v", got)
	}
	if got := mustReplay(t, j, 0); len(got) != 5 {
		t.Errorf("from 0: %d entries, want all 5", len(got))
	}
	if got := mustReplay(t, j, 6); len(got) != 0 {
		t.Errorf("from behind the head: %v", got)
	}
	seq := j.Replay(t.Context(), 1)
	mustAppend(t, j, note("later"))
	n := 0
	for _, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		n++
		mustAppend(t, j, note("while replaying"))
	}
	if n != 5 {
		t.Errorf("replayed %d, want the 5 of the time of the call", n)
	}
}

func wrongRecordStoresNothing(t *testing.T, j core.Journal) {
	good := note("good")
	wrong := map[string]core.Record{
		"no table":         {Op: core.RecordNote},
		"no op":            {Table: "t"},
		"unknown op":       {Table: "t", Op: "patch"},
		"put without key":  {Table: "t", Op: core.RecordPut},
		"negative version": {Table: "t", Key: "k", Op: core.RecordPut, Ver: -1},
		"body not JSON":    {Table: "t", Op: core.RecordNote, Body: json.RawMessage(`{"a":`)},
		"body two values":  {Table: "t", Op: core.RecordNote, Body: json.RawMessage("1\n2")},
		"body not UTF-8":   {Table: "t", Op: core.RecordNote, Body: json.RawMessage("\"\xff\"")},
		"key not UTF-8":    {Table: "t", Key: "\xff", Op: core.RecordNote},
		"body over 1 MiB":  {Table: "t", Op: core.RecordNote, Body: json.RawMessage(`"` + strings.Repeat("x", core.MaxRecordBody) + `"`)},
	}
	for name, rec := range wrong {
		if _, err := j.Append(t.Context(), good, rec); core.CodeOf(err) != core.CodeInvalid {
			t.Errorf("%s: error %v, want invalid", name, err)
		}
	}
	if _, err := j.Append(t.Context()); core.CodeOf(err) != core.CodeInvalid {
		t.Errorf("no record: error %v, want invalid", err)
	}
	if seq := j.Head().Seq; seq != 0 {
		t.Errorf("head %d, want nothing stored", seq)
	}
	largest := core.Record{Table: "t", Op: core.RecordNote, Body: json.RawMessage(`"` + strings.Repeat("x", core.MaxRecordBody-2) + `"`)}
	want := mustAppend(t, j, largest)
	if got := mustReplay(t, j, 1); !reflect.DeepEqual(got, want) {
		t.Error("the largest record is not replayed as it was")
	}
}

func cancelledStoresNothing(t *testing.T, j core.Journal) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := j.Append(ctx, note("x")); core.CodeOf(err) != core.CodeCanceled {
		t.Errorf("error %v, want canceled", err)
	}
	if seq := j.Head().Seq; seq != 0 {
		t.Errorf("head %d, want nothing stored", seq)
	}
	mustAppend(t, j, note("y"))
	var last error
	for _, err := range j.Replay(ctx, 1) {
		last = err
	}
	if core.CodeOf(last) != core.CodeCanceled {
		t.Errorf("replay ended with %v, want canceled", last)
	}
}

func manyWriters(t *testing.T, j core.Journal) {
	const writers, rounds = 16, 20
	var mu sync.Mutex
	acked := map[uint64]core.Entry{}
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range rounds {
				entries, err := j.Append(t.Context(), note(fmt.Sprint(w, ".", i, "a")), note(fmt.Sprint(w, ".", i, "b")))
				if err != nil || entries[1].Seq != entries[0].Seq+1 {
					t.Errorf("append: %v %v", entries, err)
					return
				}
				mu.Lock()
				acked[entries[0].Seq], acked[entries[1].Seq] = entries[0], entries[1]
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	all := mustReplay(t, j, 1)
	if len(all) != 2*writers*rounds {
		t.Fatalf("%d entries, want %d", len(all), 2*writers*rounds)
	}
	for i, e := range all {
		if e.Seq != uint64(i+1) || !reflect.DeepEqual(e, acked[e.Seq]) {
			t.Fatalf("entry %+v, acknowledged %+v", e, acked[e.Seq])
		}
	}
}

func chainVerifies(t *testing.T, j core.Journal) {
	seen := map[string]bool{}
	for range 10 {
		e := mustAppend(t, j, note("same"))[0]
		if seen[e.Hash] || j.Head().Hash != e.Hash {
			t.Errorf("hash %s of record %d, head %s", e.Hash, e.Seq, j.Head().Hash)
		}
		seen[e.Hash] = true
	}
	report, err := j.Verify(t.Context())
	want := core.JournalReport{Records: 10, First: 1, Last: 10, Hash: j.Head().Hash, OK: true}
	if err != nil || report != want {
		t.Errorf("report %+v %v, want %+v", report, err, want)
	}
}

func closedRefuses(t *testing.T, j core.Journal) {
	mustAppend(t, j, note("x"))
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append(t.Context(), note("y")); core.CodeOf(err) != core.CodeUnavailable {
		t.Errorf("append: %v, want unavailable", err)
	}
	if _, err := j.AppendRelief(t.Context(), note("y")); core.CodeOf(err) != core.CodeUnavailable {
		t.Errorf("relief: %v, want unavailable", err)
	}
	if _, err := j.Verify(t.Context()); core.CodeOf(err) != core.CodeUnavailable {
		t.Errorf("verify: %v, want unavailable", err)
	}
	if j.Head().Writable {
		t.Error("a closed journal says that it can be written")
	}
}
