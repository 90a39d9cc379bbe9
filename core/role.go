package core

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

// UnmarshalText reads a role's name, and "none", as the audit of an actor without a role holds it.
func (r *Role) UnmarshalText(text []byte) error {
	if string(text) == RoleNone.String() {
		*r = RoleNone
		return nil
	}
	role, err := ParseRole(string(text))
	if err != nil {
		return err
	}
	*r = role
	return nil
}
