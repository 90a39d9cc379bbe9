package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"
)

// begin starts a job as an operator whose connection drops at once.
func begin(t testing.TB, c *Core, target string, run func(context.Context, *jobRun) error) Job {
	t.Helper()
	ctx, drop := context.WithCancel(as(t, RoleOperator))
	job := must2(c.jobs.start(ctx, "service.recreate", target, run))(t)
	drop()
	return job
}

// ended waits for a job's end, as a follower.
func ended(t testing.TB, c *Core, id string) Job {
	t.Helper()
	var last Job
	for job, err := range FollowJob.Run(as(t, RoleViewer), c, JobIn{id}) {
		if err != nil {
			t.Fatal(err)
		}
		last = job
	}
	return last
}

func TestAJobOutlivesItsConnectionAndItsEndIsOnRecord(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	job := begin(t, c, "ship-demo", func(ctx context.Context, j *jobRun) error {
		j.step("pull")
		j.print("one\ntwo\r\n")
		j.progress(0.5)
		j.result("Recreated.")
		return ctx.Err()
	})
	if job.State != JobRunning || job.By.Name != "operator" || job.Progress != -1 {
		t.Fatalf("got %+v", job)
	}
	done := ended(t, c, job.ID)
	if done.State != JobDone || done.Step != "pull" || done.Result != "Recreated." || done.Progress != 1 || fmt.Sprint(done.Output) != "[one two]" || done.Ended.IsZero() {
		t.Fatalf("got %+v", done)
	}
	eventually(t, "the row", func() bool {
		row, _, ok := get[Job](c.state, jobsTable, job.ID)
		return ok && row.State == JobDone
	})
	c.Close()
	again := must2(ShowJob.Run(as(t, RoleViewer), w.open(t), JobIn{job.ID}))(t)
	if again.State != JobDone || len(again.Output) != 2 {
		t.Fatalf("after a restart: %+v", again)
	}
}

func TestHowAJobEndsIsItsState(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	for name, tc := range map[string]struct {
		run           func(context.Context, *jobRun) error
		state, result string
	}{
		"fails":    {func(context.Context, *jobRun) error { return Errorf(CodeConflict, "The image is gone.") }, JobFailed, "The image is gone."},
		"internal": {func(context.Context, *jobRun) error { return errors.New("secret detail") }, JobFailed, "Internal error."},
		"panics":   {func(context.Context, *jobRun) error { panic("boom") }, JobFailed, "It ended in a panic; the log of the control plane has it."},
		"deadline": {func(context.Context, *jobRun) error { return context.DeadlineExceeded }, JobFailed, "No answer in time."},
	} {
		t.Run(name, func(t *testing.T) {
			got := ended(t, c, begin(t, c, name, tc.run).ID)
			if got.State != tc.state || got.Result != tc.result {
				t.Fatalf("got %s, %q", got.State, got.Result)
			}
		})
	}
}

func TestACancelledJobEndsCancelledAndItsOutputStays(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	job := begin(t, c, "ship-demo", func(ctx context.Context, j *jobRun) error {
		j.print("begun")
		<-ctx.Done()
		return ctx.Err()
	})
	done := must2(CancelJob.Run(as(t, RoleOperator), c, JobIn{job.ID}))(t)
	if !strings.Contains(done.Message, JobCanceled) {
		t.Fatalf("got %q", done.Message)
	}
	got := must2(ShowJob.Run(as(t, RoleViewer), c, JobIn{job.ID}))(t)
	if got.State != JobCanceled || fmt.Sprint(got.Output) != "[begun]" {
		t.Fatalf("got %+v", got)
	}
	_, err := CancelJob.Run(as(t, RoleOperator), c, JobIn{job.ID})
	wantCode(t, err, CodeConflict, "has ended")
	_, err = CancelJob.Run(as(t, RoleOperator), c, JobIn{"nothing"})
	wantCode(t, err, CodeNotFound)
	if got := strings.Join(auditOf(t, c, "job.cancel"), "|"); got != fmt.Sprintf("operator %s ok|operator %s conflict|operator nothing not_found", job.ID, job.ID) {
		t.Fatalf("audit: %s", got)
	}
}

func TestAJobThatIgnoresItsCancelIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.open(t)
		free := make(chan struct{})
		job := begin(t, c, "deaf", func(context.Context, *jobRun) error { <-free; return nil })
		_, err := CancelJob.Run(as(t, RoleOperator), c, JobIn{job.ID})
		wantCode(t, err, CodeUnavailable, "has not ended yet")
		close(free)
		synctest.Wait()
		if got := must2(ShowJob.Run(as(t, RoleViewer), c, JobIn{job.ID}))(t); got.State != JobDone {
			t.Fatalf("a job that finished all the same is %s", got.State)
		}
	})
}

func TestOneJobOfAKindAndTargetRuns(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	wait := func(ctx context.Context, _ *jobRun) error { <-ctx.Done(); return ctx.Err() }
	first := begin(t, c, "ship-demo", wait)
	_, err := c.jobs.start(as(t, RoleOperator), "service.recreate", "ship-demo", wait)
	wantCode(t, err, CodeConflict, first.ID, "operator")
	begin(t, c, "ship-other", wait)
	must2(CancelJob.Run(as(t, RoleOperator), c, JobIn{first.ID}))(t)
	begin(t, c, "ship-demo", wait)
}

func TestJobsRunningAtTheSameTimeAreBounded(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	wait := func(ctx context.Context, _ *jobRun) error { <-ctx.Done(); return ctx.Err() }
	for i := range maxLiveJobs {
		begin(t, c, fmt.Sprint(i), wait)
	}
	_, err := c.jobs.start(as(t, RoleOperator), "service.recreate", "one more", wait)
	wantCode(t, err, CodeUnavailable, "100 jobs")
}

func TestAJobThatCannotBePutOnRecordDoesNotStart(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	w.journal.set(func() { w.journal.full = true })
	run := func(context.Context, *jobRun) error { t.Error("it ran"); return nil }
	_, err := c.jobs.start(as(t, RoleOperator), "service.recreate", "ship-demo", run)
	wantCode(t, err, CodeUnavailable, "disk is full")
	ran := make(chan struct{})
	job := must2(c.jobs.start(withRelief(as(t, RoleOperator), true), "disk.prune", "", func(context.Context, *jobRun) error { close(ran); return nil }))(t)
	<-ran
	if got := ended(t, c, job.ID); got.State != JobDone {
		t.Fatalf("a relief job is %s", got.State)
	}
}

func TestAReliefOperationMayWriteItsStateWithTheReserve(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	w.journal.set(func() { w.journal.full = true })
	for _, relief := range []bool{true, false} {
		op := Op[struct{}, Done]{"test.write", "Write a row", Change, RoleOperator, true, relief, func(ctx context.Context, c *Core, _ struct{}) (Done, error) {
			return Done{}, c.commit(ctx, edit{"test", "row", 1})
		}}
		if _, err := op.Run(as(t, RoleOperator), c, struct{}{}); (err == nil) != relief {
			t.Fatalf("relief %v: %v", relief, err)
		}
	}
}

func TestTheEndOfAJobIsWrittenLaterWhenTheJournalRefusedIt(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	free := make(chan struct{})
	job := begin(t, c, "one", func(context.Context, *jobRun) error { <-free; return nil })
	w.journal.set(func() { w.journal.broken = true })
	close(free)
	if got := ended(t, c, job.ID); got.State != JobDone {
		t.Fatalf("it is %s", got.State)
	}
	eventually(t, "the job is off the list of running ones", func() bool {
		c.jobs.mu.Lock()
		defer c.jobs.mu.Unlock()
		return len(c.jobs.live) == 0
	})
	if list := must2(ListJobs.Run(as(t, RoleViewer), c, struct{}{}))(t); len(list) != 1 || list[0].State != JobDone {
		t.Fatalf("got %+v", list)
	}
	w.journal.set(func() { w.journal.broken = false })
	ended(t, c, begin(t, c, "two", func(context.Context, *jobRun) error { return nil }).ID)
	eventually(t, "the row of the first job", func() bool {
		row, _, _ := get[Job](c.state, jobsTable, job.ID)
		return row.State == JobDone
	})
}

func TestTheOutputOfAJobIsBounded(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	job := begin(t, c, "noisy", func(_ context.Context, j *jobRun) error {
		for i := range 1000 {
			j.print(fmt.Sprintf("%d %s\n", i, strings.Repeat("é", 2000)))
		}
		j.print("\xff\xfe")
		return nil
	})
	got := ended(t, c, job.ID)
	for _, line := range got.Output {
		if len(line) > maxJobLine+len("…") || !utf8.ValidString(line) {
			t.Fatalf("a line of %d bytes, valid: %v", len(line), utf8.ValidString(line))
		}
	}
	if len(got.Output) > maxJobLines || !strings.HasPrefix(got.Output[len(got.Output)-2], "999 ") {
		t.Fatalf("%d lines, the last but one %.20q", len(got.Output), got.Output[len(got.Output)-2])
	}
	for _, e := range w.journal.all() {
		if len(e.Body) > 3*maxJobRowText {
			t.Fatalf("a journal record of %d bytes", len(e.Body))
		}
	}
}

func TestAFollowerOfANoisyJobSeesItsEndWithoutEveryStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.open(t)
		job := begin(t, c, "noisy", func(_ context.Context, j *jobRun) error {
			for i := range 10_000 {
				j.print(fmt.Sprint(i))
				time.Sleep(100 * time.Microsecond)
			}
			return nil
		})
		snapshots, last := 0, Job{}
		for got := range FollowJob.Run(as(t, RoleViewer), c, JobIn{job.ID}) {
			snapshots, last = snapshots+1, got
		}
		if snapshots > 13 || last.State != JobDone || last.Output[len(last.Output)-1] != "9999" {
			t.Fatalf("%d snapshots in a second, the last %s %v", snapshots, last.State, last.Output[len(last.Output)-1:])
		}
	})
}

func TestClosingEndsJobsAndTheNextProcessFindsNoneRunning(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	job := begin(t, c, "ship-demo", func(ctx context.Context, _ *jobRun) error { <-ctx.Done(); return ctx.Err() })
	c.Close()
	_, err := c.jobs.start(as(t, RoleOperator), "service.recreate", "late", nil)
	wantCode(t, err, CodeUnavailable, "shutting down")
	got := must2(ShowJob.Run(as(t, RoleViewer), w.open(t), JobIn{job.ID}))(t)
	if got.State != JobInterrupted || got.Ended.IsZero() {
		t.Fatalf("it is %s", got.State)
	}
}

func TestClosingWaits10SecondsForAJobThatDoesNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.open(t)
		free := make(chan struct{})
		begin(t, c, "deaf", func(context.Context, *jobRun) error { <-free; return nil })
		began := time.Now()
		c.Close()
		if took := time.Since(began); took != jobEndWait {
			t.Errorf("it took %s", took)
		}
		close(free)
	})
}

func TestAJobThatTheLastProcessLeftRunningIsInterruptedOnce(t *testing.T) {
	w := newWorld(t)
	left := Job{ID: "0190-left", Kind: "disk.prune", State: JobRunning, Started: time.Now()}
	body := must2(json.Marshal(left))(t)
	must2(w.journal.Append(t.Context(), Record{Table: jobsTable, Key: left.ID, Ver: 1, Op: RecordPut, Body: body}))(t)
	c := w.open(t)
	got := must2(ShowJob.Run(as(t, RoleViewer), c, JobIn{left.ID}))(t)
	if got.State != JobInterrupted || got.Ended.IsZero() || got.Result == "" {
		t.Fatalf("got %+v", got)
	}
	c.Close()
	before := len(w.journal.all())
	w.open(t)
	if after := len(w.journal.all()); after != before {
		t.Fatalf("the second start wrote %d records", after-before)
	}
}

func TestTheHistoryOfJobsIsBounded(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	var last Job
	for range maxEndedJobs + 20 {
		last = begin(t, c, "x", func(context.Context, *jobRun) error { return nil })
		eventually(t, "the end", func() bool {
			c.jobs.mu.Lock()
			defer c.jobs.mu.Unlock()
			return len(c.jobs.live) == 0
		})
	}
	list := must2(ListJobs.Run(as(t, RoleViewer), c, struct{}{}))(t)
	if len(list) != maxEndedJobs || list[0].ID != last.ID {
		t.Fatalf("%d jobs, the first %s", len(list), list[0].ID)
	}
}
