package core

import "time"

// BuildState is how far a build has come.
type BuildState string

// The states of builds.
const (
	BuildRunning     BuildState = "running"
	BuildDone        BuildState = "done"
	BuildFailed      BuildState = "failed"
	BuildCanceled    BuildState = "canceled"
	BuildInterrupted BuildState = "interrupted"
)

// Build is one image made from one commit: a row of the table "builds", keyed by id.
type Build struct {
	ID      string        `json:"id"`
	Service string        `json:"service"`
	Plane   string        `json:"plane"` // that made it
	By      Actor         `json:"by"`
	State   BuildState    `json:"state"`
	Ref     string        `json:"ref"`
	Commit  Commit        `json:"commit"`
	Fresh   bool          `json:"fresh,omitempty"` // without the cache
	Started time.Time     `json:"started"`
	Ended   time.Time     `json:"ended"`
	Took    time.Duration `json:"took"`
	Image   string        `json:"image,omitempty"` // id
	Tag     string        `json:"tag,omitempty"`
	Size    int64         `json:"size,omitempty"`
	Digest  string        `json:"digest,omitempty"`
	Message string        `json:"message,omitempty"` // why it failed
	Job     string        `json:"job"`
	Gone    bool          `json:"gone,omitempty"` // the image is no longer on the engine
	// Definition is the text of the compose file at that commit, when the definition comes from the repository.
	Definition string `json:"definition,omitempty"`
}

// BuildIn asks for a build.
type BuildIn struct {
	ServiceIn
	Ref   string `json:"ref,omitempty"` // empty: the definition's
	Fresh bool   `json:"fresh,omitempty"`
}

// BuildsIn filters the history of builds.
type BuildsIn struct {
	Service string `json:"service,omitempty"`
	Limit   int    `json:"limit,omitempty"` // 0 means 50
}

// BuildLogIn asks for a build's output.
type BuildLogIn struct {
	Build string `json:"build"`
}

// BuildLine is one line of a build's output.
type BuildLine struct {
	Text string `json:"text"`
}

// The operations on builds.
var (
	// StartBuild answers with a job.
	StartBuild = Op[BuildIn, Job]{"build.start", "Build an image from the source", Change, RoleOperator, true, false, startBuild}
	ListBuilds = Op[BuildsIn, []Build]{"build.list", "List builds", Read, RoleViewer, false, false, listBuilds}
	// FollowBuild yields the output so far and then what comes, to the build's end.
	FollowBuild = Watch[BuildLogIn, BuildLine]{"build.follow", "Follow the output of a build", RoleViewer, false, followBuild}
)
