package core_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/codematrx/matrx-ship/core"
)

// traefikRig is a deployment of Traefik itself, whose new version is tried with the flags given.
func traefikRig(t *testing.T, mounts []core.Mount, flags ...string) (*deployRig, func() []core.ContainerSpec) {
	r := newDeployRig(t, func(r *deployRig) {
		r.def.Kind, r.def.Layer, r.def.Route, r.def.Command = core.KindTraefik, core.LayerTraefik, nil, append(flags, "--ping=true")
		if r.def.Mounts = mounts; mounts != nil {
			return
		}
		r.def.Mounts = []core.Mount{
			{Type: "bind", Source: "/var/run/docker.sock", Target: "/var/run/docker.sock", ReadOnly: true},
			{Type: "bind", Source: "/srv/traefik/dynamic", Target: "/etc/traefik/dynamic", ReadOnly: true},
			{Type: "bind", Source: "/srv/traefik/acme", Target: "/acme"},
		}
	})
	r.engine.OnProgram("healthcheck", func(core.ContainerSpec) (string, int) { return "OK", 0 })
	var specs []core.ContainerSpec
	r.gate.mu.Lock()
	defer r.gate.mu.Unlock()
	r.gate.witness = func(call string) {
		for _, d := range r.inspected() {
			if spec, ok := r.engine.Spec(d.ID); ok && call == "CreateContainer" && spec.Alone && !slices.ContainsFunc(specs, func(s core.ContainerSpec) bool { return s.Name == spec.Name }) {
				specs = append(specs, spec)
			}
		}
	}
	r.push("version 2", "v2")
	return r, func() []core.ContainerSpec { return specs }
}

func TestANewTraefikIsTriedWithoutTheEngineTheCertificatesAndANetwork(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r, tried := traefikRig(t, nil, "--entrypoints.web.address=:8080")
		d := r.deploy(core.DeployIn{})
		if i := slices.IndexFunc(d.Steps, func(s core.DeployStep) bool { return s.Name == core.StepTest }); i < 0 || !strings.Contains(d.Steps[i].Detail, "starts with its flags and files and answers") {
			t.Fatalf("%s: %s %+v", d.State, d.Result, d.Steps)
		}
		specs := tried()
		if len(specs) != 2 {
			t.Fatalf("%d containers", len(specs))
		}
		one, ask := specs[0], specs[1]
		if !one.Alone || len(one.Seen) != 1 || one.Seen[0].Target != "/etc/traefik/dynamic" || one.Definition.Tmpfs["/acme"] == "" || one.Command != nil {
			t.Errorf("tried as %+v", one)
		}
		if !ask.Alone || len(ask.Seen) != 0 || strings.Join(ask.Command, " ") != "healthcheck --entrypoints.web.address=:8080 --ping=true" {
			t.Errorf("asked as %+v", ask)
		}
		if all := r.containers(); len(all) != 1 {
			t.Errorf("the engine has %s", names(all))
		}
	})
}

func TestATraefikThatDoesNotStartOrComplainsNeverTouchesTheOldOne(t *testing.T) {
	wrongFlag := `{"level":"error","error":"command traefik error: failed to decode configuration from flags: field not found, node: nonsense","message":"Command error"}`
	for name, tc := range map[string]struct {
		says string
		want string
	}{
		"a wrong flag":          {wrongFlag, "does not start with its definition: Command error: command traefik error: failed to decode configuration from flags: field not found, node: nonsense."},
		"an end without a word": {"", "it ended without a word"},
		"text that is no JSON":  {"2026-11-22T04:31:33Z ERR Command error error=\"open /traefik.yml: no such file\"", "open /traefik.yml: no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r, _ := traefikRig(t, nil, "--nonsense")
				old := r.one()
				r.engine.OnProgram("--nonsense", func(core.ContainerSpec) (string, int) { return tc.says, 1 })
				d := r.deploy(core.DeployIn{})
				if d.State != core.DeployFailed || !strings.Contains(d.Result, tc.want) || d.Gap != 0 {
					t.Errorf("%s: %s", d.State, d.Result)
				}
				if now := r.one(); now.ID != old.ID || !now.StartedAt.Equal(old.StartedAt) {
					t.Error("the old one was touched")
				}
				if tc.says != "" && !slices.Contains(d.LastLog, tc.says) {
					t.Errorf("the record has %q", d.LastLog)
				}
			})
		})
	}
}

func TestTheTrialOfTraefikReadsItsFilesAndLeavesOutWhereItKeepsCertificates(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r, tried := traefikRig(t, []core.Mount{
			{Type: "bind", Source: "/srv/traefik/traefik.yml", Target: "/etc/traefik/traefik.yml"},
			{Type: "bind", Source: "/srv/traefik/rules", Target: "/etc/traefik/rules"},
			{Type: "bind", Source: "/srv/traefik/acme.json", Target: "/acme.json"},
			{Type: "bind", Source: "/srv/traefik/logs", Target: "/logs"},
		}, "--providers.file.directory=/etc/traefik/rules")
		r.deploy(core.DeployIn{})
		specs := tried()
		if len(specs) == 0 {
			t.Fatal("it was not tried")
		}
		one := specs[0]
		var seen []string
		for _, m := range one.Seen {
			if !m.ReadOnly {
				t.Errorf("%s can be written to", m.Target)
			}
			seen = append(seen, m.Target)
		}
		if strings.Join(seen, " ") != "/etc/traefik/traefik.yml /etc/traefik/rules" || len(one.Definition.Tmpfs) != 1 || one.Definition.Tmpfs["/logs"] == "" {
			t.Errorf("it sees %q, and has memory at %v", seen, one.Definition.Tmpfs)
		}
	})
}
