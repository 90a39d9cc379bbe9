package docker

import (
	"encoding/json"
	"net/netip"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
)

func TestASettingThatWouldBeLostIsNamed(t *testing.T) {
	for raw, want := range map[string]string{
		`{"Config":{"Image":"x","Tty":true},"HostConfig":{"Memory":5,"NetworkMode":"none"}}`: "",
		`{"Config":{},"HostConfig":{"KernelMemory":0,"Capabilities":null,"DiskQuota":0}}`:    "",
		`{"Config":{},"HostConfig":{"KernelMemory":4096}}`:                                   "HostConfig.KernelMemory",
		`{"Config":{"MacAddress":"02:42:ac:11:00:02"},"HostConfig":{}}`:                      "Config.MacAddress",
		`{"Config":{"Future":["a"]},"HostConfig":{}}`:                                        "Config.Future",
		`[]`: "(not readable)",
	} {
		if got := unknownSetting(json.RawMessage(raw)); got != want {
			t.Errorf("%s: %q, want %q", raw, got, want)
		}
	}
}

func TestVolumesAreKeptByName(t *testing.T) {
	host := container.HostConfig{
		Binds:  []string{"named:/bound", "/srv/x:/folder:ro"},
		Mounts: []mount.Mount{{Type: mount.TypeVolume, Target: "/anonymous-mount"}, {Type: mount.TypeVolume, Source: "given", Target: "/given"}},
	}
	got := keepVolumes(host, []container.MountPoint{
		{Type: mount.TypeVolume, Name: "named", Destination: "/bound", RW: true},
		{Type: mount.TypeBind, Source: "/srv/x", Destination: "/folder"},
		{Type: mount.TypeVolume, Name: "aaa", Destination: "/anonymous-mount", RW: true},
		{Type: mount.TypeVolume, Name: "given", Destination: "/given", RW: true},
		{Type: mount.TypeVolume, Name: "bbb", Destination: "/declared", RW: true},
		{Type: mount.TypeTmpfs, Destination: "/tmp"},
	})
	want := []mount.Mount{
		{Type: mount.TypeVolume, Source: "aaa", Target: "/anonymous-mount"},
		{Type: mount.TypeVolume, Source: "given", Target: "/given"},
		{Type: mount.TypeVolume, Source: "bbb", Target: "/declared"},
	}
	if len(got) != len(want) {
		t.Fatalf("got %+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("mount %d: %+v, want %+v", i, got[i], want[i])
		}
	}
	if host.Mounts[0].Source != "" {
		t.Error("the old container's own settings were changed")
	}
}

func TestNetworksAreKeptAsConfigured(t *testing.T) {
	const id = "0123456789abcdef"
	c := container.InspectResponse{ID: id, HostConfig: &container.HostConfig{NetworkMode: "proxy"},
		NetworkSettings: &container.NetworkSettings{Networks: map[string]*network.EndpointSettings{
			"proxy": {Aliases: []string{"web", id[:12]}, IPAddress: netip.MustParseAddr("10.0.0.9"), EndpointID: "e"},
			"db": {IPAMConfig: &network.EndpointIPAMConfig{IPv4Address: netip.MustParseAddr("10.1.0.5")}, IPAddress: netip.MustParseAddr("10.1.0.5"),
				DriverOpts: map[string]string{"a": "b"}},
			"agents": {},
		}}}
	first, others := memberships(c)
	if first == nil || first.network != "proxy" || len(first.endpoint.Aliases) != 1 || first.endpoint.Aliases[0] != "web" ||
		first.endpoint.IPAMConfig != nil || first.endpoint.EndpointID != "" || first.endpoint.IPAddress.IsValid() {
		t.Errorf("first: %+v", first)
	}
	if len(others) != 2 || others[0].network != "agents" || others[1].network != "db" ||
		others[1].endpoint.IPAMConfig.IPv4Address.String() != "10.1.0.5" || others[1].endpoint.DriverOpts["a"] != "b" {
		t.Errorf("others: %+v", others)
	}
	for _, mode := range []container.NetworkMode{"host", "none", "container:x"} {
		c.HostConfig.NetworkMode = mode
		if first, others := memberships(c); first != nil || others != nil {
			t.Errorf("%s: %+v %+v", mode, first, others)
		}
	}
}

func TestOurOwnContainerIsFoundInTheMounts(t *testing.T) {
	const id = "aaaabbbbccccddddeeeeffff0000111122223333444455556666777788889999"
	if got := containerID("712 690 8:1 /var/lib/docker/containers/" + id + "/hostname /etc/hostname rw - ext4 /dev/sda1 rw\n"); got != id {
		t.Errorf("got %q", got)
	}
	if got := containerID("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"); got != "" {
		t.Errorf("outside a container: %q", got)
	}
}
