package sshd

import (
	"crypto/rand"
	"crypto/rsa"
	"maps"
	"net"
	"strings"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/sshd/sshdtest"
)

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
