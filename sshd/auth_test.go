package sshd

import (
	"context"
	"fmt"
	"net"
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
	keys, _ := environmentKeys(sshdtest.Line(offered, "boss")+"\n"+sshdtest.Line(signs, "clerk"), core.RoleViewer)
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
	for _, s := range r.connections()[0].live() {
		if s.ctx.Err() != nil {
			t.Fatal("a store that cannot tell ended a session")
		}
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
	// Core looks at its files each second, and a session that does not go by itself is cut after twice EndGrace.
	if worst := time.Second + l.Recheck + 2*l.EndGrace; worst >= 5*time.Second {
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
	keys, problems := environmentKeys(`restrict,command="status --json" `+sshdtest.Line(key, "ci"), core.RoleViewer)
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
