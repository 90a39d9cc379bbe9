package logs

import (
	"bytes"
	"errors"
	"strconv"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

const (
	// maxText is how many bytes of a line are kept; a longer line is cut and marked.
	maxText = 64 << 10
	// timeLen is the length of a stored time, which always has nine decimals.
	timeLen = len("2006-01-02T15:04:05.000000000Z")
	// minLine is the length of the shortest stored line: time, a stream, a container, nothing.
	minLine = timeLen + len(" s c ")

	streamOut    = "stdout"
	streamErr    = "stderr"
	streamOutCut = "stdout+cut"
	streamErrCut = "stderr+cut"
	streamGap    = "gap"
	noContainer  = "-"

	secondLayout = "2006-01-02T15:04:05."
	timeLayout   = "2006-01-02T15:04:05.000000000Z"
)

// entry is one line on its way into the store. Its text belongs to the caller.
type entry struct {
	at        int64 // nanoseconds since 1970
	stream    string
	container string
	id        []byte // the container as it was read, when container is not set yet
	text      []byte
	cut       bool
}

// token is the stream as it is stored, which also carries the cut mark.
func (e entry) token() string {
	switch {
	case e.stream == streamGap:
		return streamGap
	case e.stream == streamErr && e.cut:
		return streamErrCut
	case e.stream == streamErr:
		return streamErr
	case e.cut:
		return streamOutCut
	default:
		return streamOut
	}
}

// timeWriter formats times; it keeps the last second, because neighbours nearly always share it.
type timeWriter struct {
	second int64
	text   []byte
}

// append writes a time of fixed length.
func (w *timeWriter) append(dst []byte, at int64) []byte {
	second, nanos := at/1e9, at%1e9
	if second != w.second || w.text == nil {
		w.second = second
		w.text = time.Unix(second, 0).UTC().AppendFormat(w.text[:0], secondLayout)
	}
	dst = append(dst, w.text...)
	var digits [10]byte
	for i := 8; i >= 0; i-- {
		digits[i] = byte('0' + nanos%10)
		nanos /= 10
	}
	digits[9] = 'Z'
	return append(dst, digits[:]...)
}

// appendLine writes an entry as a stored line.
func (w *timeWriter) appendLine(dst []byte, e entry) []byte {
	dst = w.append(dst, e.at)
	dst = append(dst, ' ')
	dst = append(dst, e.token()...)
	dst = append(dst, ' ')
	dst = append(dst, e.container...)
	dst = append(dst, ' ')
	dst = append(dst, e.text...)
	return append(dst, '\n')
}

// textStart is where the text of a stored line begins, or -1 when the line is damaged.
func textStart(line []byte) int {
	if len(line) < minLine || line[timeLen] != ' ' {
		return -1
	}
	i := timeLen + 1
	s := bytes.IndexByte(line[i:], ' ')
	if s < 0 {
		return -1
	}
	i += s + 1
	c := bytes.IndexByte(line[i:], ' ')
	if c < 0 {
		return -1
	}
	return i + c + 1
}

var errDamaged = errors.New("damaged line")

// parseLine takes a stored line (without its line end) apart. The container is given as bytes of the line.
func parseLine(line []byte) (entry, error) {
	start := textStart(line)
	if start < 0 {
		return entry{}, errDamaged
	}
	at, err := parseTime(line[:timeLen])
	if err != nil {
		return entry{}, err
	}
	head := line[timeLen+1 : start-1]
	space := bytes.IndexByte(head, ' ')
	e := entry{at: at, id: head[space+1:], text: line[start:]}
	switch string(head[:space]) {
	case streamOut:
		e.stream = streamOut
	case streamErr:
		e.stream = streamErr
	case streamOutCut:
		e.stream, e.cut = streamOut, true
	case streamErrCut:
		e.stream, e.cut = streamErr, true
	case streamGap:
		e.stream = streamGap
	default:
		return entry{}, errDamaged
	}
	return e, nil
}

// parseTime reads a stored time. It is called for each line that is shown, so it does not go through time.Parse.
func parseTime(b []byte) (int64, error) {
	if len(b) != timeLen || b[4] != '-' || b[7] != '-' || b[10] != 'T' || b[13] != ':' || b[16] != ':' || b[19] != '.' || b[29] != 'Z' {
		return 0, errDamaged
	}
	number := func(from, to int) (n int) {
		for _, c := range b[from:to] {
			if c < '0' || c > '9' {
				return -1 << 40
			}
			n = n*10 + int(c-'0')
		}
		return n
	}
	year, month, day := number(0, 4), number(5, 7), number(8, 10)
	hour, minute, second, nanos := number(11, 13), number(14, 16), number(17, 19), number(20, 29)
	if min(year, month, day, hour, minute, second, nanos) < 0 {
		return 0, errDamaged
	}
	return time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC).UnixNano(), nil
}

// gapEntry is a gap as a stored line; it stands at the end of what is missing.
func gapEntry(container string, g core.LogGap) entry {
	if container == "" {
		container = noContainer
	}
	text := g.From.UTC().AppendFormat([]byte("from="), timeLayout)
	text = g.To.UTC().AppendFormat(append(text, " to="...), timeLayout)
	text = strconv.AppendInt(append(text, " dropped="...), g.Dropped, 10)
	text = append(append(text, ' '), singleLine(g.Reason)...)
	return entry{at: g.To.UnixNano(), stream: streamGap, container: container, text: text}
}

// singleLine keeps a reason from breaking the line it is stored in.
func singleLine(s string) []byte {
	return bytes.Map(func(r rune) rune {
		if r == '\n' || r == '\r' {
			return ' '
		}
		return r
	}, []byte(s))
}

// parseGap reads the text of a gap line.
func parseGap(text []byte) (core.LogGap, error) {
	parts := bytes.SplitN(text, []byte(" "), 4)
	if len(parts) < 4 {
		return core.LogGap{}, errDamaged
	}
	value := func(i int, key string) string {
		v, _ := bytes.CutPrefix(parts[i], []byte(key))
		return string(v)
	}
	from, errFrom := time.Parse(time.RFC3339Nano, value(0, "from="))
	to, errTo := time.Parse(time.RFC3339Nano, value(1, "to="))
	dropped, errDropped := strconv.ParseInt(value(2, "dropped="), 10, 64)
	if err := errors.Join(errFrom, errTo, errDropped); err != nil {
		return core.LogGap{}, errDamaged
	}
	return core.LogGap{From: from, To: to, Dropped: dropped, Reason: string(parts[3])}, nil
}

// logLine makes the line that readers get.
func (e entry) logLine(service string, seq uint64, level core.LogLevel) core.LogLine {
	l := core.LogLine{
		At: time.Unix(0, e.at).UTC(), Service: service, Container: e.container, Stream: e.stream,
		Level: level, Cut: e.cut, Seq: seq,
	}
	if e.stream != streamGap {
		l.Text = string(e.text)
		return l
	}
	l.Stream = ""
	if l.Container == noContainer {
		l.Container = ""
	}
	g, err := parseGap(e.text)
	if err != nil {
		g = core.LogGap{From: l.At, To: l.At, Dropped: -1, Reason: string(e.text)}
	}
	l.Gap = &g
	return l
}
