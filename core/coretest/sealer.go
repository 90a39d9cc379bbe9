package coretest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/codematrx/matrx-ship/core"
)

// Sealer is a fast stand-in for the real encryption: a key is any text, the first is the active one, and its id is that of
// its hash.
type Sealer struct{ keys []string }

// NewSealer makes a Sealer with keys; without one every call is refused.
func NewSealer(keys ...string) *Sealer { return &Sealer{keys} }

func (s *Sealer) keyID(k string) string {
	sum := sha256.Sum256([]byte("id " + k))
	return hex.EncodeToString(sum[:6])
}

func (s *Sealer) box(k string) cipher.AEAD {
	sum := sha256.Sum256([]byte(k))
	block, err := aes.NewCipher(sum[:])
	if err != nil {
		panic(err) // 32 bytes are a key
	}
	box, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // AES has the block size of GCM
	}
	return box
}

// Seal encrypts with the first key.
func (s *Sealer) Seal(plain []byte) ([]byte, string, error) {
	if len(s.keys) == 0 {
		return nil, "", noKey()
	}
	return s.box(s.keys[0]).Seal(nil, nil, plain, nil), s.keyID(s.keys[0]), nil
}

// Unseal decrypts with the key of that id, or tries all for an empty id.
func (s *Sealer) Unseal(sealed []byte, keyID string) ([]byte, error) {
	if len(s.keys) == 0 {
		return nil, noKey()
	}
	if keyID != "" && !slices.ContainsFunc(s.keys, func(k string) bool { return s.keyID(k) == keyID }) {
		return nil, core.Errorf(core.CodeForbidden, "It was encrypted with the key %s.", keyID)
	}
	for _, k := range s.keys {
		plain, err := s.box(k).Open(nil, nil, sealed, nil)
		if err == nil {
			return plain, nil
		}
	}
	if keyID == "" {
		return nil, core.Errorf(core.CodeForbidden, "It was encrypted with another key.")
	}
	return nil, core.Errorf(core.CodeInvalid, "What was encrypted is damaged.")
}

func noKey() error {
	return core.Errorf(core.CodeUnavailable, "There is no key: set MATRX_AGE_IDENTITIES.")
}
