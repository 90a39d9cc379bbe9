package logs

import (
	"context"
	"hash/maphash"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// maxSeam bounds how many lines are remembered to recognise repeats. More lines than this at or after the point where
// collecting goes on exist only after a clock went far back; some of them would then be kept twice.
const maxSeam = 200_000

// seam joins a stream that starts anew to what is kept already. The engine is asked for everything from the time of
// the last line on, that line included: lines that are kept are dropped, and if not one of them comes first, the engine
// no longer has it, nor perhaps what followed.
type seam struct {
	seed  maphash.Seed
	since int64
	lines map[uint64]int // kept lines at or after since, and how often
	left  int
	max   int64 // newest time among them
	met   bool  // a kept line came, or its absence was recorded
}

// repeats says whether a line is kept already, and whether lines before it may be lost. Once it is done, it says no.
func (s *seam) repeats(e entry) (repeat, hole bool) {
	if s.left == 0 {
		return false, false
	}
	h := hashLine(s.seed, e.at, e.stream, e.text)
	if s.lines[h] > 0 {
		s.lines[h]--
		s.left--
		s.met = true
		return true, false
	}
	hole = !s.met && e.at > s.since
	s.met = s.met || hole
	if e.at > s.max {
		s.left, s.lines = 0, nil
	}
	return false, hole
}

// hashLine stands for a line of one container.
func hashLine(seed maphash.Seed, at int64, stream string, text []byte) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	var b [8]byte
	for i := range b {
		b[i] = byte(at >> (8 * i))
	}
	// Writing to a maphash never fails.
	_, _ = h.Write(b[:])
	_, _ = h.WriteString(stream)
	_, _ = h.Write(text)
	return h.Sum64()
}

// seam finds where collecting of a container goes on. last is the time of its last line when this process knows it,
// else 0. Without any line known, collecting starts with the oldest line that the bounds would keep.
func (st *Store) seam(ctx context.Context, container string, last int64) (*seam, error) {
	var parts []part
	for _, s := range st.all() {
		for _, m := range s.marks() {
			if m.id == container {
				parts = append(parts, part{snap: s.view(nil)})
				last = max(last, m.last)
			}
		}
	}
	if last == 0 {
		return &seam{since: st.oldestKept()}, nil
	}
	// A clock that went back would hide new lines behind the last one.
	s := &seam{seed: maphash.MakeSeed(), since: min(last, st.now().UnixNano()), lines: map[uint64]int{}}
	f, err := newFilter(core.LogQuery{Since: time.Unix(0, s.since)})
	if err != nil {
		return nil, err
	}
	merge(ctx, selection{parts: parts}, &f, true, func(l core.LogLine, e error) bool {
		if err = e; e != nil {
			return false
		}
		if l.Gap == nil && l.Container == container {
			s.lines[hashLine(s.seed, l.At.UnixNano(), l.Stream, []byte(l.Text))]++
			s.left++
			s.max = max(s.max, l.At.UnixNano())
		}
		return s.left < maxSeam
	})
	return s, err
}

// oldestKept is the age at which lines are removed at once.
func (st *Store) oldestKept() int64 {
	if age := st.limits().MaxAge; age > 0 {
		return st.now().Add(-age).UnixNano()
	}
	return 0
}
