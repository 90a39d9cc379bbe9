package core

import "time"

// Release is what a rollback returns to: image, definition, env version and commit together. It is a row of the table
// "releases", keyed by id.
type Release struct {
	ID         string     `json:"id"`
	Service    string     `json:"service"`
	Plane      string     `json:"plane"`
	At         time.Time  `json:"at"`    // first made the running one; zero while its deployment runs
	Image      string     `json:"image"` // id
	Tag        string     `json:"tag"`   // that keeps the image on the engine
	Definition Definition `json:"definition"`
	EnvVersion int        `json:"env_version"`        // 0: no env in the store
	EnvMark    string     `json:"env_mark,omitempty"` // digest of that version: its number alone may be that of two
	Commit     Commit     `json:"commit"`             // SHA is empty for an image that was not built here, or from a dirty tree
	Build      string     `json:"build,omitempty"`
	Unsure     string     `json:"unsure,omitempty"` // what of it is not known for certain: it was recorded from a container that was not deployed
}

// ReleaseView is a release as the Rollback screen lists it.
type ReleaseView struct {
	Release
	Running   bool         `json:"running"`
	ImageHere bool         `json:"image_here"` // the engine has its image
	ImageGone bool         `json:"image_gone"` // the engine has answered, and does not have it; neither: that is not known
	EnvHere   bool         `json:"env_here"`   // its env version can be decrypted
	Diff      []ChangeItem `json:"diff"`       // from what runs now to this one
	Note      string       `json:"note,omitempty"`
}

// RollbackIn asks for an earlier release; empty means the one before the running one.
type RollbackIn struct {
	ServiceIn
	Release string `json:"release,omitempty"`
}

// The operations on releases.
var (
	ListReleases = Op[ServiceIn, []ReleaseView]{"release.list", "List the releases of a service, and what a rollback to each would change", Read, RoleViewer, false, false, listReleases}
	// Rollback answers with a job whose target is the service.
	Rollback = Op[RollbackIn, Job]{"deployment.rollback", "Roll a service back to an earlier release", Change, RoleOperator, true, true, rollback}
)
