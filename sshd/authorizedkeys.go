package sshd

import (
	"bytes"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	gossh "golang.org/x/crypto/ssh"
)

// AuthorizedKey is one good line of an authorized_keys text.
type AuthorizedKey struct {
	Key     gossh.PublicKey
	Comment string
	Line    int             // counted from 1
	From    AddressPatterns // from=
	Expires time.Time       // expiry-time=; zero for never
	NoPTY   bool            // no-pty or restrict
	Command string          // command=
}

// Problem is one line that was skipped, and why.
type Problem struct {
	Line   int // counted from 1
	Reason string
}

// String reads as a warning does.
func (p Problem) String() string { return fmt.Sprintf("line %d skipped: %s", p.Line, p.Reason) }

// maxKeyLine bounds one line, in bytes; the largest sensible key (RSA 16384) needs a quarter of it.
const maxKeyLine = 16 << 10

// ParseAuthorizedKeys reads the text of an authorized_keys file or variable. Each line stands for itself: a bad one is
// reported and skipped, the others count. A line with an option that is not known here is skipped, because ignoring an
// option could let in somebody whom it was meant to keep out.
func ParseAuthorizedKeys(text []byte) (keys []AuthorizedKey, problems []Problem) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	seen := map[string]int{}
	number := 0
	for line := range bytes.Lines(text) {
		number++
		key, err := parseKeyLine(string(bytes.TrimSpace(line)))
		if err != nil {
			problems = append(problems, Problem{number, err.Error()})
			continue
		}
		if key.Key == nil {
			continue
		}
		blob := string(key.Key.Marshal())
		if first, ok := seen[blob]; ok {
			problems = append(problems, Problem{number, fmt.Sprintf("the key is already on line %d, which counts", first)})
			continue
		}
		seen[blob] = number
		key.Line = number
		keys = append(keys, key)
	}
	return keys, problems
}

// parseKeyLine reads one trimmed line. A blank line or a comment gives a key without Key.
func parseKeyLine(line string) (AuthorizedKey, error) {
	var key AuthorizedKey
	if line == "" || line[0] == '#' {
		return key, nil
	}
	if len(line) > maxKeyLine {
		return key, fmt.Errorf("it is longer than %d bytes", maxKeyLine)
	}
	first, rest := cutField(line)
	if !slices.Contains(keyTypes(), first) {
		options, after, err := cutOptions(line)
		if err != nil {
			return key, err
		}
		for _, option := range options {
			if err := key.apply(option); err != nil {
				return key, err
			}
		}
		first, rest = cutField(after)
	}
	blob, comment := cutField(rest)
	parsed, err := parseKeyBlob(first, blob)
	if err != nil {
		return key, err
	}
	key.Key, key.Comment = parsed, comment
	return key, nil
}

// keyTypes are the kinds of key that can log in here.
func keyTypes() []string {
	return []string{gossh.KeyAlgoED25519, gossh.KeyAlgoSKED25519, gossh.KeyAlgoRSA, gossh.KeyAlgoECDSA256}
}

// minRSABits is the smallest RSA key that is accepted.
const minRSABits = 2048

func parseKeyBlob(kind, blob string) (gossh.PublicKey, error) {
	switch {
	case kind == "" || blob == "":
		return nil, errors.New("there is no key on it")
	case strings.HasSuffix(kind, "-cert-v01@openssh.com"):
		return nil, errors.New("it is a certificate; name its authority instead")
	case !slices.Contains(keyTypes(), kind):
		return nil, fmt.Errorf("keys of type %q are not accepted", cleanName(kind))
	}
	raw, err := base64.StdEncoding.DecodeString(blob)
	if err != nil {
		return nil, errors.New("the key is damaged (not base64)")
	}
	key, err := gossh.ParsePublicKey(raw)
	if err != nil {
		return nil, errors.New("the key is damaged")
	}
	if key.Type() != kind {
		return nil, fmt.Errorf("it says %s but holds a key of type %s", kind, key.Type())
	}
	return key, checkStrength(key)
}

// checkStrength refuses keys too weak to count.
func checkStrength(key gossh.PublicKey) error {
	if !slices.Contains(keyTypes(), key.Type()) {
		return fmt.Errorf("keys of type %q are not accepted", key.Type())
	}
	if c, ok := key.(gossh.CryptoPublicKey); ok {
		if r, ok := c.CryptoPublicKey().(*rsa.PublicKey); ok && r.N.BitLen() < minRSABits {
			return fmt.Errorf("RSA keys need at least %d bits", minRSABits)
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

// cutOptions splits off the option field: a comma-separated list that ends at the first blank outside quotes.
func cutOptions(line string) (options []string, rest string, err error) {
	quoted, start := false, 0
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && quoted && i+1 < len(line) && line[i+1] == '"':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == ',':
			options, start = append(options, line[start:i]), i+1
		case c == ' ' || c == '\t':
			return append(options, line[start:i]), line[i:], nil
		}
	}
	if quoted {
		return nil, "", errors.New("a quote in its options is not closed")
	}
	return nil, "", errors.New("there is no key on it")
}

// apply takes one option into the key, or refuses it.
func (k *AuthorizedKey) apply(option string) (err error) {
	name, value, hasValue := strings.Cut(option, "=")
	name = strings.ToLower(name)
	if hasValue {
		if len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' {
			return fmt.Errorf("the value of option %q is not quoted", cleanName(name))
		}
		value = strings.ReplaceAll(value[1:len(value)-1], `\"`, `"`)
	}
	switch {
	case hasValue && name == "from":
		k.From, err = ParseAddressPatterns(value)
		return err
	case hasValue && name == "expiry-time":
		k.Expires, err = parseExpiry(value)
		return err
	case hasValue && name == "command" && value != "":
		k.Command = value
		return nil
	case hasValue:
	case name == "restrict" || name == "no-pty":
		k.NoPTY = true
		return nil
	case name == "pty":
		k.NoPTY = false
		return nil
	case slices.Contains([]string{"no-port-forwarding", "no-agent-forwarding", "no-x11-forwarding", "no-user-rc"}, name):
		return nil // always so here
	}
	return fmt.Errorf("option %q is not supported", cleanName(name))
}

// parseExpiry reads expiry-time as OpenSSH does: YYYYMMDD[HHMM[SS]] in local time, or in UTC with a trailing Z.
func parseExpiry(value string) (time.Time, error) {
	digits, utc := strings.CutSuffix(value, "Z")
	zone := time.Local
	if utc {
		zone = time.UTC
	}
	for _, layout := range []string{"20060102", "200601021504", "20060102150405"} {
		if len(layout) == len(digits) {
			t, err := time.ParseInLocation(layout, digits, zone)
			if err == nil {
				return t, nil
			}
		}
	}
	return time.Time{}, fmt.Errorf("expiry-time %q is not YYYYMMDD[HHMM[SS]][Z]", cleanName(value))
}
