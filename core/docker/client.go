// Package docker speaks to one Docker Engine (API 1.40 and up) and is the only package that imports its SDK. It gives
// core an engine that cannot hang it: every call has a deadline of its own, and after a few missed ones a breaker
// answers at once until the engine is back.
package docker

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/codematrx/matrx-ship/core"
	dockersdk "github.com/moby/moby/client"
)

// How long the engine has for an answer.
const (
	readLimit  = 5 * time.Second
	actLimit   = 15 * time.Second // added to the grace of a lifecycle call
	usageLimit = 60 * time.Second
	pruneLimit = 2 * time.Minute
	pingLimit  = time.Second
	pingEvery  = time.Second
)

// Config says which engine, and what Docker may use of its own.
type Config struct {
	Host   string   // DOCKER_HOST; empty means the default socket
	Image  string   // id of our own image, for helper containers; empty finds that of the container we run in
	Reaper []string // command in that image that runs reap.Main; empty means our own executable and "reap"
	// Locks are shared with the other planes on this engine, and with whoever else works on a service's containers; nil
	// locks in this process only.
	Locks core.Locker
	// Project is this stack's own (com.matrx.project); a container with another one is never reconciled.
	Project string
	// BuildCgroup is the control group below which the steps of builds run; its bounds are for whoever made it to set. Empty
	// leaves them where the engine puts containers.
	BuildCgroup string
	Log         *slog.Logger
}

// Docker is one engine. It is safe for concurrent use.
type Docker struct {
	cfg     Config
	proc    string        // our own process table
	quiet   time.Duration // see quietTime
	breaker *breaker
	helpers chan struct{} // bounds helper containers that run at once

	connect chan struct{} // held while a connection is negotiated
	making  chan struct{} // held while a network is made
	mu      sync.Mutex    // guards the four below
	api     *dockersdk.Client
	own     string          // id of our own image; empty before it was found
	memory  int64           // of the server, in bytes; 0 before it was asked
	busy    map[string]bool // services being recreated, without Config.Locks

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

var _ core.Docker = (*Docker)(nil)

// Open prepares to speak to an engine, which need not answer yet. It fails with CodeInvalid for an address that cannot be one.
func Open(cfg Config) (*Docker, error) {
	if cfg.Host == "" {
		cfg.Host = dockersdk.DefaultDockerHost
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if len(cfg.Reaper) == 0 {
		exe, err := os.Executable()
		if err != nil {
			return nil, core.Errorf(core.CodeInternal, "find own executable: %w", err)
		}
		cfg.Reaper = []string{exe, "reap"}
	}
	if _, err := dockersdk.ParseHostURL(cfg.Host); err != nil {
		return nil, core.Errorf(core.CodeInvalid, "DOCKER_HOST is %q: give unix:///path or tcp://host:port", cfg.Host)
	}
	d := &Docker{cfg: cfg, proc: "/proc", quiet: quietTime, helpers: make(chan struct{}, 4), connect: make(chan struct{}, 1), making: make(chan struct{}, 1), busy: map[string]bool{}}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	d.breaker = newBreaker(func() { d.wg.Go(d.probe) })
	return d, nil
}

// Close ends the probing of an engine that is away and drops idle connections. Streams end with their own contexts.
func (d *Docker) Close() error {
	d.breaker.shut()
	d.cancel()
	d.wg.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.api == nil {
		return nil
	}
	return d.api.Close()
}

// client gives the connection, negotiated once. The SDK writes its version while it negotiates without guarding the
// readers, so nobody sees a client before that is over.
func (d *Docker) client(ctx context.Context) (*dockersdk.Client, error) {
	if api := d.current(); api != nil {
		return api, nil
	}
	select {
	case d.connect <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-d.connect }()
	if api := d.current(); api != nil {
		return api, nil
	}
	return d.negotiate(ctx)
}

// current is the negotiated connection, or nil.
func (d *Docker) current() *dockersdk.Client {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.api
}

// negotiate makes a connection and puts it into place.
func (d *Docker) negotiate(ctx context.Context) (*dockersdk.Client, error) {
	api, err := dockersdk.New(dockersdk.WithHTTPClient(httpClient()), dockersdk.WithHost(d.cfg.Host), dockersdk.WithUserAgent("matrx-ship"))
	if err != nil {
		return nil, err
	}
	if _, err := api.Ping(ctx, dockersdk.PingOptions{NegotiateAPIVersion: true}); err != nil {
		return nil, errors.Join(err, api.Close())
	}
	d.mu.Lock()
	old := d.api
	d.api = api
	d.mu.Unlock()
	if old != nil {
		return api, old.Close() // closes idle connections only; calls under way go on
	}
	return api, nil
}

// httpClient is the SDK's own, but for a larger buffer than 4 KiB: a log comes in many small chunks. HTTP/2 is left out because
// its preparation makes the SDK believe in TLS.
func httpClient() *http.Client {
	only := new(http.Protocols)
	only.SetHTTP1(true)
	return &http.Client{CheckRedirect: dockersdk.CheckRedirect,
		Transport: &http.Transport{ReadBufferSize: 32 << 10, MaxIdleConns: 6, IdleConnTimeout: 30 * time.Second, Protocols: only}}
}

// probe asks an engine that is away, at once and then each second, until it answers. The answer may come from another
// version than before, so it negotiates anew.
func (d *Docker) probe() {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		ctx, cancel := context.WithTimeout(d.ctx, pingLimit)
		_, err := d.negotiate(ctx)
		cancel()
		if err == nil {
			outage := d.breaker.closeAgain()
			d.cfg.Log.Info("the engine answers again", "away", outage)
			return
		}
		select {
		case <-d.ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// call runs one request under its own deadline and through the breaker. The action says what was tried, for the error.
func call[T any](ctx context.Context, d *Docker, limit time.Duration, action string,
	do func(context.Context, *dockersdk.Client) (T, error)) (T, error) {
	var zero T
	if err := d.breaker.allow(); err != nil {
		return zero, err
	}
	own, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	begin := time.Now()
	api, err := d.client(own)
	var out T
	if err == nil {
		out, err = do(own, api)
	}
	d.breaker.report(ctx, err, time.Since(begin))
	if err != nil {
		return zero, wrap(err, action)
	}
	return out, nil
}

// act is call for what gives no answer but its error.
func act(ctx context.Context, d *Docker, limit time.Duration, action string, do func(context.Context, *dockersdk.Client) error) error {
	_, err := call(ctx, d, limit, action, func(ctx context.Context, api *dockersdk.Client) (struct{}, error) {
		return struct{}{}, do(ctx, api)
	})
	return err
}

// openStream starts a request whose answer goes on: only its beginning has a deadline, and an open breaker does not keep
// it from trying. The stream ends with ctx or with end, which the caller must call.
func openStream[T any](ctx context.Context, d *Docker, action string,
	do func(context.Context, *dockersdk.Client) (T, error)) (stream T, end context.CancelFunc, err error) {
	own, cancel := context.WithCancelCause(ctx)
	end = func() { cancel(nil) }
	begin := time.Now()
	late := time.AfterFunc(readLimit, func() { cancel(context.DeadlineExceeded) })
	api, err := d.client(own)
	if err == nil {
		stream, err = do(own, api)
	}
	if !late.Stop() {
		err = context.DeadlineExceeded
	}
	d.breaker.report(ctx, err, time.Since(begin))
	if err != nil {
		end()
		return stream, end, wrap(err, action)
	}
	return stream, end, nil
}
