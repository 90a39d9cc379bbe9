//go:build integration

package core_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/compose"
	"github.com/codematrx/matrx-ship/core/coretest"
	"github.com/codematrx/matrx-ship/core/docker"
	"github.com/codematrx/matrx-ship/core/flock"
	"github.com/codematrx/matrx-ship/core/probe"
	"github.com/codematrx/matrx-ship/core/traefik"
)

// realRig is a control plane on a real engine with a real Traefik in front of the service "web".
type realRig struct {
	t       *testing.T
	core    *core.Core
	engine  *docker.Docker
	journal *coretest.Journal
	root    string
	name    string // of everything that this test makes
	image   string // tag that the definition names
	https   string // Traefik's entry point
	def     core.Definition
}

// newRealRig starts Traefik and opens the plane.
func newRealRig(t *testing.T) *realRig {
	t.Helper()
	r := &realRig{t: t, journal: coretest.NewJournal(), root: t.TempDir(), name: fmt.Sprintf("deploy-t-%d", os.Getpid())}
	r.image = r.name + ":app"
	engine, err := docker.Open(docker.Config{Host: "unix:///var/run/docker.sock", Project: r.name, Log: slog.New(slog.DiscardHandler)})
	r.check(err)
	r.engine = engine
	t.Cleanup(func() { r.clean() })
	r.buildGuest()
	r.check(engine.EnsureNetwork(t.Context(), r.name, false, map[string]string{"com.matrx.project": r.name}))
	sw, err := traefik.OpenSwitch(r.root)
	r.check(err)
	t.Cleanup(func() { _ = sw.Close() })
	address := r.startTraefik()
	proxy, err := traefik.New("http://" + address + ":8082")
	r.check(err)
	t.Cleanup(proxy.Close)
	coretest.Wait(t, 30*time.Second, "Traefik's API", func() bool { _, err := proxy.Version(t.Context()); return err == nil })
	r.https = net.JoinHostPort(address, "8443")
	r.def = core.Definition{
		Service: "web", Container: r.name + "-web", Project: r.name, Kind: core.KindCustom, Layer: core.LayerApps, Image: r.image,
		Restart: "unless-stopped", StopGrace: 10 * time.Second, Networks: []core.NetworkUse{{Name: r.name}},
		Health: core.HealthRule{How: core.ProbeHTTP, Path: "/healthz", Port: 3000, Within: 8 * time.Second},
		Route:  &core.RouteRule{Domains: []core.Domain{"web.example.com"}, Port: 3000, Network: r.name, Entrypoints: "websecure"},
		Drain:  2 * time.Second,
	}
	fake := &deployRig{planeRig: &planeRig{t: t, journal: r.journal}}
	fake.define(r.def)
	for name, flag := range map[string]string{"traefik-wrong": "--nonsense=1", "traefik-right": "--api=true"} {
		fake.define(core.Definition{
			Service: name, Container: r.name + "-" + name, Project: r.name, Kind: core.KindTraefik, Layer: core.LayerTraefik, Image: traefikTag(r), User: "65532:65532",
			Command: []string{"--log.format=json", "--ping=true", "--entrypoints.traefik.address=:8082", "--entrypoints.websecure.address=:8443", "--providers.docker=true",
				"--providers.file.directory=/dynamic", "--certificatesresolvers.letsencrypt.acme.storage=/acme/acme.json", "--certificatesresolvers.letsencrypt.acme.tlschallenge=true", flag},
			Mounts:   []core.Mount{{Type: "bind", Source: filepath.Join(r.root, "traefik", "dynamic"), Target: "/dynamic", ReadOnly: true}, {Type: "volume", Name: r.name + "-acme", Target: "/acme"}},
			ReadOnly: true, StopGrace: 2 * time.Second, Networks: []core.NetworkUse{{Name: r.name}}, Health: core.HealthRule{How: core.ProbeHTTP, Path: "/ping", Port: 8082, Within: 8 * time.Second},
		})
	}
	ship := coretest.NewShip(coretest.NewDocker()).Parts(compose.New())
	ship.Maker, ship.Images, ship.Switch, ship.Through, ship.Locks = engine, engine, sw, traefik.NewProber(), flock.New(filepath.Join(r.root, "locks"))
	cfg, err := core.LoadConfig(func(name string) string {
		return map[string]string{"MATRX_ROOT": r.root, "MATRX_PROJECT": r.name}[name]
	})
	r.check(err)
	r.core, err = core.Open(t.Context(), core.Parts{
		Config: cfg, Charter: core.ManagerCharter(), Version: "test", Journal: r.journal, Docker: engine, Usage: engine, Logs: &quietLogs{},
		Collect: &collected{}, Prober: probe.New(), Proxy: proxy, Host: &surroundings{}, Docs: fstest.MapFS{"010-start.md": {Data: []byte("# Start\n")}},
		Ship: ship, Log: slog.New(slog.DiscardHandler),
	})
	r.check(err)
	t.Cleanup(func() { r.check(r.core.Close()) })
	return r
}

func (r *realRig) check(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// cli runs the engine's own client.
func (r *realRig) cli(args ...string) string {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var out, problem bytes.Buffer
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Stdout, cmd.Stderr = &out, &problem
	if err := cmd.Run(); err != nil {
		r.t.Errorf("docker %s: %v %s", strings.Join(args, " "), err, problem.String())
	}
	return strings.TrimSpace(out.String())
}

// clean removes all that the test made.
func (r *realRig) clean() {
	if r.t.Failed() {
		r.t.Log(r.cli("logs", "--tail", "20", r.name+"-traefik"))
	}
	if ids := strings.Fields(r.cli("ps", "--all", "--quiet", "--filter", "label=com.matrx.project="+r.name)); len(ids) > 0 {
		r.cli(append([]string{"rm", "--force", "--volumes"}, ids...)...)
	}
	for _, repo := range []string{r.name, "matrx/web"} {
		if ids := strings.Fields(r.cli("images", "--quiet", "--filter", "label=com.matrx.test="+r.name, repo)); len(ids) > 0 {
			r.cli(append([]string{"rmi", "--force"}, ids...)...)
		}
	}
	r.cli("network", "rm", r.name)
	r.cli("volume", "rm", "--force", r.name+"-acme")
	r.check(r.engine.Close())
}

// buildGuest compiles the guest program.
func (r *realRig) buildGuest() {
	r.t.Helper()
	build := exec.Command("go", "build", "-o", filepath.Join(r.root, "guest"), "github.com/codematrx/matrx-ship/core/coretest/guest")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		r.t.Fatalf("%v\n%s", err, out)
	}
}

// version makes the image of the definition's tag one that behaves as the arguments say.
func (r *realRig) version(version string, args ...string) {
	r.t.Helper()
	guest, err := os.ReadFile(filepath.Join(r.root, "guest"))
	r.check(err)
	command := `["/guest", "app", "3000", "` + strings.Join(append(args, "drain"), `", "`) + `"]`
	text := fmt.Sprintf("FROM scratch\nCOPY guest /guest\nENV VERSION=%s\nCMD %s\n", version, command)
	tar := guestArchive(r.t, map[string][]byte{"Dockerfile": []byte(text), "guest": guest})
	_, err = r.engine.BuildImage(r.t.Context(), core.BuildSpec{Context: tar, Dockerfile: "Dockerfile", Tag: r.image, Labels: map[string]string{"com.matrx.test": r.name, "example.version": version}}, func(string) {})
	r.check(err)
}

// guestArchive is a build context in which every file may be run.
func guestArchive(t testing.TB, files map[string][]byte) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, content := range files {
		err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content))})
		if err == nil {
			_, err = w.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

// traefikTag is an image of Traefik that the engine has.
func traefikTag(r *realRig) string {
	r.t.Helper()
	image, _, _ := strings.Cut(r.cli("images", "--format", "{{.Repository}}:{{.Tag}}", "matrx/traefik"), "\n")
	return image
}

// startTraefik starts it with the engine's labels and the switch's folder, and gives its address.
func (r *realRig) startTraefik() string {
	r.t.Helper()
	image := traefikTag(r)
	r.cli("run", "--detach", "--name", r.name+"-traefik", "--network", r.name, "--user", "0:0", "--label", "com.matrx.project="+r.name, "--label", "com.matrx.service=traefik",
		"--volume", "/var/run/docker.sock:/var/run/docker.sock:ro", "--volume", filepath.Join(r.root, "traefik", "dynamic")+":/dynamic:ro", image,
		"--entrypoints.websecure.address=:8443", "--entrypoints.traefik.address=:8082", "--api=true", "--api.insecure=true",
		"--providers.docker=true", "--providers.docker.exposedbydefault=false", "--providers.docker.constraints=Label(`com.matrx.project`,`"+r.name+"`)",
		"--providers.file.directory=/dynamic", "--providers.file.watch=true", "--providers.providersThrottleDuration=100ms")
	return r.cli("inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", r.name+"-traefik")
}

// ended runs an operation on "web" that answers with a job to its end, and gives the deployment.
func (r *realRig) ended(job core.Job, err error) core.Deployment {
	r.t.Helper()
	return r.endedOf("web")(job, err)
}

// endedOf does the same for any service.
func (r *realRig) endedOf(service string) func(core.Job, error) core.Deployment {
	return func(job core.Job, err error) core.Deployment { r.t.Helper(); return r.end(service, job, err) }
}

func (r *realRig) end(service string, job core.Job, err error) core.Deployment {
	r.t.Helper()
	r.check(err)
	viewer := core.WithActor(r.t.Context(), core.Actor{Name: "ann", Kind: core.ActorPerson, Role: core.RoleViewer, Door: core.DoorSSH})
	coretest.Wait(r.t, 2*time.Minute, "the job ends", func() bool {
		now, err := core.ShowJob.Run(viewer, r.core, core.JobIn{ID: job.ID})
		return err == nil && now.State != core.JobRunning
	})
	list, err := core.ListDeployments.Run(viewer, r.core, core.DeploymentsIn{Service: service, Limit: 1})
	r.check(err)
	d, err := core.ShowDeployment.Run(viewer, r.core, core.DeploymentIn{Deployment: list[0].ID})
	r.check(err)
	for _, s := range d.Steps {
		r.t.Logf("%-16s %-8s %8s  %s", s.Name, s.State, s.Took.Round(time.Millisecond), s.Detail)
	}
	r.t.Logf("%s in %s, %d of %d lost: %s", d.State, d.Took.Round(time.Millisecond), d.Lost, d.Asked, d.Result)
	return d
}

// running is the version label of the service's one container.
func (r *realRig) running() string {
	r.t.Helper()
	names := r.cli("ps", "--all", "--format", "{{.Names}}", "--filter", "label=com.matrx.service=web", "--filter", "label=com.matrx.project="+r.name)
	if names != r.def.Container {
		r.t.Errorf("containers: %q", names)
	}
	return r.cli("inspect", "--format", `{{index .Config.Labels "example.version"}}`, r.def.Container)
}

func TestRealDeploymentsUnderLoadLoseNoRequestAndRollBack(t *testing.T) {
	r := newRealRig(t)
	operator := core.WithActor(t.Context(), core.Actor{Name: "ann", Kind: core.ActorPerson, Role: core.RoleOperator, Door: core.DoorSSH})
	in := core.DeployIn{ServiceIn: webIn()}
	r.version("v1")
	if d := r.ended(core.Deploy.Run(operator, r.core, in)); d.State != core.DeployDone || r.running() != "v1" {
		t.Fatalf("the first one: %+v", d)
	}
	load := r.load()
	r.version("v2")
	if d := r.ended(core.Deploy.Run(operator, r.core, in)); d.State != core.DeployDone || d.Lost != 0 || d.Asked == 0 || r.running() != "v2" {
		t.Errorf("the second one: %s", d.Result)
	}
	r.version("v3", "sick")
	if d := r.ended(core.Deploy.Run(operator, r.core, in)); d.State != core.DeployFailed || len(d.Health) == 0 || r.running() != "v2" {
		t.Errorf("a sick one: %s", d.Result)
	}
	if d := r.ended(core.Rollback.Run(operator, r.core, core.RollbackIn{ServiceIn: webIn()})); d.State != core.DeployDone || d.Lost != 0 || r.running() != "v1" {
		t.Errorf("the rollback: %s", d.Result)
	}
	asked, lost := load()
	t.Logf("%d requests beside, %d lost", asked, lost)
	if lost > 0 || asked < 1000 {
		t.Errorf("%d of %d requests lost", lost, asked)
	}
}

// load sends requests through Traefik until it is told to end, and counts.
func (r *realRig) load() (end func() (asked, lost int64)) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	var asked, lost atomic.Int64
	prober := traefik.NewProber()
	for range 4 {
		wg.Go(func() {
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for ctx.Err() == nil {
				status, err := prober.ProbeRoute(context.Background(), core.RouteProbe{Address: r.https, Host: "web.example.com", Path: "/", TLS: true, Within: 5 * time.Second})
				asked.Add(1)
				if err != nil || status != 200 {
					lost.Add(1)
				}
				<-tick.C
			}
		})
	}
	return func() (int64, int64) { cancel(); wg.Wait(); return asked.Load(), lost.Load() }
}
