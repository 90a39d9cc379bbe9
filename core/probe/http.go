package probe

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/codematrx/matrx-ship/core"
)

// http passes on a status of 200 to 299. A redirect does not pass and is not followed: where it leads is not the
// service. The body is read up to a bound, so that a service which sends headers and then hangs does not pass.
func (p *Prober) http(ctx context.Context, t core.ProbeTarget) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+t.Address+t.Path, nil)
	if err != nil {
		return failed("the health path " + bounded(t.Path) + " is not a path")
	}
	req.Header.Set("User-Agent", "matrx-ship-health")
	resp, err := p.client.Do(req)
	if err != nil {
		return failed("HTTP " + bounded(t.Path) + ": " + words(err))
	}
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, maxBody))
	closed := resp.Body.Close()
	switch {
	case err != nil:
		return failed(fmt.Sprintf("HTTP %d from %s, then %s", resp.StatusCode, bounded(t.Path), words(err)))
	case closed != nil:
		return failed(fmt.Sprintf("HTTP %d from %s, then %s", resp.StatusCode, bounded(t.Path), words(closed)))
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return failed(fmt.Sprintf("HTTP %d from %s (a redirect is not followed)", resp.StatusCode, bounded(t.Path)))
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return failed(fmt.Sprintf("HTTP %d from %s", resp.StatusCode, bounded(t.Path)))
	}
	return fmt.Sprintf("HTTP %d from %s", resp.StatusCode, bounded(t.Path)), nil
}
