package logs

import (
	"hash/maphash"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

const (
	jointSpan = time.Second // lines of a log are out of order by less than this
	maxJoint  = 100_000     // lines within half of what is remembered
)

// joint remembers the newest lines that a reader has had of a container's log, so that it knows them when they come once
// more: as live lines, or because the log was read again from a moment before its end. Older lines are known by their time.
type joint struct {
	seed      maphash.Seed
	old, new  map[uint64]int // how often each line was had
	since     int64          // the lines in old are of this time or later
	middle    int64          // those in new of this time or later
	last      int64          // the newest; 0 without any
	forgotten bool           // something that is older than since
	from      int64          // what is older is not asked for
	before    *joint         // of an earlier reading, of which this one may not have got everything; nil without one
}

func newJoint(from int64) *joint { return &joint{seed: maphash.MakeSeed(), from: from} }

// note remembers a line.
func (j *joint) note(e entry) {
	if j.new == nil || e.at-j.middle > int64(jointSpan) || len(j.new) >= maxJoint {
		j.forgotten = j.forgotten || j.old != nil
		j.old, j.new = j.new, map[uint64]int{}
		j.since, j.middle = j.middle, e.at
		if j.old == nil {
			j.since = e.at
		}
	}
	j.last = max(j.last, e.at)
	j.new[hashLine(j.seed, e.at, e.stream, e.text)]++
}

// oldest is a time from which on all lines that were had are remembered one by one.
func (j *joint) oldest() int64 { return max(j.since, j.from) }

// has says whether the reader has had a line; each is recognised as often as it was had.
func (j *joint) has(at int64, stream string, text []byte) bool {
	if at < j.from || j.forgotten && at < j.since {
		return true
	}
	h := hashLine(j.seed, at, stream, text)
	for _, had := range []map[uint64]int{j.new, j.old} {
		if had[h] > 0 {
			had[h]--
			return true
		}
	}
	return false
}

// hides says whether a live line is one that the reader has had. Once a newer one came, no more of them follow: done.
func (j *joint) hides(l *core.LogLine) (hidden, done bool) {
	at, last, text := l.At.UnixNano(), j.last, []byte(l.Text)
	if j.before != nil {
		last = max(last, j.before.last)
	}
	if at > last && at >= j.from {
		return false, true
	}
	return j.has(at, l.Stream, text) || j.before != nil && j.before.has(at, l.Stream, text), false
}
