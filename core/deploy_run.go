package core

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"
)

// The bounds of what a deployment's record keeps of a failed candidate.
const (
	maxLastLog     = 200      // lines
	maxLastLogText = 64 << 10 // bytes
	maxHealthLines = 200
)

// deployRun is a deployment under way: the state machine of DESIGN, section 6, and its record.
type deployRun struct {
	c     *Core
	id    string
	mark  string // eight hex digits that no other deployment of the service has
	name  string // of the service's container
	hub   *Hub[struct{}]
	begun chan struct{} // closed when the record is durable for the first time
	ended chan struct{} // closed when its end is on record or kept to be recorded
	j     *jobRun

	mu    sync.Mutex // guards what is below
	row   Deployment
	late  bool // the old version has begun to go: a cancellation comes too late
	asked bool // to stop

	// What follows belongs to the goroutine that runs it.
	in       DeployIn
	back     *Release // that a rollback returns to
	stored   DefinitionVersion
	def      Definition
	env      map[string]string
	image    ImageDetail
	old      *ContainerDetail // nil: the service has none yet
	oldRan   bool
	twice    bool      // the candidate runs beside the old one
	bridged  bool      // their labels contradict each other, so the switch file holds the router as well
	next     Release   // that it makes
	gone     time.Time // when what cannot run twice was told to end
	blind    string    // why Traefik is not asked
	requests *swapProbe
}

// skipped ends a step that had nothing to do.
type skipped string

// Error is why.
func (s skipped) Error() string { return string(s) }

// snapshot is the record as it is now.
func (r *deployRun) snapshot() Deployment {
	r.mu.Lock()
	defer r.mu.Unlock()
	row := r.row
	row.Steps, row.LastLog, row.Health = slices.Clone(row.Steps), slices.Clone(row.LastLog), slices.Clone(row.Health)
	return row
}

// update changes the record and wakes who follows it.
func (r *deployRun) update(change func(row *Deployment)) {
	r.mu.Lock()
	change(&r.row)
	r.mu.Unlock()
	r.hub.Publish(struct{}{})
}

// step writes a step down, does it, and notes how it went; the next write takes that along. Before the old version has begun to
// go a journal that cannot be written ends the deployment; afterwards the engine's state counts and the deployment goes on.
func (r *deployRun) step(ctx context.Context, name string, do func(ctx context.Context) (detail string, err error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	began := r.beginStep(name)
	var detail string
	err := r.c.commit(ctx, r.edits()...)
	if err != nil && r.isLate() {
		r.c.log.Warn("a step of a deployment is not on record yet", "deployment", r.id, "step", name, "err", err)
		err = nil
	}
	if err == nil {
		detail, err = do(ctx)
	}
	var nothing skipped
	state := "done"
	switch {
	case errors.As(err, &nothing):
		state, detail, err = "skipped", string(nothing), nil
	case err != nil:
		state, detail = "failed", MessageOf(err)
	}
	r.endStep(began, state, detail)
	return err
}

// beginStep adds a step to the record and to the job's progress.
func (r *deployRun) beginStep(name string) time.Time {
	began := r.c.now()
	r.update(func(row *Deployment) {
		row.Steps = append(row.Steps, DeployStep{Name: name, State: "running", At: began.UTC()})
	})
	r.j.step(name)
	return began
}

// endStep notes how the last step went.
func (r *deployRun) endStep(began time.Time, state, detail string) {
	took := r.c.now().Sub(began)
	var name string
	r.update(func(row *Deployment) {
		last := &row.Steps[len(row.Steps)-1]
		last.State, last.Took, last.Detail = state, took, cutLine(detail)
		name = last.Name
	})
	r.j.print(strings.TrimSpace(name + ": " + state + ", " + took.Round(time.Millisecond).String() + " " + detail))
}

// edits are the rows of the deployment as the journal keeps them while it runs.
func (r *deployRun) edits() []edit {
	edits := []edit{{deploymentsTable, r.id, r.snapshot()}}
	if r.next.ID != "" {
		edits = append(edits, edit{releasesTable, r.next.ID, r.next})
	}
	return edits
}

// isLate tells whether the old version has begun to go.
func (r *deployRun) isLate() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.late
}

// pass is the point after which a cancellation comes too late. The context it gives ends with the control plane alone.
func (r *deployRun) pass(ctx context.Context) (context.Context, context.CancelFunc, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	r.late = true
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(r.c.jobs.ctx, cancel)
	return own, func() { stop(); cancel() }, nil
}

// cancel asks a deployment to stop, unless it is too late.
func (r *deployRun) cancel() error {
	r.mu.Lock()
	late := r.late
	if !late {
		r.asked = true
	}
	r.mu.Unlock()
	if late {
		return Errorf(CodeConflict, "It is too late to cancel: the new version of %s is taking over. Let it end, then roll back: rollback %s", r.row.Service, r.row.Service)
	}
	r.j.stop()
	return nil
}

// noteHealth adds a line to the health log of the record. The first and the newest lines stay.
func (r *deployRun) noteHealth(line string) {
	r.update(func(row *Deployment) {
		if len(row.Health) >= maxHealthLines {
			row.Health = slices.Delete(row.Health, maxHealthLines/2, maxHealthLines/2+1)
		}
		row.Health = append(row.Health, cutLine(line))
	})
}

// stopFirst is true for what cannot run twice.
func stopFirst(d Definition) bool {
	switch d.Kind {
	case KindPostgres, KindShipDB, KindTraefik, KindManager, KindDeploy:
		return true
	}
	return d.StopFirst || slices.ContainsFunc(d.Ports, func(p Port) bool { return p.Host > 0 })
}

// isPlane is true for the two control planes, which must be replaceable while everything else is away.
func isPlane(k Kind) bool { return k == KindManager || k == KindDeploy }
