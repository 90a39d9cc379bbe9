package docker

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"

	"github.com/codematrx/matrx-ship/core"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	dockersdk "github.com/moby/moby/client"
)

// Every container's log is bounded, whatever the engine's own default is: what is older lives in the collected logs.
const (
	logFileSize = "10m"
	logFiles    = "3"
)

// protocols are those that a port can be published for.
var protocols = []network.IPProtocol{network.TCP, network.UDP, network.SCTP}

// createOptions turns a spec into what the engine takes, field by field: nothing of the input is passed on as it is. The first
// network is part of it; the others are joined afterwards.
func createOptions(spec core.ContainerSpec) (create dockersdk.ContainerCreateOptions, others []membership, err error) {
	host, err := hostConfig(spec)
	if err != nil {
		return create, nil, err
	}
	create = dockersdk.ContainerCreateOptions{Name: spec.Name, Config: containerConfig(spec, host.PortBindings), HostConfig: host}
	places := membershipsOf(spec)
	if len(places) == 0 {
		host.NetworkMode = network.NetworkNone
		if spec.Alone && spec.Beside != "" {
			host.NetworkMode = container.NetworkMode("container:" + spec.Beside)
			create.Config.Hostname = "" // it is the other one's
		}
		return create, nil, nil
	}
	host.NetworkMode = container.NetworkMode(places[0].network)
	create.NetworkingConfig = &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{places[0].network: places[0].endpoint}}
	return create, places[1:], nil
}

// membershipsOf are the networks of a spec with the names in them.
func membershipsOf(spec core.ContainerSpec) []membership {
	if spec.Alone {
		return nil
	}
	var list []membership
	for _, n := range spec.Definition.Networks {
		aliases := slices.Clone(n.Aliases)
		if spec.Alias != "" && !slices.Contains(aliases, spec.Alias) {
			aliases = append(aliases, spec.Alias)
		}
		list = append(list, membership{n.Name, &network.EndpointSettings{Aliases: aliases}})
	}
	return list
}

// containerConfig is what the container itself is.
func containerConfig(spec core.ContainerSpec, published network.PortMap) *container.Config {
	def := spec.Definition
	config := &container.Config{
		Hostname: def.Service, // what a prompt shows
		Image:    spec.Image, Entrypoint: def.Entrypoint, Cmd: def.Command, User: def.User, WorkingDir: def.WorkDir,
		Labels: maps.Clone(spec.Labels), StopSignal: def.StopSignal,
	}
	if spec.Command != nil {
		config.Cmd = spec.Command
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Env)) {
		config.Env = append(config.Env, name+"="+spec.Env[name])
	}
	if def.StopGrace > 0 {
		config.StopTimeout = seconds(def.StopGrace)
	}
	for port := range published {
		if config.ExposedPorts == nil {
			config.ExposedPorts = network.PortSet{}
		}
		config.ExposedPorts[port] = struct{}{}
	}
	return config
}

// hostConfig is what the container may have of the server.
func hostConfig(spec core.ContainerSpec) (host *container.HostConfig, err error) {
	def := spec.Definition
	host = &container.HostConfig{
		CapAdd: def.CapAdd, CapDrop: def.CapDrop, GroupAdd: def.Groups, ReadonlyRootfs: def.ReadOnly, ShmSize: def.ShmSize,
		Tmpfs:     maps.Clone(def.Tmpfs),
		Resources: container.Resources{Memory: def.Memory, NanoCPUs: int64(def.CPUs * 1e9)},
		LogConfig: container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": logFileSize, "max-file": logFiles}},
	}
	if def.Pids > 0 {
		host.PidsLimit = &def.Pids
	}
	if def.Init {
		host.Init = &def.Init
	}
	if def.NoNewPrivileges {
		host.SecurityOpt = []string{"no-new-privileges:true"}
	}
	if spec.Alone {
		host.RestartPolicy.Name = container.RestartPolicyDisabled
		host.Mounts, err = mountsOf(readOnly(spec.Seen))
		return host, err
	}
	host.RestartPolicy.Name = container.RestartPolicyMode(def.Restart)
	if host.Mounts, err = mountsOf(def.Mounts); err != nil {
		return nil, err
	}
	host.PortBindings, err = bindingsOf(def.Ports)
	return host, err
}

// readOnly are mounts that nothing can be written through.
func readOnly(mounts []core.Mount) []core.Mount {
	mounts = slices.Clone(mounts)
	for i := range mounts {
		mounts[i].ReadOnly = true
	}
	return mounts
}

// mountsOf are the volumes and folders of a definition.
func mountsOf(mounts []core.Mount) ([]mount.Mount, error) {
	var list []mount.Mount
	for _, m := range mounts {
		out := mount.Mount{Type: mount.Type(m.Type), Target: m.Target, ReadOnly: m.ReadOnly}
		switch out.Type {
		case mount.TypeVolume:
			out.Source = m.Name
		case mount.TypeBind:
			out.Source = m.Source
		case mount.TypeTmpfs:
		default:
			return nil, core.Errorf(core.CodeInvalid, "The mount at %s is a %q: volume, bind and tmpfs are known.", m.Target, m.Type)
		}
		list = append(list, out)
	}
	return list, nil
}

// bindingsOf are the published ports of a definition.
func bindingsOf(ports []core.Port) (network.PortMap, error) {
	var list network.PortMap
	for _, p := range ports {
		if p.Protocol == "" {
			p.Protocol = "tcp"
		}
		inner, err := network.ParsePort(strconv.Itoa(p.Container) + "/" + p.Protocol)
		if err != nil || !slices.Contains(protocols, inner.Proto()) || p.Host < 0 || p.Host > 65535 {
			return nil, core.Errorf(core.CodeInvalid, "The published port %d:%d/%s cannot be one.", p.Host, p.Container, p.Protocol)
		}
		binding := network.PortBinding{HostPort: strconv.Itoa(p.Host)}
		if p.Address != "" {
			if binding.HostIP, err = netip.ParseAddr(p.Address); err != nil {
				return nil, core.Errorf(core.CodeInvalid, "Port %d is published at %q, which is no IP address.", p.Host, p.Address)
			}
		}
		if list == nil {
			list = network.PortMap{}
		}
		list[inner] = append(list[inner], binding)
	}
	return list, nil
}
