package coretest

import (
	"bytes"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/codematrx/matrx-ship/core"
)

// SealerRig makes Sealers of one kind.
type SealerRig struct {
	NewKey func(testing.TB) string          // a key of its own at each call
	Open   func(keys ...string) core.Sealer // the first key is the active one
}

// TestSealer is the contract of core.Sealer.
func TestSealer(t *testing.T, r SealerRig) {
	for _, story := range []struct {
		name string
		run  func(*testing.T, SealerRig)
	}{
		{"what is sealed comes back and is not readable before", testSealed},
		{"without a key nothing is sealed or unsealed, and the setting is named", testNoKey},
		{"a changed key decrypts what the older one encrypted", testRotated},
		{"a wrong key is named", testWrongKey},
		{"damage is found, wherever it is", testDamage},
		{"nothing secret is in an error", testQuietErrors},
	} {
		t.Run(story.name, func(t *testing.T) { story.run(t, r) })
	}
}

func testSealed(t *testing.T, r SealerRig) {
	s := r.Open(r.NewKey(t))
	big := make([]byte, 1<<20)
	_, _ = rand.Read(big) // never fails
	for _, plain := range [][]byte{[]byte("PASSWORD=correct horse"), {}, {0, 255, '\n'}, big} {
		sealed, id, err := s.Seal(plain)
		must(t, err)
		if id == "" || len(plain) > 4 && bytes.Contains(sealed, plain) {
			t.Errorf("key %q, %d bytes readable", id, len(plain))
		}
		again, _, err := s.Seal(plain)
		must(t, err)
		if bytes.Equal(sealed, again) {
			t.Error("the same text is sealed the same way twice: equal secrets can be told")
		}
		for _, by := range []string{id, ""} {
			back, err := s.Unseal(sealed, by)
			must(t, err)
			if !bytes.Equal(back, plain) {
				t.Errorf("by key %q %d bytes came back as %d", by, len(plain), len(back))
			}
		}
	}
}

func testNoKey(t *testing.T, r SealerRig) {
	sealed, id, err := r.Open(r.NewKey(t)).Seal([]byte("x"))
	must(t, err)
	s := r.Open()
	out, _, err := s.Seal([]byte("x"))
	wantCode(t, err, core.CodeUnavailable)
	if out != nil || !strings.Contains(core.MessageOf(err), "MATRX_AGE_IDENTITIES") {
		t.Errorf("gave %q and %v", out, err)
	}
	_, err = s.Unseal(sealed, id)
	wantCode(t, err, core.CodeUnavailable)
}

func testRotated(t *testing.T, r SealerRig) {
	older, newer := r.NewKey(t), r.NewKey(t)
	sealed, id, err := r.Open(older).Seal([]byte("x"))
	must(t, err)
	s := r.Open(newer, older)
	for _, by := range []string{id, ""} {
		back, err := s.Unseal(sealed, by)
		must(t, err)
		if string(back) != "x" {
			t.Errorf("came back as %q", back)
		}
	}
	resealed, active, err := s.Seal([]byte("y"))
	must(t, err)
	if active == id {
		t.Error("the older key still encrypts")
	}
	_, err = r.Open(older).Unseal(resealed, active)
	wantCode(t, err, core.CodeForbidden)
}

func testWrongKey(t *testing.T, r SealerRig) {
	sealed, id, err := r.Open(r.NewKey(t)).Seal([]byte("x"))
	must(t, err)
	s := r.Open(r.NewKey(t))
	_, err = s.Unseal(sealed, id)
	wantCode(t, err, core.CodeForbidden)
	if !strings.Contains(core.MessageOf(err), id) {
		t.Errorf("%q does not name the key %s", core.MessageOf(err), id)
	}
	_, err = s.Unseal(sealed, "")
	wantCode(t, err, core.CodeForbidden)
}

func testDamage(t *testing.T, r SealerRig) {
	s := r.Open(r.NewKey(t))
	sealed, id, err := s.Seal([]byte("PASSWORD=correct horse"))
	must(t, err)
	for i := 0; i < len(sealed); i += max(1, len(sealed)/40) {
		bad := bytes.Clone(sealed)
		bad[i] ^= 0x11
		if plain, err := s.Unseal(bad, id); core.CodeOf(err) != core.CodeInvalid {
			t.Errorf("byte %d changed: %q, %v", i, plain, err)
		}
	}
	for _, bad := range [][]byte{nil, []byte("rubbish"), sealed[:len(sealed)/2], sealed[:len(sealed)-1], append(bytes.Clone(sealed), 'x')} {
		_, err := s.Unseal(bad, id)
		wantCode(t, err, core.CodeInvalid)
	}
}

func testQuietErrors(t *testing.T, r SealerRig) {
	older, newer := r.NewKey(t), r.NewKey(t)
	sealed, id, err := r.Open(older).Seal([]byte("correct horse"))
	must(t, err)
	_, wrong := r.Open(newer).Unseal(sealed, id)
	_, broken := r.Open(older).Unseal(append(bytes.Clone(sealed), 'x'), id)
	for _, err := range []error{wrong, broken} {
		for _, secret := range []string{"correct horse", older, newer} {
			if err == nil || strings.Contains(err.Error(), secret) {
				t.Errorf("the error %v", err)
			}
		}
	}
}
