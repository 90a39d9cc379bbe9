//go:build e2e || bench

package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// load sends requests at a steady rate through Traefik to one host, over connections that are kept, and counts those that
// did not get a good answer.
type load struct {
	asked, lost atomic.Int64
	mu          sync.Mutex
	errors      map[string]int // what went wrong, by its words
	good        time.Time      // when the last good answer came
	worst       time.Duration  // between two good answers
	client      *http.Client
	host        string
	stop        context.CancelFunc
	wg          sync.WaitGroup
}

// loadConns bounds how many requests are under way.
const loadConns = 200

// startLoad begins: rate requests a second, of which slowPercent ask for the page that takes a second.
func startLoad(t testing.TB, s stack, host string, rate, slowPercent int) *load {
	t.Helper()
	address := fmt.Sprintf("127.0.0.1:%d", s.Ports.WebSecure)
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{errors: map[string]int{}, host: host, stop: cancel, client: &http.Client{
		Timeout: 30 * time.Second,
		Transport: &http.Transport{
			TLSClientConfig:     &tls.Config{InsecureSkipVerify: true}, // the local stack has Traefik's self-signed certificate
			MaxIdleConnsPerHost: loadConns,
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				var d net.Dialer
				return d.DialContext(ctx, network, address)
			},
		},
	}}
	t.Cleanup(l.end)
	l.wg.Go(func() { l.run(ctx, rate, slowPercent) })
	return l
}

// run starts each request when it is due. One that is due while all connections are in use waits, and is not left out.
func (l *load) run(ctx context.Context, rate, slowPercent int) {
	free := make(chan struct{}, loadConns)
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		path := "/"
		if n%100 < slowPercent {
			path = "/slow"
		}
		free <- struct{}{}
		l.wg.Go(func() {
			defer func() { <-free }()
			l.ask(path)
		})
	}
}

// ask makes one request. It is not tried again, whatever happens: net/http does so only for a request that was not sent.
func (l *load) ask(path string) {
	l.asked.Add(1)
	res, err := l.client.Get("https://" + l.host + path)
	if err == nil {
		_, err = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if err == nil && res.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s", res.Status)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.lost.Add(1)
		l.errors[err.Error()]++
		return
	}
	now := time.Now()
	if !l.good.IsZero() {
		l.worst = max(l.worst, now.Sub(l.good))
	}
	l.good = now
}

// longest is the longest time between two good answers.
func (l *load) longest() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.worst
}

// end stops and waits for what is under way.
func (l *load) end() {
	l.stop()
	l.wg.Wait()
	l.client.CloseIdleConnections()
}

// words are the errors so far.
func (l *load) words() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprint(l.errors)
}
