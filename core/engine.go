package core

import (
	"context"
	"iter"
	"time"
)

// EngineInfo is what the engine says of itself.
type EngineInfo struct {
	Version    string
	API        string // negotiated
	Name       string // host name
	OS         string
	Kernel     string
	Driver     string // storage
	Cgroup     string // "1" or "2"
	Root       string // data root
	CPUs       int
	Memory     int64 // bytes
	Containers int
	Running    int
	Images     int
	Warnings   []string
	Time       time.Time // the engine's clock when it answered; zero when it does not say
}

// Container is one container as the engine lists it.
type Container struct {
	ID       string
	Name     string // without the leading slash
	Image    string // as it was asked for
	ImageID  string // sha256:...
	State    string // created running paused restarting removing exited dead
	Status   string // the engine's own words, "Up 3 hours (healthy)"
	Created  time.Time
	Labels   map[string]string
	Ports    []Port
	Networks []Attachment
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
	Address   string // host address; empty when only exposed
	Host      int    // 0 when only exposed
	Container int
	Protocol  string // tcp, udp
}

// Attachment is a container's place in a network.
type Attachment struct {
	Network string
	Address string // IPv4 or IPv6, empty while it is not running
	Aliases []string
}

// ContainerDetail is one container as the engine inspects it.
type ContainerDetail struct {
	Container
	StartedAt     time.Time
	FinishedAt    time.Time
	ExitCode      int
	Error         string
	OOMKilled     bool
	Restarts      int
	RestartPolicy string
	Pid           int
	TTY           bool
	User          string
	WorkDir       string
	Command       []string
	EnvNames      []string // names only: values are secrets
	Mounts        []Mount
	ImageHealth   *ImageHealth // the image's own HEALTHCHECK, nil when it has none
	MemoryLimit   int64        // bytes; 0 means none
	CPULimit      float64      // cores; 0 means none
	PidsLimit     int64
	LogDriver     string
	ReadOnly      bool
	Privileged    bool
	StopSignal    string
	StopGrace     time.Duration
}

// Mount is a volume or a folder in a container.
type Mount struct {
	Type     string // volume, bind, tmpfs
	Name     string // of the volume
	Source   string
	Target   string
	ReadOnly bool
}

// ImageHealth is what the image's own HEALTHCHECK says.
type ImageHealth struct {
	Status  string // starting healthy unhealthy
	Failing int    // in a row
	Last    string // output of the last run
	At      time.Time
}

// EngineEvent is one thing that happened in the engine.
type EngineEvent struct {
	At     time.Time
	Type   string // container, network, volume, image
	Action string // start, die, destroy, rename, health_status: healthy, ...
	ID     string
	Name   string
	Labels map[string]string
}

// Network is one network of the engine.
type Network struct {
	ID         string
	Name       string
	Driver     string
	Internal   bool
	Subnets    []string
	Created    time.Time
	Labels     map[string]string
	Containers []string // names
}

// Volume is one volume of the engine.
type Volume struct {
	Name    string
	Driver  string
	Path    string
	Created time.Time
	Labels  map[string]string
	Size    int64 // bytes; -1 when not measured
	UsedBy  int   // containers; -1 when not measured
}

// Image is one image of the engine.
type Image struct {
	ID      string
	Tags    []string
	Created time.Time
	Size    int64
	Labels  map[string]string
	UsedBy  int // containers
}

// DiskUsage is what the engine keeps on its disk, in bytes.
type DiskUsage struct {
	Images        int64
	ImagesUnused  int64
	Containers    int64
	Volumes       int64
	VolumesUnused int64
	BuildCache    int64
	At            time.Time
}

// Pruned is what a prune removed.
type Pruned struct {
	Images int
	Bytes  int64
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
	// id. The old one is kept aside until the new one runs, and is put back when it does not.
	Recreate(ctx context.Context, id string, grace time.Duration) (string, error)
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
	At          time.Time
	CPU         time.Duration // used since start
	Memory      int64         // bytes without the page cache that can go
	MemoryLimit int64         // 0 means none
	NetRx       int64         // bytes since start
	NetTx       int64
	DiskRead    int64
	DiskWrite   int64
	Pids        int64
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
