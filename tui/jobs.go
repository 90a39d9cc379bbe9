package tui

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

// jobs lists the work that outlives connections, newest first.
type jobs struct {
	scope
	loaded
	rows[core.Job]
	ticker
}

func newJobs(s scope) Screen {
	return &jobs{scope: s, rows: newRows(func(j *core.Job) string { return j.ID },
		func(j *core.Job) []string { return []string{j.ID, j.Kind, j.Target, j.State, j.By.Name, j.Step} })}
}

// Title is the breadcrumb.
func (j *jobs) Title() string { return "Jobs" }

// Copy is the id of the job under the cursor.
func (j *jobs) Copy() string {
	if job := j.current(); job != nil {
		return job.ID
	}
	return ""
}

// Keys are those of this screen.
func (j *jobs) Keys() []key.Binding { return []key.Binding{keys.open, keys.cancel} }

// Init lists the jobs.
func (j *jobs) Init() tea.Cmd { return ask(j.scope, j.src.jobs, struct{}{}) }

// Update takes an answer, a newer state or a key in.
func (j *jobs) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case result[[]core.Job]:
		return j.takeJobs(msg)
	case tickMsg:
		if j.due(msg) {
			return j.Init()
		}
	case tea.KeyPressMsg:
		return j.press(msg)
	}
	return nil
}

// takeJobs shows the list and looks again soon while something runs.
func (j *jobs) takeJobs(r result[[]core.Job]) tea.Cmd {
	if j.loaded.take(r.err) {
		j.set(r.val)
	}
	for _, job := range j.all {
		if job.State == core.JobRunning {
			return j.again(j.id, time.Second)
		}
	}
	return nil
}

func (j *jobs) press(msg tea.KeyPressMsg) tea.Cmd {
	job := j.current()
	switch {
	case job != nil && key.Matches(msg, keys.open):
		return j.push(newJob(*job))
	case job != nil && key.Matches(msg, keys.cancel):
		return j.cancelJob(*job)
	}
	j.moveIn(msg)
	return nil
}

// cancelJob asks whether a job shall be cancelled.
func (e *env) cancelJob(job core.Job) tea.Cmd {
	if job.State != core.JobRunning {
		e.say(noticeInfo, "That job has ended already: "+job.State+".")
		return nil
	}
	return e.act(doneAction(e.src.cancelJob, job.ID, func(string) core.JobIn { return core.JobIn{ID: job.ID} },
		"Cancels "+job.Kind+" "+job.Target+", begun by "+job.By.Name+" "+ago(e.now(), job.Started)+".", "What it has done so far stays as it is; its output says how far it came."))
}

// jobColumns are never written.
var jobColumns = []column{{title: "", min: 1, max: 1}, {title: "STATE", min: 11, max: 11, tight: true}, {title: "JOB", min: 16, max: 24}, {title: "TARGET", min: 9, max: 28}, {title: "DONE", min: 4, max: 4, right: true}, {title: "BEGAN", min: 9, max: 11, right: true, drop: 1}, {title: "BY", min: 8, max: 12, drop: 2}, {title: "STEP OR RESULT", min: 18}}

// View draws the screen.
func (j *jobs) View(w, h int) string {
	return j.frame(j.st, w, h, "Jobs", func(h int) []string {
		if len(j.all) == 0 {
			return strings.Split(emptyView(j.st, w, h, look{"◇", "", j.st.dim}, "No job has run yet", "Work that takes long, such as recreating a container, appears here with its output."), "\n")
		}
		return j.draw(j.st, w, h, jobColumns, true, j.cells)
	})
}

func (j *jobs) cells(job *core.Job) []value {
	l := j.st.job(job.State)
	last := job.Result
	if last == "" {
		last = job.Step
	}
	return []value{
		{l.glyph, l.style}, {l.word, l.style}, {safe(job.Kind), j.st.text}, {safe(job.Target), j.st.text}, {done(job), j.st.text},
		{ago(j.now(), job.Started), j.st.dim}, {safe(job.By.Name), j.st.dim}, {safe(last), j.st.dim},
	}
}

// done is a job's progress in words.
func done(job *core.Job) string {
	if job.Progress < 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f%%", min(job.Progress, 1)*100)
}

// jobScreen follows one job.
type jobScreen struct {
	scope
	job    core.Job
	feed   *feed[core.Job]
	err    error
	scroll scroller
	tail   bool
	page   int
}

// newJob follows a job.
func newJob(job core.Job) func(scope) Screen {
	return func(s scope) Screen { return &jobScreen{scope: s, job: job, tail: true} }
}

// Title is the breadcrumb.
func (j *jobScreen) Title() string { return strings.TrimSpace(j.job.Kind + " " + j.job.Target) }

// Copy is the job's output.
func (j *jobScreen) Copy() string { return strings.Join(j.job.Output, "\n") }

// Keys are those of this screen.
func (j *jobScreen) Keys() []key.Binding {
	return []key.Binding{keys.cancel, keys.down, keys.up, keys.bottom}
}

// Init follows the job from where it is.
func (j *jobScreen) Init() tea.Cmd {
	if j.feed != nil {
		j.feed.stop()
	}
	j.feed = follow(j.scope, func(ctx context.Context) iter.Seq2[core.Job, error] {
		return j.src.job.open(ctx, core.JobIn{ID: j.job.ID})
	})
	return j.feed.next()
}

// Update takes an answer, a newer state or a key in.
func (j *jobScreen) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case batch[core.Job]:
		return j.take(msg)
	case tea.KeyPressMsg:
		if key.Matches(msg, keys.cancel) {
			return j.cancelJob(j.job)
		}
		j.scroll.move(msg, j.page)
		j.tail = key.Matches(msg, keys.bottom)
	}
	return nil
}

func (j *jobScreen) take(b batch[core.Job]) tea.Cmd {
	if b.from != j.feed {
		return nil
	}
	if len(b.items) > 0 {
		j.job = b.items[len(b.items)-1]
	}
	if b.done {
		j.err = b.err
		return nil
	}
	return j.feed.next()
}

// View draws the screen.
func (j *jobScreen) View(w, h int) string {
	l := j.st.job(j.job.State)
	line := " " + l.style.draw(l.glyph+" "+l.word) + j.st.dim.draw("  job "+safe(j.job.ID)+" by "+safe(j.job.By.Name)+" "+ago(j.now(), j.job.Started))
	lines := []string{cut(line, w), cut(" "+j.st.accent.draw(gauge(int64(j.job.Progress*1000), 1000, min(w/2, 40)))+" "+j.st.text.draw(done(&j.job)+" "+safe(j.job.Step)), w)}
	if j.job.Result != "" {
		lines = append(lines, cut(" "+l.style.draw(safe(j.job.Result)), w))
	}
	if j.err != nil {
		lines = append(lines, staleLine(j.st, w, j.err))
	}
	lines = append(lines, "")
	j.page = max(h-len(lines), 1)
	if len(j.job.Output) == 0 {
		return strings.Join(append(lines, j.st.dim.draw(" No output yet.")), "\n")
	}
	if j.tail {
		j.scroll.top = len(j.job.Output)
	}
	for _, out := range j.scroll.part(j.job.Output, j.page) {
		lines = append(lines, " "+j.st.text.draw(cut(safe(out), w-1)))
	}
	return strings.Join(lines, "\n")
}
