package core

import (
	"context"
	"iter"
	"sync"

	"github.com/google/uuid"
)

type (
	jobs struct {
		mu   sync.Mutex
		wg   sync.WaitGroup
		list map[string]*jobRun
	}
	jobRun struct {
		mu  sync.Mutex
		job Job
	}
	access struct{}
	shells struct{}
)

func newJobs(*Core) *jobs { return &jobs{list: map[string]*jobRun{}} }
func (js *jobs) close()   { js.wg.Wait() }
func (js *jobs) start(ctx context.Context, kind, target string, run func(context.Context, *jobRun) error) (Job, error) {
	j := &jobRun{job: Job{ID: uuid.NewString(), Kind: kind, Target: target, By: ActorFrom(ctx), State: JobRunning}}
	js.mu.Lock()
	js.list[j.job.ID] = j
	js.mu.Unlock()
	js.wg.Go(func() {
		err := run(context.WithoutCancel(ctx), j)
		j.mu.Lock()
		defer j.mu.Unlock()
		j.job.State = JobDone
		if err != nil {
			j.job.State, j.job.Result = JobFailed, MessageOf(err)
		}
	})
	return j.job, nil
}
func (j *jobRun) step(text string) { j.mu.Lock(); defer j.mu.Unlock(); j.job.Step = text }
func (j *jobRun) print(text string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.job.Output = append(j.job.Output, text)
}
func (j *jobRun) progress(p float64) { j.mu.Lock(); defer j.mu.Unlock(); j.job.Progress = p }
func (j *jobRun) result(text string) { j.mu.Lock(); defer j.mu.Unlock(); j.job.Result = text }

func (*access) count() int { return 0 }

var errPending = Errorf(CodeUnavailable, "Not built yet.")

func (*jobs) interrupt(context.Context) error        { return nil }
func newAccess(*Core) *access                        { return &access{} }
func (*access) run(ctx context.Context)              { <-ctx.Done() }
func newShells(*Core) *shells                        { return &shells{} }
func (*shells) run(ctx context.Context)              { <-ctx.Done() }
func (c *Core) interruptAudit(context.Context) error { return nil }
func (c *Core) roleFor(op Info) Role                 { return op.Role }

func listJobs(context.Context, *Core, struct{}) ([]Job, error) { return nil, errPending }
func showJob(_ context.Context, c *Core, in JobIn) (Job, error) {
	c.jobs.mu.Lock()
	defer c.jobs.mu.Unlock()
	if j := c.jobs.list[in.ID]; j != nil {
		j.mu.Lock()
		defer j.mu.Unlock()
		return j.job, nil
	}
	return Job{}, Errorf(CodeNotFound, "no job")
}
func followJob(context.Context, *Core, JobIn) iter.Seq2[Job, error] {
	return func(func(Job, error) bool) {}
}
func cancelJob(context.Context, *Core, JobIn) (Done, error) { return Done{}, errPending }
func listAccess(context.Context, *Core, struct{}) (AccessList, error) {
	return AccessList{}, errPending
}
func addPerson(context.Context, *Core, AddPersonIn) (Person, error)       { return Person{}, errPending }
func setRole(context.Context, *Core, SetRoleIn) (Person, error)           { return Person{}, errPending }
func removePerson(context.Context, *Core, RemovePersonIn) (Done, error)   { return Done{}, errPending }
func addKey(context.Context, *Core, AddKeyIn) (Key, error)                { return Key{}, errPending }
func revokeKey(context.Context, *Core, RevokeKeyIn) (Done, error)         { return Done{}, errPending }
func endSession(context.Context, *Core, EndSessionIn) (Done, error)       { return Done{}, errPending }
func listAudit(context.Context, *Core, ListAuditIn) ([]AuditEvent, error) { return nil, errPending }
func followAudit(context.Context, *Core, struct{}) iter.Seq2[AuditEvent, error] {
	return func(func(AuditEvent, error) bool) {}
}
func verifyAudit(context.Context, *Core, struct{}) (JournalReport, error) {
	return JournalReport{}, errPending
}
func readLogs(context.Context, *Core, LogQuery) iter.Seq2[LogLine, error] {
	return func(func(LogLine, error) bool) {}
}
func followLogs(context.Context, *Core, LogQuery) iter.Seq2[LogLine, error] {
	return func(func(LogLine, error) bool) {}
}
func searchLogs(context.Context, *Core, LogQuery) iter.Seq2[LogHit, error] {
	return func(func(LogHit, error) bool) {}
}
func listLogs(context.Context, *Core, struct{}) ([]LogService, error) { return nil, errPending }
func trimLogs(context.Context, *Core, TrimLogsIn) (LogTrimmed, error) {
	return LogTrimmed{}, errPending
}
func listRecordings(context.Context, *Core, struct{}) ([]Recording, error) { return nil, errPending }
func readRecording(context.Context, *Core, RecordingIn) iter.Seq2[CastEvent, error] {
	return func(func(CastEvent, error) bool) {}
}
func listDocs(context.Context, *Core, struct{}) ([]Doc, error)          { return nil, errPending }
func showDoc(context.Context, *Core, DocIn) (Doc, error)                { return Doc{}, errPending }
func searchDocs(context.Context, *Core, SearchDocsIn) ([]DocHit, error) { return nil, errPending }
func listSettings(context.Context, *Core, struct{}) ([]Setting, error)  { return nil, errPending }
func setSetting(context.Context, *Core, SetSettingIn) (Setting, error)  { return Setting{}, errPending }
