package coretest

import (
	"context"
	"sync"

	"github.com/codematrx/matrx-ship/core"
)

// Locks is a fake core.Locker in memory. Two planes of a test share one to exclude each other.
type Locks struct {
	Trouble
	mu   sync.Mutex // guards held
	held map[string]*string
}

var _ core.Locker = (*Locks)(nil)

// NewLocks gives locks that nobody has.
func NewLocks() *Locks { return &Locks{held: map[string]*string{}} }

// Lock takes a lock, or is CodeConflict with the note of who has it.
func (l *Locks) Lock(name, note string) (unlock func() error, err error) {
	if err := l.enter(context.Background(), "Lock"); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if have := l.held[name]; have != nil {
		return nil, core.Errorf(core.CodeConflict, "%s is locked: %s.", name, *have)
	}
	mine := &note
	l.held[name] = mine
	return func() error {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.held[name] == mine {
			delete(l.held, name)
		}
		return nil
	}, nil
}

// Holder is the note of who has the lock.
func (l *Locks) Holder(name string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if have := l.held[name]; have != nil {
		return *have
	}
	return ""
}

// Drop lets go of every lock, as the death of the process that has them does.
func (l *Locks) Drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.held)
}
