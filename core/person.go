package core

import (
	"fmt"
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
	_, _, _, err := ParseKey(in.Key)
	return err
}

// Validate checks the role.
func (in SetRoleIn) Validate() error { return checkRole(in.Role) }

// Validate checks the key.
func (in AddKeyIn) Validate() error {
	_, _, _, err := ParseKey(in.Key)
	return err
}

// checkRole refuses a role that nobody can have.
func checkRole(role Role) error {
	if role < RoleViewer || role > RoleAdmin {
		return Errorf(CodeInvalid, "Which role? The roles are viewer, operator and admin.")
	}
	return nil
}

// keyring is what one source says of who may act. It is never written again once others can see it.
type keyring struct {
	people   map[string]Person // by name
	keys     map[string]Key    // by fingerprint
	warnings []string          // what was skipped, and why
}

func newKeyring() keyring {
	return keyring{people: map[string]Person{}, keys: map[string]Key{}}
}

// find gives the key and whose it is.
func (r keyring) find(fingerprint string) (Key, Person, bool) {
	key, ok := r.keys[fingerprint]
	if !ok {
		return Key{}, Person{}, false
	}
	person, ok := r.people[key.Person]
	return key, person, ok
}

// hasAdmin tells whether somebody can sign in as admin with a key of this ring.
func (r keyring) hasAdmin() bool {
	for _, key := range r.keys {
		if r.people[key.Person].Role == RoleAdmin {
			return true
		}
	}
	return false
}

// environmentKeyring reads admins' keys, one authorized_keys line each. A bad line is skipped with a warning that names
// it: it never locks anybody out. Where a variable cannot hold line ends, the two characters \n stand for one.
func environmentKeyring(text, source string) keyring {
	ring := newKeyring()
	text = strings.TrimPrefix(strings.ReplaceAll(text, `\n`, "\n"), "\ufeff")
	for number, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		fingerprint, comment, normal, err := ParseKey(line)
		if err != nil {
			ring.warnings = append(ring.warnings, fmt.Sprintf("%s line %d was skipped: %s", source, number+1, MessageOf(err)))
			continue
		}
		if _, ok := ring.keys[fingerprint]; ok {
			ring.warnings = append(ring.warnings, fmt.Sprintf("%s line %d was skipped: the key stands on an earlier line, which counts.", source, number+1))
			continue
		}
		name := nameFromKey(comment, fingerprint)
		ring.people[name] = Person{Name: name, Role: RoleAdmin, Source: KeyFromEnvironment}
		ring.keys[fingerprint] = Key{Fingerprint: fingerprint, Person: name, Line: normal, Comment: comment, Source: KeyFromEnvironment}
	}
	ring.warnings = boundWarnings(ring.warnings)
	return ring
}

// maxWarnings bounds how many skipped lines are named.
const maxWarnings = 20

// boundWarnings keeps the first warnings and says how many more there are.
func boundWarnings(warnings []string) []string {
	if more := len(warnings) - maxWarnings; more > 0 {
		return append(warnings[:maxWarnings:maxWarnings], fmt.Sprintf("%d more lines were skipped.", more))
	}
	return warnings
}

// storedKeyring checks what a store or a file says. A row that cannot be right is left out with a warning.
func storedKeyring(people []Person, keys []Key) keyring {
	ring := newKeyring()
	for _, person := range people {
		if checkPersonName(person.Name) != nil || checkRole(person.Role) != nil {
			ring.warnings = append(ring.warnings, fmt.Sprintf("The person %q was skipped: its name or its role cannot be right.", SafeText(person.Name)))
			continue
		}
		person.Source = KeyFromStore
		ring.people[person.Name] = person
	}
	for _, key := range keys {
		fingerprint, comment, normal, err := ParseKey(key.Line)
		_, owned := ring.people[key.Person]
		if err != nil || fingerprint != key.Fingerprint || !owned {
			ring.warnings = append(ring.warnings, fmt.Sprintf("The key %s was skipped: its line or its person cannot be right.", SafeText(key.Fingerprint)))
			continue
		}
		key.Source, key.Comment, key.Line = KeyFromStore, comment, normal
		ring.keys[fingerprint] = key
	}
	ring.warnings = boundWarnings(ring.warnings)
	return ring
}
