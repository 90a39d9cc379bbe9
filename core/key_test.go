package core

import (
	"crypto/dsa" //lint:ignore SA1019 a key of this kind is made to be refused
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

func authorizedLine(t testing.TB, key any) string {
	t.Helper()
	public := must2(ssh.NewPublicKey(key))(t)
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(public)))
}

func TestAGoodKeyIsReadWithItsOptionsAndStoredInOneForm(t *testing.T) {
	line, fingerprint := newKeyText(t, "ada@laptop")
	for name, c := range map[string]struct{ in, comment, normal string }{
		"plain":            {line, "ada@laptop", line},
		"blanks":           {"  " + strings.Replace(line, " ", "   ", 1) + " \n", "ada@laptop", line},
		"options":          {`from="10.0.0.0/8,!10.1.1.1",no-pty ` + line, "ada@laptop", `from="10.0.0.0/8,!10.1.1.1",no-pty ` + line},
		"blank in a quote": {`command="status --json" ` + line, "ada@laptop", `command="status --json" ` + line},
		"hostile comment":  {line + "\x1b[2J\u202e", "ada@laptop[2J", line + "[2J"},
		"no comment":       {strings.TrimSuffix(line, " ada@laptop"), "", strings.TrimSuffix(line, " ada@laptop")},
	} {
		t.Run(name, func(t *testing.T) {
			key, err := ParseKey(c.in)
			if err != nil {
				t.Fatal(err)
			}
			if key.Fingerprint() != fingerprint || key.Comment != c.comment || key.Text() != c.normal {
				t.Fatalf("got %q %q %q", key.Fingerprint(), key.Comment, key.Text())
			}
		})
	}
}

func TestWhatIsNotOneGoodPublicKeyIsRefusedWithoutRepeatingIt(t *testing.T) {
	line, _ := newKeyText(t, "ada")
	weak := must2(rsa.GenerateKey(rand.Reader, 1024))(t)
	curve := must2(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))(t)
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block := must2(ssh.MarshalPrivateKey(private, "secret-comment"))(t)
	armour := string(pem.EncodeToMemory(block))
	inner := strings.Split(armour, "\n")[1]
	for name, c := range map[string]struct{ in, says string }{
		"nothing":               {" \n", "no key"},
		"private key":           {armour, "private key"},
		"first lines of one":    {"-----BEGIN OPENSSH PRIVATE KEY-----", "private key"},
		"inner line of one":     {inner, "private key"},
		"one on one line":       {strings.ReplaceAll(armour, "\n", " "), "private key"},
		"PuTTY's private key":   {"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none", "private key"},
		"two keys":              {line + "\n" + line, "one line"},
		"a comment":             {"# my key", "comment"},
		"no key type":           {"AAAAC3NzaC1lZDI1NTE5AAAAI", "not a public key"},
		"damaged":               {strings.Replace(line, "AAAAC3", "AAAAC4", 1), "not a public key"},
		"a short RSA key":       {authorizedLine(t, &weak.PublicKey), "1024 bits"},
		"DSA":                   {authorizedLine(t, dsaKey(t)), "ssh-dss"},
		"a curve nobody allows": {authorizedLine(t, &curve.PublicKey), "ecdsa-sha2-nistp384"},
		"a certificate":         {certificateLine(t), "certificate"},
		"an authority":          {"cert-authority " + line, "MATRX_SSH_CA"},
		"an unknown option":     {"tunnel=\"1\" " + line, "tunnel"},
		"an unquoted option":    {"from=10.0.0.0/8 " + line, "quotes"},
		"an option without":     {"from " + line, "quotes"},
		"too long":              {line + strings.Repeat("x", maxKeyLine), "longer"},
	} {
		t.Run(name, func(t *testing.T) {
			key, err := ParseKey(c.in)
			wantCode(t, err, CodeInvalid, c.says)
			if key.Key != nil || key.options != nil {
				t.Fatalf("it was kept: %+v", key)
			}
			for _, word := range strings.Fields(c.in) {
				if len(word) > 24 && strings.Contains(err.Error(), word) {
					t.Fatalf("the message repeats what was given: %q", err)
				}
			}
		})
	}
}

func dsaKey(t testing.TB) *dsa.PublicKey {
	t.Helper()
	var key dsa.PrivateKey
	if err := dsa.GenerateParameters(&key.Parameters, rand.Reader, dsa.L1024N160); err != nil {
		t.Fatal(err)
	}
	if err := dsa.GenerateKey(&key, rand.Reader); err != nil {
		t.Fatal(err)
	}
	return &key.PublicKey
}

func certificateLine(t testing.TB) string {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &ssh.Certificate{Key: must2(ssh.NewPublicKey(public))(t), CertType: ssh.UserCert, ValidBefore: ssh.CertTimeInfinity}
	if err := cert.SignCert(rand.Reader, must2(ssh.NewSignerFromKey(private))(t)); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(cert)))
}

func FuzzAKeyThatIsAcceptedReadsTheSameAgain(f *testing.F) {
	line, _ := newKeyText(f, "ada")
	f.Add(line)
	f.Add(`from="1.2.3.4",command="a b" ` + line + " and more \x00")
	f.Add("-----BEGIN OPENSSH PRIVATE KEY-----")
	f.Fuzz(func(t *testing.T, in string) {
		key, err := ParseKey(in)
		if err != nil {
			return
		}
		again, err := ParseKey(key.Text())
		if err != nil || strings.ContainsAny(key.Text(), "\r\n") {
			t.Fatalf("%q -> %q (%v)", in, key.Text(), err)
		}
		if again.Fingerprint() != key.Fingerprint() || again.Comment != key.Comment || again.Text() != key.Text() || again.Command != key.Command {
			t.Fatalf("%q -> %q -> %q", in, key.Text(), again.Text())
		}
	})
}
