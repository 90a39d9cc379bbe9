package core

import "strings"

// Domain is a host name in lower case without a trailing dot; ParseDomain is the only way to make one from input.
type Domain string

// ParseDomain normalises and checks a host name: labels of letters, digits and inner dashes, at least two of them, the
// last one not a number. The error says what is wrong.
func ParseDomain(s string) (Domain, error) {
	name := strings.TrimSuffix(strings.ToLower(strings.TrimSpace(s)), ".")
	if len(name) > 253 {
		return "", Errorf(CodeInvalid, "The domain has %d characters; 253 are the most.", len(name))
	}
	labels := strings.Split(name, ".")
	if len(labels) < 2 {
		return "", Errorf(CodeInvalid, "%q is not a domain: give a full host name like app.example.com.", cutLine(s))
	}
	for _, label := range labels {
		if !isDomainLabel(label) {
			return "", Errorf(CodeInvalid, "%q is not a domain: %q may hold letters, digits and inner dashes only, at most 63.", cutLine(s), cutLine(label))
		}
	}
	if last := labels[len(labels)-1]; strings.Trim(last, "0123456789") == "" {
		return "", Errorf(CodeInvalid, "%q is not a domain: %q is a number, so that it would be an address. Give a host name like app.example.com.", cutLine(s), last)
	}
	return Domain(name), nil
}

// isDomainLabel is true for one part of a host name.
func isDomainLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for i := range len(label) {
		c := label[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// UnmarshalText takes only what ParseDomain takes.
func (d *Domain) UnmarshalText(text []byte) error {
	parsed, err := ParseDomain(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}
