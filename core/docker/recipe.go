package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"github.com/codematrx/matrx-ship/core"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	dockersdk "github.com/moby/moby/client"
)

// recipe is how a container is made again.
type recipe struct {
	create  dockersdk.ContainerCreateOptions
	connect []membership // networks besides the one it is created in: engines before API 1.44 take one only
}

// membership is a place in a network.
type membership struct {
	network  string
	endpoint *network.EndpointSettings
}

// specOf makes the recipe of an inspected container. A setting that we do not know is a conflict, never left out silently.
func (d *Docker) specOf(ctx context.Context, res dockersdk.ContainerInspectResult) (recipe, error) {
	c := res.Container
	name := strings.TrimPrefix(c.Name, "/")
	if field := unknownSetting(res.Raw); field != "" {
		return recipe{}, core.Errorf(core.CodeConflict, "Cannot recreate %s: its setting %s is not known here and would be lost.", name, field)
	}
	config, host := *c.Config, *c.HostConfig
	image, err := d.sameImage(ctx, c)
	if err != nil {
		return recipe{}, err
	}
	config.Image = image
	if config.Hostname == core.ShortID(c.ID) || host.UTSMode.IsHost() || host.NetworkMode.IsContainer() {
		config.Hostname = "" // the engine's own choice
	}
	if host.NetworkMode.IsContainer() {
		config.ExposedPorts = nil // come with the image again; refused when given
	}
	host.Mounts = keepVolumes(host, c.Mounts)
	out := recipe{create: dockersdk.ContainerCreateOptions{Name: name, Config: &config, HostConfig: &host}}
	first, others := memberships(c)
	if first != nil {
		out.create.NetworkingConfig = &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{first.network: first.endpoint}}
	}
	out.connect = others
	return out, nil
}

// sameImage names the image that the container was made from: by the tag it was asked for while that still means the same image,
// else by its id. A tag that moved must not change the version on the way.
func (d *Docker) sameImage(ctx context.Context, c container.InspectResponse) (string, error) {
	res, err := call(ctx, d, readLimit, "inspect image "+c.Config.Image, func(ctx context.Context, api *dockersdk.Client) (dockersdk.ImageInspectResult, error) {
		return api.ImageInspect(ctx, c.Config.Image)
	})
	switch {
	case err == nil && res.ID == c.Image:
		return c.Config.Image, nil
	case err == nil, core.CodeOf(err) == core.CodeNotFound:
		return c.Image, nil
	default:
		return "", err
	}
}

// keepVolumes adds the anonymous volumes by the names that the engine gave them, so that the new container gets the same.
func keepVolumes(host container.HostConfig, used []container.MountPoint) []mount.Mount {
	mounts := slices.Clone(host.Mounts)
	for _, m := range used {
		if m.Type != mount.TypeVolume || m.Name == "" || boundTo(host.Binds, m.Destination) {
			continue
		}
		i := slices.IndexFunc(mounts, func(have mount.Mount) bool { return have.Target == m.Destination })
		switch {
		case i < 0:
			mounts = append(mounts, mount.Mount{Type: mount.TypeVolume, Source: m.Name, Target: m.Destination, ReadOnly: !m.RW})
		case mounts[i].Source == "":
			mounts[i].Source = m.Name
		}
	}
	return mounts
}

// boundTo says whether one of the binds ("source:target[:mode]") names its volume and is at the target.
func boundTo(binds []string, target string) bool {
	return slices.ContainsFunc(binds, func(b string) bool {
		f := strings.Split(b, ":")
		return len(f) > 1 && f[1] == target
	})
}

// memberships gives the networks that the container is in: the one it is created in, and the others by name.
func memberships(c container.InspectResponse) (first *membership, others []membership) {
	mode := c.HostConfig.NetworkMode
	if c.NetworkSettings == nil || mode.IsContainer() || mode.IsHost() || mode.IsNone() {
		return nil, nil
	}
	for name, e := range c.NetworkSettings.Networks {
		m := membership{name, endpointOf(e, c.ID)}
		if name == string(mode) || name == network.NetworkBridge && mode.IsDefault() || e != nil && e.NetworkID == string(mode) {
			first = &m
			continue
		}
		others = append(others, m)
	}
	slices.SortFunc(others, func(a, b membership) int { return strings.Compare(a.network, b.network) })
	return first, others
}

// endpointOf keeps what was configured of an endpoint, and leaves out what the engine filled in.
func endpointOf(e *network.EndpointSettings, id string) *network.EndpointSettings {
	if e == nil {
		return nil
	}
	out := &network.EndpointSettings{Links: e.Links, DriverOpts: e.DriverOpts, GwPriority: e.GwPriority}
	out.Aliases = slices.DeleteFunc(slices.Clone(e.Aliases), func(s string) bool { return s == core.ShortID(id) })
	if p := e.IPAMConfig; p != nil && (p.IPv4Address != netip.Addr{} || p.IPv6Address != netip.Addr{} || len(p.LinkLocalIPs) > 0) {
		out.IPAMConfig = p.Copy()
	}
	return out
}

// unknownSetting finds a setting of an inspected container that has a value and that the SDK's types do not hold.
func unknownSetting(raw json.RawMessage) string {
	var parts struct{ Config, HostConfig map[string]json.RawMessage }
	if err := json.Unmarshal(raw, &parts); err != nil {
		return "(not readable)"
	}
	if f := unknownField(parts.Config, reflect.TypeFor[container.Config]()); f != "" {
		return "Config." + f
	}
	if f := unknownField(parts.HostConfig, reflect.TypeFor[container.HostConfig]()); f != "" {
		return "HostConfig." + f
	}
	return ""
}

// unknownField finds the first key, by name, that is no field of the type and whose value says something.
func unknownField(have map[string]json.RawMessage, t reflect.Type) string {
	known := map[string]bool{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			name = f.Name
		}
		known[strings.ToLower(name)] = true
	}
	var unknown []string
	for key, value := range have {
		if !known[strings.ToLower(key)] && !saysNothing(value) {
			unknown = append(unknown, key)
		}
	}
	if len(unknown) == 0 {
		return ""
	}
	return slices.Min(unknown)
}

// saysNothing knows the values that mean "not set".
func saysNothing(value json.RawMessage) bool {
	v := string(bytes.TrimSpace(value))
	return slices.Contains([]string{"null", "0", `""`, "false", "[]", "{}"}, v)
}
