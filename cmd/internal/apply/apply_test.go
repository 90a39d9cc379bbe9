package apply

import (
	"maps"
	"strings"
	"testing"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/compose"
	"github.com/codematrx/matrx-ship/core/coretest"
)

const webFile = `
name: stack
services:
  web:
    container_name: mx-web
    networks: {proxy: {aliases: [web]}}
    environment: {MODE: "${MODE}"}
    volumes: ["data:/data"]
    x-matrx:
      project: stack
      order: 20
      health: {http: /healthz, port: 3000}
      route: {domains: [web.example.test], port: 3000, network: mx-proxy}
      source: {repo: "https://example.test/web.git", ref: main}
networks: {proxy: {name: mx-proxy}}
volumes: {data: {name: mx-data}}
`

const dbFile = `
name: stack
services:
  db:
    container_name: mx-db
    image: postgres:15
    networks: {proxy: {aliases: [db]}}
    x-matrx: {kind: postgres, project: stack, order: 10}
networks: {proxy: {name: mx-proxy}}
`

// rig is an applier over fakes, and what it said.
type rig struct {
	t     *testing.T
	parts Parts
	eng   *coretest.Docker
	sw    *coretest.Switch
	out   *strings.Builder
}

func newRig(t *testing.T) *rig {
	t.Helper()
	eng := coretest.NewDocker()
	ship := coretest.NewShip(eng)
	r := &rig{t: t, eng: eng, sw: ship.Switch, out: &strings.Builder{}}
	r.parts = Parts{
		Root: "/srv", Definitions: compose.New(), Engine: eng, Locks: ship.Locks, Switch: ship.Switch, Folders: ship.Folders,
		Vars: map[string]string{"MODE": "calm"}, Images: map[string]string{"web": "web:1"},
		Env: map[string]map[string]string{"web": {"PASSWORD": "sesame"}}, Out: r.out,
	}
	r.image("web:1", "c0ffee")
	r.image("postgres:15", "")
	return r
}

// image puts an image on the engine, of a commit unless that is empty.
func (r *rig) image(ref, commit string) {
	labels := map[string]string{}
	if commit != "" {
		labels["com.matrx.commit"] = commit
	}
	r.eng.AddImage(core.Image{Tags: []string{ref}, Labels: labels})
}

// run applies the files and gives what was said.
func (r *rig) run() (string, error) {
	r.out.Reset()
	err := New(r.parts).Run(r.t.Context(), []File{{"/x/web.yml", []byte(webFile)}, {"/x/db.yml", []byte(dbFile)}})
	return r.out.String(), err
}

// must is run that has to work.
func (r *rig) must() string {
	r.t.Helper()
	out, err := r.run()
	if err != nil {
		r.t.Fatalf("apply: %v", err)
	}
	return out
}

// container is the container of that name.
func (r *rig) container(name string) core.ContainerDetail {
	r.t.Helper()
	c, err := r.eng.Container(r.t.Context(), name)
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

func TestTheFirstRunMakesWhatTheFilesSayInTheOrderOfStarting(t *testing.T) {
	r := newRig(t)
	const want = "network mx-proxy: made\nvolume mx-data: made\nmx-db: started\nmx-web: started\n"
	if got := r.must(); got != want {
		t.Errorf("it says\n%s, want\n%s", got, want)
	}
	spec, ok := r.eng.Spec(r.container("mx-web").ID)
	if !ok || spec.Env["MODE"] != "calm" || spec.Env["PASSWORD"] != "sesame" || spec.Labels["com.matrx.commit"] != "c0ffee" {
		t.Errorf("made of %+v", spec)
	}
	if spec.Labels["traefik.http.routers.web.service"] != "web@file" {
		t.Errorf("labels %v", spec.Labels)
	}
	if target, err := r.sw.Target(t.Context(), "web"); err != nil || target.Alias != "mx-web" || target.Port != 3000 {
		t.Errorf("the route leads to %+v, %v", target, err)
	}
	env, err := r.parts.Folders.ReadFile("projects/web/.env")
	if err != nil || !strings.Contains(string(env), "PASSWORD=") {
		t.Errorf(".env: %q, %v", env, err)
	}
	file, err := r.parts.Folders.ReadFile("projects/web/docker-compose.yml")
	if err != nil || strings.Contains(string(file), "sesame") {
		t.Errorf("docker-compose.yml: %v, with the secret: %v", err, strings.Contains(string(file), "sesame"))
	}
}

func TestASecondRunChangesNothing(t *testing.T) {
	r := newRig(t)
	r.must()
	before := r.container("mx-web").ID
	if got, want := r.must(), "mx-db: unchanged\nmx-web: unchanged\n"; got != want {
		t.Errorf("it says\n%s, want\n%s", got, want)
	}
	if r.container("mx-web").ID != before {
		t.Error("the container was replaced")
	}
}

func TestOnlyWhatDiffersIsReplacedAndTheReasonIsSaid(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(r *rig)
		want   string
	}{
		{"definition", func(r *rig) { r.parts.Vars["MODE"] = "busy" }, "mx-web: replaced, its definition changed"},
		{"image", func(r *rig) { r.image("web:2", "beef"); r.parts.Images["web"] = "web:2" }, "mx-web: replaced, its image changed"},
		{"env", func(r *rig) { r.parts.Env["web"] = map[string]string{"PASSWORD": "other"} }, "mx-web: replaced, its env changed"},
		{"env without a name", func(r *rig) { r.parts.Env["web"] = map[string]string{} }, "mx-web: replaced, its env changed"},
		{"stopped", func(r *rig) { r.eng.Die(r.container("mx-web").ID, 0) }, "mx-web: started (it was exited)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.must()
			c.change(r)
			if got, want := r.must(), "mx-db: unchanged\n"+c.want+"\n"; got != want {
				t.Errorf("it says\n%s, want\n%s", got, want)
			}
			if state := r.container("mx-web").State; state != "running" {
				t.Errorf("it is %s", state)
			}
			if got := r.must(); strings.Count(got, "unchanged") != 2 {
				t.Errorf("the next run says\n%s", got)
			}
			list, err := r.eng.Containers(t.Context())
			if err != nil || len(list) != 2 {
				t.Errorf("%d containers, %v", len(list), err)
			}
		})
	}
}

func TestWhatAControlPlaneDeployedKeepsItsImageItsEnvAndItsRoute(t *testing.T) {
	r := newRig(t)
	r.must()
	r.image("web:deployed", "feed")
	img, err := r.eng.ImageDetail(t.Context(), "web:deployed")
	if err != nil {
		t.Fatal(err)
	}
	r.eng.Update(r.container("mx-web").ID, func(d *core.ContainerDetail) {
		d.ImageID = img.ID
		maps.Copy(d.Labels, map[string]string{"com.matrx.release": "r1", "com.matrx.deployment": "d1", "com.matrx.env": "4", "com.matrx.commit": "feed"})
	})
	if err := r.sw.Point(t.Context(), core.SwitchTarget{Service: "web", Alias: "web-0a1b2c3d", Port: 3000}); err != nil {
		t.Fatal(err)
	}
	r.parts.Env["web"] = map[string]string{"PASSWORD": "not the store's"}
	if got := r.must(); !strings.Contains(got, "mx-web: unchanged") {
		t.Errorf("it says\n%s", got)
	}
	if target, err := r.sw.Target(t.Context(), "web"); err != nil || target.Alias != "web-0a1b2c3d" {
		t.Errorf("the route leads to %+v, %v", target, err)
	}
	r.parts.Vars["MODE"] = "busy"
	if got := r.must(); !strings.Contains(got, "mx-web: replaced, its definition changed") {
		t.Errorf("it says\n%s", got)
	}
	spec, _ := r.eng.Spec(r.container("mx-web").ID)
	if spec.Labels["com.matrx.release"] != "r1" || spec.Labels["com.matrx.env"] != "4" || spec.Labels["com.matrx.commit"] != "feed" || spec.Env["PASSWORD"] != "sesame" {
		t.Errorf("replaced by %v", spec.Labels)
	}
	if target, err := r.sw.Target(t.Context(), "web"); err != nil || target.Alias != "mx-web" {
		t.Errorf("the route leads to %+v, %v", target, err)
	}
}

func TestANewContainerThatDoesNotStartLeavesTheOldOneRunning(t *testing.T) {
	r := newRig(t)
	r.must()
	before := r.container("mx-web").ID
	r.parts.Vars["MODE"] = "busy"
	r.eng.Fail("CreateContainer", core.Errorf(core.CodeInvalid, "no such thing"))
	if _, err := r.run(); err == nil {
		t.Error("no error")
	}
	if c := r.container("mx-web"); c.ID != before || c.State != "running" {
		t.Errorf("the old one is %s, id %s", c.State, c.ID)
	}
	r.eng.Fail("CreateContainer", nil)
	r.must()
}

func TestWhatBelongsToAnotherProjectIsRefusedBeforeAnythingIsMade(t *testing.T) {
	for _, c := range []struct {
		name string
		add  func(r *rig)
		want string
	}{
		{"container", func(r *rig) {
			r.eng.Add(core.ContainerDetail{Container: core.Container{Name: "mx-web", State: "running", Labels: map[string]string{"com.matrx.project": "other"}}})
		}, "a container named mx-web exists and does not belong to project stack"},
		{"network", func(r *rig) { r.eng.AddNetwork(core.Network{Name: "mx-proxy"}) }, "a network named mx-proxy exists and does not belong to project stack"},
		{"volume", func(r *rig) { r.eng.AddVolume(core.Volume{Name: "mx-data"}) }, "a volume named mx-data exists and does not belong to project stack"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			c.add(r)
			if out, err := r.run(); err == nil || !strings.Contains(err.Error(), c.want) || out != "" {
				t.Errorf("it says %q and fails with %v, want %q", out, err, c.want)
			}
		})
	}
}

func TestAServiceUnderADeploymentIsLeftToIt(t *testing.T) {
	r := newRig(t)
	unlock, err := r.parts.Locks.Lock("web", "ann deploys web")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.run(); core.CodeOf(err) != core.CodeConflict || !strings.Contains(err.Error(), "ann deploys web") {
		t.Errorf("apply: %v", err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	r.must()
}

func TestAServiceOfTwoFilesIsRefused(t *testing.T) {
	r := newRig(t)
	err := New(r.parts).Run(t.Context(), []File{{"/x/a.yml", []byte(webFile)}, {"/x/b.yml", []byte(webFile)}})
	if core.CodeOf(err) != core.CodeInvalid || !strings.Contains(err.Error(), "/x/a.yml and in /x/b.yml") {
		t.Errorf("apply: %v", err)
	}
}

func TestABuiltServiceWithoutAnImageSaysWhatIsMissing(t *testing.T) {
	r := newRig(t)
	r.parts.Images = nil
	if _, err := r.run(); err == nil || !strings.Contains(err.Error(), "--image web=IMAGE") {
		t.Errorf("apply: %v", err)
	}
}
