package core

import (
	"context"
	"encoding/json"
	"iter"
	"time"
)

// The operations of a Record.
const (
	RecordPut    = "put"  // the row has this body now
	RecordDelete = "del"  // the row is gone
	RecordNote   = "note" // something happened; no row
)

// Record is one change of state, or one note, as it enters the journal.
type Record struct {
	Table string          // "audit", "people", "jobs", ...
	Key   string          // key of the row in its table
	Ver   int64           // version of the row, counted by its owner; 0 for notes
	Op    string          // RecordPut, RecordDelete or RecordNote
	Body  json.RawMessage // typed by Table; secrets only as ciphertext
	Actor string          // who, for people who read the file
}

// Entry is a Record that is durable.
type Entry struct {
	Record
	Seq   uint64    // 1, 2, 3 ... without a hole; the order of everything
	ID    string    // UUID v7
	Epoch uint64    // of the lease under which it was written
	At    time.Time // UTC; may repeat or go back with the clock
	Hash  string    // hex SHA-256 over the hash before it and this record
}

// JournalHead is what is known of the journal without reading it.
type JournalHead struct {
	Seq      uint64    `json:"seq"`
	Hash     string    `json:"hash"`
	Bytes    int64     `json:"bytes"`    // of all segments
	Segments int       `json:"segments"` // files
	Reserve  int64     `json:"reserve"`  // bytes still set aside for relief operations
	Writable bool      `json:"writable"` // false while the journal is in trouble
	Trouble  string    `json:"trouble"`  // what is wrong and what to do; empty when fine
	Since    time.Time `json:"since,omitzero"`
	Torn     string    `json:"torn"` // what was cut from the end at start, empty when nothing was
}

// JournalReport is the outcome of walking the whole chain.
type JournalReport struct {
	Records int64  `json:"records"`
	First   uint64 `json:"first"`
	Last    uint64 `json:"last"`
	Hash    string `json:"hash"`
	OK      bool   `json:"ok"`
	Segment string `json:"segment"` // of the first bad record
	Line    int    `json:"line"`    // 1-based, of the first bad record
	Seq     uint64 `json:"seq"`     // of the first bad record
	Reason  string `json:"reason"`
}

// Journal is the local append-only record: the commit point of everything a control plane promises.
type Journal interface {
	// Append makes the records durable, all or none, in order, in one write, and returns when they are synced.
	// While the journal is in trouble the error is CodeUnavailable and says why.
	Append(ctx context.Context, recs ...Record) ([]Entry, error)
	// AppendRelief is Append and may use the preallocated reserve when the disk is full.
	AppendRelief(ctx context.Context, recs ...Record) ([]Entry, error)
	// Replay yields every entry from seq on, to the head at the time of the call. It may run beside appends.
	Replay(ctx context.Context, from uint64) iter.Seq2[Entry, error]
	// Head never blocks.
	Head() JournalHead
	// Verify walks the chain and names the first bad record.
	Verify(ctx context.Context) (JournalReport, error)
	Close() error
}
