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
	At        time.Time `json:"at"`
	Service   string    `json:"service"`
	Container string    `json:"container"` // short id
	Stream    string    `json:"stream"`    // "stdout" or "stderr"
	Level     LogLevel  `json:"level"`
	Text      string    `json:"text"`
	Cut       bool      `json:"cut"` // the line was longer than 64 KiB
	Seq       uint64    `json:"seq"` // order within the service; 0 for a line that is not kept here
	Gap       *LogGap   `json:"gap,omitempty"`
}

// LogGap says which lines are missing and why.
type LogGap struct {
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Dropped int64     `json:"dropped"` // lines; -1 when nobody knows
	Reason  string    `json:"reason"`
}

// LogQuery selects lines. The zero value means all services, all time, everything.
type LogQuery struct {
	Services  []string  `json:"services"`
	Since     time.Time `json:"since,omitzero"`
	Until     time.Time `json:"until,omitzero"`
	Tail      int       `json:"tail"`   // the last N lines of the selection before following; 0 means no bound
	Match     string    `json:"match"`  // RE2; smart case: without an upper-case letter it ignores case
	Invert    bool      `json:"invert"` // lines that do not match
	MinLevel  LogLevel  `json:"min_level"`
	Limit     int       `json:"limit"`     // stop after N lines; 0 means no bound
	Backwards bool      `json:"backwards"` // newest first
}

// LogProgress says how far a search has come.
type LogProgress struct {
	Bytes         int64     `json:"bytes"`
	TotalBytes    int64     `json:"total_bytes"` // compressed
	Segments      int       `json:"segments"`
	TotalSegments int       `json:"total_segments"`
	Oldest        time.Time `json:"oldest"` // reached so far
}

// LogHit is a line that was found, or how far the search has come; exactly one is set.
type LogHit struct {
	Line     *LogLine     `json:"line,omitempty"`
	Progress *LogProgress `json:"progress,omitempty"`
}

// LogService is what is kept for one service name, whether or not it still has a container.
type LogService struct {
	Service    string    `json:"service"`
	First      time.Time `json:"first"`
	Last       time.Time `json:"last"`
	Bytes      int64     `json:"bytes"` // on disk
	Lines      int64     `json:"lines"`
	Containers []string  `json:"containers"` // short ids seen, newest first, at most 50
	Live       bool      `json:"live"`       // a container is followed now
	Borrowed   bool      `json:"borrowed"`   // another plane collects it: it is read from the engine's own log
}

// LogStats are counters since start.
type LogStats struct {
	Lines         int64  `json:"lines"`
	Bytes         int64  `json:"bytes"`   // collected
	Dropped       int64  `json:"dropped"` // lines never stored, each under a Gap
	Gaps          int64  `json:"gaps"`
	Cut           int64  `json:"cut"`
	OnDisk        int64  `json:"on_disk"`
	Following     int    `json:"following"`
	Viewers       int    `json:"viewers"`
	ViewerDropped int64  `json:"viewer_dropped"`
	Trouble       string `json:"trouble"` // why nothing is stored, empty when fine
}

// LogBounds limit what is kept; the oldest closed segments go first.
type LogBounds struct {
	MaxBytes           int64         `json:"max_bytes"`
	MaxBytesPerService int64         `json:"max_bytes_per_service"`
	MaxAge             time.Duration `json:"max_age"`
}

// LogTrimmed is what a trim removed.
type LogTrimmed struct {
	Segments int       `json:"segments"`
	Bytes    int64     `json:"bytes"`
	Oldest   time.Time `json:"oldest"` // of what is left
}

// LogStore keeps and searches what was collected.
type LogStore interface {
	// Read yields collected lines merged by time over the services, oldest first unless Backwards.
	Read(ctx context.Context, q LogQuery) iter.Seq2[LogLine, error]
	// Follow yields history as Read does and then live lines, with neither a hole nor a repeat at the seam.
	Follow(ctx context.Context, q LogQuery) iter.Seq2[LogLine, error]
	// Search yields hits newest first through everything collected, with progress in between.
	Search(ctx context.Context, q LogQuery) iter.Seq2[LogHit, error]
	// Services lists every service name that has lines, and those that are borrowed.
	Services(ctx context.Context) ([]LogService, error)
	// Trim removes closed segments until the bounds hold.
	Trim(ctx context.Context, b LogBounds) (LogTrimmed, error)
	// SetBounds changes what is enforced from now on.
	SetBounds(b LogBounds)
	Stats() LogStats
}

// LogCollector decides whose lines are collected. All calls return at once.
type LogCollector interface {
	Track(service, container string)
	// Borrow makes lines readable that are collected elsewhere: they come from the engine's own log of the container.
	Borrow(service, container string)
	// Untrack ends what Track or Borrow began.
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
