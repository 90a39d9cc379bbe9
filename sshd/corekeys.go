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
func (s coreKeys) Lookup(_ context.Context, a Attempt) (Identity, error) {
	key, person, ok := s.core.FindKey(Fingerprint(a.Key))
	if !ok {
		return Identity{}, refusedf("the key is not known")
	}
	line, err := core.ParseKey(key.Line)
	if err != nil {
		return Identity{}, refusedf("the key of %s is not usable: %w", person.Name, err)
	}
	if err := judge(line, a); err != nil {
		return Identity{}, err
	}
	return Identity{
		Name: person.Name, Fingerprint: key.Fingerprint, Source: key.Source, Role: person.Role, NoPTY: line.NoPTY, Command: line.Command,
	}, nil
}

// judge refuses a known key where the options of its line do.
func judge(line core.AuthorizedKey, a Attempt) error {
	ip, _ := ipOf(a.Addr) // the zero address passes only where no from= is
	switch {
	case string(line.Key.Marshal()) != string(a.Key.Marshal()):
		return refusedf("the key is another one than its line says")
	case !line.From.Match(ip):
		return refusedf("the key may not come from this address")
	case line.Expired(a.At):
		return refusedf("the key has expired")
	}
	return nil
}
