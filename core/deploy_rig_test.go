package core_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/compose"
	"github.com/codematrx/matrx-ship/core/coretest"
)

// deployRig is a control plane that deploys the service "web" onto a fake engine. What the outside is told to do passes a gate, which
// can end the process at any of those calls.
type deployRig struct {
	*planeRig
	ship  coretest.Ship
	gate  *gate
	def   core.Definition
	plane core.Charter

	next    *core.RouteRule   // the definition's; nil: that of the container that runs at first
	direct  bool              // the container that runs at first is routed past the switch
	further map[string]string // labels of that container
	own     string            // id of the plane's container; empty: it is in none
	counted *atomic.Int64     // how often Traefik was asked for its routes; nil counts nothing
}

// newDeployRig opens a plane beside which version 1 of "web" runs, as if nobody had ever deployed it.
func newDeployRig(t testing.TB, change func(r *deployRig)) *deployRig {
	t.Helper()
	engine := coretest.NewDocker()
	engine.AddNetwork(core.Network{Name: "proxy"})
	r := &deployRig{
		planeRig: &planeRig{t: t, engine: engine, journal: coretest.NewJournal(), prober: &scriptedProber{}, collect: &collected{},
			logs: &quietLogs{}, proxy: &scriptedProxy{}, root: t.TempDir()},
		ship: coretest.NewShip(engine), gate: &gate{}, plane: core.ManagerCharter(),
	}
	r.def = core.Definition{
		Service: "web", Container: "web", Kind: core.KindCustom, Layer: core.LayerApps, Restart: "unless-stopped", StopGrace: 10 * time.Second,
		Source:   &core.Source{Repo: "file:///srv/projects/web.git", Ref: "main", Context: ".", Dockerfile: "Dockerfile"},
		Networks: []core.NetworkUse{{Name: "proxy"}}, Env: map[string]string{"MODE": "production"},
		Health: core.HealthRule{How: core.ProbeHTTP, Path: "/healthz", Port: 3000, Within: 20 * time.Second},
		Route:  &core.RouteRule{Domains: []core.Domain{"web.example.com"}, Port: 3000, Network: "proxy", Entrypoints: "websecure"},
		Drain:  time.Second,
	}
	r.prober.script(r.probe)
	r.ship.Through.OnProbe(r.through)
	if change != nil {
		change(r)
	}
	r.push("version 1", "")
	r.runFirst()
	if r.next != nil {
		r.def.Route = r.next
	}
	r.define(r.def)
	r.open()
	return r
}

// runFirst puts version 1 into the engine.
func (r *deployRig) runFirst() {
	r.t.Helper()
	ctx := context.Background()
	image, err := r.engine.BuildImage(ctx, core.BuildSpec{Context: coretest.Archive(map[string]string{"Dockerfile": "FROM scratch\nCMD [\"v1\"]"}), Tag: "web:1"}, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	labels := core.ContainerLabels(r.def, core.Stamp{})
	if r.direct {
		delete(labels, "traefik.http.routers.web.service")
	}
	maps.Copy(labels, r.further)
	id, err := r.engine.CreateContainer(ctx, core.ContainerSpec{Name: r.def.Container, Image: image, Definition: r.def, Labels: labels})
	if err == nil {
		err = r.engine.Start(ctx, id)
	}
	if err == nil && r.def.Route != nil && !r.direct {
		err = r.ship.Switch.Point(ctx, core.SwitchTarget{Service: "web", Alias: r.def.Container, Port: 3000})
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// open starts the control plane on the journal and the engine as they are.
func (r *deployRig) open() {
	r.t.Helper()
	c, err := core.Open(r.t.Context(), r.deployParts(r.gate))
	if err != nil {
		r.t.Fatal(err)
	}
	r.core = c
	r.t.Cleanup(func() { _ = c.Close() }) // a test may have closed it already
	r.wait(5*time.Second, "listed", func() bool { return r.snapshot().Engine.Up })
}

// deployParts are the parts of a plane behind a gate.
func (r *deployRig) deployParts(g *gate) core.Parts {
	p := r.parts()
	p.Charter, p.Own = r.plane, r.own
	p.Docker = gatedDocker{r.engine, g}
	p.Journal = gatedJournal{r.journal, g}
	p.Proxy = switchProxy{r}
	if r.counted != nil {
		p.Proxy = countedProxy{p.Proxy, r.counted}
	}
	p.Ship = r.ship.Parts(compose.New())
	p.Ship.Maker, p.Ship.Images = gatedMaker{r.engine, g}, gatedImages{r.engine, g}
	p.Ship.Folders = gatedFolders{p.Ship.Folders, g}
	p.Ship.Switch, p.Ship.Locks = gatedSwitch{r.ship.Switch, g}, gatedLocks{r.ship.Locks, g}
	return p
}

// write puts a row into the journal as its owner would.
func (r *deployRig) write(table, key string, body any) {
	r.t.Helper()
	raw, err := json.Marshal(body)
	if err == nil {
		head := int64(r.journal.Head().Seq) + 1
		_, err = r.journal.Append(context.Background(), core.Record{Table: table, Key: key, Ver: head, Op: core.RecordPut, Body: raw, Actor: "test"})
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// define sets the definition; a plane that is open sees it after a reopening only.
func (r *deployRig) define(d core.Definition) {
	r.t.Helper()
	r.write("definitions", d.Service, core.DefinitionVersion{Definition: d, Version: 1, At: time.Now(), By: "test"})
}

// push commits a Dockerfile whose container behaves as the command says.
func (r *deployRig) push(subject, command string) core.Commit {
	r.t.Helper()
	text := "FROM scratch\nCMD [\"" + command + "\"]"
	if strings.Contains(command, "\n") {
		text = command
	}
	return r.ship.Git.Push("web", "main", subject, map[string]string{"Dockerfile": text})
}

// deploy runs a deployment to its end.
func (r *deployRig) deploy(in core.DeployIn) core.Deployment {
	r.t.Helper()
	in.Service = "web"
	job, err := core.Deploy.Run(r.as(core.RoleOperator), r.core, in)
	if err != nil && strings.Contains(err.Error(), "was done, but the audit") { // the disk is full by now
		jobs, listErr := core.ListJobs.Run(r.as(core.RoleViewer), r.core, struct{}{})
		if listErr != nil || len(jobs) == 0 {
			r.t.Fatal(err, listErr)
		}
		job, err = jobs[0], nil
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return r.ended(job)
}

// rollback runs a rollback to its end.
func (r *deployRig) rollback(release string) core.Deployment {
	r.t.Helper()
	job, err := core.Rollback.Run(r.as(core.RoleOperator), r.core, core.RollbackIn{ServiceIn: core.ServiceIn{Service: "web"}, Release: release})
	if err != nil {
		r.t.Fatal(err)
	}
	return r.ended(job)
}

// ended waits for the end of a job and gives its deployment.
func (r *deployRig) ended(job core.Job) core.Deployment {
	r.t.Helper()
	r.wait(10*time.Minute, "the job ends", func() bool {
		now, err := core.ShowJob.Run(r.as(core.RoleViewer), r.core, core.JobIn{ID: job.ID})
		return err == nil && now.State != core.JobRunning
	})
	return r.deploymentOf(job)
}

// deploymentOf finds the deployment of a job, complete.
func (r *deployRig) deploymentOf(job core.Job) core.Deployment {
	r.t.Helper()
	for _, d := range r.deployments() {
		if d.Job == job.ID {
			full, err := core.ShowDeployment.Run(r.as(core.RoleViewer), r.core, core.DeploymentIn{Deployment: d.ID})
			if err != nil {
				r.t.Fatal(err)
			}
			return full
		}
	}
	r.t.Fatalf("job %s has no deployment", job.ID)
	return core.Deployment{}
}

// deployments is the history, newest first.
func (r *deployRig) deployments() []core.Deployment {
	r.t.Helper()
	list, err := core.ListDeployments.Run(r.as(core.RoleViewer), r.core, core.DeploymentsIn{})
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

// releases lists the releases, newest first.
func (r *deployRig) releases() []core.ReleaseView {
	r.t.Helper()
	list, err := core.ListReleases.Run(r.as(core.RoleViewer), r.core, core.ServiceIn{Service: "web"})
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

// containers are all containers of the engine by name, as "command state".
func (r *deployRig) containers() map[string]core.ContainerDetail {
	r.t.Helper()
	byName := map[string]core.ContainerDetail{}
	for _, c := range r.inspected() {
		byName[c.Name] = c
	}
	return byName
}

// inspected asks the engine itself, beside every gate.
func (r *deployRig) inspected() []core.ContainerDetail {
	list, err := r.engine.Containers(context.Background())
	var out []core.ContainerDetail
	for _, c := range list {
		d, missing := r.engine.Container(context.Background(), c.ID)
		if missing == nil {
			out = append(out, d)
		}
	}
	if err != nil && len(out) == 0 {
		return nil
	}
	return out
}

// server is the container that the route leads to now; it is false when nothing good is there.
func (r *deployRig) server() (core.ContainerDetail, bool) {
	target, err := r.ship.Switch.Target(context.Background(), "web")
	if err != nil {
		return core.ContainerDetail{}, false
	}
	for _, d := range r.inspected() {
		if d.State == "running" && answersTo(d, target.Alias) && !isSick(d) {
			return d, true
		}
	}
	return core.ContainerDetail{}, false
}

// answersTo tells whether a container has a name in its networks.
func answersTo(d core.ContainerDetail, alias string) bool {
	if d.Name == alias {
		return true
	}
	for _, n := range d.Networks {
		for _, a := range n.Aliases {
			if a == alias {
				return true
			}
		}
	}
	return false
}

// isSick is true for a container that never gets healthy.
func isSick(d core.ContainerDetail) bool { return len(d.Command) > 0 && d.Command[0] == "sick" }

// probe is the health check: by address, as over the network.
func (r *deployRig) probe(_ context.Context, target core.ProbeTarget) error {
	for _, d := range r.inspected() {
		for _, n := range d.Networks {
			if d.State == "running" && n.Address != "" && strings.HasPrefix(target.Address, n.Address+":") {
				if isSick(d) {
					return fmt.Errorf("HTTP 503 from %s", target.Path)
				}
				return nil
			}
		}
	}
	return errProbe
}

// through is a request through Traefik.
func (r *deployRig) through(ask core.RouteProbe) (int, error) {
	routes := switchProxy{r}.now() // whether its API answers or not
	var best *core.Route
	for i := range routes {
		if slices.Contains(routes[i].Hosts, ask.Host) && (best == nil || routes[i].Priority > best.Priority) {
			best = &routes[i]
		}
	}
	if best == nil {
		return 404, nil
	}
	for _, d := range r.inspected() {
		for _, server := range best.Servers {
			host, _, _ := strings.Cut(strings.TrimPrefix(server, "http://"), ":")
			if d.State == "running" && !isSick(d) && (answersTo(d, host) || hasAddress(d, host)) {
				return 200, nil
			}
		}
	}
	return 502, nil
}

// hasAddress tells whether a container has an address in its networks.
func hasAddress(d core.ContainerDetail, address string) bool {
	return slices.ContainsFunc(d.Networks, func(a core.Attachment) bool { return a.Address == address })
}

// visits tells whether a visitor of a domain is served now.
func (r *deployRig) visits(host string) bool {
	status, err := r.through(core.RouteProbe{Host: host})
	return err == nil && status == 200
}

// one sees that the service has exactly one container, running under its name, and that the route leads to it.
func (r *deployRig) one() core.ContainerDetail {
	r.t.Helper()
	all := r.containers()
	d, ok := all["web"]
	if len(all) != 1 || !ok || d.State != "running" {
		r.t.Fatalf("the engine has %s", names(all))
	}
	if r.def.Route != nil {
		if s, ok := r.server(); !ok || s.ID != d.ID {
			target, err := r.ship.Switch.Target(context.Background(), "web")
			r.t.Fatalf("the route leads to %+v, %v", target, err)
		}
	}
	return d
}

// names are containers in short.
func names(all map[string]core.ContainerDetail) string {
	var b strings.Builder
	for name, d := range all {
		fmt.Fprintf(&b, "[%s %s %v] ", name, d.State, d.Command)
	}
	return b.String()
}

// stepsOf are the steps as "name state".
func stepsOf(d core.Deployment) string {
	var list []string
	for _, s := range d.Steps {
		list = append(list, s.Name+" "+s.State)
	}
	return strings.Join(list, ", ")
}

// switchProxy is Traefik's API: it has the routers of the labels of what runs, but for those that two containers define differently,
// and what the switch's file says.
type switchProxy struct{ r *deployRig }

func (p switchProxy) Routes(context.Context) ([]core.Route, error) {
	if p.r.proxy.err != nil {
		return nil, p.r.proxy.err
	}
	return p.now(), nil
}

// now are its routes. The file is read before and after the engine is asked: they are of one moment.
func (p switchProxy) now() []core.Route {
	for {
		target, err := p.r.ship.Switch.Target(context.Background(), "web")
		var file []string
		if err == nil {
			file = []string{target.URL() + " UP"}
		}
		routes := p.labelled(file)
		if again, problem := p.r.ship.Switch.Target(context.Background(), "web"); again != target || core.CodeOf(problem) != core.CodeOf(err) {
			continue
		}
		if own := target.Router; err == nil && !own.IsZero() {
			routes = append(routes, core.Route{Name: "web@file", Rule: own.Rule, Hosts: core.RuleHosts(own.Rule), Service: "web", Provider: "file", TLS: own.TLS,
				Priority: own.Priority, Status: "enabled", Servers: file, Listens: []string{"traefik:8443"}})
		}
		return routes
	}
}

// labelled are the routers of labels. Those that lead to the switch's file have its servers, the others the containers themselves.
func (p switchProxy) labelled(file []string) []core.Route {
	defined, servers := map[string]map[string]string{}, map[string][]string{}
	for _, d := range p.r.inspected() {
		if d.State != "running" || d.Labels["traefik.enable"] != "true" {
			continue
		}
		parts := map[string]map[string]string{}
		for key, value := range d.Labels {
			rest, ok := strings.CutPrefix(key, "traefik.http.routers.")
			router, part, named := strings.Cut(rest, ".")
			if ok && named {
				if parts[router] == nil {
					parts[router] = map[string]string{}
				}
				parts[router][part] = value
			}
		}
		for router, now := range parts {
			if before, twice := defined[router]; twice && !maps.Equal(before, now) {
				now = nil // Traefik: defined multiple times with different configurations
			}
			defined[router] = now
			servers[router] = append(servers[router], "http://"+d.Networks[0].Address+":3000 UP")
		}
	}
	var routes []core.Route
	for router, parts := range defined {
		if parts == nil {
			continue
		}
		route := core.Route{Name: router + "@docker", Rule: parts["rule"], Hosts: core.RuleHosts(parts["rule"]), Service: parts["service"], TLS: true,
			Status: "enabled", Provider: "docker", Priority: int64(len(parts["rule"])), Servers: servers[router], Listens: []string{"traefik:8443"}}
		switch {
		case route.Service == "web@file" && file == nil:
			continue // Traefik: the service does not exist
		case route.Service == "web@file":
			route.Servers = file
		case route.Service == "":
			route.Service = router
		}
		routes = append(routes, route)
	}
	return routes
}

func (p switchProxy) Version(context.Context) (string, error) { return "3.5.3", p.r.proxy.err }

// gate counts what a process tells the outside to do, and can end the process at one of these calls: before it has an effect, or after
// it and before the process learns of it. From then on nothing that the process does has any effect.
type gate struct {
	mu      sync.Mutex // guards what is below
	calls   int
	names   []string
	dieAt   int  // 1-based; 0 never
	after   bool // the last call still has its effect
	dead    bool
	died    chan struct{}
	witness func(call string) // looks at the world around every call
}

// errDead is what a dead process would get, if it could.
var errDead = core.Errorf(core.CodeUnavailable, "The process is dead.")

// pass lets a call through, or ends the process.
func (g *gate) pass(name string, do func() error) error {
	g.mu.Lock()
	if g.dead {
		g.mu.Unlock()
		return errDead
	}
	g.calls++
	g.names = append(g.names, name)
	dies := g.calls == g.dieAt
	if dies {
		g.dead = true
		defer close(g.died)
	}
	after, witness := g.after, g.witness
	g.mu.Unlock()
	if dies && !after {
		return errDead
	}
	err := do()
	if witness != nil {
		witness(name)
	}
	if dies {
		return errDead
	}
	return err
}

type gatedDocker struct {
	core.Docker
	g *gate
}

func (d gatedDocker) Start(ctx context.Context, id string) error {
	return d.g.pass("Start", func() error { return d.Docker.Start(ctx, id) })
}

func (d gatedDocker) Stop(ctx context.Context, id string, grace time.Duration) error {
	return d.g.pass("Stop", func() error { return d.Docker.Stop(ctx, id, grace) })
}

func (d gatedDocker) Remove(ctx context.Context, id string, grace time.Duration) error {
	return d.g.pass("Remove", func() error { return d.Docker.Remove(ctx, id, grace) })
}

type gatedMaker struct {
	core.Maker
	g *gate
}

func (m gatedMaker) CreateContainer(ctx context.Context, spec core.ContainerSpec) (id string, err error) {
	err = m.g.pass("CreateContainer", func() (err error) { id, err = m.Maker.CreateContainer(ctx, spec); return err })
	return id, err
}

func (m gatedMaker) RenameContainer(ctx context.Context, id, name string) error {
	return m.g.pass("RenameContainer", func() error { return m.Maker.RenameContainer(ctx, id, name) })
}

func (m gatedMaker) RemoveNetwork(ctx context.Context, name string) error {
	return m.g.pass("RemoveNetwork", func() error { return m.Maker.RemoveNetwork(ctx, name) })
}

func (m gatedMaker) Connect(ctx context.Context, network, container string) error {
	return m.g.pass("Connect", func() error { return m.Maker.Connect(ctx, network, container) })
}

func (m gatedMaker) Disconnect(ctx context.Context, network, container string) error {
	return m.g.pass("Disconnect", func() error { return m.Maker.Disconnect(ctx, network, container) })
}

type gatedFolders struct {
	core.FolderWriter
	g *gate
}

func (f gatedFolders) Remove(name string) error {
	return f.g.pass("Folders.Remove", func() error { return f.FolderWriter.Remove(name) })
}

type gatedImages struct {
	core.ImageStore
	g *gate
}

func (i gatedImages) BuildImage(ctx context.Context, spec core.BuildSpec, out func(string)) (id string, err error) {
	err = i.g.pass("BuildImage", func() (err error) { id, err = i.ImageStore.BuildImage(ctx, spec, out); return err })
	return id, err
}

func (i gatedImages) TagImage(ctx context.Context, image, ref string) error {
	return i.g.pass("TagImage", func() error { return i.ImageStore.TagImage(ctx, image, ref) })
}

func (i gatedImages) RemoveImage(ctx context.Context, ref string) error {
	return i.g.pass("RemoveImage", func() error { return i.ImageStore.RemoveImage(ctx, ref) })
}

type gatedSwitch struct {
	core.Switch
	g *gate
}

func (s gatedSwitch) Point(ctx context.Context, t core.SwitchTarget) error {
	return s.g.pass("Point", func() error { return s.Switch.Point(ctx, t) })
}

func (s gatedSwitch) Remove(ctx context.Context, service string) error {
	return s.g.pass("Switch.Remove", func() error { return s.Switch.Remove(ctx, service) })
}

type gatedLocks struct {
	core.Locker
	g *gate
}

func (l gatedLocks) Lock(name, note string) (unlock func() error, err error) {
	err = l.g.pass("Lock", func() (err error) { unlock, err = l.Locker.Lock(name, note); return err })
	if err != nil {
		return nil, err
	}
	return unlock, nil
}

type gatedJournal struct {
	core.Journal
	g *gate
}

func (j gatedJournal) Append(ctx context.Context, recs ...core.Record) (e []core.Entry, err error) {
	err = j.g.pass("Append "+recs[0].Table, func() (err error) { e, err = j.Journal.Append(ctx, recs...); return err })
	return e, err
}

func (j gatedJournal) AppendRelief(ctx context.Context, recs ...core.Record) (e []core.Entry, err error) {
	err = j.g.pass("Append "+recs[0].Table, func() (err error) { e, err = j.Journal.AppendRelief(ctx, recs...); return err })
	return e, err
}
