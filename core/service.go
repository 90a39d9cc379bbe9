package core

import "time"

// Kind says what a service is.
type Kind string

// The kinds of service (DESIGN, words and layers).
const (
	KindTraefik  Kind = "traefik"
	KindPostgres Kind = "postgres"
	KindManager  Kind = "manager"
	KindDeploy   Kind = "deploy"
	KindShip     Kind = "ship"
	KindShipDB   Kind = "ship-db"
	KindAgent    Kind = "agent"
	KindMCP      Kind = "mcp"
	KindCustom   Kind = "custom"
)

// The layers of the server, top to bottom.
const (
	LayerTraefik = iota
	LayerManager
	LayerDeploy
	LayerApps
)

// HealthState is what is known of a service's health, worst first when sorted by Rank.
type HealthState string

// The health states. A state is shown as a glyph, a word and a colour.
const (
	Unhealthy HealthState = "unhealthy" // the probe fails, or it should run and does not
	Down      HealthState = "down"      // no running container
	Starting  HealthState = "starting"  // runs, has not passed a probe yet
	Unproven  HealthState = "unproven"  // runs, the definition says skip or nothing can be probed
	Paused    HealthState = "paused"
	Healthy   HealthState = "healthy"
)

// Rank orders health states, worst first.
func (h HealthState) Rank() int {
	switch h {
	case Unhealthy:
		return 0
	case Down:
		return 1
	case Starting:
		return 2
	case Unproven:
		return 3
	case Paused:
		return 4
	default:
		return 5
	}
}

// Health is the verdict on a service and what it rests on.
type Health struct {
	State   HealthState   `json:"state"`
	Detail  string        `json:"detail"`          // "HTTP 200 from /healthz", "exited with 137 (killed)"
	Probe   string        `json:"probe,omitempty"` // "http :3000/healthz", "postgres :5432", "tcp :25", "skip"
	Checked time.Time     `json:"checked"`         // of the last probe
	Took    time.Duration `json:"took"`            // of the last probe
	Since   time.Time     `json:"since"`           // the state is this one since
	Failing int           `json:"failing"`         // probes failed in a row
	Image   *ImageHealth  `json:"image,omitempty"` // the image's own HEALTHCHECK, shown beside
}

// Service is anything we run as a container and manage.
type Service struct {
	Name      string    `json:"name"`
	Kind      Kind      `json:"kind"`
	Layer     int       `json:"layer"`
	Instance  string    `json:"instance,omitempty"` // of a ship service and its database
	Project   string    `json:"project,omitempty"`  // compose project
	Home      string    `json:"home"`               // the plane that looks after it
	Self      bool      `json:"self"`               // this very control plane
	Health    Health    `json:"health"`
	State     string    `json:"state"` // of the container, in the engine's words
	Container string    `json:"container"`
	ID        string    `json:"id"` // full container id
	Image     string    `json:"image"`
	ImageID   string    `json:"image_id"`
	Created   time.Time `json:"created"`
	Started   time.Time `json:"started"`
	Finished  time.Time `json:"finished"`
	ExitCode  int       `json:"exit_code"`
	Restarts  int       `json:"restarts"`
	Ports     []Port    `json:"ports,omitempty"`
	Networks  []string  `json:"networks,omitempty"`
	Route     string    `json:"route,omitempty"`  // "https://demo.example.com"
	Missing   bool      `json:"missing"`          // known, but no container of that name exists now
	Others    []string  `json:"others,omitempty"` // further containers that claim the name, newest first
	Usage     Usage     `json:"usage"`
}

// Uptime is how long the container has run, 0 when it does not.
func (s Service) Uptime(now time.Time) time.Duration {
	if s.State != "running" || s.Started.IsZero() {
		return 0
	}
	return now.Sub(s.Started)
}

// Usage is the newest reading of a service's resources and the bounded history behind it.
type Usage struct {
	At          time.Time    `json:"at"`
	CPU         float64      `json:"cpu"`    // cores
	Memory      int64        `json:"memory"` // bytes
	MemoryLimit int64        `json:"memory_limit"`
	NetRx       float64      `json:"net_rx"` // bytes a second
	NetTx       float64      `json:"net_tx"`
	DiskRead    float64      `json:"disk_read"`
	DiskWrite   float64      `json:"disk_write"`
	Pids        int64        `json:"pids"`
	History     []UsagePoint `json:"-"` // oldest first, at most 120; shared, never written again
}

// UsagePoint is one point of the history.
type UsagePoint struct {
	At     time.Time `json:"at"`
	CPU    float64   `json:"cpu"`
	Memory int64     `json:"memory"`
	Net    float64   `json:"net"`  // bytes a second, both ways
	Disk   float64   `json:"disk"` // bytes a second, both ways
}

// Severity orders faults.
type Severity string

// The severities.
const (
	Critical Severity = "critical" // red: something does not serve
	Warning  Severity = "warning"  // yellow: something is not safe
)

// Fault is one thing that is wrong now, in words, and where to go on.
type Fault struct {
	Severity Severity  `json:"severity"`
	Service  string    `json:"service,omitempty"` // empty: the server, the engine, the plane itself
	What     string    `json:"what"`              // "ship-demo-db is down: exited with 0 12 s ago"
	Do       string    `json:"do"`                // the next step for the operator
	Since    time.Time `json:"since"`
	key      string    // what kind of fault: it stays while the words change
}

// EngineState says whether what is shown is live.
type EngineState struct {
	Up      bool       `json:"up"`
	Problem string     `json:"problem,omitempty"` // why not, in words
	Since   time.Time  `json:"since"`             // up or not, since
	Seen    time.Time  `json:"seen"`              // of the last good answer: the age of what is shown
	Info    EngineInfo `json:"info"`
}

// Snapshot is the whole live state as one immutable value: every viewer gets the same one.
type Snapshot struct {
	Rev      uint64      `json:"rev"`
	At       time.Time   `json:"at"`
	Engine   EngineState `json:"engine"`
	Services []Service   `json:"services"` // faults first, then layer, then name
	Faults   []Fault     `json:"faults"`
	Host     HostUsage   `json:"host"`
}

// Service finds a service by name.
func (s *Snapshot) Service(name string) (Service, bool) {
	for i := range s.Services {
		if s.Services[i].Name == name {
			return s.Services[i], true
		}
	}
	return Service{}, false
}

// HostUsage is the server's own load.
type HostUsage struct {
	At          time.Time    `json:"at"`
	CPUs        int          `json:"cpus"`
	Load1       float64      `json:"load1"`
	CPU         float64      `json:"cpu"` // cores in use
	Memory      int64        `json:"memory"`
	MemoryTotal int64        `json:"memory_total"`
	Disk        int64        `json:"disk"` // used bytes of the file system that holds MATRX_ROOT
	DiskTotal   int64        `json:"disk_total"`
	History     []UsagePoint `json:"-"`
}
