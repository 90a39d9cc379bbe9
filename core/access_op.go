package core

import "time"

// Where a key comes from.
const (
	KeyFromEnvironment = "environment"
	KeyFromStore       = "store"
	KeyFromCA          = "ca"
)

// Person is somebody who may act.
type Person struct {
	Name    string    `json:"name"`
	Role    Role      `json:"role"`
	Source  string    `json:"source"` // KeyFromEnvironment or KeyFromStore
	Added   time.Time `json:"added"`
	AddedBy string    `json:"added_by,omitempty"`
}

// Key is a public key with which a person signs in over SSH.
type Key struct {
	Fingerprint string    `json:"fingerprint"` // SHA256:...
	Person      string    `json:"person"`
	Line        string    `json:"line"` // as in authorized_keys, with its options
	Comment     string    `json:"comment,omitempty"`
	Source      string    `json:"source"`
	Added       time.Time `json:"added"`
	AddedBy     string    `json:"added_by,omitempty"`
	LastUsed    time.Time `json:"last_used"`
}

// LiveSession is somebody who is connected now.
type LiveSession struct {
	ID      string    `json:"id"`
	Actor   Actor     `json:"actor"`
	What    string    `json:"what"` // console, shell ship-demo, command status
	Started time.Time `json:"started"`
	Active  time.Time `json:"active"` // last key press
}

// The inputs of the access operations.
type (
	// AddPersonIn names a new person, the role, and the first key.
	AddPersonIn struct {
		Name string `json:"name"`
		Role Role   `json:"role"`
		Key  string `json:"key"` // one authorized_keys line
	}
	// SetRoleIn gives a person another role.
	SetRoleIn struct {
		Name string `json:"name"`
		Role Role   `json:"role"`
	}
	// RemovePersonIn removes a person with all keys.
	RemovePersonIn struct {
		Name string `json:"name"`
		Confirm
	}
	// AddKeyIn gives a person one more key.
	AddKeyIn struct {
		Person string `json:"person"`
		Key    string `json:"key"`
	}
	// RevokeKeyIn takes a key away; open sessions of it end within 5 s.
	RevokeKeyIn struct {
		Fingerprint string `json:"fingerprint"`
	}
	// EndSessionIn names a live session.
	EndSessionIn struct {
		ID string `json:"id"`
	}
)

// masked keeps a key that is not a public key out of the audit: it may be the private one, pasted by mistake.
func (in AddPersonIn) masked() any { in.Key = maskKey(in.Key); return in }

// masked keeps a key that is not a public key out of the audit: it may be the private one, pasted by mistake.
func (in AddKeyIn) masked() any { in.Key = maskKey(in.Key); return in }

// Target is the person.
func (in AddPersonIn) Target() string { return in.Name }

// Target is the person.
func (in SetRoleIn) Target() string { return in.Name }

// Target is the person.
func (in RemovePersonIn) Target() string { return in.Name }

// Target is the person.
func (in AddKeyIn) Target() string { return in.Person }

// Target is the key.
func (in RevokeKeyIn) Target() string { return in.Fingerprint }

// Target is the session.
func (in EndSessionIn) Target() string { return in.ID }

// AccessList is everybody who may act, and who is connected.
type AccessList struct {
	People   []Person      `json:"people"`
	Keys     []Key         `json:"keys"`
	Sessions []LiveSession `json:"sessions"`
	Warnings []string      `json:"warnings,omitempty"` // lines of the environment or the store that were skipped, and why
	Writable string        `json:"writable,omitempty"` // empty, or why this plane cannot change people and who can
}

// The operations on access.
var (
	ListAccess   = Op[struct{}, AccessList]{"access.list", "List people, keys and live sessions", Read, RoleViewer, false, false, listAccess}
	AddPerson    = Op[AddPersonIn, Person]{"person.add", "Add a person with a key", Change, RoleAdmin, true, false, addPerson}
	SetRole      = Op[SetRoleIn, Person]{"person.role", "Give a person another role", Change, RoleAdmin, true, false, setRole}
	RemovePerson = Op[RemovePersonIn, Done]{"person.remove", "Remove a person and all keys", Destroy, RoleAdmin, true, false, removePerson}
	AddKey       = Op[AddKeyIn, Key]{"key.add", "Give a person one more key", Change, RoleAdmin, true, false, addKey}
	RevokeKey    = Op[RevokeKeyIn, Done]{"key.revoke", "Revoke a key and end its sessions", Change, RoleAdmin, true, true, revokeKey}
	EndSession   = Op[EndSessionIn, Done]{"session.end", "End a live session", Change, RoleAdmin, true, true, endSession}
)
