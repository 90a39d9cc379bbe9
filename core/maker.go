package core

import (
	"context"
	"io"
	"time"
)

// ContainerSpec is a container to be made. HostConfig is built from the definition's fields alone.
type ContainerSpec struct {
	Name       string
	Image      string // id
	Definition Definition
	Env        map[string]string // complete, with the secrets
	Labels     map[string]string // complete
	Alias      string            // a further name in every network; unique to the deployment
	// Alone makes it without the definition's networks, ports, mounts and restart policy: to test an image.
	Alone bool
	// Seen are mounts of a container that stands alone, instead of the definition's. They are always read-only.
	Seen []Mount
	// Beside is the id of a running container whose network a container that stands alone shares: to ask it.
	Beside  string
	Command []string // instead of the definition's, when not nil; the image's entry point stays
}

// Maker makes containers and networks.
type Maker interface {
	// CreateContainer makes a container without starting it. A name that is taken is CodeConflict; an image
	// or a network that is not there is CodeNotFound.
	CreateContainer(ctx context.Context, spec ContainerSpec) (id string, err error)
	// RenameContainer gives a container another name; one that has it already keeps it.
	RenameContainer(ctx context.Context, id, name string) error
	// WaitContainer waits until a started container has ended, and gives its exit code. One that was never started is
	// CodeConflict.
	WaitContainer(ctx context.Context, id string) (code int, err error)
	// EnsureNetwork makes a bridge network unless there is one of that name.
	EnsureNetwork(ctx context.Context, name string, internal bool, labels map[string]string) error
	// RemoveNetwork removes a network. One that a container is in is CodeConflict; one that is not there is CodeNotFound.
	RemoveNetwork(ctx context.Context, name string) error
	// Connect makes a container, also one that runs, a member of a network, without a further name there; one that is a member stays
	// one. The container keeps its way out of the server: a network that would take it over is CodeConflict, because that cuts the
	// container's connections. A network or container that is not there is CodeNotFound.
	Connect(ctx context.Context, network, container string) error
	// Disconnect ends a membership; a container that is no member stays none. A network or container that is not there is CodeNotFound.
	Disconnect(ctx context.Context, network, container string) error
	// EnsureVolume makes a volume unless there is one of that name.
	EnsureVolume(ctx context.Context, name string, labels map[string]string) error
}

// ImageDetail is one image as the engine inspects it.
type ImageDetail struct {
	Image
	Digests      []string `json:"digests"` // as registries know it
	Architecture string   `json:"architecture"`
	OS           string   `json:"os"`
	Ports        []Port   `json:"ports"` // exposed
}

// BuildSpec is an image to be built.
type BuildSpec struct {
	Context    io.Reader // tar
	Dockerfile string    // path in the context
	Args       map[string]string
	Labels     map[string]string
	Tag        string
	Fresh      bool  // without the cache
	Memory     int64 // bound of each step, bytes; 0 is none
	MaxBytes   int64 // bound of the context; 0 means 1 GiB
}

// ImageStore builds, names and removes images.
type ImageStore interface {
	// BuildImage builds through the engine and gives each line of its output to out. Cancelling ctx stops the build and
	// removes what it left running.
	BuildImage(ctx context.Context, spec BuildSpec, out func(line string)) (imageID string, err error)
	ImageDetail(ctx context.Context, ref string) (ImageDetail, error)
	TagImage(ctx context.Context, image, ref string) error
	// RemoveImage takes a tag away, and the image with its last one. One in use is CodeConflict.
	RemoveImage(ctx context.Context, ref string) error
	PullImage(ctx context.Context, ref string, out func(line string)) error
}

// Locker gives the locks that both control planes of a server share. A lock dies with the process that has it.
type Locker interface {
	// Lock takes a lock or is CodeConflict at once, with the note of who has it. The note is for people.
	Lock(name, note string) (unlock func() error, err error)
	// Holder is the note of who has the lock now; empty when nobody has.
	Holder(name string) string
}

// OutputStore keeps the output of builds: lines that are written while they come and can be followed.
type OutputStore interface {
	// Create begins an output; it is bounded, and says where it was cut.
	Create(id string) (io.WriteCloser, error)
	// Open reads it from an offset, as far as it goes now.
	Open(id string, offset int64) (io.ReadCloser, error)
	Remove(id string) error
}

// Sealer encrypts what is secret before it leaves the process. Without an identity every call is CodeUnavailable and says
// what to set: there is no plaintext fallback.
type Sealer interface {
	// Seal encrypts for the active identity and gives its id.
	Seal(plain []byte) (sealed []byte, keyID string, err error)
	// Unseal decrypts with whichever identity fits. A wrong key is CodeForbidden and names the key it would need.
	Unseal(sealed []byte, keyID string) ([]byte, error)
}

// Notifier sends alerts to the addresses of MATRX_ALERT_URLS.
type Notifier interface {
	// Notify sends to all and gives the errors of those that failed, none of which holds an address's secret.
	Notify(ctx context.Context, title, text string) error
	// Targets are the kinds of address there are ("smtp", "slack"), without anything secret.
	Targets() []string
}

// SwitchTarget is where Traefik's file leads a service.
type SwitchTarget struct {
	Service string `json:"service"`
	Alias   string `json:"alias"` // the one container that serves, by its name in the network
	Port    int    `json:"port"`
	// Router is in the file too, while labels contradict each other.
	Router SwitchRouter `json:"router,omitzero"`
}

// Switch writes one small file per service into Traefik's dynamic folder. A switch is one rename.
type Switch interface {
	Point(ctx context.Context, t SwitchTarget) error
	// Target reads the file. Without one it is CodeNotFound; one that cannot be read is CodeInvalid.
	Target(ctx context.Context, service string) (SwitchTarget, error)
	Remove(ctx context.Context, service string) error
}

// RouteProber asks through Traefik as a client would.
type RouteProber interface {
	// ProbeRoute makes one request to a host name at Traefik's address and gives its status, 0 when there was no answer.
	ProbeRoute(ctx context.Context, p RouteProbe) (status int, err error)
}

// RouteProbe is one request through Traefik.
type RouteProbe struct {
	Address string // of the entry point: "traefik:8443"
	Host    string
	Path    string
	TLS     bool
	Within  time.Duration
}
