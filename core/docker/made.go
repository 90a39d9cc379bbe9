package docker

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/codematrx/matrx-ship/core"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	dockersdk "github.com/moby/moby/client"
)

var _ core.MadeReader = (*Docker)(nil)

// envOf reads NAME=VALUE.
func envOf(list []string) map[string]string {
	env := make(map[string]string, len(list))
	for _, line := range list {
		name, value, _ := strings.Cut(line, "=")
		env[name] = value
	}
	return env
}

// MadeContainer says how a container was made. What its image brings is left out, as far as the image is still there.
func (d *Docker) MadeContainer(ctx context.Context, id string) (core.MadeContainer, error) {
	res, err := d.inspect(ctx, id)
	if err != nil {
		return core.MadeContainer{}, err
	}
	c := res.Container
	image, err := d.imageConfig(ctx, c.Image)
	if err != nil {
		return core.MadeContainer{}, err
	}
	m := made{c: c, image: image}
	m.out.Definition = core.Definition{Container: strings.TrimPrefix(c.Name, "/")}
	if m.out.Definition.Image, err = d.sameImage(ctx, c); err != nil {
		return core.MadeContainer{}, err
	}
	m.process()
	m.places()
	m.limits()
	m.judge()
	if err := d.internals(ctx, &m.out.Definition); err != nil {
		return core.MadeContainer{}, err
	}
	return m.out, nil
}

// imageConfig is what an image brings; nothing when it is gone.
func (d *Docker) imageConfig(ctx context.Context, id string) (dockerspec.DockerOCIImageConfig, error) {
	res, err := call(ctx, d, readLimit, "inspect image "+core.ShortID(id), func(ctx context.Context, api *dockersdk.Client) (dockersdk.ImageInspectResult, error) {
		return api.ImageInspect(ctx, id)
	})
	if core.CodeOf(err) == core.CodeNotFound || err == nil && res.Config == nil {
		return dockerspec.DockerOCIImageConfig{}, nil
	}
	if err != nil {
		return dockerspec.DockerOCIImageConfig{}, err
	}
	return *res.Config, nil
}

// internals notes which of the networks have no way out.
func (d *Docker) internals(ctx context.Context, def *core.Definition) error {
	networks, err := d.Networks(ctx)
	if err != nil {
		return err
	}
	for _, n := range networks {
		for i := range def.Networks {
			if def.Networks[i].Name == n.Name {
				def.Networks[i].Internal = n.Internal
			}
		}
	}
	return nil
}

// made collects how a container was made.
type made struct {
	c     container.InspectResponse
	image dockerspec.DockerOCIImageConfig
	out   core.MadeContainer
}

// process is what runs, with which variables and labels.
func (m *made) process() {
	cfg, d := m.c.Config, &m.out.Definition
	if !slices.Equal(cfg.Entrypoint, m.image.Entrypoint) {
		d.Entrypoint = slices.Clone(cfg.Entrypoint)
	}
	if !slices.Equal(cfg.Cmd, m.image.Cmd) {
		d.Command = slices.Clone(cfg.Cmd)
	}
	m.out.Env = envOf(cfg.Env)
	for name, value := range envOf(m.image.Env) {
		if m.out.Env[name] == value {
			delete(m.out.Env, name)
		}
	}
	for _, field := range []struct {
		to         *string
		own, image string
	}{{&d.User, cfg.User, m.image.User}, {&d.WorkDir, cfg.WorkingDir, m.image.WorkingDir}, {&d.StopSignal, cfg.StopSignal, m.image.StopSignal}} {
		if field.own != field.image {
			*field.to = field.own
		}
	}
	d.StopGrace = defaultGrace
	if cfg.StopTimeout != nil && *cfg.StopTimeout >= 0 {
		d.StopGrace = time.Duration(*cfg.StopTimeout) * time.Second
	}
	for name, value := range cfg.Labels {
		if m.image.Labels[name] != value {
			if d.Labels == nil {
				d.Labels = map[string]string{}
			}
			d.Labels[name] = value
		}
	}
}

// places are networks, ports and mounts.
func (m *made) places() {
	host, d := m.c.HostConfig, &m.out.Definition
	first, others := memberships(m.c)
	if first != nil {
		others = append([]membership{*first}, others...)
	}
	for _, place := range others {
		use := core.NetworkUse{Name: place.network}
		for _, alias := range place.endpoint.Aliases {
			if alias != d.Container {
				use.Aliases = append(use.Aliases, alias)
			}
		}
		slices.Sort(use.Aliases)
		d.Networks = append(d.Networks, use)
	}
	for port, bindings := range host.PortBindings {
		for _, b := range bindings {
			p := core.Port{Container: int(port.Num()), Protocol: string(port.Proto())}
			p.Host, _ = strconv.Atoi(b.HostPort) // empty: the engine's own choice, which no definition can say
			if b.HostIP.IsValid() {
				p.Address = b.HostIP.String()
			}
			d.Ports = append(d.Ports, p)
		}
	}
	sortPorts(d.Ports)
	for _, mp := range m.c.Mounts {
		switch mp.Type {
		case mount.TypeVolume:
			d.Mounts = append(d.Mounts, core.Mount{Type: "volume", Name: mp.Name, Target: mp.Destination, ReadOnly: !mp.RW})
		case mount.TypeBind:
			d.Mounts = append(d.Mounts, core.Mount{Type: "bind", Source: mp.Source, Target: mp.Destination, ReadOnly: !mp.RW})
		case mount.TypeTmpfs:
			m.lose("a mount of memory with options on " + mp.Destination)
		default:
			m.refuse("a mount of the kind " + string(mp.Type))
		}
	}
	slices.SortFunc(d.Mounts, func(a, b core.Mount) int { return strings.Compare(a.Target, b.Target) })
	if len(host.Tmpfs) > 0 {
		d.Tmpfs = maps.Clone(host.Tmpfs)
	}
}

// defaultShm is what the engine gives a container that asks for nothing.
const defaultShm = 64 << 20

// limits are what bounds it.
func (m *made) limits() {
	host, d := m.c.HostConfig, &m.out.Definition
	d.Restart = string(host.RestartPolicy.Name)
	if d.Restart == "" {
		d.Restart = "no"
	}
	d.Memory, d.CPUs, d.ReadOnly = host.Memory, float64(host.NanoCPUs)/1e9, host.ReadonlyRootfs
	if host.ShmSize != defaultShm {
		d.ShmSize = host.ShmSize
	}
	if host.PidsLimit != nil && *host.PidsLimit > 0 {
		d.Pids = *host.PidsLimit
	}
	d.Init = host.Init != nil && *host.Init
	d.Groups, d.CapAdd, d.CapDrop = slices.Clone(host.GroupAdd), capNames(host.CapAdd), capNames(host.CapDrop)
	for _, opt := range host.SecurityOpt {
		switch opt {
		case "no-new-privileges", "no-new-privileges:true", "no-new-privileges=true":
			d.NoNewPrivileges = true
		default:
			m.refuse("the security option " + opt)
		}
	}
}

// capNames are capabilities as compose files write them: the engine puts CAP_ before.
func capNames(list []string) []string {
	var names []string
	for _, name := range list {
		names = append(names, strings.TrimPrefix(name, "CAP_"))
	}
	return names
}

// judge names what a definition cannot say.
func (m *made) judge() {
	host := m.c.HostConfig
	for what, is := range map[string]bool{
		"all privileges": host.Privileged, "the host's network": host.NetworkMode.IsHost(), "the network of another container": host.NetworkMode.IsContainer(),
		"the engine's default network; connect it to one with a name": host.NetworkMode.IsBridge() || host.NetworkMode.IsDefault(),
		"the host's processes": host.PidMode.IsHost(), "the host's memory": host.IpcMode.IsHost(), "the host's names": host.UTSMode.IsHost(),
		"devices of the host": len(host.Devices) > 0 || len(host.DeviceRequests) > 0, "volumes of another container": len(host.VolumesFrom) > 0,
	} {
		if is {
			m.refuse(what)
		}
	}
	for what, is := range map[string]bool{
		"limits of the kernel (ulimits)": len(host.Ulimits) > 0, "settings of the kernel (sysctls)": len(host.Sysctls) > 0,
		"names of hosts (extra hosts)": len(host.ExtraHosts) > 0, "servers of names (dns)": len(host.DNS) > 0,
		"a share of the processor": host.CPUShares > 0 || host.CPUQuota > 0 || host.CpusetCpus != "", "links": len(host.Links) > 0,
		"a host name of its own": m.c.Config.Hostname != core.ShortID(m.c.ID), "a number of restarts": host.RestartPolicy.MaximumRetryCount > 0,
	} {
		if is {
			m.lose(what)
		}
	}
	slices.Sort(m.out.Refused)
	slices.Sort(m.out.Lost)
}

func (m *made) refuse(what string) { m.out.Refused = append(m.out.Refused, what) }
func (m *made) lose(what string)   { m.out.Lost = append(m.out.Lost, what) }
