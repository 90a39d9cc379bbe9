package traefik

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"

	"github.com/codematrx/matrx-ship/core"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 64 << 10

// Prober implements core.RouteProber. Each probe has a connection of its own, as a new visitor has.
type Prober struct{ dialer net.Dialer }

// NewProber makes a Prober.
func NewProber() *Prober { return &Prober{} }

// ProbeRoute asks for a path of a host at an entry point. It follows no redirect. The certificate is not verified: what is
// measured is whether a request gets through, and core.NetChecker judges certificates. An answer that breaks off has
// its status and an error.
func (p *Prober) ProbeRoute(ctx context.Context, probe core.RouteProbe) (int, error) {
	within := cmp.Or(probe.Within, core.ProbeTimeout)
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	req, err := request(ctx, probe)
	if err != nil {
		return 0, err
	}
	transport := p.transport(probe)
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return 0, probeFailed(err, probe, within.String())
	}
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer))
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return resp.StatusCode, probeFailed(err, probe, within.String())
	}
	return resp.StatusCode, nil
}

// request is what a visitor would send.
func request(ctx context.Context, probe core.RouteProbe) (*http.Request, error) {
	path, err := url.ParseRequestURI(cmp.Or(probe.Path, "/"))
	if err != nil || path.Host != "" || path.Scheme != "" {
		return nil, core.Errorf(core.CodeInvalid, "%q is not a path to probe: give one like /healthz.", cut(probe.Path))
	}
	path.Scheme, path.Host = "http", probe.Host
	if probe.TLS {
		path.Scheme = "https"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, path.String(), nil)
	if err != nil {
		return nil, core.Errorf(core.CodeInvalid, "%q is not a host name to probe.", cut(probe.Host))
	}
	req.Header.Set("User-Agent", "matrx-ship-route")
	return req, nil
}

// transport reaches the entry point, whatever the host's name resolves to.
func (p *Prober) transport(probe core.RouteProbe) *http.Transport {
	return &http.Transport{
		Proxy: nil, DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return p.dialer.DialContext(ctx, network, probe.Address)
		},
	}
}

// probeFailed says why there was no whole answer.
func probeFailed(err error, probe core.RouteProbe, within string) error {
	switch {
	case errors.Is(err, context.Canceled):
		return core.Errorf(core.CodeCanceled, "The probe of %s was cancelled.", cut(probe.Host))
	case errors.Is(err, context.DeadlineExceeded):
		return core.Errorf(core.CodeUnavailable, "%s does not answer within %s through %s.", cut(probe.Host), within, cut(probe.Address))
	default:
		return core.Errorf(core.CodeUnavailable, "%s does not answer through %s: %w.", cut(probe.Host), cut(probe.Address), err)
	}
}
