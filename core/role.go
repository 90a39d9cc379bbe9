package core

import "slices"

// Role is what an actor may do. The zero value may do nothing.
type Role int

// The roles, each including the ones before it.
const (
	RoleNone     Role = iota
	RoleViewer        // sees everything but secrets
	RoleOperator      // changes what runs
	RoleAdmin         // also decides who may
)

// roleNames are indexed by Role.
var roleNames = [...]string{"none", "viewer", "operator", "admin"}

// String names the role as screens and flags do.
func (r Role) String() string {
	if r < 0 || int(r) >= len(roleNames) {
		return "none"
	}
	return roleNames[r]
}

// ParseRole reads a role's name.
func ParseRole(s string) (Role, error) {
	for i, name := range roleNames {
		if i > 0 && name == s {
			return Role(i), nil
		}
	}
	return RoleNone, Errorf(CodeInvalid, "There is no role %q; the roles are viewer, operator and admin.", s)
}

// MarshalText writes the role's name.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads a role's name. One that another release wrote and nobody here knows reads as RoleNone, which may do
// nothing: the journal stays readable. Where a role is asked for, ParseRole and the inputs' Validate refuse it.
func (r *Role) UnmarshalText(text []byte) error {
	*r = Role(max(slices.Index(roleNames[:], string(text)), 0))
	return nil
}
