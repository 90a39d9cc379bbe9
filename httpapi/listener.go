package httpapi

import (
	"net"
	"sync"
)

// boundedListener accepts no more connections than there are places; further ones wait with the kernel, whose queue is
// bounded too, until one ends.
type boundedListener struct {
	net.Listener
	places chan struct{} // one token a connection
	closed chan struct{}
	once   sync.Once
}

func newBoundedListener(l net.Listener, most int) *boundedListener {
	return &boundedListener{Listener: l, places: make(chan struct{}, most), closed: make(chan struct{})}
}

// Accept waits for a place, and then for a connection.
func (l *boundedListener) Accept() (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		l.leave()
		return nil, err
	}
	return &placedConn{Conn: c, leave: sync.OnceFunc(l.leave)}, nil
}

// Close ends Accept, also while it waits for a place.
func (l *boundedListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

func (l *boundedListener) leave() { <-l.places }

// placedConn gives its place back when it is closed.
type placedConn struct {
	net.Conn
	leave func()
}

// Close closes the connection; it may be called more than once.
func (c *placedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
