package docker

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	dockersdk "github.com/moby/moby/client"
)

// defaultGrace is the engine's own patience with a container that names none.
const defaultGrace = 10 * time.Second

// Info asks the engine what it is. A recent time without it is among the warnings.
func (d *Docker) Info(ctx context.Context) (core.EngineInfo, error) {
	return call(ctx, d, readLimit, "ask the engine what it is", func(ctx context.Context, api *dockersdk.Client) (core.EngineInfo, error) {
		res, err := api.Info(ctx, dockersdk.InfoOptions{})
		if err != nil {
			return core.EngineInfo{}, err
		}
		i := res.Info
		warnings := i.Warnings
		if gone, ok := d.breaker.recent(10 * time.Minute); ok {
			warnings = append(warnings, fmt.Sprintf("The engine did not answer from %s to %s: %s.", stamp(gone.From), stamp(gone.To), gone.Cause))
		}
		clock, err := time.Parse(time.RFC3339Nano, i.SystemTime)
		if err != nil {
			clock = time.Time{} // it does not say: nothing rests on it
		}
		return core.EngineInfo{
			Time: clock, Version: i.ServerVersion, API: api.ClientVersion(), Name: i.Name, OS: i.OperatingSystem, Kernel: i.KernelVersion,
			Driver: i.Driver, Cgroup: cmp.Or(i.CgroupVersion, "1"), Root: i.DockerRootDir, CPUs: i.NCPU, Memory: i.MemTotal,
			Containers: i.Containers, Running: i.ContainersRunning, Images: i.Images, Warnings: warnings,
		}, nil
	})
}

// Containers lists all containers, also stopped ones.
func (d *Docker) Containers(ctx context.Context) ([]core.Container, error) {
	items, err := d.list(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]core.Container, len(items))
	for i, c := range items {
		list[i] = containerOf(c)
	}
	return list, nil
}

// list is Containers as the SDK has them.
func (d *Docker) list(ctx context.Context) ([]container.Summary, error) {
	return call(ctx, d, readLimit, "list containers", func(ctx context.Context, api *dockersdk.Client) ([]container.Summary, error) {
		res, err := api.ContainerList(ctx, dockersdk.ContainerListOptions{All: true})
		return res.Items, err
	})
}

// Container inspects one, by id, by the beginning of its id or by name.
func (d *Docker) Container(ctx context.Context, id string) (core.ContainerDetail, error) {
	res, err := d.inspect(ctx, id)
	if err != nil {
		return core.ContainerDetail{}, err
	}
	return detailOf(res.Container), nil
}

// inspect is Container as the SDK has it.
func (d *Docker) inspect(ctx context.Context, id string) (dockersdk.ContainerInspectResult, error) {
	return call(ctx, d, readLimit, "inspect "+id, func(ctx context.Context, api *dockersdk.Client) (dockersdk.ContainerInspectResult, error) {
		return api.ContainerInspect(ctx, id, dockersdk.ContainerInspectOptions{})
	})
}

// containerOf converts a container of a list.
func containerOf(c container.Summary) core.Container {
	out := core.Container{ID: c.ID, Name: listedName(c.Names), Image: c.Image, ImageID: c.ImageID, State: string(c.State),
		Status: c.Status, Created: time.Unix(c.Created, 0).UTC(), Labels: c.Labels}
	for _, p := range c.Ports {
		port := core.Port{Host: int(p.PublicPort), Container: int(p.PrivatePort), Protocol: p.Type}
		if p.IP.IsValid() {
			port.Address = p.IP.String()
		}
		out.Ports = append(out.Ports, port)
	}
	sortPorts(out.Ports)
	if c.NetworkSettings != nil {
		out.Networks = attachmentsOf(c.NetworkSettings.Networks, c.ID)
	}
	return out
}

// listedName picks a container's own name: the others are links to it, which have a second slash.
func listedName(names []string) string {
	for _, n := range names {
		if n = strings.TrimPrefix(n, "/"); !strings.Contains(n, "/") {
			return n
		}
	}
	return ""
}

// detailOf converts an inspected container.
func detailOf(c container.InspectResponse) core.ContainerDetail {
	out := core.ContainerDetail{Restarts: c.RestartCount}
	out.ID, out.Name, out.ImageID, out.Created = c.ID, strings.TrimPrefix(c.Name, "/"), c.Image, timeOf(c.Created)
	if c.State != nil {
		stateInto(&out, *c.State)
	}
	if c.Config != nil {
		configInto(&out, *c.Config)
	}
	if c.HostConfig != nil {
		hostConfigInto(&out, *c.HostConfig)
	}
	if c.NetworkSettings != nil {
		out.Networks = attachmentsOf(c.NetworkSettings.Networks, c.ID)
		out.Ports = portsOf(c.NetworkSettings.Ports)
	}
	if len(out.Ports) == 0 && c.Config != nil { // not running: what it exposes is all that is known
		for p := range c.Config.ExposedPorts {
			out.Ports = append(out.Ports, core.Port{Container: int(p.Num()), Protocol: string(p.Proto())})
		}
		sortPorts(out.Ports)
	}
	for _, m := range c.Mounts {
		out.Mounts = append(out.Mounts, core.Mount{Type: string(m.Type), Name: m.Name, Source: m.Source, Target: m.Destination, ReadOnly: !m.RW})
	}
	slices.SortFunc(out.Mounts, func(a, b core.Mount) int { return cmp.Compare(a.Target, b.Target) })
	return out
}

func stateInto(out *core.ContainerDetail, s container.State) {
	out.State, out.Pid, out.ExitCode, out.Error, out.OOMKilled = string(s.Status), s.Pid, s.ExitCode, s.Error, s.OOMKilled
	out.Status = string(s.Status)
	out.StartedAt, out.FinishedAt = timeOf(s.StartedAt), timeOf(s.FinishedAt)
	if s.Health == nil || s.Health.Status == container.NoHealthcheck || s.Health.Status == "" {
		return
	}
	h := &core.ImageHealth{Status: string(s.Health.Status), Failing: s.Health.FailingStreak}
	if n := len(s.Health.Log); n > 0 && s.Health.Log[n-1] != nil {
		h.Last, h.At = s.Health.Log[n-1].Output, s.Health.Log[n-1].End
	}
	out.ImageHealth = h
}

func configInto(out *core.ContainerDetail, c container.Config) {
	out.Image, out.Labels, out.TTY, out.User, out.WorkDir = c.Image, c.Labels, c.Tty, c.User, c.WorkingDir
	out.Command = slices.Concat(c.Entrypoint, c.Cmd)
	for _, e := range c.Env {
		name, _, _ := strings.Cut(e, "=")
		out.EnvNames = append(out.EnvNames, name)
	}
	out.StopSignal, out.StopGrace = cmp.Or(c.StopSignal, "SIGTERM"), defaultGrace
	if c.StopTimeout != nil {
		out.StopGrace = time.Duration(*c.StopTimeout) * time.Second
	}
}

func hostConfigInto(out *core.ContainerDetail, h container.HostConfig) {
	out.RestartPolicy, out.LogDriver = string(h.RestartPolicy.Name), h.LogConfig.Type
	out.ReadOnly, out.Privileged, out.MemoryLimit = h.ReadonlyRootfs, h.Privileged, h.Memory
	out.CPULimit = float64(h.NanoCPUs) / 1e9
	if h.NanoCPUs == 0 && h.CPUQuota > 0 {
		out.CPULimit = float64(h.CPUQuota) / float64(cmp.Or(h.CPUPeriod, 100_000))
	}
	if h.PidsLimit != nil && *h.PidsLimit > 0 {
		out.PidsLimit = *h.PidsLimit
	}
}

// attachmentsOf converts a container's networks, in order of their names. The engine adds the container's own short id
// to the aliases; it is nobody's name for it.
func attachmentsOf(networks map[string]*network.EndpointSettings, id string) []core.Attachment {
	list := make([]core.Attachment, 0, len(networks))
	for name, e := range networks {
		a := core.Attachment{Network: name}
		if e != nil {
			a.Aliases = slices.DeleteFunc(slices.Clone(e.Aliases), func(s string) bool { return s == core.ShortID(id) })
			switch {
			case e.IPAddress.IsValid():
				a.Address = e.IPAddress.String()
			case e.GlobalIPv6Address.IsValid():
				a.Address = e.GlobalIPv6Address.String()
			}
		}
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b core.Attachment) int { return cmp.Compare(a.Network, b.Network) })
	return list
}

// portsOf converts a running container's port map.
func portsOf(ports network.PortMap) []core.Port {
	var list []core.Port
	for p, bindings := range ports {
		port := core.Port{Container: int(p.Num()), Protocol: string(p.Proto())}
		if len(bindings) == 0 {
			list = append(list, port)
		}
		for _, b := range bindings {
			bound := port
			bound.Host, _ = strconv.Atoi(b.HostPort) // a number, or empty until it is bound
			if b.HostIP.IsValid() {
				bound.Address = b.HostIP.String()
			}
			list = append(list, bound)
		}
	}
	sortPorts(list)
	return list
}

func sortPorts(list []core.Port) {
	slices.SortFunc(list, func(a, b core.Port) int {
		return cmp.Or(cmp.Compare(a.Container, b.Container), cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Host, b.Host), cmp.Compare(a.Address, b.Address))
	})
}

// timeOf reads the engine's time; its "never" (year 1) is the zero time.
func timeOf(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Year() <= 1 {
		return time.Time{}
	}
	return t.UTC()
}
