// Package traefik asks Traefik's API what it really routes. It reads only; Traefik is configured by labels and files.
package traefik

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// Bounds of one call.
const (
	timeout  = 3 * time.Second
	maxBody  = 8 << 20 // bytes of one page
	pageSize = 500
	maxPages = 20
)

// Client implements core.Proxy over Traefik's HTTP API.
type Client struct {
	base *url.URL
	http *http.Client
}

// New makes a client for the API at base, such as http://traefik:8082. A base that is not an http address is CodeInvalid.
func New(base string) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, core.Errorf(core.CodeInvalid, "TRAEFIK_API_URL is %q: give an address like http://traefik:8082.", base)
	}
	return &Client{base: u, http: &http.Client{
		Transport:     &http.Transport{Proxy: nil, MaxResponseHeaderBytes: 64 << 10, MaxIdleConns: 2, IdleConnTimeout: 30 * time.Second},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Version is Traefik's own.
func (c *Client) Version(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var v struct{ Version string }
	if _, err := c.get(ctx, "/api/version", nil, &v); err != nil {
		return "", err
	}
	return v.Version, nil
}

// Routes lists every HTTP router with the servers behind it. Traefik's own routers (ping, api, dashboard) are left out.
func (c *Client) Routes(ctx context.Context) ([]core.Route, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	routers, err := pages[router](ctx, c, "/api/http/routers")
	if err != nil {
		return nil, err
	}
	services, err := pages[service](ctx, c, "/api/http/services")
	if err != nil {
		return nil, err
	}
	points, err := pages[entryPoint](ctx, c, "/api/entrypoints")
	if err != nil {
		return nil, err
	}
	return join(routers, services, c.addresses(points)), nil
}

// Overview counts what is wrong in Traefik as a whole, and names the providers it reads.
func (c *Client) Overview(ctx context.Context) (core.ProxyOverview, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	type part struct{ Warnings, Errors int }
	type scheme struct{ Routers, Services, Middlewares part }
	var v struct {
		HTTP, TCP scheme
		Providers []string
	}
	if _, err := c.get(ctx, "/api/overview", nil, &v); err != nil {
		return core.ProxyOverview{}, err
	}
	o := core.ProxyOverview{Providers: v.Providers}
	for _, s := range []scheme{v.HTTP, v.TCP} {
		for _, p := range []part{s.Routers, s.Services, s.Middlewares} {
			o.Errors, o.Warnings = o.Errors+p.Errors, o.Warnings+p.Warnings
		}
	}
	return o, nil
}

// addresses are the entry points as they are reached from here, by name.
func (c *Client) addresses(points []entryPoint) map[string]string {
	found := make(map[string]string, len(points))
	for _, point := range points {
		address, _, _ := strings.Cut(point.Address, "/") // ":443/tcp"
		if _, port, err := net.SplitHostPort(address); err == nil {
			found[point.Name] = net.JoinHostPort(c.base.Hostname(), port)
		}
	}
	return found
}

// pages reads a whole list.
func pages[T any](ctx context.Context, c *Client, path string) ([]T, error) {
	var list []T
	for page := 1; page <= maxPages; {
		var part []T
		next, err := c.get(ctx, path, url.Values{"per_page": {strconv.Itoa(pageSize)}, "page": {strconv.Itoa(page)}}, &part)
		if err != nil {
			return nil, err
		}
		list = append(list, part...)
		if next <= page { // the last page names the first one
			return list, nil
		}
		page = next
	}
	return nil, core.Errorf(core.CodeUnavailable, "Traefik's list %s has more than %d entries.", path, maxPages*pageSize)
}

// get reads one answer and the number of the next page, 0 when the answer names none.
func (c *Client) get(ctx context.Context, path string, query url.Values, into any) (next int, err error) {
	u := c.base.JoinPath(path)
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return 0, wrap(err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, wrap(err)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return 0, wrap(err)
	}
	switch {
	case resp.StatusCode != http.StatusOK:
		return 0, core.Errorf(core.CodeUnavailable, "Traefik's API answers %d to %s.", resp.StatusCode, path)
	case len(body) > maxBody:
		return 0, core.Errorf(core.CodeUnavailable, "Traefik's answer to %s is longer than %s.", path, core.FormatBytes(maxBody))
	}
	if err := json.Unmarshal(body, into); err != nil {
		return 0, core.Errorf(core.CodeUnavailable, "Traefik's answer to %s cannot be read: %w.", path, err)
	}
	next, err = strconv.Atoi(resp.Header.Get("X-Next-Page"))
	if err != nil {
		return 0, nil
	}
	return next, nil
}

// wrap makes a core error of a failed call.
func wrap(err error) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("ask Traefik: %w", err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return core.Errorf(core.CodeUnavailable, "Traefik's API does not answer within %s.", timeout)
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return core.Errorf(core.CodeUnavailable, "Traefik's API cannot be reached: %w.", err)
}
