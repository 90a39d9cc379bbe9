package docker

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"

	dockersdk "github.com/moby/moby/client"
)

// session is the connection through which BuildKit asks its client back while it builds: whether it lives, and for the
// credentials of registries, of which it has none. Without a session BuildKit takes no image from any registry. BuildKit is the
// client here, and speaks gRPC.
type session struct {
	id     string
	server *http.Server
	wg     sync.WaitGroup
}

// openSession connects, and answers until close.
func (d *Docker) openSession(ctx context.Context, api *dockersdk.Client) (*session, error) {
	s := &session{id: rand.Text()}
	dialing, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	conn, err := api.DialHijack(dialing, "/session", "h2c", map[string][]string{"X-Docker-Expose-Session-Uuid": {s.id}})
	if err != nil {
		return nil, wrap(err, "open a session of BuildKit")
	}
	only := new(http.Protocols)
	only.SetUnencryptedHTTP2(true)
	s.server = &http.Server{Handler: http.HandlerFunc(answer), Protocols: only, ErrorLog: slog.NewLogLogger(d.cfg.Log.Handler(), slog.LevelDebug)}
	s.wg.Go(func() {
		if err := s.server.Serve(newOneConn(conn)); !errors.Is(err, http.ErrServerClosed) {
			d.cfg.Log.Warn("a session of BuildKit ended", "err", err)
		}
	})
	return s, nil
}

// close ends the connection, and waits until nobody answers any more.
func (s *session) close() {
	_ = s.server.Close() // what it could not say any more is of no use to a build that is over
	s.wg.Wait()
}

// The states of gRPC that are answered, and its one message: "serving", in its frame.
const (
	grpcOK            = "0"
	grpcUnimplemented = "12" // to the question for credentials that is: none
	grpcServing       = "\x00\x00\x00\x00\x02\x08\x01"
	healthMethod      = "/grpc.health.v1.Health/Check"
)

// answer is the whole service.
func answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/grpc")
	if r.URL.Path != healthMethod {
		w.Header().Set("Grpc-Status", grpcUnimplemented)
		return
	}
	_, _ = w.Write([]byte(grpcServing)) // who asked and is gone needs no answer
	w.Header().Set(http.TrailerPrefix+"Grpc-Status", grpcOK)
}

// oneConn is a listener at which one connection arrives.
type oneConn struct {
	conn   chan net.Conn
	addr   net.Addr
	closed chan struct{}
	once   sync.Once
}

func newOneConn(c net.Conn) *oneConn {
	l := &oneConn{conn: make(chan net.Conn, 1), addr: c.LocalAddr(), closed: make(chan struct{})}
	l.conn <- c
	return l
}

// Accept gives the connection, and then waits for Close.
func (l *oneConn) Accept() (net.Conn, error) {
	select {
	case <-l.closed:
	default:
		select {
		case c := <-l.conn:
			return c, nil
		case <-l.closed:
		}
	}
	return nil, net.ErrClosed
}

// Close ends the waiting, and the connection when nobody took it.
func (l *oneConn) Close() error {
	l.once.Do(func() { close(l.closed) })
	select {
	case c := <-l.conn:
		return c.Close()
	default:
		return nil
	}
}

// Addr is our end of the connection.
func (l *oneConn) Addr() net.Addr { return l.addr }
