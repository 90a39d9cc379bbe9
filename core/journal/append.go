package journal

import (
	"context"
	"fmt"
	"slices"

	"github.com/codematrx/matrx-ship/core"
)

// request is one append, or (without drafts) one who wants the lead for itself.
type request struct {
	drafts []draft
	size   int64 // bytes it will need at most
	relief bool
	wake   chan bool // capacity 1: true hands over the lead, false says that entries and err are set

	out outcome // the leader's

	answered bool // guarded by the journal's mu: entries and err are final
	entries  []core.Entry
	err      error
}

// outcome is how a write ended for one request.
type outcome struct {
	entries []core.Entry
	err     error
}

// Append makes the records durable, all or none. See core.Journal.
func (j *Journal) Append(ctx context.Context, recs ...core.Record) ([]core.Entry, error) {
	return j.append(ctx, false, recs)
}

// AppendRelief is Append for what must still work on a full disk. See core.Journal.
func (j *Journal) AppendRelief(ctx context.Context, recs ...core.Record) ([]core.Entry, error) {
	return j.append(ctx, true, recs)
}

func (j *Journal) append(ctx context.Context, relief bool, recs []core.Record) ([]core.Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("append to the journal: %w", err)
	}
	r, err := newRequest(relief, recs)
	if err != nil {
		return nil, err
	}
	lead, err := j.enter(r)
	if err != nil {
		return nil, err
	}
	if !lead {
		if lead, err = j.wait(ctx, r); err != nil {
			return nil, err
		}
	}
	if lead {
		j.commit(r)
		j.pass()
	}
	return r.entries, r.err
}

func newRequest(relief bool, recs []core.Record) (*request, error) {
	if len(recs) == 0 {
		return nil, core.Errorf(core.CodeInvalid, "There is nothing to append to the journal.")
	}
	r := &request{relief: relief, drafts: make([]draft, len(recs))}
	for i, rec := range recs {
		var err error
		if r.drafts[i], err = newDraft(rec); err != nil {
			return nil, err
		}
		r.size += int64(len(r.drafts[i].middle)) + lineExtra
	}
	if r.size > maxBatchBytes {
		return nil, core.Errorf(core.CodeInvalid, "One append to the journal has at most %s; this one has %s.", mib(maxBatchBytes), mib(r.size))
	}
	return r, nil
}

// enter gives the lead at once when nobody has it, else it queues the request.
func (j *Journal) enter(r *request) (lead bool, _ error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(r.drafts) > 0 {
		if err := j.refuse(r); err != nil {
			return false, err
		}
	}
	if !j.busy {
		j.busy = true
		return true, nil
	}
	r.wake = make(chan bool, 1)
	j.queue = append(j.queue, r)
	j.queued += r.size
	return false, nil
}

// refuse says why an append has no chance now. It needs mu.
func (j *Journal) refuse(r *request) error {
	switch t := j.trouble; {
	case j.closed:
		return core.Errorf(core.CodeUnavailable, "The journal is closed.")
	case t != nil && !(t.kind == kindFull && r.relief):
		return t.error()
	case len(j.queue) >= maxQueue || j.queued+r.size > maxQueueBytes:
		return core.Errorf(core.CodeUnavailable, "The journal's disk is too slow: %d appends are waiting.", len(j.queue))
	}
	return nil
}

// wait waits in the queue for the lead or the outcome. A caller who gives up before its request was taken leaves no
// trace; once it is taken the outcome is what counts.
func (j *Journal) wait(ctx context.Context, r *request) (lead bool, _ error) {
	select {
	case lead = <-r.wake:
		return lead, nil
	case <-ctx.Done():
	}
	if j.withdraw(r) {
		return false, fmt.Errorf("append to the journal: %w", ctx.Err())
	}
	return <-r.wake, nil
}

// withdraw takes a request out of the queue, if it is still there.
func (j *Journal) withdraw(r *request) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	i := slices.Index(j.queue, r)
	if i < 0 {
		return false
	}
	j.queue = slices.Delete(j.queue, i, i+1)
	j.queued -= r.size
	return true
}

// acquire waits for the lead without anything to append.
func (j *Journal) acquire(ctx context.Context) error {
	r := &request{}
	lead, err := j.enter(r)
	if err == nil && !lead {
		_, err = j.wait(ctx, r)
	}
	return err
}

// pass hands the lead to the first that waits.
func (j *Journal) pass() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.queue) == 0 {
		j.busy = false
		return
	}
	r := j.queue[0]
	j.queue = slices.Delete(j.queue, 0, 1)
	j.queued -= r.size
	r.wake <- true
}

// take makes a batch of the leader's request and of those that wait behind it.
func (j *Journal) take(r *request) []*request {
	j.mu.Lock()
	defer j.mu.Unlock()
	batch, size, n := []*request{r}, r.size, 0
	for _, q := range j.queue {
		if len(q.drafts) == 0 || size+q.size > maxBatchBytes {
			break
		}
		batch, size, n = append(batch, q), size+q.size, n+1
		j.queued -= q.size
	}
	j.queue = slices.Delete(j.queue, 0, n)
	j.inflight = batch
	j.commits++
	return batch
}
