package coretest

import (
	"context"
	"slices"
	"sync"

	"github.com/codematrx/matrx-ship/core"
)

// Switch is a fake core.Switch in memory.
type Switch struct {
	Trouble
	mu      sync.Mutex // guards all below
	targets map[string]core.SwitchTarget
	history []core.SwitchTarget
	damaged map[string]bool
}

var _ core.Switch = (*Switch)(nil)

// NewSwitch gives an empty folder.
func NewSwitch() *Switch {
	return &Switch{targets: map[string]core.SwitchTarget{}, damaged: map[string]bool{}}
}

// Point leads a service to a target.
func (s *Switch) Point(ctx context.Context, t core.SwitchTarget) error {
	if err := s.enter(ctx, "Point"); err != nil {
		return err
	}
	if err := t.Validate(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.targets[t.Service] = t
	delete(s.damaged, t.Service)
	s.history = append(s.history, t)
	return nil
}

// Target is where a service is led.
func (s *Switch) Target(ctx context.Context, service string) (core.SwitchTarget, error) {
	if err := s.enter(ctx, "Target"); err != nil {
		return core.SwitchTarget{}, err
	}
	if err := core.CheckSwitched(service); err != nil {
		return core.SwitchTarget{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.targets[service]
	switch {
	case s.damaged[service]:
		return core.SwitchTarget{}, core.Errorf(core.CodeInvalid, "The file of %s cannot be read.", service)
	case !ok:
		return core.SwitchTarget{}, core.Errorf(core.CodeNotFound, "There is no file of %s.", service)
	}
	return t, nil
}

// Remove takes a service's file away; one that is not there is no error.
func (s *Switch) Remove(ctx context.Context, service string) error {
	if err := s.enter(ctx, "Remove"); err != nil {
		return err
	}
	if err := core.CheckSwitched(service); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.targets, service)
	delete(s.damaged, service)
	return nil
}

// Damage makes the file of a service one that cannot be read.
func (s *Switch) Damage(service string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.damaged[service] = true
}

// History is every switch so far, oldest first.
func (s *Switch) History() []core.SwitchTarget {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.history)
}
