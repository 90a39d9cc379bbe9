package age

import (
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
)

func open(keys ...string) core.Sealer {
	s, err := New("# made by age-keygen\n" + strings.Join(keys, "\n\n") + "\n")
	if err != nil {
		panic(err)
	}
	return s
}

func x25519(t testing.TB) string {
	t.Helper()
	k, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return k.String()
}

func hybrid(t testing.TB) string {
	t.Helper()
	k, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return k.String()
}

func TestAgeKeepsTheContractWithX25519Keys(t *testing.T) {
	coretest.TestSealer(t, coretest.SealerRig{NewKey: x25519, Open: open})
}

func TestAgeKeepsTheContractWithHybridKeys(t *testing.T) {
	coretest.TestSealer(t, coretest.SealerRig{NewKey: hybrid, Open: open})
}

func TestAnOldX25519KeyStillDecryptsBesideAHybridOne(t *testing.T) {
	older, newer := x25519(t), hybrid(t)
	sealed, id, err := open(older).Seal([]byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	if back, err := open(newer, older).Unseal(sealed, id); err != nil || string(back) != "x" {
		t.Fatalf("%q, %v", back, err)
	}
}

func TestADamagedLineStopsEncryptionAndIsNamedButNotShown(t *testing.T) {
	good := x25519(t)
	sealed, id, err := open(good).Seal([]byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	bad := strings.Replace(x25519(t), "AGE-SECRET-KEY-1", "AGE-SECRET-KEY-1Q", 1)
	s, err := New(bad + "\n" + good)
	if core.CodeOf(err) != core.CodeInvalid || !strings.Contains(core.MessageOf(err), "line 1") {
		t.Fatalf("%v", err)
	}
	if strings.Contains(err.Error(), bad[20:40]) {
		t.Errorf("the error shows the line: %v", err)
	}
	if _, _, err := s.Seal([]byte("x")); core.CodeOf(err) != core.CodeUnavailable {
		t.Errorf("it encrypts all the same: %v", err)
	}
	if back, err := s.Unseal(sealed, id); err != nil || string(back) != "x" {
		t.Errorf("the good line decrypts no longer: %q, %v", back, err)
	}
}
