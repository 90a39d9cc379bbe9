package core

import (
	"slices"
	"strings"
	"time"
)

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
		return nil, "", Errorf(CodeInvalid, "A quote in the options of the key is not closed.")
	}
	return nil, "", errNotAKey()
}

// apply takes one option into the key, or refuses it: ignoring one could let in somebody whom it was meant to keep out.
func (k *AuthorizedKey) apply(option string) (err error) {
	name, value, valued := strings.Cut(option, "=")
	name = strings.ToLower(name)
	if name == "cert-authority" {
		return Errorf(CodeInvalid, "That line names a certificate authority; set it as MATRX_SSH_CA.")
	}
	needsValue := slices.Contains([]string{"from", "expiry-time", "command"}, name)
	if !needsValue && !k.applySwitch(name) {
		return Errorf(CodeInvalid, "The option %q is not supported.", quotable(name))
	}
	quoted := len(value) > 2 && value[0] == '"' && value[len(value)-1] == '"'
	if needsValue != valued || valued && !quoted {
		return Errorf(CodeInvalid, "The option %s is not written right: a value stands in quotes, such as from=\"10.0.0.0/8\".", name)
	}
	if !needsValue {
		return nil
	}
	value = strings.ReplaceAll(value[1:len(value)-1], `\"`, `"`)
	switch name {
	case "from":
		k.From, err = ParseAddressPatterns(value)
	case "expiry-time":
		k.Expires, err = parseExpiry(value)
	default:
		k.Command = value
	}
	return err
}

// applySwitch takes an option without a value, and reports whether it is known.
func (k *AuthorizedKey) applySwitch(name string) bool {
	switch name {
	case "restrict", "no-pty":
		k.NoPTY = true
	case "pty":
		k.NoPTY = false
	default:
		return slices.Contains([]string{"no-port-forwarding", "no-agent-forwarding", "no-x11-forwarding", "no-user-rc"}, name) // always so here
	}
	return true
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
	return time.Time{}, Errorf(CodeInvalid, "The expiry-time %q is not YYYYMMDD[HHMM[SS]][Z].", quotable(value))
}
