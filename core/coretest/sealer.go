package coretest

import (
	"bytes"
	"context"
	"slices"

	"github.com/codematrx/matrx-ship/core"
)

// Sealer is a fake core.Sealer. What it seals cannot be read by looking at it, and opens with the same key only.
type Sealer struct {
	Trouble
	keys []string // the first one seals
}

var _ core.Sealer = (*Sealer)(nil)

// NewSealer makes a sealer with the keys of these names; without one every call is CodeUnavailable.
func NewSealer(keys ...string) *Sealer { return &Sealer{keys: keys} }

// Seal encrypts with the first key.
func (s *Sealer) Seal(plain []byte) ([]byte, string, error) {
	if err := s.begin("Seal"); err != nil {
		return nil, "", err
	}
	return append([]byte(s.keys[0]+"\x00"), turn(plain)...), s.keys[0], nil
}

// Unseal decrypts what one of the keys sealed.
func (s *Sealer) Unseal(sealed []byte, keyID string) ([]byte, error) {
	if err := s.begin("Unseal"); err != nil {
		return nil, err
	}
	key, hidden, ok := bytes.Cut(sealed, []byte{0})
	switch {
	case !ok:
		return nil, core.Errorf(core.CodeInvalid, "The sealed value is damaged.")
	case !slices.Contains(s.keys, string(key)):
		return nil, core.Errorf(core.CodeForbidden, "No identity of MATRX_AGE_IDENTITIES fits: it needs %s.", keyID)
	}
	return turn(hidden), nil
}

// begin is the beginning of every call.
func (s *Sealer) begin(method string) error {
	if len(s.keys) == 0 {
		return core.Errorf(core.CodeUnavailable, "There is no key: set MATRX_AGE_IDENTITIES.")
	}
	return s.enter(context.Background(), method)
}

// turn hides bytes, and shows hidden ones.
func turn(b []byte) []byte {
	out := make([]byte, len(b))
	for i, c := range b {
		out[i] = ^c
	}
	return out
}
