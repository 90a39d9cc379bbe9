package core

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"
)

// Definition is one service as it shall run: what its compose file with the block x-matrx says, typed and resolved. It
// holds no secret; those are in the service's env. Two definitions with the same Hash make the same container.
type Definition struct {
	Service   string `json:"service"`
	Container string `json:"container"`         // the container's name: the service's, except in a local stack
	Project   string `json:"project,omitempty"` // com.matrx.project
	Kind      Kind   `json:"kind"`
	Layer     int    `json:"layer"`
	Instance  string `json:"instance,omitempty"`

	Image  string  `json:"image,omitempty"`  // what is run when nothing is built
	Source *Source `json:"source,omitempty"` // what it is built from

	Entrypoint []string          `json:"entrypoint,omitempty"`
	Command    []string          `json:"command,omitempty"`
	Env        map[string]string `json:"env,omitempty"` // plain values; the env of the store wins over them
	User       string            `json:"user,omitempty"`
	Groups     []string          `json:"groups,omitempty"` // further groups of the user
	WorkDir    string            `json:"work_dir,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"` // of its own; com.matrx.* and traefik.* are ours to set
	Networks   []NetworkUse      `json:"networks,omitempty"`
	Ports      []Port            `json:"ports,omitempty"` // published ones
	Mounts     []Mount           `json:"mounts,omitempty"`
	Tmpfs      map[string]string `json:"tmpfs,omitempty"` // options by target

	Restart         string        `json:"restart"` // no, on-failure, unless-stopped, always
	StopSignal      string        `json:"stop_signal,omitempty"`
	StopGrace       time.Duration `json:"stop_grace"`
	Memory          int64         `json:"memory,omitempty"` // bytes; 0 is no limit
	ShmSize         int64         `json:"shm_size,omitempty"`
	CPUs            float64       `json:"cpus,omitempty"`
	Pids            int64         `json:"pids,omitempty"`
	ReadOnly        bool          `json:"read_only,omitempty"`
	Init            bool          `json:"init,omitempty"`
	NoNewPrivileges bool          `json:"no_new_privileges,omitempty"`
	CapAdd          []string      `json:"cap_add,omitempty"`
	CapDrop         []string      `json:"cap_drop,omitempty"`

	Health    HealthRule    `json:"health"`
	Route     *RouteRule    `json:"route,omitempty"` // nil: not routed by Traefik
	StopFirst bool          `json:"stop_first,omitempty"`
	Order     int           `json:"order,omitempty"` // of starting, lowest first
	Drain     time.Duration `json:"drain"`           // from the switch to the stop signal of the old container
	Test      []string      `json:"test,omitempty"`  // a command that must pass in a new image before it is used
	Keep      int           `json:"keep,omitempty"`  // images kept for rollbacks; 0 means the setting
}

// Source is where a service is built from.
type Source struct {
	Repo       string            `json:"repo"` // https, ssh or file URL; never with a credential in it
	Ref        string            `json:"ref"`  // branch, tag or commit
	Context    string            `json:"context"`
	Dockerfile string            `json:"dockerfile"`
	Args       map[string]string `json:"args,omitempty"`
	Submodules bool              `json:"submodules,omitempty"`
	// Definition is the path of the compose file in the repository, for services whose definition is deployed with
	// their code (the platform's own); empty means that the store holds it.
	Definition string `json:"definition,omitempty"`
	// Vars fill in the variables of that compose file.
	Vars map[string]string `json:"vars,omitempty"`
}

// NetworkUse is a network that a container joins.
type NetworkUse struct {
	Name     string   `json:"name"` // as the engine knows it
	Aliases  []string `json:"aliases,omitempty"`
	Internal bool     `json:"internal,omitempty"` // when it has to be made: without a way out
}

// HealthRule says how a service shows that it serves.
type HealthRule struct {
	How    string        `json:"how"` // ProbeHTTP, ProbePostgres, ProbeTCP, ProbeSkip
	Path   string        `json:"path,omitempty"`
	Port   int           `json:"port,omitempty"`
	Within time.Duration `json:"within"`           // a new container must pass by then
	Reason string        `json:"reason,omitempty"` // why it is skipped
}

// RouteRule is what Traefik shall lead to a service.
type RouteRule struct {
	Domains     []Domain `json:"domains"` // at least one, the main one first
	Port        int      `json:"port"`    // in the container
	Network     string   `json:"network"` // over which Traefik reaches it
	Entrypoints string   `json:"entrypoints"`
	Resolver    string   `json:"resolver,omitempty"` // of certificates; empty: TLS with Traefik's own
	Middlewares []string `json:"middlewares,omitempty"`
}

// Hash names what the definition makes: 12 hex digits over all of it but the place its source comes from.
func (d Definition) Hash() string {
	d.Source, d.Order, d.Keep, d.Test, d.Drain, d.StopFirst = nil, 0, 0, nil, 0, false
	raw, err := json.Marshal(d)
	if err != nil { // strings, numbers and maps of strings only
		panic(err)
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:6])
}

// DefinitionVersion is a row of the table "definitions", keyed by service: the newest version of its definition.
type DefinitionVersion struct {
	Definition
	Version int       `json:"version"`
	At      time.Time `json:"at"`
	By      string    `json:"by"`
	Text    string    `json:"text"` // the compose file as it was given
	Adopted bool      `json:"adopted,omitempty"`
	// Removal says that it is being removed, or was. A removed one stays as a row: the other control plane may have an older one.
	Removal *Removal `json:"removal,omitempty"`
	// Since is when a service of this name was removed last. What was released before is not this one's.
	Since time.Time `json:"since,omitzero"`
}

// Definitions reads and writes compose files.
type Definitions interface {
	// Parse reads a compose file with one service for each definition and fills in its variables. A key that is not of
	// the documented subset is an error that names file, line and key.
	Parse(file string, text []byte, vars map[string]string) ([]Definition, error)
	// Render writes a definition as a compose file with every value resolved, so that docker compose can start it by hand.
	Render(d Definition) ([]byte, error)
	// Write writes a definition as a compose file that a person edits: as Render does, but without the labels that are made of
	// it. What Parse makes of it is the same definition.
	Write(d Definition) ([]byte, error)
}
