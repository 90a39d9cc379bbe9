package core

import "time"

// ListAuditIn selects audit events, newest first.
type ListAuditIn struct {
	Before  uint64    `json:"before,omitempty"` // only events with a smaller Seq
	Limit   int       `json:"limit,omitempty"`  // 0 means 100; at most 1000
	Actor   string    `json:"actor,omitempty"`
	Op      string    `json:"op,omitempty"` // name or its beginning: "service."
	Target  string    `json:"target,omitempty"`
	Outcome string    `json:"outcome,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	Text    string    `json:"text,omitempty"` // anywhere in actor, op, target, address, message
}

// The operations on the audit.
var (
	ListAudit   = Op[ListAuditIn, []AuditEvent]{"audit.list", "List what was done, newest first", Read, RoleViewer, false, false, listAudit}
	FollowAudit = Watch[struct{}, AuditEvent]{"audit.follow", "Follow what is done", RoleViewer, false, followAudit}
	VerifyAudit = Op[struct{}, JournalReport]{"audit.verify", "Walk the journal's chain and name the first bad record", Read, RoleViewer, false, false, verifyAudit}
)
