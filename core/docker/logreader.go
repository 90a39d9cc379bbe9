package docker

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

const (
	fragmentSize = 16 << 10 // the most that is handed on at once, and what the engine cuts lines into
	headerSize   = 8        // of a frame: stream, three zeros, length
	stampSize    = len("2006-01-02T15:04:05.000000000Z")
	streamStderr = 2
	streamError  = 3 // the engine's own complaint in the middle of the log
)

// logReader takes the engine's log stream apart: frames of a header and an entry, or for a terminal the bare entries in a
// row. Each entry begins with its time. It never holds more than its buffer, whatever the stream says of its lengths.
type logReader struct {
	r    *bufio.Reader
	tty  bool
	left int // bytes of the frame not read yet
	line core.RawLog
	used int // bytes of the buffer that line.Text lies in; discarded with the next read

	second [19]byte // the time last seen, to the second, and what it is
	unix   int64
}

func newLogReader(r io.Reader, tty bool) *logReader {
	return &logReader{r: bufio.NewReaderSize(r, 4*fragmentSize), tty: tty}
}

// read gives the next fragment, valid until the next call, or io.EOF.
func (x *logReader) read() (core.RawLog, error) {
	if _, err := x.r.Discard(x.used); err != nil {
		return core.RawLog{}, err
	}
	x.used = 0
	if x.tty {
		return x.readBare()
	}
	return x.readFramed()
}

// readFramed reads a fragment of a stream with frames.
func (x *logReader) readFramed() (core.RawLog, error) {
	if x.left == 0 {
		if err := x.header(); err != nil {
			return core.RawLog{}, err
		}
		if err := x.stamp(x.left); err != nil {
			return core.RawLog{}, err
		}
	}
	n := min(x.left, fragmentSize+1) // room for the newline
	text, err := x.r.Peek(n)
	if err != nil {
		return core.RawLog{}, broken(err)
	}
	last := n == x.left
	if ended := last && n > 0 && text[n-1] == '\n'; ended {
		x.line.Text, x.line.Partial = text[:n-1], false
	} else {
		n = min(n, fragmentSize)
		x.line.Text, x.line.Partial = text[:n], true
	}
	x.left -= n
	x.used = n
	return x.line, nil
}

// header begins a frame.
func (x *logReader) header() error {
	h, err := x.r.Peek(headerSize)
	switch {
	case len(h) == 0 && errors.Is(err, io.EOF):
		return io.EOF
	case err != nil:
		return broken(err)
	}
	kind := h[0]
	x.left = int(binary.BigEndian.Uint32(h[4:]))
	if _, err := x.r.Discard(headerSize); err != nil {
		return err
	}
	switch kind {
	case streamStderr:
		x.line.Stream = "stderr"
	case streamError:
		said, err := x.r.Peek(min(x.left, 512))
		return errors.Join(fmt.Errorf("the engine says: %s", said), ignoreEOF(err))
	default:
		x.line.Stream = "stdout"
	}
	return nil
}

// readBare reads a fragment of a terminal's stream: up to a newline, or as much as the engine puts into one entry.
func (x *logReader) readBare() (core.RawLog, error) {
	x.line.Stream = "stdout"
	if _, err := x.r.Peek(1); err != nil {
		return core.RawLog{}, err
	}
	if err := x.stamp(x.r.Size()); err != nil {
		return core.RawLog{}, err
	}
	for want := 1; ; want = x.r.Buffered() + 1 {
		text, err := x.r.Peek(min(max(want, x.r.Buffered()), fragmentSize+1))
		end := bytes.IndexByte(text, '\n')
		switch {
		case end >= 0:
			x.line.Text, x.line.Partial, x.used = bytes.TrimSuffix(text[:end], []byte("\r")), false, end+1
			return x.line, nil
		case len(text) > fragmentSize:
			x.line.Text, x.line.Partial, x.used = text[:fragmentSize], true, fragmentSize
			return x.line, nil
		case errors.Is(err, io.EOF):
			x.line.Text, x.line.Partial, x.used = text, true, len(text)
			return x.line, nil
		case err != nil:
			return core.RawLog{}, err
		}
	}
}

// stamp takes the time off the beginning of an entry of at most size bytes. Without one the entry has the time of the one before.
func (x *logReader) stamp(size int) error {
	b, err := x.r.Peek(min(size, stampSize+1))
	if err != nil && (!x.tty || !errors.Is(err, io.EOF)) {
		return broken(err)
	}
	at, ok := x.parse(b)
	if !ok {
		return nil
	}
	x.line.At = at
	if !x.tty {
		x.left -= len(b)
	}
	_, err = x.r.Discard(len(b))
	return err
}

// parse reads "2006-01-02T15:04:05.000000000Z ". Most lines share their second with the one before.
func (x *logReader) parse(b []byte) (time.Time, bool) {
	if len(b) != stampSize+1 || b[19] != '.' || b[29] != 'Z' || b[30] != ' ' {
		return time.Time{}, false
	}
	if !bytes.Equal(b[:19], x.second[:]) {
		t, err := time.Parse("2006-01-02T15:04:05", string(b[:19]))
		if err != nil {
			return time.Time{}, false
		}
		copy(x.second[:], b)
		x.unix = t.Unix()
	}
	nanos := int64(0)
	for _, c := range b[20:29] {
		if c < '0' || c > '9' {
			return time.Time{}, false
		}
		nanos = nanos*10 + int64(c-'0')
	}
	return time.Unix(x.unix, nanos).UTC(), true
}

// broken is the error of a stream that ends where it may not.
func broken(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
