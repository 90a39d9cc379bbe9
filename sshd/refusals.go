package sshd

import (
	"log/slog"
	"sync"
	"time"
)

// refusals counts the connections that were turned away, by reason, so that a flood gives one line of log each
// refusalsEvery instead of one a connection.
type refusals struct {
	mu     sync.Mutex
	counts map[string]int
	told   time.Time
}

const refusalsEvery = 10 * time.Second

func (r *refusals) count(reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts == nil {
		r.counts = map[string]int{}
	}
	r.counts[reason]++
}

// tell logs what has come together, where it is time to.
func (r *refusals) tell(logger *slog.Logger, now time.Time) {
	r.mu.Lock()
	counts := r.counts
	if len(counts) == 0 || now.Sub(r.told) < refusalsEvery {
		r.mu.Unlock()
		return
	}
	r.counts, r.told = nil, now
	r.mu.Unlock()
	for reason, n := range counts {
		logger.Warn("ssh connections turned away", "reason", reason, "count", n)
	}
}
