package core

import (
	"fmt"
	"time"
)

// OpenShellIn says where a shell opens and how.
type OpenShellIn struct {
	Service string   `json:"service"`
	Command []string `json:"command,omitempty"` // empty: the best shell the container has
	User    string   `json:"user,omitempty"`
	Term    string   `json:"term,omitempty"` // TERM of the terminal
	Cols    int      `json:"cols,omitempty"`
	Rows    int      `json:"rows,omitempty"`
}

// Target is the service.
func (in OpenShellIn) Target() string { return in.Service }

// masked keeps the arguments of the command out of the audit: they may hold a password. The program's name stays.
func (in OpenShellIn) masked() any {
	if more := len(in.Command) - 1; more > 0 {
		in.Command = []string{in.Command[0], fmt.Sprintf("and %d further arguments", more)}
	}
	return in
}

// Recording is a shell as it was recorded, in asciicast v2.
type Recording struct {
	ID       string        `json:"id"` // also the marker of its processes
	Service  string        `json:"service"`
	By       Actor         `json:"by"`
	Started  time.Time     `json:"started"`
	Took     time.Duration `json:"took"`
	Size     int64         `json:"size"`
	ExitCode int           `json:"exit_code"`
	Open     bool          `json:"open"` // the shell still runs
	File     string        `json:"file"` // below the data folder
}

// RecordingIn names a recording.
type RecordingIn struct {
	ID string `json:"id"`
}

// Target is the recording.
func (in RecordingIn) Target() string { return in.ID }

// CastEvent is one event of a recording.
type CastEvent struct {
	At   time.Duration `json:"at"`   // since the start
	Kind string        `json:"kind"` // "o" output, "r" resize ("80x24")
	Data string        `json:"data"`
}

// The operations on shells. A shell itself is two-way and opens with OpenShell, which passes the same door.
var (
	ListRecordings = Op[struct{}, []Recording]{"recording.list", "List recorded shells, newest first", Read, RoleOperator, false, false, listRecordings}
	ReadRecording  = Watch[RecordingIn, CastEvent]{"recording.read", "Replay a recorded shell", RoleOperator, true, readRecording}
)
