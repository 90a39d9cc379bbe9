package journal

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sort"

	"github.com/codematrx/matrx-ship/core"
)

// errEnough ends a walk without an error.
var errEnough = errors.New("enough")

// Replay yields the entries from seq on, up to the head at the time of the call. See core.Journal.
func (j *Journal) Replay(ctx context.Context, from uint64) iter.Seq2[core.Entry, error] {
	segs, head, err := j.view()
	return func(yield func(core.Entry, error) bool) {
		if err != nil {
			yield(core.Entry{}, err)
			return
		}
		err := replay(ctx, j, segs, max(from, 1), head, func(e core.Entry) bool { return yield(e, nil) })
		if err != nil {
			yield(core.Entry{}, unavailable(err))
		}
	}
}

// replay shows the entries from..head to yield until that says no.
func replay(ctx context.Context, j *Journal, segs []segment, from uint64, head mark, yield func(core.Entry) bool) error {
	begin := sort.Search(len(segs), func(i int) bool { return segs[i].first > from }) - 1
	if begin < 0 || from > head.seq {
		return nil
	}
	next := from
	for i, seg := range segs[begin:] {
		_, err := j.walk(ctx, seg, seg.size, begin+i == len(segs)-1, func(s *scanner, text []byte) error {
			if s.chain.seq < from {
				return nil
			}
			e, err := decode(text)
			if err != nil {
				return &damage{s.name, s.line, s.chain.seq, err.Error()}
			}
			next = e.Seq + 1
			if !yield(e) {
				return errEnough
			}
			return nil
		})
		if errors.Is(err, errEnough) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return shorter(segs, next, head)
}

// shorter is the damage of files that end before the head.
func shorter(segs []segment, next uint64, head mark) error {
	if next > head.seq {
		return nil
	}
	last := segs[len(segs)-1]
	return &damage{segmentName(last.first), int(next-min(next, last.first)) + 1, next, "a record that was acknowledged is missing"}
}

// view gives what a reader may read: the segments, each with its whole appends, and the head.
func (j *Journal) view() ([]segment, mark, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil, mark{}, core.Errorf(core.CodeUnavailable, "The journal is closed.")
	}
	return slices.Clone(j.segs), j.head, nil
}

// Verify walks the whole chain on the disk, and names the first bad record. See core.Journal.
func (j *Journal) Verify(ctx context.Context) (core.JournalReport, error) {
	segs, head, err := j.view()
	if err != nil {
		return core.JournalReport{}, err
	}
	limits := make([]int64, len(segs))
	for i, seg := range segs {
		limits[i] = seg.size
	}
	if t := j.troubled(); isDamaged(t) {
		if segs, limits, err = j.files(); err != nil {
			return core.JournalReport{}, unavailable(err)
		}
	}
	var report core.JournalReport
	_, _, err = j.walkAll(ctx, segs, limits, func(s *scanner, text []byte) error {
		if _, err := decode(text); err != nil {
			return &damage{s.name, s.line, s.chain.seq, err.Error()}
		}
		if report.Records++; report.Records == 1 {
			report.First = s.chain.seq
		}
		report.Last, report.Hash = s.chain.seq, s.chain.hash
		return nil
	})
	if err == nil {
		err = shorter(segs, report.Last+1, head)
	}
	var d *damage
	if errors.As(err, &d) {
		report.Segment, report.Line, report.Seq, report.Reason = d.file, d.line, d.seq, d.why
		return report, nil
	}
	report.OK = err == nil
	return report, unavailable(err)
}

// unavailable makes an error of the disk or of a damaged file one that a door can show.
func unavailable(err error) error {
	if code := core.CodeOf(err); err == nil || code != core.CodeInternal {
		return err
	}
	return core.Errorf(core.CodeUnavailable, "The journal cannot be read: %w", err)
}
