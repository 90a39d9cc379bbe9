package docker

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/moby/moby/api/types/container"
)

// fullSpec has every field of a definition that the engine knows.
func fullSpec() core.ContainerSpec {
	return core.ContainerSpec{
		Name: "web-d1", Image: "sha256:1", Alias: "web-d1", Env: map[string]string{"B": "2", "A": "1"}, Labels: map[string]string{"l": "v"},
		Definition: core.Definition{
			Entrypoint: []string{"/run"}, Command: []string{"serve"}, User: "app", Groups: []string{"999"}, WorkDir: "/srv",
			Networks: []core.NetworkUse{{Name: "proxy", Aliases: []string{"web"}}, {Name: "db"}},
			Ports:    []core.Port{{Address: "127.0.0.1", Host: 8080, Container: 80}, {Host: 53, Container: 53, Protocol: "udp"}},
			Mounts: []core.Mount{{Type: "volume", Name: "data", Target: "/data"}, {Type: "bind", Source: "/etc/x", Target: "/x", ReadOnly: true},
				{Type: "tmpfs", Target: "/run"}},
			Tmpfs: map[string]string{"/tmp": "size=1m"}, Restart: "unless-stopped", StopSignal: "SIGINT", StopGrace: 1500 * time.Millisecond,
			Memory: 1 << 20, ShmSize: 2 << 20, CPUs: 1.5, Pids: 9, ReadOnly: true, Init: true, NoNewPrivileges: true,
			CapAdd: []string{"KILL"}, CapDrop: []string{"ALL"},
		},
	}
}

func TestADefinitionBecomesWhatTheEngineTakes(t *testing.T) {
	create, others, err := createOptions(fullSpec())
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal([]any{create.Config, create.HostConfig, create.NetworkingConfig, others[0].network, others[0].endpoint.Aliases})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"Entrypoint":["/run"]`, `"Cmd":["serve"]`, `"User":"app"`, `"GroupAdd":["999"]`, `"WorkingDir":"/srv"`, `"Env":["A=1","B=2"]`, `"Labels":{"l":"v"}`,
		`"ExposedPorts":{"53/udp":{},"80/tcp":{}}`, `"80/tcp":[{"HostIp":"127.0.0.1","HostPort":"8080"}]`, `"53/udp":[{"HostIp":"","HostPort":"53"}]`,
		`{"Type":"volume","Source":"data","Target":"/data"}`, `{"Type":"bind","Source":"/etc/x","Target":"/x","ReadOnly":true}`, `{"Type":"tmpfs","Target":"/run"}`,
		`"Tmpfs":{"/tmp":"size=1m"}`, `"RestartPolicy":{"Name":"unless-stopped"`, `"StopSignal":"SIGINT"`, `"StopTimeout":2`, `"Memory":1048576`, `"ShmSize":2097152`,
		`"NanoCpus":1500000000`, `"PidsLimit":9`, `"ReadonlyRootfs":true`, `"Init":true`, `"SecurityOpt":["no-new-privileges:true"]`, `"CapAdd":["KILL"]`, `"CapDrop":["ALL"]`,
		`"LogConfig":{"Type":"json-file","Config":{"max-file":"3","max-size":"10m"}}`, `"NetworkMode":"proxy"`, `"Aliases":["web","web-d1"]`, `"db",["web-d1"]`,
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("%s is missing in\n%s", want, got)
		}
	}
}

// TestNothingElseOfTheServerIsGiven sets no field of HostConfig besides those that a definition has.
func TestNothingElseOfTheServerIsGiven(t *testing.T) {
	create, _, err := createOptions(fullSpec())
	if err != nil {
		t.Fatal(err)
	}
	allowed := []string{"LogConfig", "NetworkMode", "PortBindings", "RestartPolicy", "CapAdd", "CapDrop", "GroupAdd", "ReadonlyRootfs", "SecurityOpt",
		"Tmpfs", "ShmSize", "Mounts", "Init", "Memory", "NanoCPUs", "PidsLimit"}
	host := reflect.ValueOf(*create.HostConfig)
	for _, f := range reflect.VisibleFields(host.Type()) {
		if !f.Anonymous && !slices.Contains(allowed, f.Name) && !host.FieldByIndex(f.Index).IsZero() {
			t.Errorf("%s is %v", f.Name, host.FieldByIndex(f.Index))
		}
	}
}

func TestAContainerAloneHasNothingOfTheServer(t *testing.T) {
	spec := fullSpec()
	spec.Alone, spec.Command = true, []string{"check"}
	create, others, err := createOptions(spec)
	if err != nil {
		t.Fatal(err)
	}
	h := create.HostConfig
	seeing := spec
	seeing.Seen = []core.Mount{{Type: "bind", Source: "/srv", Target: "/srv"}}
	if sees, _, err := createOptions(seeing); err != nil || len(sees.HostConfig.Mounts) != 1 || !sees.HostConfig.Mounts[0].ReadOnly {
		t.Errorf("what it shall see: %+v, %v", sees.HostConfig, err)
	}
	if !h.NetworkMode.IsNone() || len(h.Mounts) != 0 || len(h.PortBindings) != 0 || h.RestartPolicy.Name != container.RestartPolicyDisabled ||
		create.NetworkingConfig != nil || len(others) != 0 || len(create.Config.ExposedPorts) != 0 {
		t.Errorf("made %+v, networks %+v, %+v", h, create.NetworkingConfig, others)
	}
	if !slices.Equal(create.Config.Cmd, []string{"check"}) || h.Memory != 1<<20 || len(h.SecurityOpt) != 1 {
		t.Errorf("command %q, memory %d, security %q", create.Config.Cmd, h.Memory, h.SecurityOpt)
	}
}

func TestWhatTheEngineCannotHaveIsInvalid(t *testing.T) {
	for name, change := range map[string]func(*core.Definition){
		"a mount of another type":  func(d *core.Definition) { d.Mounts = []core.Mount{{Type: "npipe", Target: "/x"}} },
		"a port beyond 65535":      func(d *core.Definition) { d.Ports = []core.Port{{Host: 70000, Container: 80}} },
		"a container port of 0":    func(d *core.Definition) { d.Ports = []core.Port{{Host: 80, Container: -1}} },
		"an address that is none":  func(d *core.Definition) { d.Ports = []core.Port{{Address: "localhost", Host: 80, Container: 80}} },
		"a protocol nobody speaks": func(d *core.Definition) { d.Ports = []core.Port{{Host: 80, Container: 80, Protocol: "tcp\n"}} },
	} {
		spec := fullSpec()
		change(&spec.Definition)
		if _, _, err := createOptions(spec); core.CodeOf(err) != core.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
