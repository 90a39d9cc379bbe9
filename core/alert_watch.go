package core

import (
	"fmt"
	"slices"
	"time"
)

// cause is something that is wrong now and that people are to be told of.
type cause struct {
	Alert
	home  string // the plane that tells of it
	quiet bool   // keeps an open alert open, and opens none
}

// overAfter is how long a cause must be gone before it is called over. A disk hovers.
func overAfter(name string) time.Duration {
	if name == CauseDisk {
		return 10 * time.Minute
	}
	return alertAfter
}

// look compares what is wrong with the alerts that are open.
func (a *alerts) look(now time.Time) {
	snap := a.c.services.snapshot()
	if snap.Engine.Problem == notAsked {
		return // nothing is known yet, so nothing is over either
	}
	failed := a.failed.now(a.c)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.noteSibling(now)
	causes := slices.Concat(faultCauses(a.c, snap, now), deploymentCauses(snap, failed), certificateCauses(snap, a.certs, now))
	there := map[string]bool{}
	for _, x := range causes {
		if !a.tells(x.home, now) {
			continue
		}
		there[x.key()] = true
		if !x.quiet {
			a.take(now, x.Alert)
		}
	}
	for _, x := range a.rows {
		if x.Over.IsZero() {
			a.settle(now, x, there[x.key()], causes)
		}
	}
}

// settle ends an open alert whose cause has been gone for long enough. The mutex is held.
func (a *alerts) settle(now time.Time, x *Alert, there bool, causes []cause) {
	key := x.key()
	switch {
	case there:
		delete(a.absent, key)
	case !isWatched(x.Cause):
		if now.Sub(x.At) > staleAlert { // whoever opened it never came back to it
			x.Over = now
			a.dirty[x.ID] = true
		}
	case slices.ContainsFunc(causes, func(c cause) bool { return c.key() == key }): // the other plane tells of it from now on
		x.Over, x.Sent, x.Problem = now, true, "The "+a.c.charter.SiblingTitle()+" is back and tells of it."
		a.dirty[x.ID] = true
		delete(a.absent, key)
	case a.absent[key].IsZero():
		a.absent[key] = now
	case now.Sub(a.absent[key]) >= overAfter(x.Cause):
		a.end(x, now)
	}
}

// isWatched is true for causes that end by themselves.
func isWatched(name string) bool {
	return slices.Contains([]string{CauseCrashLoop, CauseUnhealthy, CauseDeployment, CauseCertificate, CauseDisk, CauseEngine, CauseJournal}, name)
}

// noteSibling notes since when the other control plane does not serve. The mutex is held.
func (a *alerts) noteSibling(now time.Time) {
	switch serves := a.c.siblingServes(); {
	case serves:
		a.alone = time.Time{}
	case a.alone.IsZero():
		a.alone = now
	}
}

// tells is true when this plane tells of what the home plane looks after: it is that one, or that one is away.
func (a *alerts) tells(home string, now time.Time) bool {
	return home == a.c.charter.Name || !a.alone.IsZero() && now.Sub(a.alone) >= alertAfter
}

// faultCauses are the faults of Home that people are told of when they are not looking.
func faultCauses(c *Core, snap *Snapshot, now time.Time) []cause {
	crashing := map[string]bool{}
	for _, f := range snap.Faults {
		if f.key == "crashes" {
			crashing[f.Service] = true
		}
	}
	var list []cause
	for _, f := range snap.Faults {
		x := cause{Alert: Alert{Service: f.Service, At: f.Since, Title: f.What, Text: f.Do}, home: ManagerName}
		if svc, ok := snap.Service(f.Service); ok {
			x.home = svc.Home
		}
		young := now.Sub(f.Since) < alertAfter
		switch f.key {
		case "crashes":
			x.Cause = CauseCrashLoop
		case "health":
			if f.Severity != Critical {
				continue
			}
			x.Cause, x.quiet = CauseUnhealthy, young || crashing[f.Service] || c.stoppedOnPurpose(f.Service)
		case "disk":
			x.Cause = CauseDisk
		case "engine":
			x.Cause, x.quiet = CauseEngine, young
		case "journal":
			x.Cause, x.home, x.quiet = CauseJournal, c.charter.Name, young
		default:
			continue
		}
		list = append(list, x)
	}
	return list
}

// stoppedOnPurpose is true when the last thing that was done to a service here was to stop it.
func (c *Core) stoppedOnPurpose(service string) bool {
	c.state.mu.RLock()
	defer c.state.mu.RUnlock()
	for _, event := range slices.Backward(c.state.audit) {
		if event.Target == service && event.Outcome == OutcomeOK && slices.Contains(lifecycleOps[:], event.Op) {
			return event.Op == "service.stop"
		}
	}
	return false
}

// lifecycleOps are the operations that start or stop a service.
var lifecycleOps = [...]string{"service.stop", "service.start", "service.restart", recreateKind, "deployment.start", "deployment.rollback"}

// failedDeployments remembers which services' last deployment failed, as long as the table does not change.
type failedDeployments struct {
	seen uint64
	list []Deployment
}

// now gives the last ended deployment of each service whose deployment here failed.
func (f *failedDeployments) now(c *Core) []Deployment {
	changes := c.state.changes(deploymentsTable)
	if changes == f.seen {
		return f.list
	}
	last := map[string]Deployment{}
	for _, d := range all[Deployment](c.state, deploymentsTable) {
		if d.Plane == c.charter.Name && d.State != DeployRunning && d.State != DeployCanceled && !d.Ended.Before(last[d.Service].Ended) {
			last[d.Service] = d
		}
	}
	f.seen, f.list = changes, nil
	for _, d := range last {
		if d.State != DeployDone {
			f.list = append(f.list, d)
		}
	}
	return f.list
}

// deploymentCauses are the failed deployments of services that there are. The plane that made one tells of it.
func deploymentCauses(snap *Snapshot, failed []Deployment) []cause {
	var list []cause
	for _, d := range failed {
		if _, ok := snap.Service(d.Service); !ok {
			continue
		}
		title := fmt.Sprintf("The %s of %s by %s %s", deploymentWord(d.Kind), d.Service, d.By.Name, endWords(d.State))
		list = append(list, cause{Alert: Alert{
			Service: d.Service, Cause: CauseDeployment, At: d.Ended, Title: title, Text: d.Result + "\nWhat happened: deployments " + d.ID,
		}, home: d.Plane})
	}
	return list
}

// endWords say how a deployment ended that did not go well.
func endWords(state DeployState) string {
	if state == DeployInterrupted {
		return "was interrupted"
	}
	return "failed"
}

// deploymentWord is a kind of deployment in words.
func deploymentWord(kind string) string {
	if kind == "rollback" {
		return "rollback"
	}
	return "deployment"
}
