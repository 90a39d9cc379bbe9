package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// Bounds of what a probed service may make us read.
const (
	maxBody    = 4 << 10
	maxHeaders = 16 << 10
)

// Prober implements core.Prober and core.NetChecker. It holds no connection between probes.
type Prober struct {
	dialer   net.Dialer
	client   *http.Client
	resolver *net.Resolver
	tls      *tls.Config // of Certificate; tests give it roots of their own
}

// New makes a Prober.
func New() *Prober {
	p := &Prober{resolver: net.DefaultResolver}
	p.client = &http.Client{
		Transport: &http.Transport{
			Proxy:                  nil, // the target's own address, never a proxy of the environment
			DialContext:            p.dialer.DialContext,
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: maxHeaders,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return p
}

// Probe asks the target once. It returns by the deadline of ctx, or after core.ProbeTimeout when ctx has none.
func (p *Prober) Probe(ctx context.Context, t core.ProbeTarget) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, core.ProbeTimeout)
	defer cancel()
	switch t.How {
	case core.ProbeHTTP:
		return p.http(ctx, t)
	case core.ProbePostgres:
		return p.postgres(ctx, t.Address)
	case core.ProbeTCP:
		return p.tcp(ctx, t.Address)
	default:
		return failed(fmt.Sprintf("cannot probe by %q", t.How))
	}
}

// tcp passes when the target accepts a connection.
func (p *Prober) tcp(ctx context.Context, address string) (string, error) {
	conn, err := p.dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return failed("TCP " + port(address) + ": " + words(err))
	}
	if err := conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return failed("TCP " + port(address) + ": " + words(err))
	}
	return "accepts connections on port " + port(address), nil
}

// failed makes the answer of a probe that did not pass.
func failed(detail string) (string, error) {
	return detail, core.Errorf(core.CodeUnavailable, "%s", detail)
}

// port is the port of host:port, for words on a screen.
func port(address string) string {
	if _, port, err := net.SplitHostPort(address); err == nil {
		return port
	}
	return address
}

// words says what went wrong with a connection in a few words, without addresses.
func words(err error) string {
	var timeout interface{ Timeout() bool }
	var dns *net.DNSError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET):
		return "connection reset"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "no route to it"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.As(err, &dns):
		return "its name does not resolve"
	default:
		return bounded(err.Error())
	}
}

// bounded keeps a text of the other side short and safe to show.
func bounded(text string) string {
	const most = 120
	text = core.SafeText(text)
	if len(text) > most {
		return string([]rune(text)[:min(most, len([]rune(text)))]) + "..."
	}
	return text
}

// deadline puts the context's deadline on a connection, so that no read or write outlives it.
func deadline(ctx context.Context, conn net.Conn) error {
	at, ok := ctx.Deadline()
	if !ok {
		at = time.Now().Add(core.ProbeTimeout)
	}
	return conn.SetDeadline(at)
}
