package coretest

import (
	"context"
	"sync"
)

// Trouble makes the calls of a fake fail or hang by the names of their methods, and counts them. Its zero value is ready.
type Trouble struct {
	gate    sync.Mutex // guards all below
	fails   map[string]error
	hangs   map[string]chan struct{}
	entered map[string]int
}

// Fail makes the named method fail until it is called with nil.
func (t *Trouble) Fail(method string, err error) {
	t.gate.Lock()
	defer t.gate.Unlock()
	if t.fails == nil {
		t.fails = map[string]error{}
	}
	t.fails[method] = err
}

// Hang makes the named method wait, until its context ends or Hang is called with false.
func (t *Trouble) Hang(method string, hang bool) {
	t.gate.Lock()
	defer t.gate.Unlock()
	if t.hangs == nil {
		t.hangs = map[string]chan struct{}{}
	}
	switch held := t.hangs[method]; {
	case hang && held == nil:
		t.hangs[method] = make(chan struct{})
	case !hang && held != nil:
		close(held)
		delete(t.hangs, method)
	}
}

// Calls counts the calls of a method so far.
func (t *Trouble) Calls(method string) int {
	t.gate.Lock()
	defer t.gate.Unlock()
	return t.entered[method]
}

// enter is the beginning of every call.
func (t *Trouble) enter(ctx context.Context, method string) error {
	t.gate.Lock()
	if t.entered == nil {
		t.entered = map[string]int{}
	}
	t.entered[method]++
	held := t.hangs[method]
	t.gate.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-ctx.Done():
		}
	}
	if ctx.Err() != nil {
		return gaveUp(ctx)
	}
	t.gate.Lock()
	defer t.gate.Unlock()
	return t.fails[method]
}
