package core

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// The bounds of a job's output.
const (
	maxJobLines   = 200
	maxJobLine    = 1 << 10  // bytes; longer ones are cut
	maxJobRowText = 64 << 10 // bytes of output kept in the journal: the last lines
)

// jobRun is a running job: what its work reports to, and what followers read.
type jobRun struct {
	cancel context.CancelFunc
	hub    *Hub[struct{}] // something changed
	ended  chan struct{}  // closed when it is on record

	mu    sync.Mutex // guards what is below
	job   Job        // without Output; ID, Kind, Target and By never change
	lines []string
	asked bool // to stop
}

func newJobRun(job Job, cancel context.CancelFunc) *jobRun {
	return &jobRun{cancel: cancel, hub: NewHub[struct{}](1), ended: make(chan struct{}), job: job}
}

// name is the job in words.
func (job Job) name() string { return strings.TrimSpace(job.Kind + " " + job.Target) }

// step says what is done now.
func (j *jobRun) step(text string) {
	j.update(func() { j.job.Step = cutLine(text) })
}

// progress says how much is done, 0 to 1; -1 when nobody can say.
func (j *jobRun) progress(part float64) {
	j.update(func() { j.job.Progress = max(-1, min(part, 1)) })
}

// result says in words what came of it.
func (j *jobRun) result(text string) {
	j.update(func() { j.job.Result = cutLine(text) })
}

// print adds output; line ends divide it.
func (j *jobRun) print(text string) {
	j.update(func() {
		for line := range strings.Lines(text) {
			j.lines = append(j.lines, cutLine(line))
		}
		if over := len(j.lines) - maxJobLines; over > 0 {
			j.lines = slices.Delete(j.lines, 0, over)
		}
	})
}

// cutLine bounds a line and makes it valid text.
func cutLine(line string) string {
	line = strings.TrimRight(line, "\r\n")
	if len(line) > maxJobLine {
		end := maxJobLine
		for end > maxJobLine-utf8.UTFMax && !utf8.RuneStart(line[end]) {
			end-- // not through the middle of a character
		}
		line = line[:end] + "…"
	}
	return strings.ToValidUTF8(line, "\ufffd")
}

// update changes the job and wakes its followers.
func (j *jobRun) update(change func()) {
	j.mu.Lock()
	change()
	j.mu.Unlock()
	j.hub.Publish(struct{}{})
}

// snapshot is the job as it is now.
func (j *jobRun) snapshot() Job {
	j.mu.Lock()
	defer j.mu.Unlock()
	job := j.job
	job.Output = slices.Clone(j.lines)
	return job
}

// row is the job as the journal keeps it.
func (j *jobRun) row() Job {
	job := j.snapshot()
	first, size := len(job.Output), 0
	for first > 0 && size+len(job.Output[first-1]) <= maxJobRowText {
		first--
		size += len(job.Output[first])
	}
	job.Output = job.Output[first:]
	return job
}

// stop asks the job to end.
func (j *jobRun) stop() {
	j.mu.Lock()
	j.asked = true
	j.mu.Unlock()
	j.cancel()
}

// stopping tells whether the job was asked to end.
func (j *jobRun) stopping() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.asked
}

// finish decides what became of the job. down says that the control plane is ending.
func (j *jobRun) finish(at time.Time, err error, down bool) {
	j.update(func() {
		j.job.Ended = at
		switch {
		case err == nil:
			j.job.State, j.job.Progress = JobDone, 1
		case j.asked:
			j.job.State, j.job.Result = JobCanceled, "Cancelled."
		case down:
			j.job.State, j.job.Result = JobInterrupted, "The control plane was stopped while it ran."
		default:
			j.job.State, j.job.Result = JobFailed, cutLine(MessageOf(err))
		}
	})
}

// follow yields the job now and after each change, at most ten times a second, until it ended or the reader left.
func (j *jobRun) follow(ctx context.Context, yield func(Job, error) bool) {
	changes, leave := j.hub.Join(ctx)
	defer leave()
	job := j.snapshot()
	if !yield(job, nil) || job.State != JobRunning {
		return
	}
	for range changes {
		job = j.snapshot()
		if !yield(job, nil) || job.State != JobRunning {
			return
		}
		frame := time.NewTimer(jobFrame)
		select {
		case <-frame.C:
		case <-ctx.Done():
			frame.Stop()
			return
		}
	}
}
