package core

import "time"

// RemoveDefinitionIn names a service whose definition goes.
type RemoveDefinitionIn struct {
	ServiceIn
	Confirm
	KeepContainer bool `json:"keep_container,omitempty"` // what runs goes on as it is, and is nobody's here any more
}

// RemovalIn names a service whose removal is planned.
type RemovalIn struct {
	ServiceIn
	KeepContainer bool `json:"keep_container,omitempty"`
}

// RemovalPlan is what the removal of a definition would do. Each thing is named.
type RemovalPlan struct {
	Service       string    `json:"service"`
	KeepContainer bool      `json:"keep_container"`
	Steps         []string  `json:"steps"`
	Goes          []string  `json:"goes"`
	Stays         []string  `json:"stays"`
	Warn          []string  `json:"warn,omitempty"`
	Blocked       []string  `json:"blocked,omitempty"` // why it would be refused
	Held          string    `json:"held,omitempty"`    // who has the service's lock now
	Begun         time.Time `json:"begun,omitzero"`    // of a removal that did not come to its end: this would finish it
}

// Removal is where the removal of a definition stands.
type Removal struct {
	Job           string `json:"job"`
	KeepContainer bool   `json:"keep_container,omitempty"`
	Done          bool   `json:"done,omitempty"` // the definition is history: its names and places are free
}

// removeDefinitionKind is the kind of its jobs.
const removeDefinitionKind = "definition.remove"

// The operations that take definitions away.
var (
	PlanRemoval = Op[RemovalIn, RemovalPlan]{"removal.plan", "Show what removing a definition takes away, and what stays", Read, RoleViewer, false, false, planRemoval}
	// RemoveDefinition answers with a job.
	RemoveDefinition = Op[RemoveDefinitionIn, Job]{removeDefinitionKind, "Remove a service with its definition; its data stays", Destroy, RoleAdmin, true, false, removeDefinition}
)

// isRemoved is true for the row of a definition that is history.
func (dv DefinitionVersion) isRemoved() bool { return dv.Removal != nil && dv.Removal.Done }

// definitions are those that are in force.
func (c *Core) definitions() []DefinitionVersion {
	var list []DefinitionVersion
	for _, dv := range rowsOf[DefinitionVersion](c, definitionsTable) {
		if !dv.isRemoved() {
			list = append(list, dv)
		}
	}
	return list
}
