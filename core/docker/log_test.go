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
	now := base.Add(time.Hour)
	again := repeats{follow: true}
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
		{entry(2, "stdout"), base.Add(2 * time.Second), false}, // the clock was set back by three seconds
		{entry(3, "stdout"), base.Add(3 * time.Second), false},
	} {
		if got := again.skip(c.l, c.now); got != c.skip {
			t.Errorf("entry %d (%s %s): skipped %v", i, c.l.At.Format(time.TimeOnly), c.l.Stream, got)
		}
	}
	whole := repeats{}
	for _, second := range []int{3, 1} {
		if whole.skip(entry(second, "stdout"), now) {
			t.Error("a log that is not followed lost an entry")
		}
	}
}
