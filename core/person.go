package core

import (
	"regexp"
	"strings"
)

// personName is what a person may be called: it is typed in commands and read in the audit.
var personName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$`)

// checkPersonName refuses names that cannot be typed or that deceive.
func checkPersonName(name string) error {
	if !personName.MatchString(name) {
		return Errorf(CodeInvalid, "%q cannot be a name: use 1 to 64 letters, digits and . _ @ + - and begin with a letter or a digit.", SafeText(name))
	}
	return nil
}

// nameFromKey names the person of a key in the environment: by its comment, else by the key.
func nameFromKey(comment, fingerprint string) string {
	name := strings.Join(strings.Fields(comment), "-")
	if personName.MatchString(name) {
		return name
	}
	digest := strings.Map(func(r rune) rune {
		if r == '+' || r == '/' {
			return '-'
		}
		return r
	}, strings.TrimPrefix(fingerprint, "SHA256:"))
	return "admin-" + digest[:min(8, len(digest))]
}

// Validate checks the name, the role and the key.
func (in AddPersonIn) Validate() error {
	if err := checkPersonName(in.Name); err != nil {
		return err
	}
	if err := checkRole(in.Role); err != nil {
		return err
	}
	_, err := ParseKey(in.Key)
	return err
}

// Validate checks the role.
func (in SetRoleIn) Validate() error { return checkRole(in.Role) }

// Validate checks the key.
func (in AddKeyIn) Validate() error {
	_, err := ParseKey(in.Key)
	return err
}

// checkRole refuses a role that nobody can have.
func checkRole(role Role) error {
	if role < RoleViewer || role > RoleAdmin {
		return Errorf(CodeInvalid, "Which role? The roles are viewer, operator and admin.")
	}
	return nil
}
