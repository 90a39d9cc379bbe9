package tui

import (
	"regexp"

	"github.com/codematrx/matrx-ship/core"
)

// The bounds of the lines that a session holds.
const (
	ringBytes    = 8 << 20
	lineOverhead = 160 // bytes of a line besides its text
)

// logRing holds the newest lines within a bound of bytes. Lines are numbered from the first that ever came, so that a
// number stays that line's when older ones go.
type logRing struct {
	lines []core.LogLine // lines[head:] are held
	head  int
	base  int // number of lines[head]
	bytes int
	max   int
	lost  int64 // lines that gaps stand for
	gaps  int
}

func newLogRing(limit int) *logRing { return &logRing{max: limit} }

// add takes a line in and lets the oldest go; it always keeps one.
func (r *logRing) add(line core.LogLine) {
	if line.Gap != nil {
		r.gaps++
		r.lost += max(line.Gap.Dropped, 0)
	}
	r.lines = append(r.lines, line)
	r.bytes += sizeOf(line)
	for r.bytes > r.max && r.len() > 1 {
		r.bytes -= sizeOf(r.lines[r.head])
		r.lines[r.head] = core.LogLine{}
		r.head++
		r.base++
	}
	if r.head > 1024 && r.head > len(r.lines)/2 {
		r.lines = append(r.lines[:0:0], r.lines[r.head:]...)
		r.head = 0
	}
}

func sizeOf(l core.LogLine) int { return len(l.Text) + lineOverhead }

func (r *logRing) len() int   { return len(r.lines) - r.head }
func (r *logRing) end() int   { return r.base + r.len() } // number after the last
func (r *logRing) full() bool { return r.bytes > r.max-256<<10 }

// line gives a line by its number, which must be held.
func (r *logRing) line(n int) *core.LogLine { return &r.lines[r.head+n-r.base] }

// holds reports whether a line with this number is held.
func (r *logRing) holds(n int) bool { return n >= r.base && n < r.end() }

// find looks from a line on, in steps of 1 or -1, for the next that matches.
func (r *logRing) find(from, step int, re *regexp.Regexp, invert bool) (int, bool) {
	for n := from + step; r.holds(n); n += step {
		if l := r.line(n); l.Gap == nil && re.MatchString(l.Text) != invert {
			return n, true
		}
	}
	return 0, false
}

// smartCase compiles a pattern that ignores case unless it has an upper-case letter itself.
func smartCase(pattern string) (*regexp.Regexp, error) {
	if !hasUpper(pattern) {
		pattern = "(?i)" + pattern
	}
	return regexp.Compile(pattern)
}
