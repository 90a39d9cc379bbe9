package core

import (
	"fmt"
	"time"
)

// keyring is what one source says of who may act. It is never written again once others can see it.
type keyring struct {
	people   map[string]Person // by name
	keys     map[string]Key    // by fingerprint
	warnings []string          // what was skipped, and why
	damage   string            // what no plane can have written, when there is something; it is skipped as well
}

func newKeyring() keyring {
	return keyring{people: map[string]Person{}, keys: map[string]Key{}}
}

// find gives the key and whose it is.
func (r keyring) find(fingerprint string) (Key, Person, bool) {
	key, ok := r.keys[fingerprint]
	if !ok {
		return Key{}, Person{}, false
	}
	person, ok := r.people[key.Person]
	return key, person, ok
}

// hasAdmin tells whether somebody can act as admin with a key of this ring. A key that has expired, or that only runs
// one command, is no way in.
func (r keyring) hasAdmin(now time.Time) bool {
	for _, key := range r.keys {
		if r.people[key.Person].Role != RoleAdmin {
			continue
		}
		parsed, err := ParseKey(key.Line)
		if err == nil && !parsed.Expired(now) && parsed.Command == "" {
			return true
		}
	}
	return false
}

// expired names the keys that have expired, as warnings.
func (r keyring) expired(now time.Time) []string {
	var warnings []string
	for _, key := range r.keys {
		if parsed, err := ParseKey(key.Line); err == nil && parsed.Expired(now) {
			warnings = append(warnings, fmt.Sprintf("The key %s of %s has expired (%s): it lets nobody in.",
				key.Fingerprint, key.Person, parsed.Expires.UTC().Format(time.DateTime+"Z")))
		}
	}
	return boundWarnings(warnings)
}

// environmentKeyring reads admins' keys, one authorized_keys line each. A bad line is skipped with a warning that names
// it: it never locks anybody out.
func environmentKeyring(text, source string) keyring {
	ring := newKeyring()
	keys, skipped := ParseKeys(text)
	for _, line := range skipped {
		ring.warnings = append(ring.warnings, source+" "+line.String())
	}
	for _, key := range keys {
		fingerprint := key.Fingerprint()
		name := nameFromKey(key.Comment, fingerprint)
		ring.people[name] = Person{Name: name, Role: RoleAdmin, Source: KeyFromEnvironment}
		ring.keys[fingerprint] = Key{Fingerprint: fingerprint, Person: name, Line: key.Text(), Comment: key.Comment, Source: KeyFromEnvironment}
	}
	ring.warnings = boundWarnings(ring.warnings)
	return ring
}

// maxWarnings bounds how many skipped lines are named.
const maxWarnings = 20

// boundWarnings keeps the first warnings and says how many more there are.
func boundWarnings(warnings []string) []string {
	if more := len(warnings) - maxWarnings; more > 0 {
		return append(warnings[:maxWarnings:maxWarnings], fmt.Sprintf("There are %d more warnings like these.", more))
	}
	return warnings
}

// storedKeyring checks what a store or a file says. A row that cannot be right is damage; a key whose line is not
// accepted (any more) is skipped alone. Both are warnings.
func storedKeyring(people []Person, keys []Key) keyring {
	ring := newKeyring()
	for _, person := range people {
		if checkPersonName(person.Name) != nil || checkRole(person.Role) != nil {
			ring.damaged(fmt.Sprintf("The person %q was skipped: its name or its role cannot be right.", SafeText(person.Name)))
			continue
		}
		person.Source = KeyFromStore
		ring.people[person.Name] = person
	}
	for _, key := range keys {
		parsed, err := ParseKey(key.Line)
		_, owned := ring.people[key.Person]
		switch {
		case !owned, err == nil && parsed.Fingerprint() != key.Fingerprint:
			ring.damaged(fmt.Sprintf("The key %s was skipped: its line or its person cannot be right.", SafeText(key.Fingerprint)))
		case err != nil:
			ring.warnings = append(ring.warnings, fmt.Sprintf("The key %s of %s was skipped: %s", SafeText(key.Fingerprint), key.Person, MessageOf(err)))
		default:
			key.Source, key.Comment, key.Line = KeyFromStore, parsed.Comment, parsed.Text()
			ring.keys[key.Fingerprint] = key
		}
	}
	ring.warnings = boundWarnings(ring.warnings)
	return ring
}

// damaged notes damage; the first is kept as what is wrong with the whole.
func (r *keyring) damaged(what string) {
	r.warnings = append(r.warnings, what)
	if r.damage == "" {
		r.damage = what
	}
}
