package core

import (
	"context"
	"strings"
	"time"
)

// ProbeTarget is where and how a service's health is probed, over the container's own networks.
type ProbeTarget struct {
	How     string // ProbeHTTP, ProbePostgres, ProbeTCP or ProbeSkip
	Address string // host:port as the control plane reaches it
	Path    string // of an HTTP probe, with the leading slash
}

// The ways to probe.
const (
	ProbeHTTP     = "http"
	ProbePostgres = "postgres"
	ProbeTCP      = "tcp"
	ProbeSkip     = "skip"
)

// Prober asks a service whether it serves. The detail is one short phrase for the screen, also on failure
// ("HTTP 503 from /healthz"); the error is nil only for a pass. It returns by the deadline of ctx.
type Prober interface {
	Probe(ctx context.Context, t ProbeTarget) (detail string, err error)
}

// Route is one router as Traefik really has it.
type Route struct {
	Name     string   `json:"name"`  // with its provider: "ship-demo@docker"
	Rule     string   `json:"rule"`  //
	Hosts    []string `json:"hosts"` // of the rule
	Service  string   `json:"service"`
	Servers  []string `json:"servers"` // "http://172.18.0.5:3000 UP"
	TLS      bool     `json:"tls"`
	Status   string   `json:"status"` // enabled, warning, disabled
	Errors   []string `json:"errors,omitempty"`
	Provider string   `json:"provider"`
	// Listens are the addresses of its entry points as the control plane reaches them: "traefik:8443".
	Listens     []string `json:"listens,omitempty"`
	Entrypoints []string `json:"entrypoints,omitempty"` // by name
	Middlewares []string `json:"middlewares,omitempty"` // in order
	Resolver    string   `json:"resolver,omitempty"`    // of certificates; empty: Traefik's own certificate, or no TLS
	TLSOptions  string   `json:"tls_options,omitempty"`
	Priority    int64    `json:"priority,omitempty"` // the highest wins when several match
}

// Backend is the route's service with its provider. Without one it is the router's own: "ship-demo@docker".
func (r Route) Backend() string {
	if r.Service == "" || strings.Contains(r.Service, "@") {
		return r.Service
	}
	return r.Service + "@" + r.Provider
}

// Proxy is what is asked of Traefik's API.
type Proxy interface {
	Routes(ctx context.Context) ([]Route, error)
	Version(ctx context.Context) (string, error)
}

// ProxyOverview is what Traefik says of itself as a whole.
type ProxyOverview struct {
	Providers []string `json:"providers"` // "Docker", "File"
	Errors    int      `json:"errors"`    // of HTTP and TCP routers, services and middlewares
	Warnings  int      `json:"warnings"`
}

// ProxyOverviewer is a Proxy that also gives an overview.
type ProxyOverviewer interface {
	Overview(ctx context.Context) (ProxyOverview, error)
}

// HostMeter measures the server itself.
type HostMeter interface {
	Usage(ctx context.Context) (HostUsage, error)
}

// Certificate is what a TLS server shows for one name.
type Certificate struct {
	Subject  string
	Issuer   string
	NotAfter time.Time
	Covers   bool   // it is made out to the name that was asked for
	Trusted  bool   // a client with the usual roots accepts it
	Problem  string // why not, in words
	Own      bool   // self-signed
}

// NetChecker looks at the network the way a client of the services would.
type NetChecker interface {
	// Certificate shows what the TLS server at address presents for name. An untrusted one is no error.
	Certificate(ctx context.Context, address, name string) (Certificate, error)
	// Resolve gives the addresses of a host name.
	Resolve(ctx context.Context, host string) ([]string, error)
}

// FileSystem is what is left of the file system that holds a path.
type FileSystem struct {
	Used, Total             int64 // bytes; what is reserved for root is in neither
	InodesUsed, InodesTotal int64 // 0 where the file system has no fixed number
}

// FileSystems measures file systems. A path that does not exist is CodeNotFound.
type FileSystems interface {
	FileSystem(ctx context.Context, path string) (FileSystem, error)
}

// ProbeTimeout is how long one health probe may take.
const ProbeTimeout = 3 * time.Second
