package core

import (
	"crypto/rsa"
	"encoding/base64"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/crypto/ssh"
)

// The bounds of one authorized_keys line. An RSA key of 16384 bits takes 2,800 bytes.
const (
	maxKeyLine    = 16 << 10 // bytes
	maxKeyComment = 100      // characters
	minRSABits    = 2048
)

// keyTypes are the kinds of key that can sign in here.
func keyTypes() []string {
	return []string{ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519, ssh.KeyAlgoRSA, ssh.KeyAlgoECDSA256}
}

// keyOptions are the options that the SSH door honours. Another one is refused: ignoring it could let in somebody whom
// it was meant to keep out.
func keyOptions() []string {
	return []string{
		"from", "expiry-time", "command", "restrict", "no-pty", "pty",
		"no-port-forwarding", "no-agent-forwarding", "no-x11-forwarding", "no-user-rc",
	}
}

// ParseKey reads one authorized_keys line, with or without options. It gives the key's fingerprint (SHA256:...), its
// comment fit for a screen, and the line as it is stored. A line that is not one good public key is CodeInvalid; the
// message says why and never repeats the line, which may hold a private key.
func ParseKey(line string) (fingerprint, comment, normal string, err error) {
	text := strings.TrimSpace(line)
	switch {
	case text == "":
		return "", "", "", Errorf(CodeInvalid, "There is no key: give one authorized_keys line, such as the content of id_ed25519.pub.")
	case isPrivateKey(text):
		return "", "", "", Errorf(CodeInvalid, "That is a private key. Nothing of it was kept, but it left its machine: make a new pair and give the public half, the file that ends in .pub.")
	case len(text) > maxKeyLine:
		return "", "", "", Errorf(CodeInvalid, "The key is longer than %d bytes.", maxKeyLine)
	case strings.ContainsAny(text, "\r\n\x00"):
		return "", "", "", Errorf(CodeInvalid, "Give one key: it is one line without a line break.")
	case strings.HasPrefix(text, "#"):
		return "", "", "", Errorf(CodeInvalid, "The line is a comment, not a key.")
	}
	key, comment, options, _, perr := ssh.ParseAuthorizedKey([]byte(text))
	if perr != nil {
		return "", "", "", Errorf(CodeInvalid, "That is not a public key: a line is TYPE KEY [COMMENT], such as ssh-ed25519 AAAA... name.")
	}
	if err := checkKey(key); err != nil {
		return "", "", "", err
	}
	if err := checkKeyOptions(options); err != nil {
		return "", "", "", err
	}
	comment = cleanComment(comment)
	return ssh.FingerprintSHA256(key), comment, keyLine(options, key, comment), nil
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

// checkKey refuses kinds and sizes of keys that do not count.
func checkKey(key ssh.PublicKey) error {
	if _, ok := key.(*ssh.Certificate); ok {
		return Errorf(CodeInvalid, "That is a certificate. Certificates are accepted through their authority, whose key is set as MATRX_SSH_CA.")
	}
	if !slices.Contains(keyTypes(), key.Type()) {
		return Errorf(CodeInvalid, "Keys of type %s are not accepted; ed25519 is best.", key.Type())
	}
	if c, ok := key.(ssh.CryptoPublicKey); ok {
		if r, ok := c.CryptoPublicKey().(*rsa.PublicKey); ok && r.N.BitLen() < minRSABits {
			return Errorf(CodeInvalid, "The RSA key has %d bits; it needs at least %d.", r.N.BitLen(), minRSABits)
		}
	}
	return nil
}

// checkKeyOptions refuses options that the SSH door does not honour.
func checkKeyOptions(options []string) error {
	for _, option := range options {
		name, value, valued := strings.Cut(option, "=")
		name = strings.ToLower(name)
		if name == "cert-authority" {
			return Errorf(CodeInvalid, "That line names a certificate authority; set it as MATRX_SSH_CA.")
		}
		if !slices.Contains(keyOptions(), name) {
			return Errorf(CodeInvalid, "The option %q is not supported.", SafeText(name))
		}
		needsValue := name == "from" || name == "expiry-time" || name == "command"
		quoted := len(value) > 2 && value[0] == '"' && value[len(value)-1] == '"'
		if needsValue != valued || valued && !quoted {
			return Errorf(CodeInvalid, "The option %s is not written right: a value stands in quotes, such as from=\"10.0.0.0/8\".", name)
		}
	}
	return nil
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

// keyLine writes a key as it is stored.
func keyLine(options []string, key ssh.PublicKey, comment string) string {
	fields := make([]string, 0, 4)
	if len(options) > 0 {
		fields = append(fields, strings.Join(options, ","))
	}
	fields = append(fields, key.Type(), base64.StdEncoding.EncodeToString(key.Marshal()))
	if comment != "" {
		fields = append(fields, comment)
	}
	return strings.Join(fields, " ")
}

// maskKey is what the audit keeps of a key that somebody gave: the public key, or nothing.
func maskKey(line string) string {
	if _, _, normal, err := ParseKey(line); err == nil {
		return normal
	}
	return mask
}
