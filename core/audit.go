package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// The phases of an audit record in the journal's table "audit".
const (
	auditTable   = "audit"
	phaseIntent  = "intent"
	phaseOutcome = "outcome"
	maxAuditJSON = 4 << 10 // bytes of input kept in an intent
)

// The outcomes of an action besides the error codes.
const (
	OutcomeOK          = "ok"
	OutcomeOpen        = "open"        // not ended yet
	OutcomeInterrupted = "interrupted" // the control plane died while it ran
)

// auditBody is the body of an audit record.
type auditBody struct {
	Phase   string          `json:"phase"`
	Op      string          `json:"op,omitempty"`
	Target  string          `json:"target,omitempty"`
	Risk    Risk            `json:"risk,omitempty"`
	Actor   *Actor          `json:"actor,omitempty"`
	Request string          `json:"request,omitempty"`
	Input   json.RawMessage `json:"input,omitempty"`
	Outcome string          `json:"outcome,omitempty"`
	Message string          `json:"message,omitempty"`
	Millis  int64           `json:"ms,omitempty"`
}

// AuditEvent is an action with its outcome, joined from the two records of the journal.
type AuditEvent struct {
	ID      string          `json:"id"`
	Seq     uint64          `json:"seq"` // of the intent
	At      time.Time       `json:"at"`
	Actor   Actor           `json:"actor"`
	Op      string          `json:"op"`
	Target  string          `json:"target,omitempty"`
	Request string          `json:"request,omitempty"`
	Input   json.RawMessage `json:"input,omitempty"`
	Outcome string          `json:"outcome"` // ok, open, interrupted, or an error code
	Message string          `json:"message,omitempty"`
	Took    time.Duration   `json:"took"`
	Hash    string          `json:"hash"` // of the newest of its records in the chain
}

// beginAudit writes the intent and waits until it is durable. The function it returns writes the outcome and gives
// back the action's error; when the outcome cannot be written now the action itself has still happened, and the error says
// so; the outcome is shown and written later.
func (c *Core) beginAudit(ctx context.Context, op Info, actor Actor, in any) (func(error) error, error) {
	id, started := uuid.Must(uuid.NewV7()).String(), c.now()
	if n := c.late.count(); n >= maxLateOutcomes {
		return nil, Errorf(CodeUnavailable, "Nothing was done: the audit could not record yet how the last %d actions ended.", n)
	}
	body := auditBody{Phase: phaseIntent, Op: op.Name, Risk: op.Risk, Actor: &actor, Request: RequestFrom(ctx), Input: auditInput(in)}
	if t, ok := in.(targeted); ok {
		body.Target = t.Target()
	}
	rec, err := auditRecord(id, actor, body)
	if err == nil {
		err = c.appendAudit(ctx, op, rec)
	}
	if err != nil {
		return nil, Errorf(CodeUnavailable, "Nothing was done: the audit cannot record it. %s", MessageOf(err))
	}
	return func(cause error) error {
		out := auditBody{Phase: phaseOutcome, Outcome: OutcomeOK, Millis: c.now().Sub(started).Milliseconds()}
		var note *outcomeNote
		switch {
		case errors.As(cause, &note):
			out.Message, cause = cutLine(note.text), nil
		case cause != nil && !errors.Is(cause, errStopped):
			out.Outcome, out.Message = string(CodeOf(cause)), cutLine(MessageOf(cause))
		}
		// The outcome is written even when the caller has gone.
		if err := c.endAudit(context.WithoutCancel(ctx), op, id, actor, out); err != nil && cause == nil {
			return Errorf(CodeUnavailable, "%s was done, but the audit could not record the outcome yet. %s", op.Summary, MessageOf(err))
		}
		return cause
	}, nil
}

// endAudit writes an outcome. One that the journal does not take is shown all the same, and kept to be written later.
func (c *Core) endAudit(ctx context.Context, op Info, id string, actor Actor, out auditBody) error {
	rec, err := auditRecord(id, actor, out)
	if err != nil {
		return err
	}
	if err := c.appendAudit(ctx, op, rec); err != nil {
		c.log.Error("audit outcome not written yet", "op", op.Name, "audit", id, "outcome", out.Outcome, "err", err)
		c.late.add(rec)
		c.state.settle(id, out)
		return err
	}
	return nil
}

// outcomeNote is what a guarded function returns when it went well and the audit is to say more than ok.
type outcomeNote struct{ text string }

// Error gives the note.
func (n *outcomeNote) Error() string { return n.text }

// masker is an input that holds more than may stay in the audit; what it gives instead is kept.
type masker interface{ masked() any }

// auditRecord is an intent or an outcome as the journal takes it.
func auditRecord(id string, actor Actor, body auditBody) (Record, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return Record{}, fmt.Errorf("encode audit record: %w", err)
	}
	return Record{Table: auditTable, Key: id, Op: RecordNote, Body: raw, Actor: actor.Name}, nil
}

// appendAudit writes one audit record, for a relief operation with the reserve.
func (c *Core) appendAudit(ctx context.Context, op Info, rec Record) error {
	write := c.journal.Append
	if op.Relief {
		write = c.journal.AppendRelief
	}
	entries, err := write(ctx, rec)
	if err != nil {
		return err
	}
	return c.state.apply(entries...)
}

// auditInput is the input as the audit keeps it: secrets are masked by their type, and what is too long is left out.
func auditInput(in any) json.RawMessage {
	if m, ok := in.(masker); ok {
		in = m.masked()
	}
	raw, err := json.Marshal(in)
	switch {
	case err != nil:
		return json.RawMessage(`"not encodable"`)
	case len(raw) > maxAuditJSON:
		return json.RawMessage(fmt.Sprintf(`{"left_out":"%d bytes"}`, len(raw)))
	case string(raw) == "{}":
		return nil
	default:
		return raw
	}
}
