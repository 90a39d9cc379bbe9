package sshd

import (
	"context"
	"net"
	"strings"
	"time"
	"unicode"

	gossh "golang.org/x/crypto/ssh"

	"github.com/codematrx/matrx-ship/core"
)

// Identity is who logged in. It always belongs to the key that signed, never to one that was only offered.
type Identity struct {
	Name        string    // comment of the key, or key id and serial of the certificate
	Fingerprint string    // "SHA256:..." of the key that signed
	Certificate bool      // logged in by a certificate
	Principals  []string  // of the certificate
	Source      string    // where the right comes from: "environment", "store", "ca"
	Role        core.Role // what he may do
	NoPTY       bool      // may not have a terminal
	Command     string    // when set, runs instead of whatever the client asked for
}

// Attempt is one question to a KeySource: may this key, from this address, under this user name?
type Attempt struct {
	Key  gossh.PublicKey
	User string
	Addr net.Addr
	At   time.Time // validity periods are judged at this time: now, or the login for a live connection
}

// KeySource answers whether a key may log in. It is also asked for live connections every Limits.Recheck, and a
// connection whose key is refused then is ended. Lookup must answer from memory; it refuses with core.CodeForbidden,
// and any other error means "cannot tell now", which refuses a login but leaves live connections alone.
type KeySource interface {
	Lookup(ctx context.Context, a Attempt) (Identity, error)
}

// refusedf makes the error of a key that may not log in.
func refusedf(format string, args ...any) error {
	return core.Errorf(core.CodeForbidden, format, args...)
}

// JoinKeys asks several sources in order; the first that knows the key decides. A source that cannot tell does not
// stand in the way of the next.
func JoinKeys(sources ...KeySource) KeySource { return joined(sources) }

type joined []KeySource

func (j joined) Lookup(ctx context.Context, a Attempt) (Identity, error) {
	var refusals, failures []string
	for _, source := range j {
		id, err := source.Lookup(ctx, a)
		switch {
		case err == nil:
			return id, nil
		case core.CodeOf(err) == core.CodeForbidden:
			refusals = append(refusals, err.Error())
		default:
			failures = append(failures, err.Error())
		}
	}
	if len(failures) > 0 {
		return Identity{}, core.Errorf(core.CodeUnavailable, "look up key: %s", strings.Join(failures, "; "))
	}
	return Identity{}, refusedf("%s", strings.Join(append(refusals, "no source lets this key in"), "; "))
}

// Fingerprint gives "SHA256:..." of a key; for a certificate that of the key it certifies, which is the one that signs.
func Fingerprint(key gossh.PublicKey) string {
	if cert, ok := key.(*gossh.Certificate); ok {
		key = cert.Key
	}
	return gossh.FingerprintSHA256(key)
}

// maxName bounds a name that comes from a key's comment or a certificate.
const maxName = 100

// cleanName makes outside text fit for screens and logs: no control characters, bounded length.
func cleanName(s string) string {
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s))
	if r := []rune(s); len(r) > maxName {
		s = string(r[:maxName])
	}
	return s
}
