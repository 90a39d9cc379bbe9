//go:build integration

package core_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
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
	"github.com/codematrx/matrx-ship/core/folder"
	"github.com/codematrx/matrx-ship/core/git"
	"github.com/codematrx/matrx-ship/core/journal"
	"github.com/codematrx/matrx-ship/core/output"
	"github.com/codematrx/matrx-ship/core/probe"
	"github.com/codematrx/matrx-ship/core/traefik"
)

const (
	matrixState   = "256m"    // size of the planes' file system
	matrixReserve = 1 << 20   // bytes that each journal sets aside on it
	matrixNetwork = "proxy"   // the engine's one network
	matrixGuest   = "guest:1" // image with the guest program alone
	matrixOwner   = "matrix"  // project of Traefik's container
)

// matrixRig is an engine of its own with a real Traefik and, for each step of a row of the matrix, a control plane of its own, with its
// real parts on a real file system, which deploys one service.
type matrixRig struct {
	t       *testing.T
	e       *ownEngine
	state   string // the planes' file system
	repo    string // that the services are built from
	work    string // where that is written
	version int
	sw      *traefik.Switch
	proxy   *traefik.Client
	client  *http.Client
	cells   []*matrixCell
}

// newMatrixRig starts all but the planes.
func newMatrixRig(t *testing.T) *matrixRig {
	t.Helper()
	shared := &ownEngine{t: t, host: "unix:///var/run/docker.sock"}
	image, _, _ := strings.Cut(shared.cli("images", "--format", "{{.Repository}}:{{.Tag}}", "matrx/traefik"), "\n")
	dir := t.TempDir()
	r := &matrixRig{t: t, e: newOwnEngine(t, matrixNetwork, image), state: filepath.Join(dir, "state"), repo: filepath.Join(dir, "state", "projects", "app.git"), work: filepath.Join(dir, "app")}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the engine's last words:\n%s", r.e.lastOf())
		}
	})
	mountTmpfs(t, r.state, matrixState)
	r.makeGuest(dir)
	r.e.run("git", "init", "-q", "--bare", "--initial-branch=main", r.repo)
	r.e.run("git", "clone", "-q", r.repo, r.work)
	var err error
	r.sw, err = traefik.OpenSwitch(r.state)
	r.check(err)
	t.Cleanup(func() { _ = r.sw.Close() })
	r.startTraefik(image)
	return r
}

func (r *matrixRig) check(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// makeGuest compiles the guest program and gives the engine an image of it.
func (r *matrixRig) makeGuest(dir string) {
	r.t.Helper()
	r.t.Setenv("CGO_ENABLED", "0")
	r.e.run("go", "build", "-o", filepath.Join(dir, "guest"), "github.com/codematrx/matrx-ship/core/coretest/guest")
	r.e.run("tar", "-C", dir, "-cf", filepath.Join(dir, "guest.tar"), "guest")
	r.e.cli("import", "--change", `ENTRYPOINT ["/guest"]`, filepath.Join(dir, "guest.tar"), matrixGuest)
}

// push commits the next version on the branch of those that serve and on that of those that never get healthy.
func (r *matrixRig) push() (mark string) {
	r.t.Helper()
	r.version++
	mark = fmt.Sprintf("version-%d", r.version)
	git := func(args ...string) {
		r.t.Helper()
		r.e.run(append([]string{"git", "-C", r.work, "-c", "user.name=ann", "-c", "user.email=ann@example.test"}, args...)...)
	}
	for branch, how := range map[string]string{"main": `, "drain"`, "sick": `, "drain", "sick"`} {
		text := fmt.Sprintf("FROM %s\nENV MARK=%s\nCMD [\"app\", \"3000\"%s]\n", matrixGuest, mark, how)
		r.check(os.WriteFile(filepath.Join(r.work, "Dockerfile"), []byte(text), 0o600))
		git("checkout", "-q", "-B", branch)
		git("add", "-A")
		git("commit", "-q", "-m", mark)
		git("push", "-q", "--force", "origin", branch)
	}
	return mark
}

// startTraefik starts it at an address that it keeps, and learns how to reach it.
func (r *matrixRig) startTraefik(image string) {
	r.t.Helper()
	address := r.e.subnet + ".100"
	r.e.cli("run", "--detach", "--name", "traefik", "--network", matrixNetwork, "--ip", address, "--user", "0:0", "--restart", "unless-stopped", "--label", "com.matrx.project="+matrixOwner,
		"--volume", strings.TrimPrefix(r.e.host, "unix://")+":/var/run/docker.sock", "--volume", filepath.Join(r.state, "traefik", "dynamic")+":/dynamic:ro", image,
		"--entrypoints.websecure.address=:8443", "--entrypoints.traefik.address=:8082", "--api=true", "--api.insecure=true",
		"--providers.docker=true", "--providers.docker.exposedbydefault=false",
		"--providers.file.directory=/dynamic", "--providers.file.watch=true", "--providers.providersThrottleDuration=100ms")
	var err error
	r.proxy, err = traefik.New("http://" + address + ":8082")
	r.check(err)
	r.t.Cleanup(r.proxy.Close)
	r.client = &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, net.JoinHostPort(address, "8443"))
		},
	}}
	r.t.Cleanup(r.client.CloseIdleConnections)
	r.traefikIsUp()
}

// traefikIsUp waits for Traefik's API.
func (r *matrixRig) traefikIsUp() {
	r.t.Helper()
	coretest.Wait(r.t, 30*time.Second, "Traefik's API", func() bool {
		ctx, cancel := context.WithTimeout(r.t.Context(), time.Second)
		defer cancel()
		_, err := r.proxy.Version(ctx)
		return err == nil
	})
}

// stepJournal is a journal that stops a deployment in a step, as soon as that is on record, until it is let go.
type stepJournal struct {
	core.Journal
	mu      sync.Mutex // guards what is below
	step    string     // empty: none
	reached chan struct{}
	held    chan struct{}
}

// stopAt makes the next deployment that comes to a step wait there.
func (j *stepJournal) stopAt(step string) (reached <-chan struct{}, release func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.step, j.reached, j.held = step, make(chan struct{}), make(chan struct{})
	return j.reached, sync.OnceFunc(func() { close(j.held) })
}

// Append is that of the journal behind it.
func (j *stepJournal) Append(ctx context.Context, recs ...core.Record) ([]core.Entry, error) {
	entries, err := j.Journal.Append(ctx, recs...)
	j.pause(recs)
	return entries, err
}

// AppendRelief is that of the journal behind it.
func (j *stepJournal) AppendRelief(ctx context.Context, recs ...core.Record) ([]core.Entry, error) {
	entries, err := j.Journal.AppendRelief(ctx, recs...)
	j.pause(recs)
	return entries, err
}

// pause waits when the records say that the step has begun.
func (j *stepJournal) pause(recs []core.Record) {
	j.mu.Lock()
	begins := j.step != "" && slices.ContainsFunc(recs, func(rec core.Record) bool {
		var d core.Deployment
		if rec.Table != "deployments" || json.Unmarshal(rec.Body, &d) != nil || len(d.Steps) == 0 {
			return false
		}
		last := d.Steps[len(d.Steps)-1]
		return last.Name == j.step && last.State == "running"
	})
	held := j.held
	if begins {
		j.step = ""
		close(j.reached)
	}
	j.mu.Unlock()
	if begins {
		<-held
	}
}

// matrixCell is one plane and its service, which faults meet in one step.
type matrixCell struct {
	r       *matrixRig
	core    *core.Core
	journal *stepJournal
	def     core.Definition
	step    string
	kind    string // matrixTwice, matrixAlone or matrixSick

	// What follows is about the row under way.
	before      string // mark of the version that served
	last        string // id of the deployment before
	reached     <-chan struct{}
	release     func()
	started     chan error // the end of the operation
	asked, lost atomic.Int64
}

// The kinds of service: what runs twice, what is stopped first, and what never gets healthy, to see the way back.
const (
	matrixTwice = "twice"
	matrixAlone = "stop-first"
	matrixSick  = "sick"
)

// addCell opens a plane.
func (r *matrixRig) addCell(kind, step string) {
	r.t.Helper()
	name := fmt.Sprintf("s%d", len(r.cells))
	root := filepath.Join(r.state, name)
	c := &matrixCell{r: r, step: step, kind: kind}
	c.def = core.Definition{
		Service: name, Container: name, Project: name, Kind: core.KindCustom, Layer: core.LayerApps, Restart: "unless-stopped", StopGrace: 5 * time.Second,
		Source:   &core.Source{Repo: "file://" + r.repo, Ref: "main", Context: ".", Dockerfile: "Dockerfile"},
		Networks: []core.NetworkUse{{Name: matrixNetwork}}, Test: []string{"print", "tested"}, StopFirst: kind == matrixAlone,
		Health: core.HealthRule{How: core.ProbeHTTP, Path: "/healthz", Port: 3000, Within: 10 * time.Second},
		Route:  &core.RouteRule{Domains: []core.Domain{core.Domain(name + ".example.com")}, Port: 3000, Network: matrixNetwork, Entrypoints: "websecure"},
		Drain:  300 * time.Millisecond,
	}
	if kind == matrixSick {
		c.def.Health.Within = 4 * time.Second
	}
	j, err := journal.Open(r.t.Context(), journal.Config{Dir: filepath.Join(root, "journal"), Writer: "manager", Server: "local", Reserve: matrixReserve, MinFree: matrixReserve})
	r.check(err)
	r.t.Cleanup(func() { r.check(j.Close()) })
	c.journal = &stepJournal{Journal: j}
	c.define()
	engine, err := docker.Open(docker.Config{Host: r.e.host, Project: name, Log: slog.New(slog.DiscardHandler)})
	r.check(err)
	r.t.Cleanup(func() { r.check(engine.Close()) })
	outputs, err := output.Open(filepath.Join(root, "builds"))
	r.check(err)
	r.t.Cleanup(func() { r.check(outputs.Close()) })
	folders, err := folder.Open(root)
	r.check(err)
	r.t.Cleanup(func() { r.check(folders.Close()) })
	ship := coretest.NewShip(coretest.NewDocker()).Parts(compose.New())
	ship.Maker, ship.Images, ship.Made, ship.Switch, ship.Through = engine, engine, engine, r.sw, traefik.NewProber()
	ship.Locks, ship.Git, ship.Outputs, ship.Folders = flock.New(filepath.Join(root, "locks")), git.New(git.Config{Root: r.state}), outputs, folders
	cfg, err := core.LoadConfig(func(name string) string {
		return map[string]string{"MATRX_ROOT": root, "MATRX_PROJECT": c.def.Project}[name]
	})
	r.check(err)
	c.core, err = core.Open(r.t.Context(), core.Parts{
		Config: cfg, Charter: core.ManagerCharter(), Version: "test", Journal: c.journal, Docker: engine, Usage: engine, Logs: &quietLogs{},
		Collect: &collected{}, Prober: probe.New(), Proxy: r.proxy, Host: &surroundings{}, Docs: fstest.MapFS{"010-start.md": {Data: []byte("# Start\n")}},
		Ship: ship, Log: slog.New(slog.DiscardHandler),
	})
	r.check(err)
	r.t.Cleanup(func() { r.check(c.core.Close()) })
	r.cells = append(r.cells, c)
}

// define writes the definition as its owner would.
func (c *matrixCell) define() {
	c.r.t.Helper()
	raw, err := json.Marshal(core.DefinitionVersion{Definition: c.def, Version: 1, At: time.Now(), By: "test"})
	c.r.check(err)
	_, err = c.journal.Append(c.r.t.Context(), core.Record{Table: "definitions", Key: c.def.Service, Ver: 1, Op: core.RecordPut, Body: raw, Actor: "test"})
	c.r.check(err)
}

// as is a context of a person with a role.
func (c *matrixCell) as(role core.Role) context.Context {
	return core.WithActor(context.Background(), core.Actor{Name: "ann", Kind: core.ActorPerson, Role: role, Door: core.DoorSSH})
}

// newest is the newest deployment, complete.
func (c *matrixCell) newest() (core.Deployment, bool) {
	c.r.t.Helper()
	list, err := core.ListDeployments.Run(c.as(core.RoleViewer), c.core, core.DeploymentsIn{Limit: 1})
	if err != nil {
		c.r.t.Fatal(err)
	}
	if len(list) == 0 {
		return core.Deployment{}, false
	}
	return list[0], true
}

// mark is what the service answers through Traefik.
func (c *matrixCell) mark() string {
	res, err := c.r.client.Get("https://" + string(c.def.Route.Domains[0]) + "/mark")
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return res.Status
	}
	return strings.TrimSpace(string(raw))
}
