package core

import (
	"context"
	"time"
)

// The rhythm in which uses of keys are written.
const (
	keyUseEvery = time.Hour   // at most so often for one key
	keyUseRetry = time.Minute // after the journal refused
)

// keyUse is a row of the table "key_uses".
type keyUse struct {
	Fingerprint string    `json:"fingerprint"`
	Last        time.Time `json:"last"`
}

// keyUses remembers when each key was last used. access.mu guards it.
type keyUses struct {
	last  map[string]time.Time // by fingerprint
	saved map[string]time.Time // what the journal holds
	retry time.Time            // not before, after a failure
}

func newKeyUses(s *state) keyUses {
	u := keyUses{last: map[string]time.Time{}, saved: map[string]time.Time{}}
	for _, use := range all[keyUse](s, usesTable) {
		u.last[use.Fingerprint], u.saved[use.Fingerprint] = use.Last, use.Last
	}
	return u
}

// use notes that a key signed in.
func (u *keyUses) use(fingerprint string, at time.Time) { u.last[fingerprint] = at }

// saveUses writes the uses that are due, and forgets those of keys that are gone. It waits for the journal.
func (a *access) saveUses(ctx context.Context) {
	now := a.c.now()
	a.mu.Lock()
	if now.Before(a.uses.retry) {
		a.mu.Unlock()
		return
	}
	edits := a.dueUses()
	a.mu.Unlock()
	if len(edits) == 0 {
		return
	}
	system := WithActor(ctx, a.c.systemActor())
	err := a.c.commit(system, edits...)
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		a.uses.retry = now.Add(keyUseRetry)
		a.c.log.Warn("last uses of keys not written yet", "err", err)
		return
	}
	for _, e := range edits {
		if use, ok := e.body.(keyUse); ok {
			a.uses.saved[e.key] = use.Last
			continue
		}
		delete(a.uses.saved, e.key)
		delete(a.uses.last, e.key)
	}
}

// dueUses are the rows to write. The caller holds mu.
func (a *access) dueUses() []edit {
	var edits []edit
	for fingerprint, last := range a.uses.last {
		_, _, known := a.find(fingerprint)
		saved, stored := a.uses.saved[fingerprint]
		switch {
		case !known && stored:
			edits = append(edits, edit{usesTable, fingerprint, nil})
		case known && last.Sub(saved) >= keyUseEvery:
			edits = append(edits, edit{usesTable, fingerprint, keyUse{fingerprint, last}})
		}
	}
	return edits
}
