package core

// The kinds of pending change, and what each needs.
const (
	ChangeCommit     = "commit"
	ChangeDefinition = "definition"
	ChangeEnv        = "env"
	ChangeImage      = "image"

	NeedsBuild  = "needs build"
	NeedsDeploy = "needs deploy"
	NeedsNone   = "nothing"
)

// ChangeItem is one difference between what runs and what would run.
type ChangeItem struct {
	Kind string `json:"kind"`
	What string `json:"what"` // "memory: 128 MiB to 256 MiB", "DATABASE_URL changed"; never a value of the env
	Need string `json:"need"`
}

// Changes is everything that differs between what runs and what would run.
type Changes struct {
	Service string       `json:"service"`
	Running string       `json:"running"` // commit; empty when unknown
	Known   bool         `json:"known"`   // the running image names a clean commit of this repository
	Note    string       `json:"note,omitempty"`
	Head    Commit       `json:"head"`
	Commits []Commit     `json:"commits"` // that head has and the running one has not, newest first
	More    bool         `json:"more"`    // there are more commits than are listed
	Items   []ChangeItem `json:"items"`
	Need    string       `json:"need"` // the most that any of them needs
}

// ListChanges is the operation behind the screen Changes.
var ListChanges = Op[ServiceIn, Changes]{"change.list", "Show what would change with a deployment", Read, RoleViewer, false, false, listChanges}
