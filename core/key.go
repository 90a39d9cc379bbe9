package core

import (
	"crypto/rsa"
	"encoding/base64"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/crypto/ssh"
)

// The bounds of one authorized_keys line. An RSA key of 16384 bits takes 2,800 bytes.
const (
	maxKeyLine    = 16 << 10 // bytes
	maxKeyComment = 100      // characters
	minRSABits    = 2048
)

// AuthorizedKey is one good line of authorized_keys: a key that may sign in, and on which terms.
type AuthorizedKey struct {
	Key     ssh.PublicKey
	Comment string          // fit for screens: printable, bounded
	Line    int             // where it stands in its text, counted from 1
	From    AddressPatterns // from=
	Expires time.Time       // expiry-time=; zero for never
	NoPTY   bool            // no-pty or restrict
	Command string          // command=, which runs instead of anything else

	options []string // as they were written
}

// Fingerprint gives "SHA256:..." of the key.
func (k AuthorizedKey) Fingerprint() string { return ssh.FingerprintSHA256(k.Key) }

// Expired reports whether the key does not count any more at a time.
func (k AuthorizedKey) Expired(at time.Time) bool {
	return !k.Expires.IsZero() && !at.Before(k.Expires)
}

// Text writes the line in the form in which it is stored.
func (k AuthorizedKey) Text() string {
	fields := make([]string, 0, 4)
	if len(k.options) > 0 {
		fields = append(fields, strings.Join(k.options, ","))
	}
	fields = append(fields, k.Key.Type(), base64.StdEncoding.EncodeToString(k.Key.Marshal()))
	if k.Comment != "" {
		fields = append(fields, k.Comment)
	}
	return strings.Join(fields, " ")
}

// ParseKey reads one authorized_keys line, with or without options, as strictly as the SSH door judges it: what is
// accepted here can sign in. A line that is not one good public key is CodeInvalid; the message says why and never
// repeats the line, which may hold a private key.
func ParseKey(line string) (AuthorizedKey, error) {
	text := strings.TrimSpace(line)
	switch {
	case text == "":
		return AuthorizedKey{}, Errorf(CodeInvalid, "There is no key: give one authorized_keys line, such as the content of id_ed25519.pub.")
	case isPrivateKey(text):
		return AuthorizedKey{}, Errorf(CodeInvalid, "That is a private key. Nothing of it was kept, but it left its machine: make a new pair and give the public half, the file that ends in .pub.")
	case len(text) > maxKeyLine:
		return AuthorizedKey{}, Errorf(CodeInvalid, "The key is longer than %d bytes.", maxKeyLine)
	case strings.ContainsAny(text, "\r\n\x00"):
		return AuthorizedKey{}, Errorf(CodeInvalid, "Give one key: it is one line without a line break.")
	case text[0] == '#':
		return AuthorizedKey{}, Errorf(CodeInvalid, "The line is a comment, not a key.")
	}
	return parseKeyLine(text)
}

// isPrivateKey is true for what the usual tools write as a private key, also when only a part of it was pasted.
func isPrivateKey(text string) bool {
	for _, sign := range []string{"PRIVATE KEY", "-----BEGIN", "PuTTY-User-Key-File", "Private-Lines", "Private-MAC"} {
		if strings.Contains(text, sign) {
			return true
		}
	}
	// The inner lines of an OpenSSH private key begin with the base64 of "openssh-key-v1".
	return strings.HasPrefix(text, "b3BlbnNzaC1rZXktdjE")
}

// parseKeyLine reads a trimmed line that is neither blank nor a comment.
func parseKeyLine(line string) (AuthorizedKey, error) {
	var key AuthorizedKey
	kind, rest := cutField(line)
	if !isKeyType(kind) {
		options, after, err := cutOptions(line)
		if err != nil {
			return AuthorizedKey{}, err
		}
		for _, option := range options {
			if err := key.apply(option); err != nil {
				return AuthorizedKey{}, err
			}
		}
		key.options = options
		kind, rest = cutField(after)
	}
	blob, comment := cutField(rest)
	parsed, err := parseKeyBlob(kind, blob)
	if err != nil {
		return AuthorizedKey{}, err
	}
	key.Key, key.Comment = parsed, cleanComment(comment)
	return key, nil
}

// keyTypes are the kinds of key that can sign in here.
func keyTypes() []string {
	return []string{ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519, ssh.KeyAlgoRSA, ssh.KeyAlgoECDSA256}
}

// isKeyType is true for the name of any kind of key, whether it can sign in or not: no option is named so.
func isKeyType(word string) bool {
	return strings.HasPrefix(word, "ssh-") || strings.HasPrefix(word, "ecdsa-") || strings.HasPrefix(word, "sk-")
}

// errNotAKey is said of what cannot be read as a public key at all.
func errNotAKey() error {
	return Errorf(CodeInvalid, "That is not a public key: a line is TYPE KEY [COMMENT], such as ssh-ed25519 AAAA... name.")
}

func parseKeyBlob(kind, blob string) (ssh.PublicKey, error) {
	raw, err := base64.StdEncoding.DecodeString(blob)
	if err != nil || blob == "" || !isKeyType(kind) {
		return nil, errNotAKey()
	}
	key, err := ssh.ParsePublicKey(raw)
	switch {
	case strings.Contains(kind, "-cert-v01@"):
		return nil, Errorf(CodeInvalid, "That is a certificate. Certificates are accepted through their authority, whose key is set as MATRX_SSH_CA.")
	case err != nil && isKeyType(kind) && !slices.Contains(keyTypes(), kind):
		return nil, errKeyType(kind)
	case err != nil:
		return nil, errNotAKey()
	case key.Type() != kind:
		return nil, Errorf(CodeInvalid, "The line says %s but holds a key of type %s.", quotable(kind), key.Type())
	}
	return key, CheckKey(key)
}

func errKeyType(kind string) error {
	return Errorf(CodeInvalid, "Keys of type %s are not accepted; ed25519 is best.", quotable(kind))
}

// CheckKey refuses kinds and sizes of keys that do not count, with CodeInvalid.
func CheckKey(key ssh.PublicKey) error {
	if !slices.Contains(keyTypes(), key.Type()) {
		return errKeyType(key.Type())
	}
	if c, ok := key.(ssh.CryptoPublicKey); ok {
		if r, ok := c.CryptoPublicKey().(*rsa.PublicKey); ok && r.N.BitLen() < minRSABits {
			return Errorf(CodeInvalid, "The RSA key has %d bits; it needs at least %d.", r.N.BitLen(), minRSABits)
		}
	}
	return nil
}

// cutField splits off the first blank-separated field.
func cutField(s string) (field, rest string) {
	s = strings.TrimLeft(s, " \t")
	if i := strings.IndexAny(s, " \t"); i >= 0 {
		return s[:i], strings.TrimSpace(s[i:])
	}
	return s, ""
}

// cleanComment makes a comment fit for screens and logs: printable, bounded.
func cleanComment(comment string) string {
	printable := strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, comment))
	if runes := []rune(printable); len(runes) > maxKeyComment {
		return strings.TrimSpace(string(runes[:maxKeyComment]))
	}
	return printable
}

// quotable cuts what a message repeats of a line so short that it cannot hold a part of a key.
func quotable(text string) string {
	const most = 24
	text = SafeText(text)
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}

// maskKey is what the audit keeps of a key that somebody gave: the public key, or nothing.
func maskKey(line string) string {
	key, err := ParseKey(line)
	if err != nil {
		return mask
	}
	return key.Text()
}
