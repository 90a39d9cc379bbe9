package core

import (
	"context"
	"slices"
	"strings"
)

// interruptedRemoval ends the record of a removal that the last process left running. The definition's row tells whether it was
// done; else the audit gets its end with the job's, in one write.
func (c *Core) interruptedRemoval(ctx context.Context, job Job) (Job, error) {
	row, ok := rowOf[DefinitionVersion](c, definitionsTable, job.Target)
	if ok && row.Removal != nil && row.Removal.Job == job.ID && row.Removal.Done {
		job.State, job.Result = JobDone, job.Target+" was removed when the control plane ended."
		return job, nil
	}
	job.Result = "The control plane ended while it ran. Finish it: definition remove " + job.Target
	if c.endOnRecord(job) {
		return job, nil
	}
	edits := append([]edit{{jobsTable, job.ID, job}}, c.removalEnd(job, OutcomeInterrupted, job.Result)...)
	return job, c.commit(ctx, edits...)
}

// endOnRecord is true when the audit has how a removal ended: its process ended after it had said so.
func (c *Core) endOnRecord(job Job) bool {
	c.state.mu.RLock()
	defer c.state.mu.RUnlock()
	for _, event := range slices.Backward(c.state.audit) {
		if event.Op == removalEndOp && event.Target == job.Target && strings.Contains(string(event.Input), job.ID) {
			return true
		}
	}
	return false
}

// openRemovals are removals that began and that nobody goes on with, in words by service.
func (c *Core) openRemovals() map[string]string {
	open := map[string]string{}
	for _, dv := range c.definitions() {
		if dv.Removal == nil || c.ship.Locks != nil && c.ship.Locks.Holder(dv.Service) != "" {
			continue
		}
		open[dv.Service] = "the removal of its definition, begun by " + shortText(dv.By) + " at " + dv.At.UTC().Format("2006-01-02 15:04 UTC") + ", did not come to its end"
	}
	return open
}

// noteRemovals takes in which removals are open.
func (s *services) noteRemovals(open map[string]string) { s.note(&s.removals, open) }

// removalFaults are the removals that nobody goes on with.
func removalFaults(in faultInput) []faultFact {
	var facts []faultFact
	for name, what := range in.removals {
		fact := faultFact{
			Fault: Fault{Severity: Warning, Service: name, What: name + " is removed in part: " + what, Do: "Finish it: definition remove " + name + ". Or keep it: definition set, and deploy it"},
			key:   "removal", layer: LayerApps, class: classServices,
		}
		if k := in.rows[name]; k != nil {
			fact.layer = k.layer
		}
		facts = append(facts, fact)
	}
	return facts
}
