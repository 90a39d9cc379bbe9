package core

import (
	"fmt"
	"time"
)

// Bounds of what is remembered of a service.
const (
	missingFor   = 24 * time.Hour   // a service without a container is listed so long
	crashWindow  = 10 * time.Minute // in which restarts count as a crash loop
	crashLoop    = 3                // restarts within crashWindow
	maxCrashes   = 32               // restarts remembered
	oomFor       = time.Hour        // an out-of-memory kill stays a fault so long
	startGrace   = 30 * time.Second // a container that never passed a probe is Starting so long
	failsToBeBad = 2                // failed probes in a row that make a service Unhealthy
)

// known is what is known of one service. It belongs to a board, whose owner's lock guards it.
type known struct {
	identity
	container Container
	detail    ContainerDetail
	inspected bool      // detail is of this container
	facts     string    // what the list said when it was inspected
	others    []string  // further containers that claim the name
	rivals    int       // of those, how many run
	missing   time.Time // since when there is no container; zero while there is one
	renamed   string    // the name that its last container has now
	crashes   []time.Time
	oom       time.Time
	probe     probing
	health    Health
	meter     meter
}

// probing is where the probes of a service stand.
type probing struct {
	gen     int // counts the lives of the container: a result of another life does not count
	address string
	reason  string // why there is no address
	next    time.Time
	running time.Time // start of the probe under way, zero when there is none
	again   bool      // something happened while it was under way
	passed  bool      // since the container started
	slow    bool      // the last probe took long or is still waiting
	failing int
	detail  string
	checked time.Time
	took    time.Duration
}

// running is true when the container runs, as far as is known.
func (k *known) runs() bool { return k.missing.IsZero() && k.container.State == "running" }

// probed is true when there is something to probe now.
func (k *known) probeable() bool {
	return k.runs() && k.rule.how != ProbeSkip && k.probe.address != ""
}

// judge renews the verdict and reports whether the state changed.
func (k *known) judge(now time.Time) bool {
	state, detail := k.verdict(now)
	changed := k.health.State != state
	if changed {
		k.health.Since = now
		if state == Down && k.missing.IsZero() && !k.detail.FinishedAt.IsZero() {
			k.health.Since = k.detail.FinishedAt
		}
	}
	k.health.State, k.health.Detail = state, detail
	k.health.Probe = k.rule.String()
	k.health.Checked, k.health.Took, k.health.Failing = k.probe.checked, k.probe.took, k.probe.failing
	k.health.Image = k.detail.ImageHealth
	return changed
}

// verdict weighs the container's state, the image's own check and the probes, the surest first.
func (k *known) verdict(now time.Time) (HealthState, string) {
	if state, detail := k.engineVerdict(); state != "" {
		return state, detail
	}
	image := k.detail.ImageHealth
	p := &k.probe
	switch {
	case image != nil && image.Status == "unhealthy":
		return Unhealthy, "the image's own health check fails: " + shortText(image.Last)
	case k.rule.how == ProbeSkip && k.rule.reason == noHealth, k.rule.how != ProbeSkip && p.address == "":
		return k.unproven(image)
	case k.rule.how == ProbeSkip:
		return Unproven, k.rule.reason
	case p.failing >= failsToBeBad && (p.passed || now.Sub(k.detail.StartedAt) > startGrace):
		return Unhealthy, p.detail
	case p.passed && p.failing > 0:
		return Healthy, fmt.Sprintf("the last probe failed: %s", p.detail)
	case p.passed:
		return Healthy, p.detail
	case p.checked.IsZero():
		return Starting, "not probed yet"
	default:
		return Starting, p.detail
	}
}

// engineVerdict is the verdict when the container does not run; empty when it does.
func (k *known) engineVerdict() (HealthState, string) {
	switch {
	case !k.missing.IsZero() && k.renamed != "":
		return Down, "no container of this name exists; its last one is named " + k.renamed + " now"
	case !k.missing.IsZero():
		return Down, "no container of this name exists"
	}
	switch k.container.State {
	case "running":
		return "", ""
	case "paused":
		return Paused, "the container is paused"
	case "restarting":
		return Unhealthy, "keeps restarting: " + k.exit()
	case "created":
		if k.detail.Error != "" {
			return Down, "was never started: " + shortText(k.detail.Error)
		}
		return Down, "was created and never started"
	default:
		return Down, k.exit()
	}
}

// unproven is the verdict when we cannot probe; a passing check of the image's own then counts.
func (k *known) unproven(image *ImageHealth) (HealthState, string) {
	switch {
	case image != nil && image.Status == "healthy":
		return Healthy, "the image's own health check passes"
	case image != nil && image.Status == "starting":
		return Starting, "the image's own health check has not passed yet"
	case k.rule.how == ProbeSkip:
		return Unproven, k.rule.reason
	default:
		return Unproven, k.probe.reason
	}
}

// exit says how the container ended, in words.
func (k *known) exit() string {
	if !k.inspected {
		return "the container is " + k.container.State
	}
	text := fmt.Sprintf("exited with %d", k.detail.ExitCode)
	if why := exitWords(k.detail.ExitCode, k.detail.OOMKilled); why != "" {
		text += " (" + why + ")"
	}
	if k.detail.Error != "" {
		text += ": " + shortText(k.detail.Error)
	}
	return text
}

// exitWords explains the exit codes that have a meaning.
func exitWords(code int, oom bool) string {
	switch {
	case oom:
		return "out of memory"
	case code == 125:
		return "the engine could not start it"
	case code == 126:
		return "its command cannot be run"
	case code == 127:
		return "its command was not found"
	case code == 137:
		return "killed"
	case code == 139:
		return "crashed: segmentation fault"
	case code == 143:
		return "ended by SIGTERM"
	}
	return ""
}

// noteCrashes remembers how often the engine restarted the container since the last look.
func (k *known) noteCrashes(before, after ContainerDetail, now time.Time) {
	if before.ID == after.ID {
		for range min(after.Restarts-before.Restarts, maxCrashes) {
			k.crashes = append(k.crashes, now)
		}
	}
	k.crashes = k.crashes[max(len(k.crashes)-maxCrashes, 0):]
}

// recentCrashes counts the restarts within crashWindow.
func (k *known) recentCrashes(now time.Time) int {
	n := 0
	for _, at := range k.crashes {
		if now.Sub(at) <= crashWindow {
			n++
		}
	}
	return n
}

// service is what everybody sees of it.
func (k *known) service(ch Charter, own string) Service {
	s := Service{
		Name: k.name, Kind: k.kind, Layer: k.layer, Instance: k.instance, Project: k.project, Home: HomeOf(k.kind),
		Self: k.isSelf(ch, own), Health: k.health, State: k.container.State, Container: k.container.Name, ID: k.container.ID,
		Image: k.container.Image, ImageID: k.container.ImageID, Created: k.container.Created,
		Started: k.detail.StartedAt, Finished: k.detail.FinishedAt, ExitCode: k.detail.ExitCode, Restarts: k.detail.Restarts,
		Ports: k.container.Ports, Route: k.route, Missing: !k.missing.IsZero(), Others: k.others,
		Usage: k.meter.usage(k.runs()),
	}
	if s.Usage.MemoryLimit == 0 {
		s.Usage.MemoryLimit = k.detail.MemoryLimit
	}
	s.Networks = make([]string, 0, len(k.container.Networks))
	for _, a := range k.container.Networks {
		s.Networks = append(s.Networks, a.Network)
	}
	return s
}

// isSelf is true for this very control plane: by its name, and by the container this process runs in.
func (k *known) isSelf(ch Charter, own string) bool {
	return k.name == ch.Name || own != "" && k.container.ID == own
}
