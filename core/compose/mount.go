package compose

import (
	"path"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/codematrx/matrx-ship/core"
)

// protected are folders of the host whose contents rule it. No service may mount them or what is below.
var protected = []string{
	"/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/root", "/run", "/sbin", "/sys", "/usr",
	"/var/lib/containerd", "/var/lib/docker", "/var/run",
}

// whole are folders of which a service may mount a part, but not the whole.
var whole = []string{"/", "/home", "/mnt", "/opt", "/srv", "/tmp", "/var", "/var/lib"}

// harmless are files below protected folders that may be mounted to be read.
var harmless = []string{"/etc/localtime", "/etc/timezone", "/etc/ssl/certs", "/etc/ssl/certs/ca-certificates.crt"}

// mounts reads volumes, binds and tmpfs.
func (r *serviceReader) mounts() {
	seen := map[string]bool{}
	for _, v := range r.svc.Volumes {
		m := core.Mount{Type: v.Type, Target: v.Target, ReadOnly: v.ReadOnly}
		switch {
		case !path.IsAbs(v.Target) || path.Clean(v.Target) == "/":
			r.bad("needs an absolute path in the container: "+cut(v.Target), "volumes")
		case seen[path.Clean(v.Target)]:
			r.bad("mounts "+cut(v.Target)+" twice", "volumes")
		}
		seen[path.Clean(v.Target)] = true
		switch v.Type {
		case types.VolumeTypeVolume:
			m.Name = r.volume(v.Source)
		case types.VolumeTypeBind:
			m.Source = r.bind(v)
		default:
			r.bad("may mount volumes and folders; for memory use tmpfs", "volumes")
		}
		r.d.Mounts = append(r.d.Mounts, m)
	}
	for _, text := range r.svc.Tmpfs {
		target, options, _ := strings.Cut(text, ":")
		if !path.IsAbs(target) || path.Clean(target) == "/" || seen[path.Clean(target)] {
			r.bad("needs an absolute path that nothing else is mounted on: "+cut(target), "tmpfs")
		}
		seen[path.Clean(target)] = true
		if r.d.Tmpfs == nil {
			r.d.Tmpfs = map[string]string{}
		}
		r.d.Tmpfs[target] = options
	}
}

// volume is the engine's name of a volume of the file.
func (r *serviceReader) volume(key string) string {
	if key == "" {
		r.bad("has a volume without a name: its data would be lost with the container", "volumes")
		return ""
	}
	config, ok := r.project.Volumes[key]
	if !ok && child(r.root, "volumes", key) == nil {
		r.bad("names "+cut(key)+", which is not one of the volumes of the file", "volumes")
		return ""
	}
	return r.engineName("volumes", key, config.Name, bool(config.External))
}

// bind is the folder or file of the host that is mounted.
func (r *serviceReader) bind(v types.ServiceVolumeConfig) string {
	from := v.Source
	if !path.IsAbs(from) {
		if !path.IsAbs(r.file) || strings.HasPrefix(from, "~") {
			r.bad("needs an absolute path of the host: "+cut(from), "volumes")
			return from
		}
		from = path.Join(path.Dir(r.file), from)
	}
	if from != path.Clean(from) {
		r.bad("has to be a path without .. or doubled slashes: "+cut(from), "volumes")
		return from
	}
	if why := refusedBind(r.d.Kind, from, v.ReadOnly); why != "" {
		r.bad("may not mount "+cut(from)+": "+why, "volumes")
	}
	return from
}

// refusedBind says why a service of this kind may not mount a path of the host; empty when it may.
func refusedBind(kind core.Kind, from string, readOnly bool) string {
	ours := kind == core.KindTraefik || kind == core.KindManager || kind == core.KindDeploy
	switch {
	case ours && from != "/": // who holds the engine's socket has the host anyway
		return ""
	case path.Base(from) == "docker.sock":
		return "the engine's socket rules the whole server. Only Traefik and the control planes have it."
	case slices.Contains(whole, from):
		return "it is shared by the whole server. Mount a folder of its own."
	case readOnly && slices.Contains(harmless, from):
		return ""
	}
	for _, dir := range protected {
		if below(dir, from) {
			return dir + " belongs to the host."
		}
	}
	return ""
}

// below is true for a folder and everything in it.
func below(dir, p string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }
