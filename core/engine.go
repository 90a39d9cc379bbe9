package core

import (
	"context"
	"iter"
	"time"
)

// EngineInfo is what the engine says of itself.
type EngineInfo struct {
	Version    string    `json:"version"`
	API        string    `json:"api"`  // negotiated
	Name       string    `json:"name"` // host name
	OS         string    `json:"os"`
	Kernel     string    `json:"kernel"`
	Driver     string    `json:"driver"` // storage
	Cgroup     string    `json:"cgroup"` // "1" or "2"
	Root       string    `json:"root"`   // data root
	CPUs       int       `json:"cpus"`
	Memory     int64     `json:"memory"` // bytes
	Containers int       `json:"containers"`
	Running    int       `json:"running"`
	Images     int       `json:"images"`
	Warnings   []string  `json:"warnings"`
	Time       time.Time `json:"time"` // the engine's clock when it answered; zero when it does not say
}

// Container is one container as the engine lists it.
type Container struct {
	ID       string            `json:"id"`
	Name     string            `json:"name"`     // without the leading slash
	Image    string            `json:"image"`    // as it was asked for
	ImageID  string            `json:"image_id"` // sha256:...
	State    string            `json:"state"`    // created running paused restarting removing exited dead
	Status   string            `json:"status"`   // the engine's own words, "Up 3 hours (healthy)"
	Created  time.Time         `json:"created"`
	Labels   map[string]string `json:"labels"`
	Ports    []Port            `json:"ports"`
	Networks []Attachment      `json:"networks"`
}

// Short is the id as people write it.
func (c Container) Short() string { return ShortID(c.ID) }

// ShortID cuts a container or image id to twelve characters.
func ShortID(id string) string {
	const prefix = "sha256:"
	if len(id) > len(prefix) && id[:len(prefix)] == prefix {
		id = id[len(prefix):]
	}
	if len(id) > 12 {
		return id[:12]
	}
	return id
}

// Port is one published or exposed port.
type Port struct {
	Address   string `json:"address"` // host address; empty when only exposed
	Host      int    `json:"host"`    // 0 when only exposed
	Container int    `json:"container"`
	Protocol  string `json:"protocol"` // tcp, udp
}

// Attachment is a container's place in a network.
type Attachment struct {
	Network string   `json:"network"`
	Address string   `json:"address"` // IPv4 or IPv6, empty while it is not running
	Aliases []string `json:"aliases"`
}

// ContainerDetail is one container as the engine inspects it.
type ContainerDetail struct {
	Container
	StartedAt     time.Time     `json:"started_at"`
	FinishedAt    time.Time     `json:"finished_at"`
	ExitCode      int           `json:"exit_code"`
	Error         string        `json:"error"`
	OOMKilled     bool          `json:"oom_killed"`
	Restarts      int           `json:"restarts"`
	RestartPolicy string        `json:"restart_policy"`
	Pid           int           `json:"pid"`
	TTY           bool          `json:"tty"`
	User          string        `json:"user"`
	WorkDir       string        `json:"work_dir"`
	Command       []string      `json:"command"`
	EnvNames      []string      `json:"env_names"` // names only: values are secrets
	Mounts        []Mount       `json:"mounts"`
	ImageHealth   *ImageHealth  `json:"image_health"` // the image's own HEALTHCHECK, nil when it has none
	MemoryLimit   int64         `json:"memory_limit"` // bytes; 0 means none
	CPULimit      float64       `json:"cpu_limit"`    // cores; 0 means none
	PidsLimit     int64         `json:"pids_limit"`
	LogDriver     string        `json:"log_driver"`
	ReadOnly      bool          `json:"read_only"`
	Privileged    bool          `json:"privileged"`
	StopSignal    string        `json:"stop_signal"`
	StopGrace     time.Duration `json:"stop_grace"`
}

// Mount is a volume or a folder in a container.
type Mount struct {
	Type     string `json:"type"` // volume, bind, tmpfs
	Name     string `json:"name"` // of the volume
	Source   string `json:"source"`
	Target   string `json:"target"`
	ReadOnly bool   `json:"read_only"`
}

// ImageHealth is what the image's own HEALTHCHECK says.
type ImageHealth struct {
	Status  string    `json:"status"`  // starting healthy unhealthy
	Failing int       `json:"failing"` // in a row
	Last    string    `json:"last"`    // output of the last run
	At      time.Time `json:"at"`
}

// EngineEvent is one thing that happened in the engine.
type EngineEvent struct {
	At     time.Time         `json:"at"`
	Type   string            `json:"type"`   // container, network, volume, image
	Action string            `json:"action"` // start, die, destroy, rename, health_status: healthy, ...
	ID     string            `json:"id"`
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels"`
}

// Network is one network of the engine.
type Network struct {
	ID         string            `json:"id"`
	Name       string            `json:"name"`
	Driver     string            `json:"driver"`
	Internal   bool              `json:"internal"`
	Subnets    []string          `json:"subnets"`
	Created    time.Time         `json:"created"`
	Labels     map[string]string `json:"labels"`
	Containers []string          `json:"containers"` // names
}

// Volume is one volume of the engine.
type Volume struct {
	Name    string            `json:"name"`
	Driver  string            `json:"driver"`
	Path    string            `json:"path"`
	Created time.Time         `json:"created"`
	Labels  map[string]string `json:"labels"`
	Size    int64             `json:"size"`    // bytes; -1 when not measured
	UsedBy  int               `json:"used_by"` // containers; -1 when not measured
}

// Image is one image of the engine.
type Image struct {
	ID      string            `json:"id"`
	Tags    []string          `json:"tags"`
	Created time.Time         `json:"created"`
	Size    int64             `json:"size"`
	Labels  map[string]string `json:"labels"`
	UsedBy  int               `json:"used_by"` // containers
}

// DiskUsage is what the engine keeps on its disk, in bytes.
type DiskUsage struct {
	Images        int64     `json:"images"`
	ImagesUnused  int64     `json:"images_unused"`
	Containers    int64     `json:"containers"`
	Volumes       int64     `json:"volumes"`
	VolumesUnused int64     `json:"volumes_unused"`
	BuildCache    int64     `json:"build_cache"`
	At            time.Time `json:"at"`
}

// Pruned is what a prune removed.
type Pruned struct {
	Images int   `json:"images"`
	Bytes  int64 `json:"bytes"`
}

// Engine is the reading half of a container engine. Every call has a deadline of its own besides ctx; an engine that
// hangs opens a breaker, after which calls fail at once with CodeUnavailable until it answers again.
type Engine interface {
	Info(ctx context.Context) (EngineInfo, error)
	Containers(ctx context.Context) ([]Container, error) // all, also stopped ones
	Container(ctx context.Context, id string) (ContainerDetail, error)
	// Events yields what happens from now on. It ends with an error when the stream breaks, and says nothing before.
	Events(ctx context.Context) iter.Seq2[EngineEvent, error]
}

// Lifecycle is the acting half. grace is how long a container may take to end after its stop signal.
type Lifecycle interface {
	Start(ctx context.Context, id string) error
	Stop(ctx context.Context, id string, grace time.Duration) error
	Restart(ctx context.Context, id string, grace time.Duration) error
	// Recreate makes the container anew from its own configuration and image, under the same name, and returns the new
	// id. The old one is kept aside, stopped, until the new one runs and ready (which may be nil) has returned without an
	// error for its id; else the old one is put back and the error is ready's or says why the new one does not run.
	Recreate(ctx context.Context, id string, grace time.Duration, ready func(ctx context.Context, id string) error) (string, error)
	Remove(ctx context.Context, id string, grace time.Duration) error
}

// EngineStore lists and prunes what the engine keeps.
type EngineStore interface {
	Networks(ctx context.Context) ([]Network, error)
	Volumes(ctx context.Context) ([]Volume, error)
	Images(ctx context.Context) ([]Image, error)
	DiskUsage(ctx context.Context) (DiskUsage, error) // slow: seconds
	Prune(ctx context.Context) (Pruned, error)        // dangling images and build cache only
}

// ExecSpec is a process to start in a running container.
type ExecSpec struct {
	Command []string
	User    string
	WorkDir string
	Env     []string
	TTY     bool
	Cols    int
	Rows    int
	Marker  string // unique; put into the process's environment so that Kill finds it and its children
}

// Exec is a process in a container and the terminal it has.
type Exec interface {
	Read(p []byte) (int, error) // its output; io.EOF when it ended
	Write(p []byte) (int, error)
	CloseWrite() error
	Resize(ctx context.Context, cols, rows int) error
	ExitCode(ctx context.Context) (int, error) // after EOF
	Close() error                              // detaches; it does not end the process
}

// Execer starts processes in containers and ends them.
type Execer interface {
	Exec(ctx context.Context, container string, spec ExecSpec) (Exec, error)
	// KillExec ends every process in the container that carries the marker: hang-up first, kill after grace. It returns
	// how many there were.
	KillExec(ctx context.Context, container, marker string, grace time.Duration) (int, error)
}

// StatsSource measures a running container once.
type StatsSource interface {
	Stats(ctx context.Context, container string) (StatsSample, error)
}

// StatsSample is a reading of counters; rates come from two of them.
type StatsSample struct {
	At          time.Time     `json:"at"`
	CPU         time.Duration `json:"cpu"`          // used since start
	Memory      int64         `json:"memory"`       // bytes without the page cache that can go
	MemoryLimit int64         `json:"memory_limit"` // 0 means none
	NetRx       int64         `json:"net_rx"`       // bytes since start
	NetTx       int64         `json:"net_tx"`
	DiskRead    int64         `json:"disk_read"`
	DiskWrite   int64         `json:"disk_write"`
	Pids        int64         `json:"pids"`
}

// Docker is everything a control plane asks of its engine.
type Docker interface {
	Engine
	Lifecycle
	EngineStore
	Execer
	StatsSource
	LogSource
}
