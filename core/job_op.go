package core

import "time"

// The states of a job.
const (
	JobRunning     = "running"
	JobDone        = "done"
	JobFailed      = "failed"
	JobCanceled    = "canceled"
	JobInterrupted = "interrupted" // the control plane died while it ran
)

// Job is work that outlives the connection which started it.
type Job struct {
	ID       string    `json:"id"`
	Kind     string    `json:"kind"` // the operation's name
	Target   string    `json:"target,omitempty"`
	By       Actor     `json:"by"`
	State    string    `json:"state"`
	Started  time.Time `json:"started"`
	Ended    time.Time `json:"ended"`
	Progress float64   `json:"progress"` // 0 to 1; -1 when nobody can say
	Step     string    `json:"step,omitempty"`
	Result   string    `json:"result,omitempty"` // in words
	Output   []string  `json:"output,omitempty"` // last lines, at most 200
}

// JobIn names a job.
type JobIn struct {
	ID string `json:"id"`
}

// Target is the job's id.
func (in JobIn) Target() string { return in.ID }

// The operations on jobs.
var (
	ListJobs  = Op[struct{}, []Job]{"job.list", "List jobs, newest first", Read, RoleViewer, false, false, listJobs}
	ShowJob   = Op[JobIn, Job]{"job.show", "Show a job", Read, RoleViewer, false, false, showJob}
	FollowJob = Watch[JobIn, Job]{"job.follow", "Follow a job until it ends", RoleViewer, false, followJob}
	CancelJob = Op[JobIn, Done]{"job.cancel", "Cancel a job", Change, RoleOperator, true, true, cancelJob}
)
