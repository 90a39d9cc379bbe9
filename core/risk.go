package core

import "slices"

// Risk decides how an operation is confirmed. The zero value is refused by CheckOps.
type Risk int

// The risks.
const (
	Read    Risk = iota + 1 // changes nothing: no confirmation
	Change                  // asks once, with the exact effect
	Destroy                 // asks for the target's name, from a person
)

var riskNames = [...]string{"", "read", "change", "destroy"}

// String names the risk.
func (r Risk) String() string {
	if r < Read || r > Destroy {
		return "none"
	}
	return riskNames[r]
}

// MarshalText writes the risk's name.
func (r Risk) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads a risk's name. One that a newer release wrote and nobody here knows reads as none: the audit stays
// readable.
func (r *Risk) UnmarshalText(text []byte) error {
	*r = Risk(max(slices.Index(riskNames[:], string(text)), 0))
	return nil
}

// Confirm is embedded by the input of every Destroy: it carries the target's name as a person typed it again.
type Confirm struct {
	Confirm string `json:"confirm,omitempty"`
}

// Confirmation gives the name that was typed.
func (c Confirm) Confirmation() string { return c.Confirm }

// confirmable is what CheckOps asks of the input of a Destroy.
type confirmable interface {
	Confirmation() string
	Target() string
}
