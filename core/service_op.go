package core

import (
	"context"
	"iter"
	"time"
)

// ServiceIn names a service.
type ServiceIn struct {
	Service string `json:"service"`
}

// Target is the service.
func (in ServiceIn) Target() string { return in.Service }

// Validate refuses an empty name.
func (in ServiceIn) Validate() error {
	if in.Service == "" {
		return Errorf(CodeInvalid, "Which service? Give its name.")
	}
	return nil
}

// StopServiceIn names a service and how long it may take to end.
type StopServiceIn struct {
	ServiceIn
	Grace time.Duration `json:"grace,omitempty"` // 0 means the container's own, else 10 s
}

// RemoveServiceIn names a service whose container goes; its volumes stay.
type RemoveServiceIn struct {
	ServiceIn
	Confirm
}

// ListServicesIn filters the list; the zero value lists everything.
type ListServicesIn struct {
	Kind     Kind   `json:"kind,omitempty"`
	Instance string `json:"instance,omitempty"`
}

// ServiceDetail is a service with what the engine's inspect adds.
type ServiceDetail struct {
	Service
	Detail *ContainerDetail `json:"detail,omitempty"` // nil when the container is missing or the engine does not answer
	Note   string           `json:"note,omitempty"`   // why it is nil
}

// Done is the answer of an operation that has nothing to tell but that it was observed to have worked.
type Done struct {
	Message string `json:"message"`
}

// Status is the whole control plane at a glance.
type Status struct {
	Server   string      `json:"server"`
	Plane    string      `json:"plane"`
	Version  string      `json:"version"`
	Started  time.Time   `json:"started"`
	Journal  JournalHead `json:"journal"`
	Logs     LogStats    `json:"logs"`
	Sessions int         `json:"sessions"`
	Snapshot
}

// The operations on services.
var (
	GetStatus      = Op[struct{}, Status]{"plane.status", "Show the state of everything", Read, RoleViewer, false, false, getStatus}
	ListServices   = Op[ListServicesIn, []Service]{"service.list", "List services", Read, RoleViewer, false, false, listServices}
	ShowService    = Op[ServiceIn, ServiceDetail]{"service.show", "Describe a service", Read, RoleViewer, false, false, showService}
	WatchServices  = Watch[struct{}, *Snapshot]{"service.watch", "Follow the state of everything", RoleViewer, false, watchServices}
	StartService   = Op[ServiceIn, Done]{"service.start", "Start a service", Change, RoleOperator, true, false, startService}
	StopService    = Op[StopServiceIn, Done]{"service.stop", "Stop a service", Change, RoleOperator, true, true, stopService}
	RestartService = Op[StopServiceIn, Done]{"service.restart", "Restart a service", Change, RoleOperator, true, true, restartService}
	// RecreateService answers with a job.
	RecreateService = Op[StopServiceIn, Job]{recreateKind, "Recreate a service's container", Change, RoleOperator, true, false, recreateService}
	RemoveService   = Op[RemoveServiceIn, Done]{"service.remove", "Remove a service's container", Destroy, RoleAdmin, true, false, removeService}
	ShowInfra       = Op[struct{}, Infrastructure]{"infra.show", "Show networks, volumes, images, routes and disk", Read, RoleViewer, false, false, showInfra}
	// PruneDisk answers with a job.
	PruneDisk = Op[struct{}, Job]{pruneKind, "Remove dangling images and build cache", Change, RoleOperator, true, true, pruneDisk}
	Diagnose  = Watch[struct{}, Check]{"diagnose.run", "Check everything and say what to do", RoleViewer, false, diagnose}
)

// Infrastructure is what the engine and Traefik hold besides services. A part that could not be read is empty and named
// in Problems.
type Infrastructure struct {
	Engine   EngineInfo `json:"engine"`
	Traefik  string     `json:"traefik"` // version
	Networks []Network  `json:"networks"`
	Volumes  []Volume   `json:"volumes"`
	Images   []Image    `json:"images"`
	Routes   []Route    `json:"routes"`
	Disk     DiskUsage  `json:"disk"`
	Problems []string   `json:"problems,omitempty"`
}

// Check is one thing that Diagnose looked at: what was checked, what was found, what to do.
type Check struct {
	Area  string        `json:"area"`  // engine, disk, memory, certificates, dns, traefik, plane, journal, logs, services
	Name  string        `json:"name"`  // what was checked, in words
	State string        `json:"state"` // ok, warn, fail, unknown
	Found string        `json:"found"` // what was found, in words
	Do    string        `json:"do,omitempty"`
	Took  time.Duration `json:"took"`
}

// The states of a Check.
const (
	CheckOK      = "ok"
	CheckWarn    = "warn"
	CheckFail    = "fail"
	CheckUnknown = "unknown"
)

// snapshots is the stream type of WatchServices.
type snapshots = iter.Seq2[*Snapshot, error]

func watchServices(ctx context.Context, c *Core, _ struct{}) snapshots { return c.services.watch(ctx) }
