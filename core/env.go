package core

import "time"

// EnvVersion is one version of a service's env: a row of the table "env", keyed by service and version. The values are
// sealed; the names are not secret.
type EnvVersion struct {
	Service string    `json:"service"`
	Version int       `json:"version"`
	At      time.Time `json:"at"`
	By      string    `json:"by"`
	Note    string    `json:"note,omitempty"` // "set A, B; removed C"
	Names   []string  `json:"names"`          // sorted
	Sealed  []byte    `json:"sealed"`         // of an envContent
	KeyID   string    `json:"key_id,omitempty"`
	// Marks tell values apart without showing them: a digest by name, so that what changed can be named. Its key is in
	// Sealed alone, so whoever has the row cannot try values out.
	Marks map[string]string `json:"marks,omitempty"`
	// Keeps is the digest of the version whose content this one keeps, because the other control plane had made another
	// version of the same number.
	Keeps string `json:"keeps,omitempty"`
}

// EnvView is the env of a service as it is shown: without values.
type EnvView struct {
	Service    string       `json:"service"`
	Version    int          `json:"version"`
	Running    int          `json:"running"` // version the running container was made with; -1 when unknown
	At         time.Time    `json:"at"`
	By         string       `json:"by"`
	KeyID      string       `json:"key_id,omitempty"`
	Names      []EnvName    `json:"names"`
	Definition []EnvName    `json:"definition"` // plain values of the definition, shown as they are
	History    []EnvHistory `json:"history"`    // newest first
	Problem    string       `json:"problem,omitempty"`
}

// EnvName is one variable in a list.
type EnvName struct {
	Name    string `json:"name"`
	Value   string `json:"value,omitempty"`   // of the definition only
	Changed bool   `json:"changed,omitempty"` // since the version that runs
}

// EnvHistory is one version in a list.
type EnvHistory struct {
	Version int       `json:"version"`
	At      time.Time `json:"at"`
	By      string    `json:"by"`
	Note    string    `json:"note"`
}

// SetEnvIn changes variables of a service.
type SetEnvIn struct {
	ServiceIn
	Set    map[string]Secret `json:"set,omitempty"`
	Remove []string          `json:"remove,omitempty"`
	Paste  Secret            `json:"paste,omitempty"` // text of a .env file, added to Set
	Base   int               `json:"base,omitempty"`  // version the edit began from; another one now is CodeConflict. 0: any
}

// UndoEnvIn makes an older version the newest.
type UndoEnvIn struct {
	ServiceIn
	Version int `json:"version"`
}

// RevealEnvIn asks for values.
type RevealEnvIn struct {
	ServiceIn
	Names   []string `json:"names,omitempty"`   // empty: all
	Version int      `json:"version,omitempty"` // 0: the newest
}

// EnvValues are values in the clear. They leave core by an audited reveal alone.
type EnvValues struct {
	Version int               `json:"version"`
	Values  map[string]string `json:"values"`
}

// The operations on the env of services.
var (
	ShowEnv   = Op[ServiceIn, EnvView]{"env.show", "Show the env of a service, masked", Read, RoleViewer, false, false, showEnv}
	RevealEnv = Op[RevealEnvIn, EnvValues]{"env.reveal", "Reveal values of the env", Read, RoleOperator, true, false, revealEnv}
	SetEnv    = Op[SetEnvIn, EnvView]{"env.set", "Change variables of the env", Change, RoleOperator, true, false, setEnv}
	UndoEnv   = Op[UndoEnvIn, EnvView]{"env.undo", "Make an older version of the env the newest", Change, RoleOperator, true, false, undoEnv}
)
