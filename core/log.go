package core

import (
	"context"
	"iter"
	"time"
)

// LogLevel is how serious a line says it is.
type LogLevel int8

// The levels, in rising order. LevelUnknown is a line that names none.
const (
	LevelUnknown LogLevel = iota
	LevelTrace
	LevelDebug
	LevelInfo
	LevelWarn
	LevelError
	LevelFatal
)

// LogLine is one line of a service's log. Text is what the container wrote, without the line end, made safe only when
// it is drawn. A line with Gap set has no text: it says that lines are missing here.
type LogLine struct {
	At        time.Time
	Service   string
	Container string // short id
	Stream    string // "stdout" or "stderr"
	Level     LogLevel
	Text      string
	Cut       bool   // the line was longer than 64 KiB
	Seq       uint64 // order within the service
	Gap       *LogGap
}

// LogGap says which lines are missing and why.
type LogGap struct {
	From, To time.Time
	Dropped  int64 // lines; -1 when nobody knows
	Reason   string
}

// LogQuery selects lines. The zero value means all services, all time, everything.
type LogQuery struct {
	Services  []string
	Since     time.Time
	Until     time.Time
	Tail      int    // the last N lines of the selection before following; 0 means no bound
	Match     string // RE2; smart case: without an upper-case letter it ignores case
	Invert    bool   // lines that do not match
	MinLevel  LogLevel
	Limit     int  // stop after N lines; 0 means no bound
	Backwards bool // newest first
}

// LogProgress says how far a search has come.
type LogProgress struct {
	Bytes, TotalBytes       int64 // compressed
	Segments, TotalSegments int
	Oldest                  time.Time // reached so far
}

// LogHit is a line that was found, or how far the search has come; exactly one is set.
type LogHit struct {
	Line     *LogLine
	Progress *LogProgress
}

// LogService is what is kept for one service name, whether or not it still has a container.
type LogService struct {
	Service    string
	First      time.Time
	Last       time.Time
	Bytes      int64 // on disk
	Lines      int64
	Containers []string // short ids seen, newest first, at most 50
	Live       bool     // a container is followed now
}

// LogStats are counters since start.
type LogStats struct {
	Lines, Bytes  int64 // collected
	Dropped       int64 // lines never stored, each under a Gap
	Gaps          int64
	Cut           int64
	OnDisk        int64
	Following     int
	Viewers       int
	ViewerDropped int64
	Trouble       string // why nothing is stored, empty when fine
}

// LogBounds limit what is kept; the oldest closed segments go first.
type LogBounds struct {
	MaxBytes           int64
	MaxBytesPerService int64
	MaxAge             time.Duration
}

// LogTrimmed is what a trim removed.
type LogTrimmed struct {
	Segments int
	Bytes    int64
	Oldest   time.Time // of what is left
}

// LogStore keeps and searches what was collected.
type LogStore interface {
	// Read yields collected lines merged by time over the services, oldest first unless Backwards.
	Read(ctx context.Context, q LogQuery) iter.Seq2[LogLine, error]
	// Follow yields history as Read does and then live lines, with neither a hole nor a repeat at the seam.
	Follow(ctx context.Context, q LogQuery) iter.Seq2[LogLine, error]
	// Search yields hits newest first through everything collected, with progress in between.
	Search(ctx context.Context, q LogQuery) iter.Seq2[LogHit, error]
	// Services lists every service name that has lines.
	Services(ctx context.Context) ([]LogService, error)
	// Trim removes closed segments until the bounds hold.
	Trim(ctx context.Context, b LogBounds) (LogTrimmed, error)
	// SetBounds changes what is enforced from now on.
	SetBounds(b LogBounds)
	Stats() LogStats
}

// LogCollector decides whose lines are collected. Both calls return at once.
type LogCollector interface {
	Track(service, container string)
	Untrack(container string)
}

// RawLog is a fragment of a line as the engine gives it, at most 16 KiB.
type RawLog struct {
	At      time.Time
	Stream  string
	Text    []byte // valid until the next one is pulled
	Partial bool   // more of this line follows
}

// LogSource is where the collector reads one container's log from.
type LogSource interface {
	ContainerLogs(ctx context.Context, container string, since time.Time, follow bool) iter.Seq2[RawLog, error]
}
