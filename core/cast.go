package core

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math"
	"os"
	"sync"
	"time"
	"unicode/utf8"
)

// The bounds of a recording's lines. Output comes in pieces of at most 32 KiB, and a byte takes at most six in JSON.
const (
	maxCastPiece = 32 << 10
	maxCastLine  = 1 << 20
)

// castHeader is the first line of an asciicast v2 file. It names the service and nothing that could be a secret: not
// the command, not its environment.
type castHeader struct {
	Version   int               `json:"version"`
	Width     int               `json:"width"`
	Height    int               `json:"height"`
	Timestamp int64             `json:"timestamp"`
	Title     string            `json:"title"`
	Env       map[string]string `json:"env,omitempty"`
}

// castWriter writes a recording while the shell runs: output and resizes, never input.
type castWriter struct {
	now     func() time.Time
	started time.Time
	bound   int64 // bytes

	mu   sync.Mutex     // guards what is below
	file io.WriteCloser // nil before begin
	size int64
	rest []byte // the beginning of a character whose end has not come yet
	err  error  // the first failure; nothing is written after it
}

// newCastWriter makes a recording that has no file yet. bound is in bytes.
func newCastWriter(bound int64, now func() time.Time) *castWriter {
	return &castWriter{now: now, started: now(), bound: bound}
}

// begin gives it its file and writes the header.
func (w *castWriter) begin(file io.WriteCloser, header castHeader) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	header.Version, header.Timestamp = 2, w.started.Unix()
	w.file = file
	w.err = w.line(header)
	return w.err
}

// output records what is about to be shown.
func (w *castWriter) output(p []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(p) > 0 && w.err == nil {
		piece := p[:min(len(p), maxCastPiece)]
		p = p[len(piece):]
		w.write(piece)
	}
	return w.err
}

// write records one piece. The bytes of a character that was divided wait for its other half.
func (w *castWriter) write(piece []byte) {
	text := append(w.rest, piece...)
	whole := len(text) - tornRune(text)
	w.rest = bytes.Clone(text[whole:])
	if whole > 0 {
		w.event("o", string(text[:whole]))
	}
}

// tornRune counts the bytes at the end that begin a character and do not finish it.
func tornRune(text []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if tail := text[len(text)-n:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				return n
			}
			return 0
		}
	}
	return 0
}

// resize records a new size of the terminal.
func (w *castWriter) resize(cols, rows int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.event("r", fmt.Sprintf("%dx%d", cols, rows))
	}
	return w.err
}

// event writes one event. The caller holds mu.
func (w *castWriter) event(kind, data string) {
	at := math.Round(w.now().Sub(w.started).Seconds()*1e6) / 1e6
	w.err = w.line([]any{at, kind, data})
}

// line writes one line, whole or not at all as far as this process can tell. The caller holds mu.
func (w *castWriter) line(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	raw = append(raw, '\n')
	if w.size+int64(len(raw)) > w.bound {
		return Errorf(CodeUnavailable, "its recording reached the bound of %s (setting %s)", FormatBytes(w.bound), settingCastEachBytes)
	}
	n, err := w.file.Write(raw)
	w.size += int64(n)
	if err != nil {
		return Errorf(CodeUnavailable, "its recording cannot be written: %w", castCause(err))
	}
	return nil
}

// castCause is the cause of a failed write without the path of the file.
func castCause(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// length is how much was written.
func (w *castWriter) length() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.size
}

// close writes what is left and closes the file. Nothing is recorded after it.
func (w *castWriter) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var err error
	if w.err == nil && len(w.rest) > 0 {
		w.event("o", string(w.rest))
		err = w.err
	}
	w.err, w.rest = os.ErrClosed, nil
	if w.file == nil {
		return err
	}
	if f, ok := w.file.(*os.File); ok {
		err = errors.Join(err, f.Sync())
	}
	return errors.Join(err, w.file.Close())
}

// readCast yields the events of a recording, first a resize to the size it began with. A last line that was not
// finished is left out: the shell still runs, or its control plane died. Damage elsewhere is named.
func readCast(r io.Reader) iter.Seq2[CastEvent, error] {
	return func(yield func(CastEvent, error) bool) {
		lines, number := bufio.NewReaderSize(r, 64<<10), 0
		for {
			number++
			line, err := readCastLine(lines)
			if errors.Is(err, io.EOF) {
				return
			}
			var event CastEvent
			if err == nil {
				event, err = parseCast(line, number)
			}
			if err != nil {
				yield(CastEvent{}, Errorf(CodeConflict, "The recording is damaged at line %d: %w.", number, err))
				return
			}
			if !yield(event, nil) {
				return
			}
		}
	}
}

// readCastLine reads a line up to its end; without one it is io.EOF.
func readCastLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > maxCastLine:
			return nil, errors.New("the line is too long")
		case err == nil:
			return line, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// parseCast reads one line.
func parseCast(line []byte, number int) (CastEvent, error) {
	if number == 1 {
		var header castHeader
		if err := json.Unmarshal(line, &header); err != nil || header.Version != 2 {
			return CastEvent{}, errors.New("it is not the header of an asciicast v2 file")
		}
		return CastEvent{0, "r", fmt.Sprintf("%dx%d", header.Width, header.Height)}, nil
	}
	var fields []json.RawMessage
	var seconds float64
	var event CastEvent
	if json.Unmarshal(line, &fields) != nil || len(fields) != 3 ||
		json.Unmarshal(fields[0], &seconds) != nil || json.Unmarshal(fields[1], &event.Kind) != nil ||
		json.Unmarshal(fields[2], &event.Data) != nil || seconds < 0 || seconds > 1e8 {
		return CastEvent{}, errors.New("it is not an event")
	}
	event.At = time.Duration(seconds * float64(time.Second))
	return event, nil
}
