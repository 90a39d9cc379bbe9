package sshd

import (
	"context"

	"github.com/codematrx/matrx-ship/core"
)

// coreKeys lets in the keys that core knows: those of the environment and those of the store.
type coreKeys struct{ core *core.Core }

// CoreKeys is the KeySource over a control plane's people and keys.
func CoreKeys(c *core.Core) KeySource { return coreKeys{c} }

// Lookup finds the key by its fingerprint and judges the options of its line.
func (s coreKeys) Lookup(ctx context.Context, a Attempt) (Identity, error) {
	key, person, ok := s.core.FindKey(Fingerprint(a.Key))
	if !ok {
		return Identity{}, refusedf("the key is not known")
	}
	lines, problems := ParseAuthorizedKeys([]byte(key.Line))
	if len(lines) != 1 {
		return Identity{}, refusedf("the key of %s is not usable: %v", person.Name, problems)
	}
	id, err := NewKeySet(key.Source, person.Role, lines).Lookup(ctx, a)
	if err != nil {
		return Identity{}, err
	}
	id.Name = person.Name
	return id, nil
}
