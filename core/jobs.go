package core

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

// The bounds of jobs.
const (
	jobsTable    = "jobs"
	maxLiveJobs  = 100
	maxEndedJobs = 200                    // kept in the history
	jobEndWait   = 10 * time.Second       // how long a cancelled job, or all of them at the end, may take
	jobFrame     = 100 * time.Millisecond // between two snapshots for one follower
)

// jobs is the registry of work that outlives the connection which started it. It runs under the process: start to
// close. The history is the journal's table "jobs".
type jobs struct {
	c      *Core
	ctx    context.Context // of the process
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex // guards what is below
	live    map[string]*jobRun
	unsaved map[string]Job // ended, and the journal could not take it yet
	closed  bool
}

func newJobs(c *Core) *jobs {
	ctx, cancel := context.WithCancel(context.Background())
	return &jobs{c: c, ctx: ctx, cancel: cancel, live: map[string]*jobRun{}, unsaved: map[string]Job{}}
}

// start makes a job and returns it once it is durable; run goes on under the process with the caller's actor. There is
// one running job of a kind and target: a second one is CodeConflict and names the first.
func (js *jobs) start(ctx context.Context, kind, target string, run func(ctx context.Context, j *jobRun) error) (Job, error) {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	j := newJobRun(Job{
		ID: uuid.Must(uuid.NewV7()).String(), Kind: kind, Target: target, By: ActorFrom(ctx),
		State: JobRunning, Started: js.c.now().UTC(), Progress: -1,
	}, cancel)
	if err := js.enter(j); err != nil {
		cancel()
		return Job{}, err
	}
	if err := js.c.commit(ctx, edit{jobsTable, j.job.ID, j.row()}); err != nil {
		cancel()
		js.leave(j)
		return Job{}, err
	}
	begun := j.snapshot()
	go js.work(own, j, run) // enter counted it in wg
	return begun, nil
}

// enter takes a job in unless one like it runs. One that has ended is in the way no more, though its end is not on record yet.
func (js *jobs) enter(j *jobRun) error {
	js.mu.Lock()
	defer js.mu.Unlock()
	switch {
	case js.closed:
		return Errorf(CodeUnavailable, "The control plane is shutting down.")
	case len(js.live) >= maxLiveJobs:
		return Errorf(CodeUnavailable, "%d jobs run already.", len(js.live))
	}
	for _, other := range js.live {
		if now := other.snapshot(); now.State == JobRunning && now.Kind == j.job.Kind && now.Target == j.job.Target {
			return Errorf(CodeConflict, "%s runs already: job %s, started by %s.", now.name(), now.ID, now.By.Name)
		}
	}
	js.live[j.job.ID] = j
	js.wg.Add(1)
	return nil
}

// leave takes a job off the list; what followed it ends.
func (js *jobs) leave(j *jobRun) {
	js.mu.Lock()
	delete(js.live, j.job.ID)
	js.mu.Unlock()
	close(j.ended)
	js.wg.Done()
}

// work runs a job to its end and records what became of it.
func (js *jobs) work(ctx context.Context, j *jobRun, run func(context.Context, *jobRun) error) {
	defer j.cancel()
	stop := context.AfterFunc(js.ctx, j.cancel)
	defer stop()
	err := js.contain(ctx, j, run)
	if err != nil && CodeOf(err) == CodeInternal {
		js.c.log.Error("job failed", "job", j.job.ID, "kind", j.job.Kind, "target", j.job.Target, "err", err)
	}
	j.finish(js.c.now().UTC(), err, js.ctx.Err() != nil)
	if err := js.save(ctx, j.row()); err != nil {
		js.c.log.Error("end of a job not written yet", "job", j.job.ID, "err", err)
	}
	js.leave(j)
}

// contain turns a panic of a job into its failure.
func (js *jobs) contain(ctx context.Context, j *jobRun, run func(context.Context, *jobRun) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			js.c.log.Error("job ended in a panic", "job", j.job.ID, "kind", j.job.Kind, "panic", p, "stack", string(debug.Stack()))
			err = Errorf(CodeConflict, "It ended in a panic; the log of the control plane has it.")
		}
	}()
	return run(ctx, j)
}

// save makes the end of a job durable, with those that could not be saved before and what is too old of the history. A
// journal in trouble does not hold a job up: it has ended all the same, and is written with the next one or by saveLate.
func (js *jobs) save(ctx context.Context, ended ...Job) error {
	js.mu.Lock()
	for _, job := range ended {
		js.unsaved[job.ID] = job
	}
	pending := slices.Collect(maps.Values(js.unsaved))
	js.mu.Unlock()
	edits := js.tooOld(len(pending))
	for _, job := range pending {
		edits = append(edits, edit{jobsTable, job.ID, job})
	}
	if len(edits) == 0 {
		return nil
	}
	if err := js.c.commit(ctx, edits...); err != nil {
		return err
	}
	js.mu.Lock()
	defer js.mu.Unlock()
	for _, job := range pending {
		delete(js.unsaved, job.ID)
	}
	return nil
}

// saveLate saves the ends of jobs that the journal could not take.
func (js *jobs) saveLate(ctx context.Context) error {
	js.mu.Lock()
	waiting := len(js.unsaved)
	js.mu.Unlock()
	if waiting == 0 {
		return nil
	}
	return js.save(withRelief(WithActor(ctx, js.c.systemActor()), true))
}

// tooOld are the rows that make room for more.
func (js *jobs) tooOld(more int) []edit {
	rows := all[Job](js.c.state, jobsTable) // in order of id, which is that of time
	rows = slices.DeleteFunc(rows, func(job Job) bool { return job.State == JobRunning })
	var edits []edit
	for _, job := range rows[:min(len(rows), max(0, len(rows)+more-maxEndedJobs))] {
		edits = append(edits, edit{jobsTable, job.ID, nil})
	}
	return edits
}

// interrupt decides the jobs that the last process left running. It may be called again when the journal refused.
func (js *jobs) interrupt(ctx context.Context) error {
	now := js.c.now().UTC()
	var left []Job
	js.mu.Lock()
	for _, job := range all[Job](js.c.state, jobsTable) {
		if job.State == JobRunning && js.live[job.ID] == nil {
			job.State, job.Ended, job.Result = JobInterrupted, now, "The control plane ended while it ran."
			left = append(left, job)
		}
	}
	js.mu.Unlock()
	ctx = withRelief(WithActor(ctx, js.c.systemActor()), true)
	for i, job := range left {
		if job.Kind == removeDefinitionKind {
			var err error
			if left[i], err = js.c.interruptedRemoval(ctx, job); err != nil {
				return err
			}
		}
	}
	return js.save(ctx, left...)
}

// close cancels every job and waits a bounded time for them to end.
func (js *jobs) close() {
	js.mu.Lock()
	js.closed = true
	js.mu.Unlock()
	js.cancel()
	done := make(chan struct{})
	go func() { // ends with the last job
		js.wg.Wait()
		close(done)
	}()
	late := time.NewTimer(jobEndWait)
	defer late.Stop()
	select {
	case <-done:
	case <-late.C:
		js.c.log.Error("jobs did not end in time", "waited", jobEndWait)
	}
}

// find gives a job as it is now.
func (js *jobs) find(id string) (Job, *jobRun, error) {
	js.mu.Lock()
	j, unsaved := js.live[id], js.unsaved[id]
	js.mu.Unlock()
	switch {
	case j != nil:
		return j.snapshot(), j, nil
	case unsaved.ID != "":
		return unsaved, nil, nil
	}
	job, _, ok := get[Job](js.c.state, jobsTable, id)
	if !ok {
		return Job{}, nil, Errorf(CodeNotFound, "There is no job %q.", SafeText(id))
	}
	return job, nil, nil
}

// runs tells whether a job runs in this process.
func (js *jobs) runs(id string) bool {
	js.mu.Lock()
	defer js.mu.Unlock()
	return js.live[id] != nil
}

// listJobs lists without the output.
func listJobs(_ context.Context, c *Core, _ struct{}) ([]Job, error) {
	byID := map[string]Job{}
	for _, job := range all[Job](c.state, jobsTable) {
		byID[job.ID] = job
	}
	c.jobs.mu.Lock()
	maps.Copy(byID, c.jobs.unsaved)
	for id, j := range c.jobs.live {
		byID[id] = j.snapshot()
	}
	c.jobs.mu.Unlock()
	list := slices.Collect(maps.Values(byID))
	for i := range list {
		list[i].Output = nil
	}
	slices.SortFunc(list, func(x, y Job) int { return cmp.Compare(y.ID, x.ID) })
	return list, nil
}

func showJob(_ context.Context, c *Core, in JobIn) (Job, error) {
	job, _, err := c.jobs.find(in.ID)
	return job, err
}

func followJob(ctx context.Context, c *Core, in JobIn) iter.Seq2[Job, error] {
	return func(yield func(Job, error) bool) {
		job, j, err := c.jobs.find(in.ID)
		if j == nil || err != nil {
			yield(job, err)
			return
		}
		j.follow(ctx, yield)
	}
}

func cancelJob(ctx context.Context, c *Core, in JobIn) (Done, error) {
	job, j, err := c.jobs.find(in.ID)
	if err != nil {
		return Done{}, err
	}
	if j == nil {
		return Done{}, Errorf(CodeConflict, "The job has ended: it is %s.", job.State)
	}
	j.stop()
	wait, cancel := context.WithTimeout(ctx, jobEndWait)
	defer cancel()
	select {
	case <-j.ended:
	case <-wait.Done():
		return Done{}, Errorf(CodeUnavailable, "The job was told to stop and has not ended yet.")
	}
	return Done{fmt.Sprintf("%s ended: %s.", job.name(), j.snapshot().State)}, nil
}
