package logs

import (
	"bytes"
	"math"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// filter is a query's condition on single lines, compiled. Both ends of the time range belong to it.
type filter struct {
	pattern      *pattern // nil: any text
	invert       bool
	minLevel     core.LogLevel
	since, until int64
	sinceText    []byte // as stored, so that lines are compared without reading their time
	untilText    []byte
}

func newFilter(q core.LogQuery) (filter, error) {
	f := filter{invert: q.Invert, minLevel: q.MinLevel, since: math.MinInt64, until: math.MaxInt64}
	var w timeWriter
	if !q.Since.IsZero() {
		f.since = clampTime(q.Since).UnixNano()
		f.sinceText = w.append(nil, f.since)
	}
	if !q.Until.IsZero() {
		f.until = clampTime(q.Until).UnixNano()
		f.untilText = w.append(nil, f.until)
	}
	if q.Match != "" {
		p, err := compile(q.Match)
		if err != nil {
			return f, err
		}
		f.pattern = p
	}
	return f, nil
}

// The range of times that can be stored: that of nanoseconds since 1970, rounded to years.
var (
	firstTime = time.Date(1678, 1, 1, 0, 0, 0, 0, time.UTC)
	lastTime  = time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)
)

// clampTime brings a time into the range that can be stored.
func clampTime(t time.Time) time.Time {
	switch {
	case t.Before(firstTime):
		return firstTime
	case t.After(lastTime):
		return lastTime
	}
	return t
}

// mayHold is false when nothing in the range of times and levels can pass.
func (f *filter) mayHold(first, last int64, levels uint8) bool {
	return last >= f.since && first <= f.until && blockMeta{levels: levels}.mayHold(f.minLevel)
}

// selector applies a filter to lines. It serves one goroutine.
type selector struct {
	*filter
	m *matcher
}

func (f *filter) selector() *selector {
	s := &selector{filter: f}
	if f.pattern != nil {
		s.m = f.pattern.matcher()
	}
	return s
}

// span is a line within a block's text, without its line end.
type span struct {
	start, end int32
	line       uint32 // number within the block
}

// choose appends the lines of a block that pass to dst.
func (s *selector) choose(text []byte, m blockMeta, dst []span) []span {
	c := condition{selector: s}
	c.timed = m.min < s.since || m.max > s.until
	if s.m != nil && !s.invert && len(s.m.finders) > 0 {
		return c.chooseByLiteral(text, dst)
	}
	for start, line := 0, uint32(0); start < len(text); line++ {
		end := lineEnd(text, start)
		if c.keep(text[start:end]) {
			dst = append(dst, span{int32(start), int32(end), line})
		}
		start = end + 1
	}
	return dst
}

// condition is what has to be checked within one block.
type condition struct {
	*selector
	timed bool
}

// chooseByLiteral jumps from one occurrence of a literal to the next and looks only at the lines that hold one.
func (c condition) chooseByLiteral(text []byte, dst []span) []span {
	c.m.start()
	newline := []byte{'\n'}
	counted, line := 0, 0
	for pos := 0; pos < len(text); {
		hit := c.m.next(text, pos)
		if hit < 0 {
			break
		}
		start := pos + bytes.LastIndexByte(text[pos:hit], '\n') + 1
		end := lineEnd(text, hit)
		line += bytes.Count(text[counted:start], newline)
		counted = start
		if c.keep(text[start:end]) {
			dst = append(dst, span{int32(start), int32(end), uint32(line)})
		}
		pos = end + 1
	}
	return dst
}

// lineEnd is the position of the line end at or after from.
func lineEnd(text []byte, from int) int {
	if n := bytes.IndexByte(text[from:], '\n'); n >= 0 {
		return from + n
	}
	return len(text)
}

// keep decides one stored line. A gap has neither text nor level: it passes unless a pattern is asked for.
func (c condition) keep(line []byte) bool {
	if len(line) < minLine {
		return false
	}
	if c.timed && !c.inTime(line[:timeLen]) {
		return false
	}
	if line[timeLen+1] == streamGap[0] {
		return c.m == nil
	}
	if c.m == nil && c.minLevel <= core.LevelUnknown {
		return true
	}
	start := textStart(line)
	return start >= 0 && c.keepText(line[start:])
}

func (c condition) inTime(at []byte) bool {
	return (c.sinceText == nil || bytes.Compare(at, c.sinceText) >= 0) &&
		(c.untilText == nil || bytes.Compare(at, c.untilText) <= 0)
}

// keepText decides a text by level and pattern.
func (s *selector) keepText(text []byte) bool {
	if s.minLevel > core.LevelUnknown && Level(text) < s.minLevel {
		return false
	}
	return s.m == nil || s.m.match(text) != s.invert
}

// keepLine decides a line that is live.
func (s *selector) keepLine(l *core.LogLine) bool {
	if at := l.At.UnixNano(); at < s.since || at > s.until {
		return false
	}
	if l.Gap != nil {
		return s.m == nil
	}
	return l.Level >= s.minLevel && (s.m == nil || s.m.match([]byte(l.Text)) != s.invert)
}
