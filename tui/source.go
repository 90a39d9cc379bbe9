package tui

import (
	"context"
	"iter"

	"github.com/codematrx/matrx-ship/core"
)

// verb is an operation bound to a core: what the console may ask for, and how it is confirmed.
type verb[In, Out any] struct {
	info core.Info
	run  func(context.Context, In) (Out, error)
}

// stream is a watch bound to a core.
type stream[In, T any] struct {
	info core.Info
	open func(context.Context, In) iter.Seq2[T, error]
}

// source is everything the console asks of core. Each field is one operation, so that a screen can be drawn in a test
// from answers a test gives, and nothing but an operation can be reached.
type source struct {
	watch     stream[struct{}, *core.Snapshot]
	status    verb[struct{}, core.Status]
	show      verb[core.ServiceIn, core.ServiceDetail]
	start     verb[core.ServiceIn, core.Done]
	stop      verb[core.StopServiceIn, core.Done]
	restart   verb[core.StopServiceIn, core.Done]
	recreate  verb[core.StopServiceIn, core.Job]
	remove    verb[core.RemoveServiceIn, core.Done]
	infra     verb[struct{}, core.Infrastructure]
	prune     verb[struct{}, core.Job]
	diagnose  stream[struct{}, core.Check]
	logs      stream[core.LogQuery, core.LogLine] // follows
	pastLogs  stream[core.LogQuery, core.LogLine] // ends
	search    stream[core.LogQuery, core.LogHit]
	logNames  verb[struct{}, []core.LogService]
	casts     verb[struct{}, []core.Recording]
	cast      stream[core.RecordingIn, core.CastEvent]
	jobs      verb[struct{}, []core.Job]
	job       stream[core.JobIn, core.Job]
	cancelJob verb[core.JobIn, core.Done]
	audit     verb[core.ListAuditIn, []core.AuditEvent]
	auditLive stream[struct{}, core.AuditEvent]
	verify    verb[struct{}, core.JournalReport]
	access    verb[struct{}, core.AccessList]
	addPerson verb[core.AddPersonIn, core.Person]
	setRole   verb[core.SetRoleIn, core.Person]
	rmPerson  verb[core.RemovePersonIn, core.Done]
	addKey    verb[core.AddKeyIn, core.Key]
	revokeKey verb[core.RevokeKeyIn, core.Done]
	endLive   verb[core.EndSessionIn, core.Done]
	settings  verb[struct{}, []core.Setting]
	set       verb[core.SetSettingIn, core.Setting]
	docs      verb[struct{}, []core.Doc]
	doc       verb[core.DocIn, core.Doc]
	findDocs  verb[core.SearchDocsIn, []core.DocHit]
	shipSource
}

// newSource binds the operations to a core.
func newSource(c *core.Core) source {
	return source{
		watch: bindWatch(c, core.WatchServices), status: bindOp(c, core.GetStatus), show: bindOp(c, core.ShowService),
		start: bindOp(c, core.StartService), stop: bindOp(c, core.StopService), restart: bindOp(c, core.RestartService),
		recreate: bindOp(c, core.RecreateService), remove: bindOp(c, core.RemoveService),
		infra: bindOp(c, core.ShowInfra), prune: bindOp(c, core.PruneDisk), diagnose: bindWatch(c, core.Diagnose),
		logs: bindWatch(c, core.FollowLogs), pastLogs: bindWatch(c, core.ReadLogs), search: bindWatch(c, core.SearchLogs),
		logNames: bindOp(c, core.ListLogs),
		casts:    bindOp(c, core.ListRecordings), cast: bindWatch(c, core.ReadRecording),
		jobs: bindOp(c, core.ListJobs), job: bindWatch(c, core.FollowJob), cancelJob: bindOp(c, core.CancelJob),
		audit: bindOp(c, core.ListAudit), auditLive: bindWatch(c, core.FollowAudit), verify: bindOp(c, core.VerifyAudit),
		access: bindOp(c, core.ListAccess), addPerson: bindOp(c, core.AddPerson), setRole: bindOp(c, core.SetRole),
		rmPerson: bindOp(c, core.RemovePerson), addKey: bindOp(c, core.AddKey), revokeKey: bindOp(c, core.RevokeKey),
		endLive: bindOp(c, core.EndSession), settings: bindOp(c, core.ListSettings), set: bindOp(c, core.SetSetting),
		docs: bindOp(c, core.ListDocs), doc: bindOp(c, core.ShowDoc), findDocs: bindOp(c, core.SearchDocs),
		shipSource: newShipSource(c),
	}
}

// bindOp binds one operation.
func bindOp[In, Out any](c *core.Core, op core.Op[In, Out]) verb[In, Out] {
	return verb[In, Out]{op.Info(), func(ctx context.Context, in In) (Out, error) { return op.Run(ctx, c, in) }}
}

// bindWatch binds one watch.
func bindWatch[In, T any](c *core.Core, w core.Watch[In, T]) stream[In, T] {
	return stream[In, T]{w.Info(), func(ctx context.Context, in In) iter.Seq2[T, error] { return w.Run(ctx, c, in) }}
}
