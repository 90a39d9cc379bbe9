package core

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// The bounds of alerts.
const (
	alertsTable   = "alerts"
	maxAlerts     = 500              // kept in the history
	maxAlertTitle = 200              // bytes
	maxAlertText  = 2000             // bytes
	staleAlert    = 24 * time.Hour   // what was over so long ago is not told any more
	lookEachAlert = 5 * time.Second  // between two looks at what is wrong
	alertAfter    = 60 * time.Second // what a service may get over by itself in
)

// alerts tells people what is wrong, once until it is over. It works from memory and writes its rows as soon as the
// journal takes them: a journal in trouble is a thing to be told.
type alerts struct {
	c      *Core
	wake   chan struct{}     // something is to be told
	post   post              // of the goroutine of run alone
	failed failedDeployments // of the goroutine of run alone

	mu     sync.Mutex           // guards the rest
	rows   []*Alert             // oldest first
	absent map[string]time.Time // by key of an open alert: since when what caused it is gone
	dirty  map[string]bool      // ids of rows that are not written yet; false deletes
	certs  map[string]certificateSeen
	alone  time.Time // since when the other control plane does not serve; zero while it does
}

func newAlerts(c *Core) *alerts {
	a := &alerts{
		c: c, wake: signal(), post: newPost(), absent: map[string]time.Time{}, dirty: map[string]bool{}, certs: map[string]certificateSeen{},
	}
	for _, row := range all[Alert](c.state, alertsTable) {
		a.rows = append(a.rows, &row)
	}
	slices.SortStableFunc(a.rows, func(x, y *Alert) int { return cmp.Or(x.At.Compare(y.At), cmp.Compare(x.ID, y.ID)) })
	return a
}

// alert tells people of something, once until it is over. With Over set it ends the open alert of its service and cause,
// and without one of those it tells of something that is over already. It waits for nobody.
func (c *Core) alert(_ context.Context, x Alert) {
	c.alerts.mu.Lock()
	c.alerts.take(c.now().UTC(), x)
	c.alerts.mu.Unlock()
	ring(c.alerts.wake)
}

// run looks at what is wrong and tells people, until ctx ends.
func (a *alerts) run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { a.keepCertified(ctx) })
	defer wg.Wait()
	for {
		a.look(a.c.now().UTC())
		a.save(ctx)
		if a.send(ctx) {
			a.save(ctx)
		}
		if !rest(ctx, lookEachAlert, a.wake) {
			a.save(ctx)
			return
		}
	}
}

// key says which alerts are about the same thing.
func (x Alert) key() string { return x.Cause + "\x00" + x.Service }

// open finds the open alert of a key. The mutex is held.
func (a *alerts) open(key string) *Alert {
	for _, row := range slices.Backward(a.rows) {
		if row.Over.IsZero() && row.key() == key {
			return row
		}
	}
	return nil
}

// take opens an alert, or ends one. The mutex is held.
func (a *alerts) take(now time.Time, x Alert) {
	if open := a.open(x.key()); open != nil {
		if !x.Over.IsZero() {
			a.end(open, x.Over.UTC())
		}
		return
	}
	x.ID, x.Sent, x.Problem = uuid.Must(uuid.NewV7()).String(), false, ""
	if x.At.IsZero() {
		x.At = now
	}
	x.At = x.At.UTC()
	x.Title, x.Text = cutText(SafeText(x.Title), maxAlertTitle), cutText(safeLines(x.Text), maxAlertText)
	a.rows = append(a.rows, &x)
	a.dirty[x.ID] = true
	a.trim()
}

// safeLines makes a text of several lines safe.
func safeLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = SafeText(line)
	}
	return strings.Join(lines, "\n")
}

// cutText bounds a text in bytes.
func cutText(text string, most int) string {
	if len(text) <= most {
		return text
	}
	cut := 0
	for i := range text {
		if i > most-len("…") {
			break
		}
		cut = i
	}
	return text[:cut] + "…"
}

// end says that an alert is over; people are told so. The mutex is held.
func (a *alerts) end(x *Alert, over time.Time) {
	x.Over, x.Sent, x.Problem = over, false, ""
	a.dirty[x.ID] = true
	delete(a.absent, x.key())
}

// trim bounds the history: the oldest that are over go first. The mutex is held.
func (a *alerts) trim() {
	for len(a.rows) > maxAlerts {
		i := max(0, slices.IndexFunc(a.rows, func(x *Alert) bool { return !x.Over.IsZero() }))
		a.dirty[a.rows[i].ID] = false
		delete(a.absent, a.rows[i].key())
		a.rows = slices.Delete(a.rows, i, i+1)
	}
}

// save writes what changed. What the journal does not take is tried again at the next look.
func (a *alerts) save(ctx context.Context) {
	a.mu.Lock()
	changed := a.dirty
	a.dirty = map[string]bool{}
	edits := make([]edit, 0, len(changed))
	for id, keep := range changed {
		var body any
		if i := slices.IndexFunc(a.rows, func(x *Alert) bool { return x.ID == id }); keep && i >= 0 {
			body = *a.rows[i]
		}
		edits = append(edits, edit{alertsTable, id, body})
	}
	a.mu.Unlock()
	if len(edits) == 0 {
		return
	}
	if err := a.c.commit(WithActor(ctx, a.c.systemActor()), edits...); err != nil {
		a.c.log.Debug("alerts not written yet", "rows", len(edits), "err", err)
		a.mu.Lock()
		defer a.mu.Unlock()
		for id, keep := range a.dirty { // newer than what was tried
			changed[id] = keep
		}
		a.dirty = changed
	}
}

// history is every alert, newest first.
func (a *alerts) history() []Alert {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := make([]Alert, 0, len(a.rows))
	for _, row := range slices.Backward(a.rows) {
		list = append(list, *row)
	}
	return list
}

// listAlerts lists the alerts of this plane, and those of the other one that it may see.
func listAlerts(_ context.Context, c *Core, _ struct{}) (AlertsView, error) {
	list := c.alerts.history()
	own := make(map[string]bool, len(list))
	for _, x := range list {
		own[x.ID] = true
	}
	for _, x := range rowsOf[Alert](c, alertsTable) {
		if _, _, ours := get[Alert](c.state, alertsTable, x.ID); !ours && !own[x.ID] {
			list = append(list, x)
		}
	}
	slices.SortStableFunc(list, func(x, y Alert) int { return cmp.Or(y.At.Compare(x.At), cmp.Compare(y.ID, x.ID)) })
	return AlertsView{Targets: c.alertTargets(), Alerts: list[:min(len(list), maxAlerts)]}, nil
}

// alertTargets are the kinds of address that alerts go to.
func (c *Core) alertTargets() []string {
	if c.ship.Notifier == nil {
		return []string{}
	}
	return append([]string{}, c.ship.Notifier.Targets()...)
}
