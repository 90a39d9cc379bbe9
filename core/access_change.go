package core

import (
	"context"
	"fmt"
	"maps"
	"time"
)

// sessionEndTimeout is how long a session that was told to end may take. A revoked key's sessions end within it.
const sessionEndTimeout = 5 * time.Second

// readOnly says why this plane cannot change people and who can, or "".
func (a *access) readOnly() string {
	if a.c.charter.Access {
		return ""
	}
	return fmt.Sprintf("People and keys are changed at %s; this control plane only reads them.", a.c.charter.Sibling)
}

// change lets edit work on a copy of the store, and makes what it changed durable. Nobody can take the last admin's
// way in away. The sessions of those who may not act any more end at once.
func (a *access) change(ctx context.Context, edit func(next keyring) error) error {
	if why := a.readOnly(); why != "" {
		return Errorf(CodeConflict, "%s", why)
	}
	a.changes.Lock()
	defer a.changes.Unlock()
	a.mu.Lock()
	now, lockable := a.store, !a.env.hasAdmin(a.c.now())
	a.mu.Unlock()
	next := keyring{people: maps.Clone(now.people), keys: maps.Clone(now.keys)}
	if err := edit(next); err != nil {
		return err
	}
	if lockable && now.hasAdmin(a.c.now()) && !next.hasAdmin(a.c.now()) {
		return Errorf(CodeConflict, "That would take away the last admin: make somebody else admin first, or set MATRX_ADMIN_KEYS.")
	}
	if err := a.c.commit(ctx, storeEdits(now, next)...); err != nil {
		return err
	}
	a.loadStore()
	a.share()
	a.announce()
	return nil
}

// storeEdits are the rows that differ.
func storeEdits(now, next keyring) []edit {
	return append(rowEdits(peopleTable, now.people, next.people), rowEdits(keysTable, now.keys, next.keys)...)
}

// rowEdits are the rows of one table that differ.
func rowEdits[T comparable](table string, now, next map[string]T) []edit {
	var edits []edit
	for key, row := range next {
		if old, ok := now[key]; !ok || old != row {
			edits = append(edits, edit{table, key, row})
		}
	}
	for key := range now {
		if _, ok := next[key]; !ok {
			edits = append(edits, edit{table, key, nil})
		}
	}
	return edits
}

// newKey makes the row of a key, unless somebody has that key already.
func (a *access) newKey(ctx context.Context, person, line string) (Key, error) {
	key, err := ParseKey(line)
	if err != nil {
		return Key{}, err
	}
	if key.Expired(a.c.now()) {
		return Key{}, Errorf(CodeInvalid, "The key has expired: its expiry-time has passed.")
	}
	fingerprint := key.Fingerprint()
	a.mu.Lock()
	old, _, taken := a.find(fingerprint)
	a.mu.Unlock()
	if taken {
		return Key{}, Errorf(CodeConflict, "The key %s belongs to %s already (%s).", fingerprint, old.Person, old.Source)
	}
	return Key{
		Fingerprint: fingerprint, Person: person, Line: key.Text(), Comment: key.Comment,
		Source: KeyFromStore, Added: a.c.now().UTC(), AddedBy: ActorFrom(ctx).Name,
	}, nil
}

func addPerson(ctx context.Context, c *Core, in AddPersonIn) (Person, error) {
	person := Person{Name: in.Name, Role: in.Role, Source: KeyFromStore, Added: c.now().UTC(), AddedBy: ActorFrom(ctx).Name}
	err := c.access.change(ctx, func(next keyring) error {
		if _, ok := next.people[in.Name]; ok || c.access.inEnvironment(in.Name) {
			return Errorf(CodeConflict, "There is a person %s already.", in.Name)
		}
		key, err := c.access.newKey(ctx, in.Name, in.Key)
		if err != nil {
			return err
		}
		next.people[person.Name], next.keys[key.Fingerprint] = person, key
		return nil
	})
	return person, err
}

func setRole(ctx context.Context, c *Core, in SetRoleIn) (Person, error) {
	var person Person
	err := c.access.change(ctx, func(next keyring) (err error) {
		if person, err = c.access.stored(next, in.Name); err != nil {
			return err
		}
		person.Role = in.Role
		next.people[in.Name] = person
		return nil
	})
	return person, err
}

func removePerson(ctx context.Context, c *Core, in RemovePersonIn) (Done, error) {
	var gone []string
	ended := c.access.watchSessions()
	err := c.access.change(ctx, func(next keyring) error {
		if _, err := c.access.stored(next, in.Name); err != nil {
			return err
		}
		delete(next.people, in.Name)
		for fingerprint, key := range next.keys {
			if key.Person == in.Name {
				gone = append(gone, fingerprint)
				delete(next.keys, fingerprint)
			}
		}
		return nil
	})
	if err != nil {
		return Done{}, err
	}
	return Done{fmt.Sprintf("%s is removed with %d keys; %s.", in.Name, len(gone), ended(ctx))}, nil
}

func addKey(ctx context.Context, c *Core, in AddKeyIn) (Key, error) {
	var key Key
	err := c.access.change(ctx, func(next keyring) (err error) {
		if _, err = c.access.stored(next, in.Person); err != nil {
			return err
		}
		if key, err = c.access.newKey(ctx, in.Person, in.Key); err != nil {
			return err
		}
		next.keys[key.Fingerprint] = key
		return nil
	})
	return key, err
}

func revokeKey(ctx context.Context, c *Core, in RevokeKeyIn) (Done, error) {
	ended := c.access.watchSessions()
	var person string
	err := c.access.change(ctx, func(next keyring) error {
		key, ok := next.keys[in.Fingerprint]
		if !ok {
			return c.access.noKey(in.Fingerprint)
		}
		person = key.Person
		delete(next.keys, in.Fingerprint)
		return nil
	})
	if err != nil {
		return Done{}, err
	}
	return Done{fmt.Sprintf("The key of %s is revoked; %s.", person, ended(ctx))}, nil
}

// noKey says why a key cannot be revoked here.
func (a *access) noKey(fingerprint string) error {
	a.mu.Lock()
	_, fixed := a.env.keys[fingerprint]
	a.mu.Unlock()
	if fixed {
		return Errorf(CodeConflict, "The key comes from the environment: take it out of MATRX_ADMIN_KEYS.")
	}
	return Errorf(CodeNotFound, "There is no key %q; fingerprints begin with SHA256: and access.list shows them.", SafeText(fingerprint))
}

// stored finds a person that can be changed here.
func (a *access) stored(next keyring, name string) (Person, error) {
	if person, ok := next.people[name]; ok {
		return person, nil
	}
	if a.inEnvironment(name) {
		return Person{}, Errorf(CodeConflict, "%s comes from the environment, by MATRX_ADMIN_KEYS, and is changed there.", name)
	}
	return Person{}, Errorf(CodeNotFound, "There is no person %q.", SafeText(name))
}

// inEnvironment tells whether the environment names a person so.
func (a *access) inEnvironment(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, ok := a.env.people[name]
	return ok
}
