// Package notify sends alerts through the notification library shoutrrr: mail, chat, push services and web hooks.
package notify

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nicholas-fedor/shoutrrr"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"github.com/codematrx/matrx-ship/core"
)

// The bounds of sending.
const (
	sendWait    = 10 * time.Second // for one address
	maxTargets  = 20
	maxReceived = 64 // messages remembered for each address
)

// Notifier implements core.Notifier. A call with the same title and text as an earlier one goes to those addresses alone
// that did not take it then, so trying again bothers nobody twice.
type Notifier struct {
	targets []*target
	wait    time.Duration
	wg      sync.WaitGroup

	mu     sync.Mutex // guards closed
	closed bool
}

// target is one address.
type target struct {
	position int    // of its line, from 1
	kind     string // "smtp", "slack"
	address  string // with its secrets; shown nowhere

	mu       sync.Mutex // guards the rest
	busy     bool       // the library sends: it cannot be stopped, so nothing else is sent meanwhile
	received [][sha256.Size]byte
}

// New reads addresses, one a line; empty lines and those that begin with # are skipped. The Notifier can be used even
// with an error, which names the lines that are no addresses and shows none of them: the others are sent to.
func New(addresses string) (*Notifier, error) {
	n := &Notifier{wait: sendWait}
	var bad []string
	position := 0
	for line := range strings.Lines(addresses) {
		position++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		kind, ok := check(line)
		switch {
		case !ok:
			bad = append(bad, fmt.Sprint(position))
		case len(n.targets) == maxTargets:
			bad = append(bad, fmt.Sprintf("%d (%d addresses are the most)", position, maxTargets))
		default:
			n.targets = append(n.targets, &target{position: position, kind: kind, address: line})
		}
	}
	if len(bad) > 0 {
		return n, core.Errorf(core.CodeInvalid, "MATRX_ALERT_URLS: line %s is not an address that shoutrrr knows. Alerts go to the other %d.",
			strings.Join(bad, ", "), len(n.targets))
	}
	return n, nil
}

// check gives the kind of an address, and tells whether it is complete. Some kinds log in when they are made; those are
// looked at when something is sent.
func check(address string) (kind string, ok bool) {
	scheme, _, ok := strings.Cut(address, ":")
	if !ok {
		return "", false
	}
	kind, _, _ = strings.Cut(strings.ToLower(scheme), "+")
	if !slices.Contains(kinds(), kind) || kind == "logger" {
		return "", false
	}
	if kind == "matrix" {
		return kind, true
	}
	sender, err := shoutrrr.CreateSender()
	if err == nil {
		_, err = sender.Locate(address)
	}
	return kind, err == nil
}

// kinds are the schemes that the library knows.
func kinds() []string {
	sender, err := shoutrrr.CreateSender()
	if err != nil {
		return nil
	}
	return sender.ListServices()
}

// Targets are the kinds of address there are.
func (n *Notifier) Targets() []string {
	list := make([]string, len(n.targets))
	for i, t := range n.targets {
		list[i] = t.kind
	}
	return list
}

// Notify sends to every address that has not taken this message before, side by side, each with a deadline of its own.
func (n *Notifier) Notify(ctx context.Context, title, text string) error {
	if len(n.targets) == 0 {
		return core.Errorf(core.CodeUnavailable, "There is nobody to tell: MATRX_ALERT_URLS is not set.")
	}
	ctx, cancel := context.WithTimeout(ctx, n.wait)
	defer cancel()
	problems := make([]string, len(n.targets))
	var wg sync.WaitGroup
	for i, t := range n.targets {
		wg.Go(func() {
			if err := n.send(ctx, t, title, text); err != nil {
				problems[i] = fmt.Sprintf("%s (line %d): %s", t.kind, t.position, plain(err))
			}
		})
	}
	wg.Wait()
	problems = slices.DeleteFunc(problems, func(p string) bool { return p == "" })
	if len(problems) > 0 {
		return core.Errorf(core.CodeUnavailable, "Not sent to %d of %d addresses of MATRX_ALERT_URLS: %s.", len(problems), len(n.targets), strings.Join(problems, "; "))
	}
	return nil
}

// Errors that are ours to show as they are.
var (
	errBusy   = errors.New("it still hangs in the message before")
	errClosed = errors.New("the control plane is ending")
	errLate   = errors.New("no answer in time")
)

// send hands a message to the library and waits for it as long as ctx allows. The library cannot be told to stop; what it
// does with an address that hangs goes on until the other side ends it, once for each address.
func (n *Notifier) send(ctx context.Context, t *target, title, text string) error {
	id := sha256.Sum256([]byte(title + "\x00" + text))
	begin, err := t.begin(id)
	if !begin {
		return err
	}
	done := make(chan error, 1)
	if !n.spawn(func() {
		err := t.deliver(title, text)
		t.end(id, err == nil)
		done <- err
	}) {
		t.end(id, false)
		return errClosed
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return errLate
	}
}

// begin tells whether there is something to send to this address, and takes its only place.
func (t *target) begin(id [sha256.Size]byte) (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case slices.Contains(t.received, id):
		return false, nil
	case t.busy:
		return false, errBusy
	}
	t.busy = true
	return true, nil
}

// end frees the place, and remembers what was taken.
func (t *target) end(id [sha256.Size]byte, taken bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.busy = false
	if taken {
		t.received = append(t.received[max(0, len(t.received)+1-maxReceived):], id)
	}
}

// deliver gives one message to the library. A panic of it is a failure of this address.
func (t *target) deliver(title, text string) (err error) {
	defer func() {
		if recover() != nil { // what it says may hold the address
			err = errors.New("panic")
		}
	}()
	sender, err := shoutrrr.CreateSender()
	if err != nil {
		return err
	}
	service, err := sender.Locate(t.address)
	if err != nil {
		return err
	}
	params := types.Params{}
	if t.kind == "smtp" {
		params.SetTitle(title) // the subject; some other kinds refuse a message with a title, so they get it as the first line alone
	}
	return service.Send(title+"\n"+text, &params)
}

// spawn starts what Close waits for; it is false after Close.
func (n *Notifier) spawn(work func()) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return false
	}
	n.wg.Go(work)
	return true
}

// Close waits until what is being sent has been, at most as long as one address may take: the library cannot be told to
// stop, so an address that hangs for longer is left to the end of the process.
func (n *Notifier) Close() error {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	idle := make(chan struct{})
	go func() { // ends with the last message, or with the process
		n.wg.Wait()
		close(idle)
	}()
	late := time.NewTimer(n.wait)
	defer late.Stop()
	select {
	case <-idle:
		return nil
	case <-late.C:
		return core.Errorf(core.CodeUnavailable, "An alert is still being sent.")
	}
}
