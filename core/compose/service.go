package compose

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/distribution/reference"
	"go.yaml.in/yaml/v4"

	"github.com/codematrx/matrx-ship/core"
)

// The defaults of what a file leaves out.
const (
	defaultRestart    = "unless-stopped"
	defaultGrace      = 10 * time.Second
	defaultWithin     = time.Minute
	defaultDrain      = 5 * time.Second
	defaultEntrypoint = "websecure"
	defaultNetwork    = "proxy"
	defaultResolver   = "letsencrypt"
)

// serviceReader makes the definition of one service.
type serviceReader struct {
	*source
	root    *yaml.Node
	project *types.Project
	name    string
	node    *yaml.Node // of the service
	svc     types.ServiceConfig
	d       core.Definition
}

// bad notes a problem with a key of the service.
func (r *serviceReader) bad(what string, keys ...string) {
	r.fail(nearest(r.node, keys...), join("services."+r.name, strings.Join(keys, ".")), what)
}

// definition reads everything. Problems are noted in the source.
func (r *serviceReader) definition(key *yaml.Node) core.Definition {
	r.name = key.Value
	if err := core.CheckServiceName(r.name); err != nil {
		r.fail(key, "services."+cut(r.name), core.MessageOf(err))
		return core.Definition{}
	}
	r.d = core.Definition{Service: r.name, Container: r.svc.ContainerName}
	if r.d.Container == "" {
		r.d.Container = r.name
	}
	if !core.ValidName(r.d.Container) {
		r.bad("is not a name of a container: letters, digits, dots, dashes and underscores", "container_name")
	}
	r.identity()
	r.imageAndSource()
	r.process()
	r.environment()
	r.networks()
	r.ports()
	r.mounts()
	r.limits()
	r.rights()
	r.route()
	r.health()
	r.schedule()
	r.labels()
	return r.d
}

// identity reads kind, layer, instance and project.
func (r *serviceReader) identity() {
	kind, instance := core.KindOf(r.name)
	if text := r.matrx("kind"); text != "" {
		kind = core.Kind(text)
	}
	if err := core.CheckKind(r.name, kind); err != nil {
		r.bad(core.MessageOf(err), "x-matrx", "kind")
		return
	}
	r.d.Kind, r.d.Layer, r.d.Instance = kind, core.LayerOf(kind), instance
	if text := r.matrx("layer"); text != "" {
		r.d.Layer = r.number(0, core.LayerApps, "x-matrx", "layer")
	}
	if text := r.matrx("instance"); text != "" {
		r.d.Instance = text
	}
	if (kind == core.KindShip || kind == core.KindShipDB) && r.d.Instance == "" {
		r.bad("has to say which instance it belongs to", "x-matrx", "instance")
	}
	r.d.Project = r.matrx("project")
	for key, name := range map[string]string{"instance": r.d.Instance, "project": r.d.Project} {
		if name != "" && core.CheckServiceName(name) != nil {
			r.bad("is not a name: small letters, digits, dashes and underscores", "x-matrx", key)
		}
	}
}

// imageAndSource reads what is run.
func (r *serviceReader) imageAndSource() {
	if r.d.Image = r.svc.Image; r.d.Image == core.CurrentImage(r.name) {
		r.d.Image = "" // what a rendered file names for an image that is built
	}
	if r.at("source") != nil {
		r.buildSource()
	}
	switch {
	case r.d.Image == "" && r.d.Source == nil:
		r.bad("has to say what runs: image, or x-matrx.source to build one")
	case r.d.Image == "":
	default:
		if _, err := reference.ParseAnyReference(r.d.Image); err != nil {
			r.bad("is not the name of an image", "image")
		}
	}
}

// process reads how it starts and stops.
func (r *serviceReader) process() {
	r.d.Entrypoint, r.d.Command = filled(r.svc.Entrypoint), filled(r.svc.Command)
	r.d.User, r.d.Groups, r.d.WorkDir = r.svc.User, filled(r.svc.GroupAdd), r.svc.WorkingDir
	if r.d.WorkDir != "" && !path.IsAbs(r.d.WorkDir) {
		r.bad("has to be an absolute path", "working_dir")
	}
	for key, text := range map[string]string{"user": r.d.User, "group_add": strings.Join(r.d.Groups, "")} {
		if strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c > '~' }) {
			r.bad("holds a character that is not of a name", key)
		}
	}
	r.d.Restart = r.svc.Restart
	switch r.d.Restart {
	case "":
		r.d.Restart = defaultRestart
	case "no", "on-failure", "unless-stopped", "always":
	default:
		r.bad("has to be no, on-failure, unless-stopped or always", "restart")
	}
	r.d.StopSignal = r.svc.StopSignal
	if !stopSignal.MatchString(r.d.StopSignal) {
		r.bad("is not a signal like SIGTERM", "stop_signal")
	}
	r.d.StopGrace = defaultGrace
	if p := r.svc.StopGracePeriod; p != nil {
		r.d.StopGrace = r.within(time.Duration(*p), 0, time.Hour, "stop_grace_period")
	}
}

var stopSignal = regexp.MustCompile(`^(|[0-9]{1,2}|(SIG)?[A-Z0-9]{2,10}([+-][0-9]{1,2})?)$`)

// environment reads plain values; their names and sizes are bounded.
func (r *serviceReader) environment() {
	values := map[string]string{}
	for name, value := range r.svc.Environment {
		if value == nil {
			r.bad("gives "+cut(name)+" no value: write one, or set it with `env set`", "environment")
			continue
		}
		values[name] = *value
	}
	for name, value := range values {
		if core.LooksSecret(name, value) {
			r.bad("holds what looks like a secret in "+cut(name)+": set it with `env set`, where it is kept encrypted", "environment")
		}
	}
	if err := core.CheckEnv(values); err != nil {
		r.bad(core.MessageOf(err), "environment")
	}
	if len(values) > 0 {
		r.d.Env = values
	}
	r.envFile()
}

// envFile takes the one file that a control plane renders and nothing else.
func (r *serviceReader) envFile() {
	n := child(r.node, "env_file")
	if n == nil {
		return
	}
	if n.Kind == yaml.SequenceNode && len(n.Content) == 1 {
		n = n.Content[0]
	}
	if n.Kind != yaml.ScalarNode || strings.TrimPrefix(n.Value, "./") != ".env" {
		r.bad("is not supported: "+advice["env_file"]+".", "env_file")
	}
}

// limits reads what bounds the container.
func (r *serviceReader) limits() {
	r.d.Memory, r.d.ShmSize, r.d.Pids = int64(r.svc.MemLimit), int64(r.svc.ShmSize), r.svc.PidsLimit
	if cpus, err := strconv.ParseFloat(strconv.FormatFloat(float64(r.svc.CPUS), 'g', -1, 32), 64); err == nil {
		r.d.CPUs = cpus
	}
	const leastMemory = 6 << 20 // the engine's own least
	if r.d.Memory < 0 || r.d.Memory > 0 && r.d.Memory < leastMemory {
		r.bad("has to be at least 6m", "mem_limit")
	}
	if r.d.ShmSize < 0 {
		r.bad("has to be a size", "shm_size")
	}
	if r.d.Pids < 0 {
		r.bad("has to be a number of processes; leave it out for no limit", "pids_limit")
	}
	if r.d.CPUs < 0 || r.d.CPUs != r.d.CPUs || r.d.CPUs > 4096 {
		r.bad("has to be a number of cores like 0.5", "cpus")
	}
}

// allowedCaps are what may be added: what the engine gives by default, and what is harmless to others.
var allowedCaps = []string{
	"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "IPC_LOCK", "KILL", "MKNOD", "NET_BIND_SERVICE", "NET_RAW",
	"SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT", "SYS_NICE",
}

// rights reads what the container may do.
func (r *serviceReader) rights() {
	r.d.ReadOnly = r.svc.ReadOnly
	r.d.Init = r.svc.Init != nil && *r.svc.Init
	for _, opt := range r.svc.SecurityOpt {
		if opt != "no-new-privileges:true" && opt != "no-new-privileges" {
			r.bad("may hold no-new-privileges:true and nothing else", "security_opt")
		}
		r.d.NoNewPrivileges = true
	}
	for _, name := range r.svc.CapAdd {
		if !slices.Contains(allowedCaps, strings.TrimPrefix(name, "CAP_")) {
			r.bad("may not hold "+cut(name)+"; it may hold "+strings.Join(allowedCaps, " "), "cap_add")
		}
	}
	for _, name := range r.svc.CapDrop {
		if !capName.MatchString(name) {
			r.bad("holds "+cut(name)+", which is not a capability like NET_RAW or ALL", "cap_drop")
		}
	}
	r.d.CapAdd, r.d.CapDrop = filled(r.svc.CapAdd), filled(r.svc.CapDrop)
}

var capName = regexp.MustCompile(`^[A-Z_]{3,32}$`)

// labels reads its own labels. Those of the control plane and of Traefik are made of the definition, and stand in a
// rendered file as they were made.
func (r *serviceReader) labels() {
	made := core.ContainerLabels(r.d, core.Stamp{})
	for name, value := range r.svc.Labels {
		switch want, ok := made[name]; {
		case core.IsStampLabel(name):
		case !core.IsOwnLabel(name):
			if r.d.Labels == nil {
				r.d.Labels = map[string]string{}
			}
			r.d.Labels[name] = value
		case !ok || want != value:
			r.bad("may not hold "+cut(name)+": labels of Traefik, of compose and of the control plane are made of x-matrx", "labels")
		}
	}
}

// within bounds a time span.
func (r *serviceReader) within(d, least, most time.Duration, keys ...string) time.Duration {
	if d < least || d > most {
		r.bad("has to be between "+least.String()+" and "+most.String(), keys...)
	}
	return d
}

// filled is nil for an empty list.
func filled(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	return slices.Clone(list)
}
