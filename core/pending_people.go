package core

import (
	"context"
	"iter"
)

type (
	jobs   struct{}
	access struct{}
	shells struct{}
)

func newJobs(*Core) *jobs                            { return &jobs{} }
func (*jobs) close()                                 {}
func (*jobs) interrupt(context.Context) error        { return nil }
func newAccess(*Core) *access                        { return &access{} }
func (*access) run(ctx context.Context)              { <-ctx.Done() }
func newShells(*Core) *shells                        { return &shells{} }
func (*shells) run(ctx context.Context)              { <-ctx.Done() }
func (c *Core) interruptAudit(context.Context) error { return nil }
func (c *Core) roleFor(op Info) Role                 { return op.Role }

func listJobs(context.Context, *Core, struct{}) ([]Job, error) { return nil, errPending }
func showJob(context.Context, *Core, JobIn) (Job, error)       { return Job{}, errPending }
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
