package tui

import (
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

func TestAuditScreen(t *testing.T) {
	looks(t, "audit.list", full, sampled, "6")
}

func TestTheAuditIsLive(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.press("6")
		open := core.AuditEvent{ID: "a-9999", Seq: 9999, At: epoch, Actor: person("bo", core.RoleOperator), Op: "service.stop", Target: "pgadmin", Outcome: core.OutcomeOpen}
		c.world.auditLive.emit(open)
		c.pass(time.Second)
		c.shows("◐ open", "service.stop", "13 events")
		done := open
		done.Outcome, done.Message = string(core.CodeUnavailable), "The engine does not answer."
		c.world.auditLive.emit(done, core.AuditEvent{ID: "a-0001", Outcome: core.OutcomeInterrupted})
		c.pass(time.Second)
		c.shows("✗ unavailable", "13 events", "▲ interrupted")
		c.press("space")
		c.world.auditLive.emit(core.AuditEvent{ID: "x", Op: "person.add", Outcome: core.OutcomeOK})
		c.pass(time.Second)
		c.shows("‖ paused")
		c.hides("person.add")
		c.press("esc")
		if n := c.world.auditLive.readers(); n != 0 {
			t.Errorf("%d streams are open after the screen was left", n)
		}
	})
}

func TestTheAuditShowsEverythingAboutAnEvent(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.size(100, 40)
		c.press("6", "j", "enter")
		c.shows("service.restart ship-demo", "ana (person, admin)", "ssh 203.0.113.7:50122", "SHA256:u9hN3", `"service": "ship-demo"`, "took 2.1s")
	})
}

func TestTheAuditsFilterGoesIntoTheQueryAndIntoWhatIsLive(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.press("6", "f")
		c.types("vic")
		c.press("tab")
		c.types("service.")
		c.press("tab", "tab", "right", "tab")
		c.types("2d")
		c.press("enter")
		calls := c.world.called("audit.list")
		if last := calls[len(calls)-1]; !strings.Contains(last, "Actor:vic Op:service. Target: Outcome:ok Since:1999-12-30") {
			t.Errorf("the query is %s", last)
		}
		c.shows("who vic", "operation service.", "outcome ok")
		c.world.auditLive.emit(core.AuditEvent{ID: "x", Op: "person.add", Actor: person("vic", core.RoleViewer), Outcome: core.OutcomeOK})
		c.pass(time.Second)
		c.hides("person.add")
	})
}

func TestOlderEventsAreFetchedWhenTheCursorComesToTheEnd(t *testing.T) {
	w := full()
	w.audit = auditEvents(auditPage + 30)
	older := w.audit[auditPage:]
	w.audit = w.audit[:auditPage]
	inConsole(t, w, func(c *console) {
		c.press("6")
		c.shows("200 events")
		w.audit = append(w.audit, older...)
		c.press("G")
		c.shows("230 events")
		c.press("G")
		if n := len(w.called("audit.list")); n != 2 {
			t.Errorf("asked %d times", n)
		}
	})
}

func TestTheChainIsVerifiedAndABrokenOneIsNamed(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.press("6", "v")
		c.shows("The chain holds", "214")
		c.press("esc")
		c.world.report = core.JournalReport{Records: 99, Segment: "000001.jsonl", Line: 100, Seq: 100, Reason: "the hash does not follow"}
		c.press("v")
		c.shows("The chain is broken", "the hash does not follow", "000001.jsonl, line 100")
	})
}
