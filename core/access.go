package core

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// The tables of the journal that say who may act.
const (
	peopleTable = "people"
	keysTable   = "keys"
	usesTable   = "key_uses" // when a key was last used at this plane
)

// accessEvery is the time between two looks at the files that keys come from. A key that vanished from one ends its
// sessions within 5 s.
const accessEvery = time.Second

// access knows who may act: people and keys of the environment and of the store, and who is connected now.
type access struct {
	c     *Core
	every time.Duration

	changes sync.Mutex // held while a change of people is judged, written and shared with the other plane

	mu         sync.Mutex // guards everything below
	env        keyring
	envText    string // what env was read from
	envTrouble string // why the newest file is not in force
	store      keyring
	shared     []byte // what store was read from, at the plane that does not write it
	trouble    string // why people.json and the store may differ
	uses       keyUses
	live       map[string]*OpenedSession
	closed     bool

	wg sync.WaitGroup // audit records and end calls of live sessions
}

// newAccess reads everything once, so that the first login finds its key.
func newAccess(c *Core) *access {
	a := &access{
		c: c, every: accessEvery, store: newKeyring(),
		envText: c.cfg.AdminKeys, env: environmentKeyring(c.cfg.AdminKeys, environmentSource(c.cfg)),
		uses: newKeyUses(c.state), live: map[string]*OpenedSession{},
	}
	if c.charter.Access {
		a.loadStore()
	}
	a.look()
	a.shareAgain()
	return a
}

// run follows the files until ctx ends, and then waits for the audit of sessions that are closing. What it writes has a
// goroutine of its own: a disk that hangs must not keep a revoked key working.
func (a *access) run(ctx context.Context) {
	var writing sync.WaitGroup
	writing.Go(func() { a.eachTick(ctx, func() { a.shareAgain(); a.saveUses(ctx) }) })
	a.eachTick(ctx, a.look)
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.wg.Wait()
	writing.Wait()
}

// eachTick does something again and again until ctx ends.
func (a *access) eachTick(ctx context.Context, do func()) {
	tick := time.NewTicker(a.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			do()
		}
	}
}

// look reads again what may have changed behind our back.
func (a *access) look() {
	changed := a.lookAtEnvironment()
	if !a.c.charter.Access {
		changed = a.lookAtShared() || changed
	}
	if changed {
		a.announce()
	}
}

// shareAgain writes again what could not be written for the other plane, or what somebody else changed.
func (a *access) shareAgain() {
	if !a.c.charter.Access {
		return
	}
	a.changes.Lock()
	defer a.changes.Unlock()
	a.share()
}

// loadStore takes people and keys from the journal's tables.
func (a *access) loadStore() {
	ring := storedKeyring(all[Person](a.c.state, peopleTable), all[Key](a.c.state, keysTable))
	a.mu.Lock()
	a.store = ring
	a.mu.Unlock()
}

// announce ends the sessions of those who may not act any more.
func (a *access) announce() {
	ending := map[*OpenedSession]string{}
	a.mu.Lock()
	for _, s := range a.live {
		if why := a.refuses(s.actor); why != "" {
			ending[s] = why
		}
	}
	a.mu.Unlock()
	for s, why := range ending {
		s.stop(why)
	}
}

// refuses says why an actor with an open session may not act any more, or "". The caller holds mu. What a certificate
// allows is decided by its authority, so such a session ends by session.end alone.
func (a *access) refuses(actor Actor) string {
	if actor.Kind != ActorPerson || actor.KeySource == KeyFromCA {
		return ""
	}
	person, ok := a.person(actor)
	switch {
	case !ok:
		return "The key was revoked."
	case person.Name != actor.Name:
		return "The key belongs to somebody else now."
	case person.Role < actor.Role:
		return "The role of " + person.Name + " is " + person.Role.String() + " now."
	default:
		return ""
	}
}

// person finds who an actor is: by the key, or by the name where a door has no key. The caller holds mu.
func (a *access) person(actor Actor) (Person, bool) {
	if actor.Fingerprint != "" {
		_, person, ok := a.find(actor.Fingerprint)
		return person, ok
	}
	if person, ok := a.env.people[actor.Name]; ok {
		return person, true
	}
	person, ok := a.store.people[actor.Name]
	return person, ok
}

// find looks a key up, in the environment first: its keys always work. The caller holds mu.
func (a *access) find(fingerprint string) (Key, Person, bool) {
	if key, person, ok := a.env.find(fingerprint); ok {
		return key, person, true
	}
	return a.store.find(fingerprint)
}

// keys lists every key that works, by person. The caller holds mu.
func (a *access) keys() []Key {
	byPrint := maps.Clone(a.store.keys)
	maps.Copy(byPrint, a.env.keys)
	keys := slices.Collect(maps.Values(byPrint))
	for i := range keys {
		keys[i].LastUsed = a.uses.last[keys[i].Fingerprint]
	}
	slices.SortFunc(keys, func(x, y Key) int {
		return cmp.Or(cmp.Compare(x.Person, y.Person), cmp.Compare(x.Fingerprint, y.Fingerprint))
	})
	return keys
}

// FindKey gives the key with a fingerprint (SHA256:...) and the person it belongs to. It answers from memory. A door
// names the actor as the person is named here.
func (c *Core) FindKey(fingerprint string) (Key, Person, bool) {
	c.access.mu.Lock()
	defer c.access.mu.Unlock()
	return c.access.find(fingerprint)
}

func listAccess(_ context.Context, c *Core, _ struct{}) (AccessList, error) {
	a := c.access
	a.mu.Lock()
	defer a.mu.Unlock()
	people := slices.AppendSeq(slices.Collect(maps.Values(a.env.people)), maps.Values(a.store.people))
	slices.SortFunc(people, func(x, y Person) int {
		return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.Source, y.Source))
	})
	list := AccessList{People: people, Keys: a.keys(), Sessions: a.sessions(), Writable: a.readOnly()}
	now := c.now()
	list.Warnings = slices.Concat(a.env.warnings, a.store.warnings, a.env.expired(now), a.store.expired(now))
	for _, trouble := range []string{a.envTrouble, a.trouble} {
		if trouble != "" {
			list.Warnings = append(list.Warnings, trouble)
		}
	}
	return list, nil
}
