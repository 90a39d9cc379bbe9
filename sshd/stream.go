package sshd

import (
	"bytes"
	"io"
	"sync"
	"time"
)

// stream is one output of a session: writes come one after another, in pieces, and a client that takes none for too
// long is reported.
type stream struct {
	stall   time.Duration
	stalled func()

	mu sync.Mutex
	w  io.Writer
}

// piece bounds how much may take one stall time to be taken.
const piece = 32 << 10

func (s *stream) Write(p []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	late := time.AfterFunc(s.stall, s.stalled)
	defer late.Stop()
	for n < len(p) {
		m, err := s.w.Write(p[n:min(n+piece, len(p))])
		n += m
		if err != nil {
			return n, err
		}
		late.Reset(s.stall)
	}
	return n, nil
}

// cooked writes to a terminal in raw mode as if it were a cooked one: a line feed also returns the carriage.
type cooked struct {
	w io.Writer

	mu       sync.Mutex
	returned bool // the last byte was a carriage return
}

func (c *cooked) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out bytes.Buffer
	out.Grow(len(p) + bytes.Count(p, []byte{'\n'}))
	for _, b := range p {
		if b == '\n' && !c.returned {
			out.WriteByte('\r')
		}
		out.WriteByte(b)
		c.returned = b == '\r'
	}
	if _, err := c.w.Write(out.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}
