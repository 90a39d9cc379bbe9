package sshd

import (
	"fmt"
	"io"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

func jobCommands() []command {
	return []command{
		{"jobs", "", "List jobs, newest first", nil, runJobs},
		{"job", "ID", "Show a job with its output", func(k *call) {
			k.flags.BoolVar(&k.opt.follow, "follow", false, "go on until it ends")
		}, runJob},
		{"job-cancel", "ID", "Cancel a job", nil, runJobCancel},
	}
}

func runJobs(k *call) error {
	if err := k.none(); err != nil {
		return err
	}
	list, err := core.ListJobs.Run(k.ctx, k.core, struct{}{})
	if err != nil {
		return err
	}
	return k.answer(notNil(list), func(w io.Writer) {
		t := table{head: []string{"JOB", "WHAT", "TARGET", "STATE", "BY", "STARTED", "RESULT"}}
		for _, j := range list {
			t.add(j.ID, j.Kind, j.Target, j.State, j.By.Name, stamp(j.Started), j.Result)
		}
		t.print(w, "There are no jobs.")
	})
}

func runJob(k *call) error {
	id, err := k.one("job")
	if err != nil {
		return err
	}
	job, err := core.ShowJob.Run(k.ctx, k.core, core.JobIn{ID: id})
	if err != nil {
		return err
	}
	if k.opt.follow {
		return k.await(job)
	}
	return k.answer(job, func(w io.Writer) { printJob(w, job) })
}

func printJob(w io.Writer, j core.Job) {
	fmt.Fprintf(w, "%s %s %s: %s", j.ID, j.Kind, core.SafeText(j.Target), j.State)
	if !j.Ended.IsZero() {
		fmt.Fprintf(w, " after %s", j.Ended.Sub(j.Started).Round(time.Millisecond))
	}
	fmt.Fprintln(w)
	for _, line := range j.Output {
		fmt.Fprintln(w, "  "+core.SafeText(line))
	}
	if j.Result != "" {
		fmt.Fprintln(w, core.SafeText(j.Result))
	}
}

// await follows a job to its end, step by step on errw, and prints what became of it. The job goes on when the
// connection drops.
func (k *call) await(job core.Job) error {
	step := ""
	for next, err := range core.FollowJob.Run(k.ctx, k.core, core.JobIn{ID: job.ID}) {
		if err != nil {
			return err
		}
		job = next
		if job.Step != step && !k.json {
			step = job.Step
			fmt.Fprintln(k.errw, core.SafeText(step))
		}
	}
	if err := k.answer(job, func(w io.Writer) { printJob(w, job) }); err != nil {
		return err
	}
	switch job.State {
	case core.JobDone:
		return nil
	case core.JobCanceled:
		return core.Errorf(core.CodeCanceled, "The job was cancelled.")
	default:
		return core.Errorf(core.CodeConflict, "The job is %s: %s", job.State, job.Result)
	}
}

func runJobCancel(k *call) error {
	id, err := k.one("job")
	if err != nil {
		return err
	}
	return k.done(core.CancelJob.Run(k.ctx, k.core, core.JobIn{ID: id}))
}
