package tui

import (
	"context"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// world answers what the console asks of core. A test fills in what it needs.
type world struct {
	mu    sync.Mutex
	calls []string
	errs  map[string]error // by operation

	snaps      *tap[*core.Snapshot]
	detail     core.ServiceDetail
	done       core.Done
	job        core.Job
	infra      core.Infrastructure
	checks     *tap[core.Check]
	lines      *tap[core.LogLine]
	hits       *tap[core.LogHit]
	logNames   []core.LogService
	recordings []core.Recording
	cast       []core.CastEvent
	jobs       []core.Job
	jobLive    *tap[core.Job]
	audit      []core.AuditEvent
	auditLive  *tap[core.AuditEvent]
	report     core.JournalReport
	access     core.AccessList
	settings   []core.Setting
	docs       []core.Doc
	ship       shipWorld
	hold       map[string]bool // operations that wait until released is closed
	released   chan struct{}
}

// init makes what a test left out.
func (w *world) init() {
	w.errs, w.hold = orMap(w.errs), orMap(w.hold)
	w.released = make(chan struct{})
	w.snaps, w.checks, w.lines = orTap(w.snaps), orTap(w.checks), orTap(w.lines)
	w.hits, w.jobLive, w.auditLive = orTap(w.hits), orTap(w.jobLive), orTap(w.auditLive)
	w.ship.lines, w.ship.live = orTap(w.ship.lines), orTap(w.ship.live)
}

func orMap[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return m
}

func orTap[T any](t *tap[T]) *tap[T] {
	if t == nil {
		return newTap[T]()
	}
	return t
}

func (w *world) close() {
	w.release()
}

// release lets the operations go on that wait.
func (w *world) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.released:
	default:
		close(w.released)
	}
}

// note remembers a call.
func (w *world) note(op string, in any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, fmt.Sprintf("%s %+v", op, in))
}

// called lists the calls of one operation.
func (w *world) called(op string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.calls), func(c string) bool { return !strings.HasPrefix(c, op+" ") })
}

func (w *world) fail(op string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.errs[op] = err
}

func (w *world) failure(op string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.errs[op]
}

// answer makes a verb that answers from the world.
func answer[In, Out any](w *world, op core.Op[In, Out], of func(In) Out) verb[In, Out] {
	return verb[In, Out]{op.Info(), func(ctx context.Context, in In) (Out, error) {
		w.note(op.Name, in)
		if w.hold[op.Name] {
			select {
			case <-w.released:
			case <-ctx.Done():
				var zero Out
				return zero, ctx.Err()
			}
		}
		if err := w.failure(op.Name); err != nil {
			var zero Out
			return zero, err
		}
		return of(in), nil
	}}
}

// pour makes a stream from a tap.
func pour[In, T any](w *world, op core.Watch[In, T], t *tap[T]) stream[In, T] {
	return stream[In, T]{op.Info(), func(ctx context.Context, in In) iter.Seq2[T, error] {
		w.note(op.Name, in)
		return func(yield func(T, error) bool) {
			if err := w.failure(op.Name); err != nil {
				var zero T
				yield(zero, err)
				return
			}
			t.each(ctx, yield)
		}
	}}
}

// tap is a stream that a test opens and shuts.
type tap[T any] struct {
	mu    sync.Mutex
	past  []T // what every reader gets first
	open  map[chan T]bool
	ended bool // a stream ends after the past
}

func newTap[T any](past ...T) *tap[T] { return &tap[T]{past: past, open: map[chan T]bool{}} }

// ending makes a tap whose streams end once the past has been read.
func ending[T any](past ...T) *tap[T] {
	t := newTap(past...)
	t.ended = true
	return t
}

func (t *tap[T]) each(ctx context.Context, yield func(T, error) bool) {
	ch := make(chan T, 4096)
	t.mu.Lock()
	past, ended := slices.Clone(t.past), t.ended
	t.open[ch] = true
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		delete(t.open, ch)
		t.mu.Unlock()
	}()
	for _, item := range past {
		if !yield(item, nil) {
			return
		}
	}
	for !ended {
		select {
		case item := <-ch:
			if !yield(item, nil) {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// emit gives an item to every reader, and to later ones first.
func (t *tap[T]) emit(items ...T) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for ch := range t.open {
		for _, item := range items {
			ch <- item
		}
	}
}

// readers counts the streams that are open.
func (t *tap[T]) readers() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.open)
}

// source makes the console's source of the world.
func (w *world) source() source {
	done := func(core.StopServiceIn) core.Done { return w.done }
	return source{
		watch: pour(w, core.WatchServices, w.snaps),
		show: answer(w, core.ShowService, func(in core.ServiceIn) core.ServiceDetail {
			d := w.detail
			if d.Name == "" {
				d.Name = in.Service
			}
			return d
		}),
		start: answer(w, core.StartService, func(core.ServiceIn) core.Done { return w.done }),
		stop:  answer(w, core.StopService, done), restart: answer(w, core.RestartService, done),
		recreate: answer(w, core.RecreateService, func(core.StopServiceIn) core.Job { return w.job }),
		remove:   answer(w, core.RemoveService, func(core.RemoveServiceIn) core.Done { return w.done }),
		infra:    answer(w, core.ShowInfra, func(struct{}) core.Infrastructure { return w.infra }),
		prune:    answer(w, core.PruneDisk, func(struct{}) core.Job { return w.job }),
		diagnose: pour(w, core.Diagnose, w.checks), logs: pour(w, core.FollowLogs, w.lines), pastLogs: pour(w, core.ReadLogs, w.lines),
		search:   pour(w, core.SearchLogs, w.hits),
		logNames: answer(w, core.ListLogs, func(struct{}) []core.LogService { return w.logNames }),
		casts:    answer(w, core.ListRecordings, func(struct{}) []core.Recording { return w.recordings }),
		cast:     pour(w, core.ReadRecording, ending(w.cast...)),
		jobs:     answer(w, core.ListJobs, func(struct{}) []core.Job { return w.jobs }), job: pour(w, core.FollowJob, w.jobLive),
		cancelJob: answer(w, core.CancelJob, func(core.JobIn) core.Done { return w.done }),
		audit: answer(w, core.ListAudit, func(in core.ListAuditIn) []core.AuditEvent {
			return slices.DeleteFunc(slices.Clone(w.audit), func(e core.AuditEvent) bool { return in.Before > 0 && e.Seq >= in.Before })
		}),
		auditLive:  pour(w, core.FollowAudit, w.auditLive),
		verify:     answer(w, core.VerifyAudit, func(struct{}) core.JournalReport { return w.report }),
		access:     answer(w, core.ListAccess, func(struct{}) core.AccessList { return w.access }),
		addPerson:  answer(w, core.AddPerson, func(in core.AddPersonIn) core.Person { return core.Person{Name: in.Name, Role: in.Role} }),
		setRole:    answer(w, core.SetRole, func(in core.SetRoleIn) core.Person { return core.Person{Name: in.Name, Role: in.Role} }),
		rmPerson:   answer(w, core.RemovePerson, func(core.RemovePersonIn) core.Done { return w.done }),
		addKey:     answer(w, core.AddKey, func(in core.AddKeyIn) core.Key { return core.Key{Person: in.Person} }),
		revokeKey:  answer(w, core.RevokeKey, func(core.RevokeKeyIn) core.Done { return w.done }),
		endLive:    answer(w, core.EndSession, func(core.EndSessionIn) core.Done { return w.done }),
		settings:   answer(w, core.ListSettings, func(struct{}) []core.Setting { return w.settings }),
		set:        answer(w, core.SetSetting, func(in core.SetSettingIn) core.Setting { return core.Setting{Name: in.Name, Value: in.Value} }),
		shipSource: w.shipSource(),
		docs:       answer(w, core.ListDocs, func(struct{}) []core.Doc { return w.docs }),
		doc:        answer(w, core.ShowDoc, w.page),
		findDocs: answer(w, core.SearchDocs, func(in core.SearchDocsIn) []core.DocHit {
			return []core.DocHit{{Name: "logs", Title: "Logs", Line: 3, Text: "a line with " + in.Text}}
		}),
	}
}

func (w *world) page(in core.DocIn) core.Doc {
	for _, d := range w.docs {
		if d.Name == in.Name {
			return d
		}
	}
	return core.Doc{}
}

// epoch is when a synctest bubble begins.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// history is a bounded history with a shape that can be seen.
func history(n int, cpu float64, mem int64) []core.UsagePoint {
	points := make([]core.UsagePoint, n)
	for i := range points {
		wave := (1 + math.Sin(float64(i)/2)) / 2
		points[i] = core.UsagePoint{
			At: epoch.Add(time.Duration(i-n) * 10 * time.Second), CPU: cpu * wave, Memory: mem/2 + int64(float64(mem/2)*wave),
			Net: 4e3 * wave, Disk: 9e3 * wave,
		}
	}
	return points
}

// service makes a running, healthy service.
func service(name string, kind core.Kind) core.Service {
	return core.Service{
		Name: name, Kind: kind, Layer: core.LayerApps, Home: core.ManagerName, State: "running", Container: name,
		ID: "3f2a" + fmt.Sprintf("%060x", len(name)), Image: name + ":1.4.2", ImageID: "sha256:9c1e" + fmt.Sprintf("%060x", len(name)),
		Created: epoch.Add(-80 * time.Hour), Started: epoch.Add(-75 * time.Hour),
		Health: core.Health{
			State: core.Healthy, Detail: "HTTP 200 from /healthz", Probe: "http :3000/healthz", Checked: epoch.Add(-3 * time.Second),
			Took: 4 * time.Millisecond, Since: epoch.Add(-74 * time.Hour),
		},
		Networks: []string{"proxy"},
		Usage: core.Usage{
			At: epoch, CPU: 0.04, Memory: 45 << 20, MemoryLimit: 256 << 20, NetRx: 1200, NetTx: 3400, DiskRead: 0, DiskWrite: 8192, Pids: 11,
			History: history(40, 0.08, 60<<20),
		},
	}
}

// sample is the small stack with its database stopped.
func sample() *core.Snapshot {
	db := service("ship-demo-db", core.KindShipDB)
	db.Instance, db.State, db.ExitCode, db.Finished = "demo", "exited", 0, epoch.Add(-12*time.Second)
	db.Health = core.Health{State: core.Down, Detail: "exited with 0", Probe: "postgres :5432", Since: epoch.Add(-12 * time.Second)}
	db.Usage = core.Usage{}
	demo := service("ship-demo", core.KindShip)
	demo.Instance, demo.Route, demo.Restarts = "demo", "https://demo.dev.codematrx.test", 2
	demo.Health.State, demo.Health.Detail, demo.Health.Failing = core.Unhealthy, "HTTP 503 from /healthz", 3
	traefik := service("traefik", core.KindTraefik)
	traefik.Layer, traefik.Home, traefik.Ports = core.LayerTraefik, core.DeployName, []core.Port{{Address: "127.0.0.1", Host: 8080, Container: 80, Protocol: "tcp"}}
	manager := service(core.ManagerName, core.KindManager)
	manager.Layer, manager.Self, manager.Route = core.LayerManager, true, "https://manager.dev.codematrx.test"
	deploy := service(core.DeployName, core.KindDeploy)
	deploy.Layer, deploy.Route = core.LayerDeploy, "https://deploy.dev.codematrx.test"
	pgadmin := service("pgadmin", core.KindCustom)
	pgadmin.Health = core.Health{State: core.Unproven, Detail: "its definition says skip", Probe: "skip", Since: epoch.Add(-time.Hour)}
	return &core.Snapshot{
		Rev: 1, At: epoch,
		Engine:   core.EngineState{Up: true, Since: epoch.Add(-75 * time.Hour), Seen: epoch, Info: core.EngineInfo{Version: "20.10.24", API: "1.41", CPUs: 2}},
		Services: []core.Service{db, demo, pgadmin, traefik, manager, deploy, service("postgres", core.KindPostgres), service("agent-scout", core.KindAgent)},
		Faults: []core.Fault{
			{Severity: core.Critical, Service: "ship-demo-db", What: "ship-demo-db is down: it exited with 0", Do: "Start it: select it and press r, or read its log with l.", Since: epoch.Add(-12 * time.Second)},
			{Severity: core.Critical, Service: "ship-demo", What: "ship-demo is unhealthy: HTTP 503 from /healthz", Do: "Its database is down; start that first.", Since: epoch.Add(-9 * time.Second)},
			{Severity: core.Warning, Service: "pgadmin", What: "pgadmin has no health probe: its definition says skip", Do: "Give its definition a probe.", Since: epoch.Add(-time.Hour)},
		},
		Host: core.HostUsage{
			At: epoch, CPUs: 2, Load1: 0.42, CPU: 0.31, Memory: 3 << 30, MemoryTotal: 8 << 30, Disk: 41 << 30, DiskTotal: 80 << 30,
			History: history(40, 0.9, 3<<30),
		},
	}
}

// sampled is a world with the sample in it.
func sampled() *world { return &world{snaps: newTap(sample())} }
