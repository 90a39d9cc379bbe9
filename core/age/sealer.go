// Package age encrypts what is secret with age, before it leaves the process. The identities come from the environment
// alone: the first encrypts, the others only decrypt what was encrypted before the key was changed.
package age

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"

	"github.com/codematrx/matrx-ship/core"
)

// maxPlain bounds what is decrypted, in bytes: more than any env may hold.
const maxPlain = 16 << 20

// unset is the refusal of a Sealer without a key.
const unset = "There is no key to keep secrets with: set MATRX_AGE_IDENTITIES to an identity that age-keygen made, and start the control plane again."

// Sealer implements core.Sealer.
type Sealer struct {
	keys    []key
	problem string // why nothing can be encrypted; empty when it can
}

// key is one identity.
type key struct {
	id        string
	identity  age.Identity
	recipient age.Recipient
}

// New reads identities, one a line; empty lines and those that begin with # are skipped. X25519 and hybrid (post-quantum)
// ones are taken. The Sealer can be used even with an error, which names the lines that are no identities and shows none of
// them: what the good lines fit is decrypted, and nothing is encrypted, because nobody can tell which line was meant to be
// the active key.
func New(identities string) (*Sealer, error) {
	s := &Sealer{}
	var bad []string
	number := 0
	for line := range strings.Lines(identities) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		k, err := parse(line)
		if err != nil {
			bad = append(bad, fmt.Sprint(number))
			continue
		}
		s.keys = append(s.keys, k)
	}
	switch {
	case len(bad) > 0:
		s.problem = fmt.Sprintf("MATRX_AGE_IDENTITIES is damaged: line %s is not an age identity (AGE-SECRET-KEY-1...). Correct it and start the control plane again.", strings.Join(bad, ", "))
		return s, core.Errorf(core.CodeInvalid, "%s", s.problem)
	case len(s.keys) == 0:
		s.problem = unset
	}
	return s, nil
}

// parse reads one identity. Its error is not for showing: it may hold a part of the line.
func parse(line string) (key, error) {
	switch {
	case strings.HasPrefix(line, "AGE-SECRET-KEY-PQ-1"):
		identity, err := age.ParseHybridIdentity(line)
		if err != nil {
			return key{}, err
		}
		return key{fingerprint(identity.Recipient()), identity, identity.Recipient()}, nil
	default:
		identity, err := age.ParseX25519Identity(line)
		if err != nil {
			return key{}, err
		}
		return key{fingerprint(identity.Recipient()), identity, identity.Recipient()}, nil
	}
}

// fingerprint is the id of a key: 12 hex digits of the hash of its public half.
func fingerprint(recipient fmt.Stringer) string {
	sum := sha256.Sum256([]byte(recipient.String()))
	return hex.EncodeToString(sum[:6])
}

// Seal encrypts for the active identity.
func (s *Sealer) Seal(plain []byte) (sealed []byte, keyID string, err error) {
	if s.problem != "" {
		return nil, "", core.Errorf(core.CodeUnavailable, "%s", s.problem)
	}
	active := s.keys[0]
	var out bytes.Buffer
	w, err := age.Encrypt(&out, active.recipient)
	if err == nil {
		_, err = w.Write(plain)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, "", core.Errorf(core.CodeInternal, "It could not be encrypted: %w", err)
	}
	return out.Bytes(), active.id, nil
}

// Unseal decrypts with the identity that has the id, or with whichever fits when the id is empty.
func (s *Sealer) Unseal(sealed []byte, keyID string) ([]byte, error) {
	if len(s.keys) == 0 {
		return nil, core.Errorf(core.CodeUnavailable, "%s", s.problem)
	}
	identities := s.fitting(keyID)
	if len(identities) == 0 {
		return nil, s.wrongKey(keyID)
	}
	r, err := age.Decrypt(bytes.NewReader(sealed), identities...)
	var none *age.NoIdentityMatchError
	switch {
	case errors.As(err, &none) && keyID == "":
		return nil, s.wrongKey("")
	case err != nil:
		return nil, damaged(err)
	}
	plain, err := io.ReadAll(io.LimitReader(r, maxPlain+1))
	if err != nil {
		return nil, damaged(err)
	}
	if len(plain) > maxPlain {
		return nil, core.Errorf(core.CodeInvalid, "What is encrypted is longer than %s.", core.FormatBytes(maxPlain))
	}
	return plain, nil
}

// fitting are the identities with an id; all of them for an empty one.
func (s *Sealer) fitting(keyID string) []age.Identity {
	var list []age.Identity
	for _, k := range s.keys {
		if keyID == "" || k.id == keyID {
			list = append(list, k.identity)
		}
	}
	return list
}

// wrongKey is the refusal when no identity fits; it names the key that would, and those there are.
func (s *Sealer) wrongKey(keyID string) error {
	ids := make([]string, len(s.keys))
	for i, k := range s.keys {
		ids[i] = k.id
	}
	need := "another key"
	if keyID != "" {
		need = "the key " + core.SafeText(keyID)
	}
	return core.Errorf(core.CodeForbidden, "It was encrypted with %s, and MATRX_AGE_IDENTITIES holds only %s. Add that identity on a further line and start the control plane again.",
		need, strings.Join(ids, ", "))
}

// damaged is the refusal of what is not what was encrypted.
func damaged(err error) error {
	return core.Errorf(core.CodeInvalid, "What was encrypted is damaged: it is not what this key encrypted (%w).", err)
}
