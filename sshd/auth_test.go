package sshd

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/sshd/sshdtest"
)

// sayWho prints the identity of its session.
func sayWho(s *Session) int {
	id := s.Identity()
	_, _ = fmt.Fprintf(s, "%s|%s|%s|%s|%v|%s", id.Name, id.Fingerprint, id.Source, id.Role, id.Certificate, strings.Join(s.Command(), " "))
	return 0
}

func TestAnAuthorizedKeyLogsInAndIsWhoItSays(t *testing.T) {
	r := start(t, sayWho, nil)
	got := sshdtest.Run(t, r.dial(t), "who am i", "")
	want := "ada@laptop|" + gossh.FingerprintSHA256(r.key.PublicKey()) + "|environment|admin|false|who am i"
	if got.Stdout != want || got.Code != 0 {
		t.Fatalf("got %+v, want %q", got, want)
	}
}

func TestAnUnknownKeyIsRefused(t *testing.T) {
	r := start(t, sayWho, nil)
	if _, err := sshdtest.Login(r.addr, sshdtest.ClientConfig("root", sshdtest.Key(t))); err == nil {
		t.Fatal("a key that nobody authorized got in")
	}
}

func TestPasswordsAreNotAsked(t *testing.T) {
	r := start(t, sayWho, nil)
	cfg := sshdtest.ClientConfig("root")
	cfg.Auth = []gossh.AuthMethod{gossh.Password("secret")}
	if _, err := sshdtest.Login(r.addr, cfg); err == nil || !strings.Contains(err.Error(), "[none]") {
		t.Fatalf("want a refusal without a password being tried, got %v", err)
	}
}

// stubborn shows one key and signs with another.
type stubborn struct {
	gossh.Signer
	shown gossh.PublicKey
}

func (s stubborn) PublicKey() gossh.PublicKey { return s.shown }

// twoFaced is one key while the client asks whether it would do (the library takes its wire form twice for that), and
// another when it comes to signing.
type twoFaced struct {
	gossh.PublicKey
	signs gossh.PublicKey
	asked *int
}

func (k twoFaced) Marshal() []byte {
	if *k.asked++; *k.asked > 2 {
		return k.signs.Marshal()
	}
	return k.PublicKey.Marshal()
}

func TestAKeyThatWasOfferedButDidNotSignIsNobody(t *testing.T) {
	offered, signs := sshdtest.Key(t), sshdtest.Key(t)
	keys, _ := EnvironmentKeys(sshdtest.Line(offered, "boss")+"\n"+sshdtest.Line(signs, "clerk"), core.RoleViewer)
	r := start(t, sayWho, func(c *Config) { c.Keys = keys })

	// The client asks whether the boss's key would do, hears yes, and then signs with its own.
	face := twoFaced{offered.PublicKey(), signs.PublicKey(), new(int)}
	client, err := sshdtest.Login(r.addr, sshdtest.ClientConfig("boss", stubborn{signs, face}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	if got := sshdtest.Run(t, client, "x", "").Stdout; !strings.HasPrefix(got, "clerk|"+gossh.FingerprintSHA256(signs.PublicKey())) {
		t.Fatalf("the session belongs to %q", got)
	}
	if !strings.Contains(r.log.String(), "name=clerk") || strings.Contains(r.log.String(), "name=boss") {
		t.Fatalf("the log names the wrong key:\n%s", r.log)
	}

	// And the boss's key with the clerk's signature is refused.
	if _, err := sshdtest.Login(r.addr, sshdtest.ClientConfig("boss", stubborn{signs, offered.PublicKey()})); err == nil {
		t.Fatal("a foreign signature was accepted")
	}
}

func TestThreeRefusedKeysAreTheEnd(t *testing.T) {
	r := start(t, sayWho, nil)
	cfg := sshdtest.ClientConfig("root", sshdtest.Key(t), sshdtest.Key(t), sshdtest.Key(t), r.key)
	if _, err := sshdtest.Login(r.addr, cfg); err == nil {
		t.Fatal("the fourth key was still looked at")
	}
	cfg = sshdtest.ClientConfig("root", sshdtest.Key(t), sshdtest.Key(t), r.key)
	client, err := sshdtest.Login(r.addr, cfg)
	if err != nil {
		t.Fatalf("the third key: %v", err)
	}
	_ = client.Close()
}

func TestTheVersionDoesNotSayWhatItIsMadeOf(t *testing.T) {
	r := start(t, sayWho, nil)
	nc, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = nc.Close() }()
	line := make([]byte, 64)
	n, err := nc.Read(line)
	if err != nil || string(line[:n]) != "SSH-2.0-Matrx\r\n" {
		t.Fatalf("greeting %q, %v", line[:n], err)
	}
}

// source is a KeySource whose answer a test can change.
type source struct {
	mu  sync.Mutex
	id  Identity
	err error
}

func (s *source) Lookup(context.Context, Attempt) (Identity, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.id, s.err
}

func (s *source) set(id Identity, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.id, s.err = id, err
}

func TestARevokedKeyEndsItsOpenSessions(t *testing.T) {
	ended := make(chan error, 1)
	keys := &source{id: Identity{Name: "ada", Role: core.RoleViewer}}
	r := start(t, until(ended), func(c *Config) { quick(c); c.Keys = keys })
	client := r.dial(t)
	screen := sshdtest.Open(t, client, sshdtest.ScreenConfig{})
	sshdtest.Eventually(t, "the session", func() bool { return len(r.Sessions()) == 1 })

	keys.set(Identity{}, core.Errorf(core.CodeUnavailable, "the store is away"))
	r.Recheck(t.Context())
	if len(r.Sessions()) != 1 {
		t.Fatal("a store that cannot tell ended a session")
	}
	keys.set(Identity{}, core.Errorf(core.CodeForbidden, "revoked"))
	if cause := receive(t, "the end", ended); core.MessageOf(cause) != "Your key is no longer accepted." {
		t.Fatalf("cause: %v", cause)
	}
	screen.Wait("Session ended: Your key is no longer accepted.")
	if code := screen.Exit(); code == 0 {
		t.Fatal("exit code 0")
	}
	if err := client.Wait(); err == nil {
		t.Fatal("the connection ended without a word")
	}
}

func TestARevokedKeyEndsWithinFiveSecondsByDefault(t *testing.T) {
	l := Limits{}.withDefaults()
	// Looked up every Recheck, the channel of a session that does not go by itself is closed after EndGrace.
	if worst := l.Recheck + l.EndGrace; worst >= 5*time.Second {
		t.Fatalf("up to %s", worst)
	}
}

func TestANewRoleCountsAtOnce(t *testing.T) {
	keys := &source{id: Identity{Name: "ada", Role: core.RoleAdmin}}
	roles := make(chan core.Role)
	r := start(t, func(s *Session) int {
		for s.Context().Err() == nil {
			select {
			case roles <- s.Identity().Role:
			case <-s.Context().Done():
			}
		}
		return 0
	}, func(c *Config) { quick(c); c.Keys = keys })
	sshdtest.Open(t, r.dial(t), sshdtest.ScreenConfig{})
	if role := receive(t, "role", roles); role != core.RoleAdmin {
		t.Fatal(role)
	}
	keys.set(Identity{Name: "ada", Role: core.RoleViewer}, nil)
	sshdtest.Eventually(t, "role viewer", func() bool { return <-roles == core.RoleViewer })
}

func TestAKeyWithoutARoleIsRefused(t *testing.T) {
	r := start(t, sayWho, func(c *Config) { c.Keys = &source{id: Identity{Name: "ada"}} })
	if _, err := sshdtest.Login(r.addr, sshdtest.ClientConfig("ada", r.key)); err == nil {
		t.Fatal("got in")
	}
}

func TestASourceThatCannotTellDoesNotStandInTheWay(t *testing.T) {
	away := &source{err: core.Errorf(core.CodeUnavailable, "away")}
	good := &source{id: Identity{Name: "ada", Role: core.RoleViewer}}
	never := &source{err: refusedf("not here")}
	if id, err := JoinKeys(away, never, good).Lookup(t.Context(), Attempt{}); err != nil || id.Name != "ada" {
		t.Fatalf("%v, %v", id, err)
	}
	if _, err := JoinKeys(never, away).Lookup(t.Context(), Attempt{}); core.CodeOf(err) != core.CodeUnavailable {
		t.Fatalf("code %q: a live session would be ended for a store that is away", core.CodeOf(err))
	}
	if _, err := JoinKeys(never, never).Lookup(t.Context(), Attempt{}); core.CodeOf(err) != core.CodeForbidden {
		t.Fatalf("code %q", core.CodeOf(err))
	}
}

func TestAForcedCommandAndNoTerminalAreHonoured(t *testing.T) {
	key := sshdtest.Key(t)
	keys, problems := EnvironmentKeys(`restrict,command="status --json" `+sshdtest.Line(key, "ci"), core.RoleViewer)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	r := start(t, func(s *Session) int {
		_, _ = fmt.Fprintf(s, "%q %v", s.Command(), s.Env())
		return 0
	}, func(c *Config) { c.Keys = keys })
	client := sshdtest.Dial(t, r.addr, key)
	if got := sshdtest.Run(t, client, "remove everything", "").Stdout; got != `["status" "--json"] [SSH_ORIGINAL_COMMAND=remove everything]` {
		t.Fatalf("ran %q", got)
	}
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := session.RequestPty("xterm", 24, 80, nil); err == nil {
		t.Fatal("got a terminal")
	}
}

// certificate makes a user certificate, as change likes it.
func certificate(t *testing.T, ca, key gossh.Signer, change func(*gossh.Certificate)) gossh.Signer {
	t.Helper()
	cert := &gossh.Certificate{
		Key: key.PublicKey(), Serial: 7, CertType: gossh.UserCert, KeyId: "ada-2026", ValidPrincipals: []string{"ada"},
		ValidAfter: uint64(time.Now().Add(-time.Hour).Unix()), ValidBefore: uint64(time.Now().Add(time.Hour).Unix()),
		Permissions: gossh.Permissions{Extensions: map[string]string{"permit-pty": ""}, CriticalOptions: map[string]string{}},
	}
	if change != nil {
		change(cert)
	}
	if err := cert.SignCert(rand.Reader, ca); err != nil {
		t.Fatal(err)
	}
	signer, err := gossh.NewCertSigner(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func TestACertificateIsJudgedInFull(t *testing.T) {
	ca, stranger, key := sshdtest.Key(t), sshdtest.Key(t), sshdtest.Key(t)
	authority, problems := NewAuthority(sshdtest.Line(ca, "company"),
		map[string]core.Role{"matrx-operators": core.RoleOperator}, core.RoleViewer)
	if len(problems) > 0 || authority.Len() != 1 {
		t.Fatal(problems)
	}
	r := start(t, sayWho, func(c *Config) { c.Keys = authority; c.Limits.Penalties.Least = time.Hour })
	for name, c := range map[string]struct {
		by     gossh.Signer
		user   string
		change func(*gossh.Certificate)
		want   string // the role, empty for refused
	}{
		"for its user":             {ca, "ada", nil, "viewer"},
		"for another user":         {ca, "root", nil, ""},
		"with a known principal":   {ca, "root", func(c *gossh.Certificate) { c.ValidPrincipals = []string{"x", "matrx-operators"} }, "operator"},
		"without principals":       {ca, "ada", func(c *gossh.Certificate) { c.ValidPrincipals = nil }, ""},
		"of an unknown authority":  {stranger, "ada", nil, ""},
		"for a host":               {ca, "ada", func(c *gossh.Certificate) { c.CertType = gossh.HostCert }, ""},
		"expired":                  {ca, "ada", func(c *gossh.Certificate) { c.ValidBefore = uint64(time.Now().Add(-time.Minute).Unix()) }, ""},
		"not valid yet":            {ca, "ada", func(c *gossh.Certificate) { c.ValidAfter = uint64(time.Now().Add(time.Minute).Unix()) }, ""},
		"from this address":        {ca, "ada", critical("source-address", "10.0.0.0/8,127.0.0.1/32"), "viewer"},
		"from another address":     {ca, "ada", critical("source-address", "10.0.0.0/8"), ""},
		"with damaged addresses":   {ca, "ada", critical("source-address", "127.0.0.1,here"), ""},
		"with an unknown option":   {ca, "ada", critical("verify-required", ""), ""},
		"with a forced command":    {ca, "ada", critical("force-command", "status"), "viewer"},
		"signed by its own holder": {key, "ada", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := sshdtest.Login(r.addr, sshdtest.ClientConfig(c.user, certificate(t, c.by, key, c.change)))
			if err != nil {
				if c.want != "" {
					t.Fatalf("refused: %v\n%s", err, r.log)
				}
				return
			}
			defer func() { _ = client.Close() }()
			got := sshdtest.Run(t, client, "anything", "").Stdout
			want := "ada-2026 (serial 7)|" + gossh.FingerprintSHA256(key.PublicKey()) + "|ca|" + c.want + "|true|"
			if c.want == "" || !strings.HasPrefix(got, want) {
				t.Fatalf("got in as %q, want %q", got, want)
			}
			if name == "with a forced command" && !strings.HasSuffix(got, "|status") {
				t.Fatalf("ran another command: %q", got)
			}
		})
	}
}

func critical(name, value string) func(*gossh.Certificate) {
	return func(c *gossh.Certificate) { c.CriticalOptions[name] = value }
}

func TestACertificateWithoutPermitPtyHasNoTerminal(t *testing.T) {
	ca, key := sshdtest.Key(t), sshdtest.Key(t)
	authority, _ := NewAuthority(sshdtest.Line(ca, ""), nil, core.RoleViewer)
	signer := certificate(t, ca, key, func(c *gossh.Certificate) { maps.DeleteFunc(c.Extensions, func(string, string) bool { return true }) })
	id, err := authority.Lookup(t.Context(), Attempt{Key: signer.PublicKey(), User: "ada", Addr: &net.TCPAddr{}, At: time.Now()})
	if err != nil || !id.NoPTY {
		t.Fatalf("%+v, %v", id, err)
	}
}

func TestALiveSessionOutlivesItsCertificate(t *testing.T) {
	ca, key := sshdtest.Key(t), sshdtest.Key(t)
	authority, _ := NewAuthority(sshdtest.Line(ca, ""), nil, core.RoleViewer)
	signer := certificate(t, ca, key, nil)
	at := Attempt{Key: signer.PublicKey(), User: "ada", Addr: &net.TCPAddr{}, At: time.Now()}
	if _, err := authority.Lookup(t.Context(), at); err != nil {
		t.Fatal(err) // however late it is asked, the login is what counts
	}
	at.At = time.Now().Add(2 * time.Hour)
	if _, err := authority.Lookup(t.Context(), at); core.CodeOf(err) != core.CodeForbidden {
		t.Fatalf("a login after the end: %v", err)
	}
}

func TestAnAuthorityTakesNoOptionsAndWeakKeysDoNotCount(t *testing.T) {
	ca := sshdtest.Key(t)
	_, problems := NewAuthority("restrict "+sshdtest.Line(ca, ""), nil, core.RoleViewer)
	if len(problems) != 1 {
		t.Fatalf("problems: %v", problems)
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := gossh.NewSignerFromKey(weak)
	if err != nil {
		t.Fatal(err)
	}
	authority, _ := NewAuthority(sshdtest.Line(ca, ""), nil, core.RoleViewer)
	cert := certificate(t, ca, signer, nil)
	_, err = authority.Lookup(t.Context(), Attempt{Key: cert.PublicKey(), User: "ada", Addr: &net.TCPAddr{}, At: time.Now()})
	if core.CodeOf(err) != core.CodeForbidden {
		t.Fatalf("1024 bits: %v", err)
	}
}

func TestTheHostKeyIsMadeOnceAndKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys", "host_key")
	first, err := LoadHostKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	second, err := LoadHostKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.PublicKey().Marshal(), second.PublicKey().Marshal()) {
		t.Fatal("the key has changed")
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Fatalf("left behind: %v, %v", slices.Collect(func(yield func(string) bool) {
			for _, e := range entries {
				yield(e.Name())
			}
		}), err)
	}
}

func TestADamagedHostKeyIsAnErrorAndStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "host_key")
	for name, text := range map[string]string{"empty": "", "torn": "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := LoadHostKey(path)
		if core.CodeOf(err) != core.CodeInvalid || !strings.Contains(core.MessageOf(err), path) {
			t.Errorf("%s: %v", name, err)
		}
		if got, _ := os.ReadFile(path); string(got) != text {
			t.Errorf("%s: the file was changed", name)
		}
	}
}

func TestAHostKeyOfAnotherKindIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "host_key")
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	block, err := gossh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadHostKey(path); core.CodeOf(err) != core.CodeInvalid {
		t.Fatalf("%v", err)
	}
}
