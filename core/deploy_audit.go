package core

import (
	"strings"

	"github.com/google/uuid"
)

// The audit's events of deployments besides those of their operations, whose outcome says only that the job has begun.
const (
	deployEndOp    = "deployment.end"    // how it ended
	deploySettleOp = "deployment.settle" // what became of one that could not be taken back at its end
)

// deployEnd is what such an event keeps as its input.
type deployEnd struct {
	Deployment string `json:"deployment"`
	Kind       string `json:"kind"`
	From       string `json:"from,omitempty"` // in words
	To         string `json:"to,omitempty"`
	Env        int    `json:"env,omitempty"` // version
	Plane      string `json:"plane"`
}

// endEvent is the event by which the audit knows how a deployment ended: by the actor who began it, intent and outcome at once.
// It goes into the journal in the same write as the record's end, so that each deployment has exactly one, whenever the process
// dies, and a journal in trouble holds nothing up.
func (c *Core) endEvent(row Deployment, op, outcome, request string) []edit {
	in := deployEnd{
		Deployment: row.ID, Kind: row.Kind, From: c.versionWords(row.From, row.FromSHA), To: c.versionWords(row.To, row.Commit.SHA),
		Env: row.Env, Plane: row.Plane,
	}
	intent := auditBody{
		Phase: phaseIntent, Op: op, Target: row.Service, Risk: Change, Actor: &row.By, Request: request, Input: auditInput(in),
	}
	end := auditBody{Phase: phaseOutcome, Outcome: outcome, Message: cutLine(in.words() + row.Result), Millis: row.Took.Milliseconds()}
	id := uuid.Must(uuid.NewV7()).String()
	return []edit{{auditTable, id, intent}, {auditTable, id, end}}
}

// words begin the sentence of the audit: what it was, from what to what.
func (in deployEnd) words() string {
	text := in.Kind
	if in.From != "" {
		text += " from " + in.From
	}
	if in.To != "" {
		text += " to " + in.To
	}
	return strings.ToUpper(text[:min(1, len(text))]) + text[min(1, len(text)):] + ": "
}

// versionWords name what ran or was to run; empty when nobody knows.
func (c *Core) versionWords(release, sha string) string {
	if sha != "" {
		return Release{Commit: Commit{SHA: sha}}.words()
	}
	if rel, ok := rowOf[Release](c, releasesTable, release); ok {
		return rel.words()
	}
	return ""
}

// endOutcome is how the audit calls the end of a deployment.
func endOutcome(state DeployState, err error) string {
	switch state {
	case DeployDone:
		return OutcomeOK
	case DeployCanceled:
		return string(CodeCanceled)
	case DeployInterrupted:
		return OutcomeInterrupted
	}
	return string(codeOfFailure(err))
}
