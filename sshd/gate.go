package sshd

import (
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// gate stands between a terminal's input and those who read it: one goroutine reads the input into a bounded buffer,
// and only the port in use takes from it. So a reader can be ended at once, although a read from the network cannot,
// and a key goes to whoever is in charge when it is read from the buffer: none is lost when the reader changes.
type gate struct {
	last atomic.Int64 // unix nanoseconds of the last input

	mu     sync.Mutex
	change sync.Cond // of anything below
	buf    []byte    // at most maxInput
	active *port
	ended  bool // the input is at its end: what is in buf may still be read
	closed bool // nothing may be read any more
}

// maxInput bounds what is held for a reader that is slow, in bytes; the client's window does the rest.
const maxInput = 64 << 10

// port is one reader's end of the gate.
type port struct {
	gate     *gate
	farewell string // what is read before the end that comes from the input or the gate

	// Guarded by gate.mu.
	mark  string        // read next, before anything else
	over  bool          // io.EOF after the mark
	taken chan struct{} // closed when io.EOF was read
}

func newGate() *gate {
	g := &gate{}
	g.change.L = &g.mu
	return g
}

// open makes a port, not yet in use. A reader of it that comes to the end of the input reads farewell first.
func (g *gate) open(farewell string) *port {
	return &port{gate: g, farewell: farewell, taken: make(chan struct{})}
}

// use gives the input to a port, which may have been at its end before.
func (g *gate) use(p *port) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if p.over {
		p.mark, p.over, p.taken = "", false, make(chan struct{})
	}
	g.active = p
	g.change.Broadcast()
}

// pump reads the input until its end or until the gate is closed.
func (g *gate) pump(in io.Reader) {
	chunk := make([]byte, 4<<10)
	for {
		n, err := in.Read(chunk)
		if n > 0 {
			g.last.Store(time.Now().UnixNano())
		}
		if !g.put(chunk[:n]) {
			return
		}
		if err != nil {
			g.mu.Lock()
			g.ended = true
			g.change.Broadcast()
			g.mu.Unlock()
			return
		}
	}
}

// put waits for room, and reports false when the gate was closed.
func (g *gate) put(data []byte) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.buf)+len(data) > maxInput && !g.closed {
		g.change.Wait()
	}
	g.buf = append(g.buf, data...)
	g.change.Broadcast()
	return !g.closed
}

// close ends every port.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	g.change.Broadcast()
}

// lastInput is the time of the last input, zero when there was none.
func (g *gate) lastInput() time.Time {
	if n := g.last.Load(); n != 0 {
		return time.Unix(0, n)
	}
	return time.Time{}
}

// end makes the port's reader read mark, and then io.EOF, whatever else there is.
func (p *port) end(mark string) {
	p.gate.mu.Lock()
	defer p.gate.mu.Unlock()
	p.finish(mark)
}

// finish is end with the gate's mutex held.
func (p *port) finish(mark string) {
	p.mark, p.over = mark, true
	p.gate.change.Broadcast()
}

// drained gives the channel that is closed when the reader has read io.EOF.
func (p *port) drained() <-chan struct{} {
	p.gate.mu.Lock()
	defer p.gate.mu.Unlock()
	return p.taken
}

// Read reads input while the port is in use, waits while it is not, and ends as end or the gate say.
func (p *port) Read(b []byte) (int, error) {
	g := p.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	for {
		mine := g.active == p
		switch {
		case p.mark != "":
			n := copy(b, p.mark)
			p.mark = p.mark[n:]
			return n, nil
		case p.over:
			p.tookEnd()
			return 0, io.EOF
		case g.closed, mine && g.ended && len(g.buf) == 0:
			p.finish(p.farewell)
			continue
		case mine && len(g.buf) > 0:
			n := copy(b, g.buf)
			g.buf = append(g.buf[:0], g.buf[n:]...)
			g.change.Broadcast()
			return n, nil
		}
		g.change.Wait()
	}
}

// tookEnd tells that io.EOF was read. The caller holds the gate's mutex.
func (p *port) tookEnd() {
	select {
	case <-p.taken:
	default:
		close(p.taken)
	}
}
