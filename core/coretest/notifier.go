package coretest

import (
	"context"
	"slices"
	"sync"

	"github.com/codematrx/matrx-ship/core"
)

// Notice is one message that a Notifier sent.
type Notice struct{ Title, Text string }

// Notifier is a fake core.Notifier that keeps what it sent.
type Notifier struct {
	Trouble
	targets []string
	mu      sync.Mutex // guards sent
	sent    []Notice
}

var _ core.Notifier = (*Notifier)(nil)

// NewNotifier makes one with addresses of these kinds.
func NewNotifier(targets ...string) *Notifier { return &Notifier{targets: targets} }

// Notify keeps the message.
func (n *Notifier) Notify(ctx context.Context, title, text string) error {
	if err := n.enter(ctx, "Notify"); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sent = append(n.sent, Notice{title, text})
	return nil
}

// Targets are the kinds it was made with.
func (n *Notifier) Targets() []string { return slices.Clone(n.targets) }

// Sent is what was sent so far.
func (n *Notifier) Sent() []Notice {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.sent)
}
