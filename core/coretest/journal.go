package coretest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/codematrx/matrx-ship/core"
)

// Journal is a core.Journal in memory. It can be put into trouble, which a real disk does to a real one.
type Journal struct {
	mu      sync.Mutex // guards what follows
	entries []core.Entry
	trouble string
	since   time.Time
	relief  bool
	closed  bool
}

var _ core.Journal = (*Journal)(nil)

// NewJournal makes an empty journal in memory.
func NewJournal() *Journal { return &Journal{} }

// Break puts the journal into trouble: Append fails with the text, and so does AppendRelief unless relief is true, as on
// a disk that is full but has a reserve. An empty text ends the trouble.
func (j *Journal) Break(text string, relief bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.trouble, j.relief, j.since = text, relief, time.Now().UTC()
}

// Append is core.Journal's.
func (j *Journal) Append(ctx context.Context, recs ...core.Record) ([]core.Entry, error) {
	return j.append(ctx, false, recs)
}

// AppendRelief is core.Journal's.
func (j *Journal) AppendRelief(ctx context.Context, recs ...core.Record) ([]core.Entry, error) {
	return j.append(ctx, true, recs)
}

func (j *Journal) append(ctx context.Context, relief bool, recs []core.Record) ([]core.Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("append to the journal: %w", err)
	}
	if len(recs) == 0 {
		return nil, core.Errorf(core.CodeInvalid, "There is nothing to append to the journal.")
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil, core.Errorf(core.CodeUnavailable, "The journal is closed.")
	}
	if j.trouble != "" && (!relief || !j.relief) {
		return nil, core.Errorf(core.CodeUnavailable, "%s", j.trouble)
	}
	added := make([]core.Entry, 0, len(recs))
	prev := j.hash()
	for i, rec := range recs {
		e, err := entry(rec, uint64(len(j.entries)+i+1), prev)
		if err != nil {
			return nil, err
		}
		added, prev = append(added, e), e.Hash
	}
	j.entries = append(j.entries, added...)
	return slices.Clone(added), nil
}

// entry makes the entry of a record that follows the one with the hash prev.
func entry(rec core.Record, seq uint64, prev string) (core.Entry, error) {
	if err := rec.Validate(); err != nil {
		return core.Entry{}, err
	}
	var body any
	if len(rec.Body) > 0 {
		body = rec.Body
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return core.Entry{}, fmt.Errorf("encode %s %s: %w", rec.Table, rec.Key, err)
	}
	rec.Body = raw
	id, err := uuid.NewV7()
	if err != nil {
		return core.Entry{}, fmt.Errorf("make the id of a record: %w", err)
	}
	e := core.Entry{Record: rec, Seq: seq, ID: id.String(), At: time.Now().UTC().Round(0)}
	e.Hash = chainHash(e, prev)
	return e, nil
}

// chainHash is the hash of an entry that follows the one with the hash prev.
func chainHash(e core.Entry, prev string) string {
	e.Hash = prev
	sum := sha256.Sum256(fmt.Appendf(nil, "%+v", e))
	return hex.EncodeToString(sum[:])
}

// hash is that of the head. It needs mu.
func (j *Journal) hash() string {
	if len(j.entries) == 0 {
		return ""
	}
	return j.entries[len(j.entries)-1].Hash
}

// Replay is core.Journal's.
func (j *Journal) Replay(ctx context.Context, from uint64) iter.Seq2[core.Entry, error] {
	j.mu.Lock()
	entries, closed := j.entries[:len(j.entries):len(j.entries)], j.closed
	j.mu.Unlock()
	return func(yield func(core.Entry, error) bool) {
		if closed {
			yield(core.Entry{}, core.Errorf(core.CodeUnavailable, "The journal is closed."))
			return
		}
		for _, e := range entries[min(max(from, 1)-1, uint64(len(entries))):] {
			if err := ctx.Err(); err != nil {
				yield(core.Entry{}, fmt.Errorf("read the journal: %w", err))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// Head is core.Journal's.
func (j *Journal) Head() core.JournalHead {
	j.mu.Lock()
	defer j.mu.Unlock()
	h := core.JournalHead{Seq: uint64(len(j.entries)), Hash: j.hash(), Segments: min(len(j.entries), 1), Writable: !j.closed}
	for _, e := range j.entries {
		h.Bytes += int64(len(e.Body))
	}
	if j.trouble != "" {
		h.Writable, h.Trouble, h.Since = false, j.trouble, j.since
	}
	return h
}

// Verify is core.Journal's.
func (j *Journal) Verify(ctx context.Context) (core.JournalReport, error) {
	report := core.JournalReport{OK: true}
	for e, err := range j.Replay(ctx, 1) {
		switch {
		case err != nil:
			return core.JournalReport{}, err
		case chainHash(e, report.Hash) != e.Hash:
			report.OK, report.Seq, report.Line, report.Segment = false, e.Seq, int(e.Seq), "memory"
			report.Reason = "its hash does not follow from the record before it"
			return report, nil
		}
		report.Records++
		report.First, report.Last, report.Hash = 1, e.Seq, e.Hash
	}
	return report, nil
}

// Damage changes the record seq where it lies, as a person with an editor would.
func (j *Journal) Damage(seq uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	entries := slices.Clone(j.entries) // readers hold the old one
	entries[seq-1].Actor += " (changed)"
	j.entries = entries
}

// Close is core.Journal's.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	return nil
}
