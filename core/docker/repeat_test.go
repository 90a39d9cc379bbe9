package docker

import (
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

func TestWhatTheEngineRepeatsIsLeftOutAndAClockSetBackIsNot(t *testing.T) {
	base := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	entry := func(second int, stream string) core.RawLog {
		return core.RawLog{At: base.Add(time.Duration(second) * time.Second), Stream: stream}
	}
	late := func(second int) core.RawLog { // never quite the same time as before
		return core.RawLog{At: base.Add(time.Duration(second)*time.Second + 1), Stream: "stdout"}
	}
	now := base.Add(time.Hour)
	again := told{}
	for i, c := range []struct {
		l    core.RawLog
		now  time.Time
		skip bool
	}{
		{entry(1, "stdout"), now, false},
		{entry(3, "stdout"), now, false},
		{entry(3, "stdout"), now, false}, // the next fragment of the same line
		{entry(2, "stderr"), now, false}, // the streams are not in step
		{entry(1, "stdout"), now, true},
		{entry(2, "stderr"), now, false}, // a fragment more
		{entry(3, "stdout"), now, true},
		{entry(4, "stdout"), now, false},
		{entry(1, "stdout"), now, true},
		{entry(3, "stdout"), now, true},
		{entry(4, "stdout"), now, true}, // the last of the repetition
		{entry(5, "stdout"), now, false},
		{late(2), base.Add(2 * time.Second), false}, // the clock was set back by three seconds
		{late(3), base.Add(3 * time.Second), false},
		{late(3), base.Add(3 * time.Second), false}, // the next fragment
		{late(1), now, false},                       // it was set back, and is read later
		{late(2), now, true},
	} {
		if got := again.repeated(c.l, c.now); got != c.skip {
			t.Errorf("entry %d (%s %s): skipped %v", i, c.l.At.Format(time.TimeOnly), c.l.Stream, got)
		}
	}
}

func TestTheRestIsHandedOnOnce(t *testing.T) {
	base := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	entry := func(second int, stream string) core.RawLog {
		return core.RawLog{At: base.Add(time.Duration(second) * time.Second), Stream: stream}
	}
	handed := told{}
	log := []core.RawLog{entry(1, "stdout"), entry(4, "stderr"), entry(3, "stdout"), entry(3, "stdout"), entry(3, "stdout"), entry(5, "stdout"), entry(2, "stderr")}
	for _, l := range log[:4] { // it ended in the middle of a line of three fragments
		handed.repeated(l, base.Add(time.Hour))
	}
	if at := handed.newest(); !at.Equal(base.Add(4 * time.Second)) {
		t.Errorf("newest %s", at)
	}
	for i, l := range log {
		if got, want := handed.had(l), i < 4; got != want {
			t.Errorf("entry %d: had %v", i, got)
		}
	}
}

func TestTheSieveForgetsNothingRecentAndSeldomErrs(t *testing.T) {
	var s sieve
	const n = 500_000
	at := uint64(1_795_304_205_000_000_000)
	for i := range uint64(n) {
		s.add(at + i*1000)
	}
	wrong := 0
	for i := range uint64(sieveHolds) {
		if !s.has(at + (n-1-i)*1000) {
			t.Fatalf("the number %d before the last is forgotten", i)
		}
		if s.has(at + i*1000 + 500) {
			wrong++
		}
	}
	if wrong > sieveHolds/20 {
		t.Errorf("%d of %d taken for others", wrong, sieveHolds)
	}
}
