package core

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// told is a Notifier that takes everything.
type told struct{ n chan string }

func (p told) Notify(_ context.Context, title, _ string) error {
	p.n <- title
	return nil
}
func (told) Targets() []string { return []string{"generic"} }

func alertCore(t *testing.T) (*Core, told, *world) {
	w := newWorld(t)
	box := told{make(chan string, 1000)}
	w.ship.Notifier = box
	return w.open(t), box, w
}

func (p told) next(t *testing.T) string {
	t.Helper()
	select {
	case title := <-p.n:
		return title
	case <-time.After(10 * time.Second):
		t.Fatal("nobody was told")
		return ""
	}
}

func TestACallerTellsOnceUntilItSaysThatItIsOver(t *testing.T) {
	c, box, _ := alertCore(t)
	for range 3 {
		c.alert(t.Context(), Alert{Service: "ship-demo", Cause: "restore", Title: "A restore failed", Text: "It says why."})
	}
	if got := box.next(t); got != "[test] A restore failed" {
		t.Errorf("told %q", got)
	}
	c.alert(t.Context(), Alert{Service: "ship-demo", Cause: "restore", Over: time.Now().Add(time.Second)})
	if got := box.next(t); got != "[test] Over: A restore failed" {
		t.Errorf("told %q", got)
	}
	eventually(t, "the row says so", func() bool {
		rows := all[Alert](c.state, alertsTable)
		return len(rows) == 1 && rows[0].Sent && !rows[0].Over.IsZero()
	})
	c.alert(t.Context(), Alert{Service: "ship-demo", Cause: "restore", Title: "A restore failed again"})
	if got := box.next(t); got != "[test] A restore failed again" {
		t.Errorf("told %q", got)
	}
	if len(box.n) > 0 {
		t.Errorf("told more: %q", <-box.n)
	}
}

func TestTheHistoryOfAlertsIsBoundedAndOpenOnesStay(t *testing.T) {
	c, _, _ := alertCore(t)
	c.alerts.mu.Lock()
	now := time.Now().UTC()
	c.alerts.take(now, Alert{Cause: "open", Title: "still there"})
	for i := range maxAlerts + 20 {
		c.alerts.take(now, Alert{Cause: fmt.Sprint("c", i), Over: now, Title: strings.Repeat("ü", 4000), Text: strings.Repeat("x", 1<<20)})
	}
	c.alerts.mu.Unlock()
	list := must2(ListAlerts.Run(as(t, RoleViewer), c, struct{}{}))(t).Alerts
	if len(list) != maxAlerts || list[len(list)-1].Cause != "open" || len(list[0].Title) > maxAlertTitle || len(list[0].Text) > maxAlertText {
		t.Errorf("%d alerts, the oldest %q, %d and %d bytes", len(list), list[len(list)-1].Cause, len(list[0].Title), len(list[0].Text))
	}
	ring(c.alerts.wake)
	eventually(t, "the journal holds no more", func() bool { return len(all[Alert](c.state, alertsTable)) == maxAlerts })
}

func TestAlertsGoOutWhileTheJournalTakesNothingAndAreWrittenLater(t *testing.T) {
	c, box, w := alertCore(t)
	w.journal.set(func() { w.journal.broken = true })
	c.alert(t.Context(), Alert{Cause: "x", Title: "told all the same"})
	if got := box.next(t); got != "[test] told all the same" {
		t.Errorf("told %q", got)
	}
	eventually(t, "it is marked as sent", func() bool { return c.alerts.history()[0].Sent })
	if rows := all[Alert](c.state, alertsTable); len(rows) > 0 {
		t.Fatalf("written: %+v", rows)
	}
	w.journal.set(func() { w.journal.broken = false })
	ring(c.alerts.wake)
	eventually(t, "it is written", func() bool { rows := all[Alert](c.state, alertsTable); return len(rows) == 1 && rows[0].Sent })
}

func TestAFailedDeploymentIsToldByThePlaneThatMadeItUntilOneIsDone(t *testing.T) {
	snap := &Snapshot{Services: []Service{{Name: "ship-demo"}, {Name: "ship-shop"}}}
	c, _, _ := alertCore(t)
	ctx := as(t, RoleAdmin)
	put := func(id, service, plane string, state DeployState, minute int) {
		t.Helper()
		d := Deployment{ID: id, Service: service, Plane: plane, State: state, Kind: "deploy", By: Actor{Name: "ann"}, Ended: time.Unix(int64(60*minute), 0), Result: "why"}
		if err := c.commit(ctx, edit{deploymentsTable, id, d}); err != nil {
			t.Fatal(err)
		}
	}
	var f failedDeployments
	titles := func() string {
		var list []string
		for _, x := range deploymentCauses(snap, f.now(c)) {
			list = append(list, x.Title)
		}
		return strings.Join(list, "; ")
	}
	put("1", "ship-demo", ManagerName, DeployDone, 1)
	put("2", "ship-shop", DeployName, DeployFailed, 1)
	put("3", "gone", ManagerName, DeployFailed, 1)
	if got := titles(); got != "" {
		t.Errorf("got %q", got)
	}
	put("4", "ship-demo", ManagerName, DeployFailed, 2)
	put("5", "ship-demo", ManagerName, DeployCanceled, 3)
	put("6", "ship-demo", ManagerName, DeployRunning, 0)
	if got := titles(); got != "The deployment of ship-demo by ann failed" {
		t.Errorf("got %q", got)
	}
	put("6", "ship-demo", ManagerName, DeployDone, 4)
	if got := titles(); got != "" {
		t.Errorf("got %q", got)
	}
}
