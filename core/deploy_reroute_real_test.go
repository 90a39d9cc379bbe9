//go:build integration

package core_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
	"github.com/codematrx/matrx-ship/core/traefik"
)

// answer is one request through Traefik.
type answer struct {
	from, to time.Time
	status   int
	err      error
}

// good is true for an answer of the service itself.
func (a answer) good() bool { return a.err == nil && a.status == 200 }

// watched asks for a host again and again until it is told to end.
type watched struct {
	mu   sync.Mutex // guards list
	list []answer
	stop context.CancelFunc
	wg   sync.WaitGroup
}

// watch sends requests for a host through Traefik, four at a time.
func (r *realRig) watch(host string) *watched {
	ctx, cancel := context.WithCancel(context.Background())
	w := &watched{stop: cancel}
	prober := traefik.NewProber()
	for range 4 {
		w.wg.Go(func() {
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for ctx.Err() == nil {
				a := answer{from: time.Now()}
				a.status, a.err = prober.ProbeRoute(context.Background(), core.RouteProbe{Address: r.https, Host: host, Path: "/", TLS: true, Within: 5 * time.Second})
				a.to = time.Now()
				w.mu.Lock()
				w.list = append(w.list, a)
				w.mu.Unlock()
				<-tick.C
			}
		})
	}
	return w
}

// end gives the answers in the order in which they came.
func (w *watched) end() []answer {
	w.stop()
	w.wg.Wait()
	slices.SortFunc(w.list, func(a, b answer) int { return a.to.Compare(b.to) })
	return w.list
}

// badOf counts answers that are not the service's own.
func badOf(list []answer) int {
	return len(list) - len(slices.DeleteFunc(slices.Clone(list), func(a answer) bool { return !a.good() }))
}

// define makes the definition that of the service.
func (r *realRig) define(change func(d *core.Definition)) {
	r.t.Helper()
	if change != nil {
		change(&r.def)
	}
	text := fmt.Sprintf(`services:
  web:
    container_name: %s
    image: %s
    networks: [net]
    restart: unless-stopped
    x-matrx:
      kind: custom
      layer: 3
      project: %s
      drain: 2s
      health: {http: /healthz, port: 3000, within: 8s}
      route: {domains: [%s], port: 3000, network: %s, resolver: none, middlewares: [%s]}
networks:
  net: {name: %s}
`, r.def.Container, r.image, r.name, r.def.Route.Domains[0], r.name, strings.Join(r.def.Route.Middlewares, ", "), r.name)
	admin := core.WithActor(r.t.Context(), core.Actor{Name: "ann", Kind: core.ActorPerson, Role: core.RoleAdmin, Door: core.DoorSSH})
	if _, err := core.SetDefinition.Run(admin, r.core, core.DefinitionIn{Text: text}); err != nil {
		r.t.Fatalf("%v\n%s", err, text)
	}
}

// switchFile is what the file of the service says.
func (r *realRig) switchFile() core.SwitchTarget {
	r.t.Helper()
	sw, err := traefik.OpenSwitch(r.root)
	r.check(err)
	defer sw.Close()
	target, err := sw.Target(r.t.Context(), "web")
	r.check(err)
	return target
}

// deployNow deploys an image anew.
func (r *realRig) deployNow(version string, args ...string) core.Deployment {
	r.t.Helper()
	operator := core.WithActor(r.t.Context(), core.Actor{Name: "ann", Kind: core.ActorPerson, Role: core.RoleOperator, Door: core.DoorSSH})
	r.version(version, args...)
	return r.ended(core.Deploy.Run(operator, r.core, core.DeployIn{ServiceIn: webIn()}))
}

func TestAChangedDomainLosesNoRequestBeforeTheSwitchOrAfterIt(t *testing.T) {
	r := newRealRig(t)
	r.define(nil)
	if d := r.deployNow("v1"); d.State != core.DeployDone {
		t.Fatal(d.Result)
	}
	before, after := r.watch("web.example.com"), r.watch("www.example.com")
	r.define(func(d *core.Definition) { d.Route.Domains = []core.Domain{"www.example.com"} })
	d := r.deployNow("v2")
	old, now := before.end(), after.end()
	if d.State != core.DeployDone || d.Lost != 0 || d.Asked == 0 || r.running() != "v2" {
		t.Errorf("%s: %s", d.State, d.Result)
	}
	first := slices.IndexFunc(now, answer.good)
	if first < 0 {
		t.Fatal("the new domain was never served")
	}
	// The switch came after the last good answer began on the old domain, and before the first good one ended on the new one.
	switched := now[first].to
	lostOld := badOf(slices.DeleteFunc(slices.Clone(old), func(a answer) bool { return a.to.After(now[first].from) }))
	lostNew := badOf(slices.DeleteFunc(slices.Clone(now), func(a answer) bool { return a.from.Before(switched) }))
	lastOld := time.Time{}
	for _, a := range old {
		if a.good() {
			lastOld = a.from
		}
	}
	t.Logf("%d requests for the old domain, %d lost before the switch; %d for the new one, %d lost after it; the last good request for the old domain began %s before the first good answer of the new one",
		len(old), lostOld, len(now), lostNew, switched.Sub(lastOld).Round(time.Millisecond))
	if lostOld > 0 || lostNew > 0 || len(old) < 500 || switched.Sub(lastOld) > time.Second {
		t.Error("requests were lost")
	}
	if target := r.switchFile(); target.Alias != d.Alias || !strings.HasPrefix(r.shown("web@docker").Rule, "Host(`www.example.com`)") {
		t.Errorf("%+v", target)
	}
}

// shown is a router as Traefik has it.
func (r *realRig) shown(name string) core.Route {
	r.t.Helper()
	viewer := core.WithActor(r.t.Context(), core.Actor{Name: "ann", Kind: core.ActorPerson, Role: core.RoleViewer, Door: core.DoorSSH})
	view, err := core.ListRoutes.Run(viewer, r.core, core.RoutesIn{})
	r.check(err)
	for _, v := range view.Routes {
		if v.Router == name {
			return core.Route{Name: v.Router, Rule: v.Rule, Service: v.Backend, Servers: v.Servers, Middlewares: v.Middlewares}
		}
	}
	return core.Route{}
}

func TestTheFirstMoveOfADirectRouteToTheSwitchLosesNoRequest(t *testing.T) {
	for name, healthy := range map[string]bool{"to a version that serves": true, "to a sick one, and back": false} {
		t.Run(name, func(t *testing.T) {
			r := newRealRig(t)
			r.define(nil)
			r.version("v1")
			r.cli("run", "--detach", "--name", r.def.Container, "--network", r.name, "--label", "com.matrx.project="+r.name, "--label", "com.matrx.service=web",
				"--label", "traefik.enable=true", "--label", "traefik.http.routers.web.rule=Host(`web.example.com`)", "--label", "traefik.http.routers.web.entrypoints=websecure",
				"--label", "traefik.http.routers.web.tls=true", "--label", "traefik.http.services.web.loadbalancer.server.port=3000",
				"--label", "com.matrx.health=http:/healthz:3000", r.image)
			prober := traefik.NewProber()
			coretest.Wait(t, 20*time.Second, "the direct route", func() bool {
				status, err := prober.ProbeRoute(t.Context(), core.RouteProbe{Address: r.https, Host: "web.example.com", Path: "/", TLS: true, Within: time.Second})
				return err == nil && status == 200
			})
			w := r.watch("web.example.com")
			args, state, version := []string{}, core.DeployDone, "v2"
			if !healthy {
				args, state, version = []string{"sick"}, core.DeployFailed, "v1"
			}
			d := r.deployNow("v2", args...)
			list := w.end()
			t.Logf("%d requests, %d lost", len(list), badOf(list))
			if d.State != state || r.running() != version || badOf(list) > 0 || len(list) < 300 {
				t.Errorf("%s: %s", d.State, d.Result)
			}
			if files, err := filepath.Glob(filepath.Join(r.root, "traefik", "dynamic", "web.yml")); err != nil || (len(files) == 1) != healthy {
				t.Errorf("the folder has %v, %v", files, err)
			}
		})
	}
}

func TestANewTraefikThatIsWrongIsFoundWhileTheOldOneServes(t *testing.T) {
	r := newRealRig(t)
	r.define(nil)
	if d := r.deployNow("v1"); d.State != core.DeployDone {
		t.Fatal(d.Result)
	}
	operator := core.WithActor(t.Context(), core.Actor{Name: "ann", Kind: core.ActorPerson, Role: core.RoleOperator, Door: core.DoorSSH})
	started := r.cli("inspect", "--format", "{{.State.StartedAt}}", r.name+"-traefik")
	w := r.watch("web.example.com")
	bad := filepath.Join(r.root, "traefik", "dynamic", "bad.yml")
	for _, tc := range []struct {
		service, file, want string
		passes              bool
	}{
		{service: "traefik-wrong", want: "field not found, node: nonsense"},
		{service: "traefik-right", file: "http: [\n", want: "bad.yml: yaml: line 1"},
		{service: "traefik-right", want: "starts with its flags and files and answers", passes: true},
	} {
		if tc.file != "" {
			r.check(os.WriteFile(bad, []byte(tc.file), 0o644))
		}
		d := r.endedOf(tc.service)(core.Deploy.Run(operator, r.core, core.DeployIn{ServiceIn: core.ServiceIn{Service: tc.service}}))
		i := slices.IndexFunc(d.Steps, func(s core.DeployStep) bool { return s.Name == core.StepTest })
		if i < 0 || (d.Steps[i].State == "done") != tc.passes || !strings.Contains(d.Steps[i].Detail, tc.want) || !tc.passes && len(d.LastLog) == 0 {
			t.Errorf("%s: %s %+v", tc.service, d.Result, d.Steps)
		}
		if tc.file != "" {
			r.check(os.Remove(bad))
		}
	}
	list := w.end()
	t.Logf("%d requests, %d lost", len(list), badOf(list))
	if badOf(list) > 0 || r.cli("inspect", "--format", "{{.State.StartedAt}}", r.name+"-traefik") != started {
		t.Error("the Traefik that serves was touched")
	}
	if left := r.cli("ps", "--all", "--quiet", "--filter", "label=com.matrx.helper=test", "--filter", "label=com.matrx.project="+r.name); left != "" {
		t.Errorf("left behind: %s", left)
	}
}
