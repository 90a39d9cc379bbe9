package core

import "time"

// DeployState is how far a deployment has come.
type DeployState string

// The states of deployments. Every deployment ends in one of the last four; a crash is decided at the next start.
const (
	DeployRunning     DeployState = "running"
	DeployDone        DeployState = "done"
	DeployFailed      DeployState = "failed" // the old version serves
	DeployCanceled    DeployState = "canceled"
	DeployInterrupted DeployState = "interrupted" // the plane died; Result says which version serves
)

// The steps of a deployment, in order (DESIGN, section 6).
const (
	StepLock      = "lock"
	StepSource    = "source"
	StepBuild     = "build"
	StepTest      = "test image"
	StepCandidate = "start candidate"
	StepHealth    = "health check"
	StepSwitch    = "switch route"
	StepRoute     = "see route"
	StepDrain     = "drain"
	StepRename    = "rename" // before the old one is stopped: its name leads to the new one while it takes its time to end
	StepStop      = "stop old"
	StepObserve   = "observe"
	StepKeep      = "keep images"
	StepReturn    = "return to old" // only after a failure
)

// DeployStep is one recorded step.
type DeployStep struct {
	Name   string        `json:"name"`
	State  string        `json:"state"` // running, done, failed, skipped
	At     time.Time     `json:"at"`
	Took   time.Duration `json:"took"`
	Detail string        `json:"detail,omitempty"`
}

// Deployment is one attempt to make a release the running one: a row of the table "deployments", keyed by id.
type Deployment struct {
	ID       string        `json:"id"`
	Service  string        `json:"service"`
	Plane    string        `json:"plane"`
	Kind     string        `json:"kind"` // deploy, rollback
	By       Actor         `json:"by"`
	Job      string        `json:"job"`
	State    DeployState   `json:"state"`
	Started  time.Time     `json:"started"`
	Ended    time.Time     `json:"ended"`
	Took     time.Duration `json:"took"`
	From     string        `json:"from,omitempty"` // release that ran before
	To       string        `json:"to,omitempty"`   // release that this one makes
	Commit   Commit        `json:"commit"`
	FromSHA  string        `json:"from_sha,omitempty"`
	Env      int           `json:"env"` // version
	Steps    []DeployStep  `json:"steps"`
	Asked    int           `json:"asked"`         // requests made through the route during the swap
	Lost     int           `json:"lost"`          // of them without a good answer
	Gap      time.Duration `json:"gap,omitempty"` // how long nothing served, for what cannot run twice
	Result   string        `json:"result,omitempty"`
	Settled  bool          `json:"settled,omitempty"`   // the way back failed at first, and was decided later
	LastLog  []string      `json:"last_log,omitempty"`  // of a failed candidate, at most 200 lines
	Health   []string      `json:"health,omitempty"`    // what its probes said, with times
	Build    string        `json:"build,omitempty"`     // id
	Old      string        `json:"old,omitempty"`       // container id
	New      string        `json:"new,omitempty"`       // container id
	Alias    string        `json:"alias,omitempty"`     // of the candidate
	OldAlias string        `json:"old_alias,omitempty"` // that the switch led to before
}

// DeployIn asks for a deployment.
type DeployIn struct {
	ServiceIn
	Ref     string `json:"ref,omitempty"`      // commit, branch or tag; empty: the definition's
	Build   string `json:"build,omitempty"`    // an image that was built before, by the id of its build
	Same    bool   `json:"same,omitempty"`     // the running image again, with today's definition and env
	Fresh   bool   `json:"fresh,omitempty"`    // build without the cache
	EnvGone bool   `json:"env_gone,omitempty"` // go on though the env is empty where the last one was not
}

// DeployPlan is what a deployment would do.
type DeployPlan struct {
	Service string       `json:"service"`
	From    *Release     `json:"from,omitempty"`
	Commit  Commit       `json:"commit"`
	Build   bool         `json:"build"`   // an image has to be built
	Steps   []string     `json:"steps"`   // in order
	Changes []ChangeItem `json:"changes"` // from what runs
	Stops   bool         `json:"stops"`   // it cannot run twice: there is a gap
	Held    string       `json:"held,omitempty"`
	Blocked []string     `json:"blocked,omitempty"` // reasons why it would be refused, in words
	Warn    []string     `json:"warn,omitempty"`
}

// DeploymentsIn filters the history; the zero value is the newest 50 of all services.
type DeploymentsIn struct {
	Service string      `json:"service,omitempty"`
	State   DeployState `json:"state,omitempty"`
	By      string      `json:"by,omitempty"`
	Limit   int         `json:"limit,omitempty"`
}

// DeploymentIn names one deployment.
type DeploymentIn struct {
	Deployment string `json:"deployment"`
}

// The operations on deployments.
var (
	PlanDeploy = Op[DeployIn, DeployPlan]{"deployment.plan", "Show what a deployment would do", Read, RoleViewer, false, false, planDeploy}
	// Deploy answers with a job whose target is the service; the deployment's Job is its id.
	Deploy          = Op[DeployIn, Job]{"deployment.start", "Deploy a service", Change, RoleOperator, true, false, deploy}
	ListDeployments = Op[DeploymentsIn, []Deployment]{"deployment.list", "List deployments of all services", Read, RoleViewer, false, false, listDeployments}
	ShowDeployment  = Op[DeploymentIn, Deployment]{"deployment.show", "Show a deployment", Read, RoleViewer, false, false, showDeployment}
	// FollowDeployment yields it now and after each change, to its end.
	FollowDeployment = Watch[DeploymentIn, Deployment]{"deployment.follow", "Follow a deployment", RoleViewer, false, followDeployment}
	CancelDeployment = Op[DeploymentIn, Done]{"deployment.cancel", "Cancel a deployment; the old version goes on serving", Change, RoleOperator, true, true, cancelDeployment}
)
