package sshd

import (
	"context"
	"strings"

	"github.com/codematrx/matrx-ship/core"
)

// KeySet is a fixed set of authorized keys that all give one role.
type KeySet struct {
	source string
	role   core.Role
	keys   map[string]AuthorizedKey // by wire form
}

// NewKeySet makes a KeySource of keys; source is what Identity.Source says.
func NewKeySet(source string, role core.Role, keys []AuthorizedKey) *KeySet {
	set := &KeySet{source: source, role: role, keys: make(map[string]AuthorizedKey, len(keys))}
	for _, key := range keys {
		set.keys[string(key.Key.Marshal())] = key
	}
	return set
}

// EnvironmentKeys reads the keys of an environment variable, which give role. Where a variable cannot hold line ends
// (env files), the two characters \n stand for one. The problems name the lines that were skipped.
func EnvironmentKeys(text string, role core.Role) (*KeySet, []Problem) {
	keys, problems := ParseAuthorizedKeys([]byte(strings.ReplaceAll(text, `\n`, "\n")))
	return NewKeySet("environment", role, keys), problems
}

// Len is the number of keys.
func (s *KeySet) Len() int { return len(s.keys) }

// Lookup lets a key in that is in the set, from an address it may come from, before it expires.
func (s *KeySet) Lookup(_ context.Context, a Attempt) (Identity, error) {
	key, ok := s.keys[string(a.Key.Marshal())]
	switch {
	case !ok:
		return Identity{}, refusedf("the key is not in the %s", s.source)
	case !key.From.Match(a.Addr):
		return Identity{}, refusedf("line %d of the %s does not let this key in from this address", key.Line, s.source)
	case !key.Expires.IsZero() && !a.At.Before(key.Expires):
		return Identity{}, refusedf("the key on line %d of the %s has expired", key.Line, s.source)
	}
	id := Identity{
		Name:        cleanName(key.Comment),
		Fingerprint: Fingerprint(key.Key),
		Source:      s.source,
		Role:        s.role,
		NoPTY:       key.NoPTY,
		Command:     key.Command,
	}
	if id.Name == "" {
		id.Name = id.Fingerprint
	}
	return id, nil
}
