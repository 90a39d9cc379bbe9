package core

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func program(name string) Actor {
	return Actor{Name: name, Kind: ActorProgram, Role: RoleViewer, Door: DoorAPI}
}

func TestASessionIsListedWhileItIsOpenAndAuditedWithItsEnd(t *testing.T) {
	w := newWorld(t)
	line, print := newKeyText(t, "ada")
	w.cfg.AdminKeys = line
	c := w.open(t)
	s, _ := signIn(t, c, print)
	if s.Actor().Session != s.ID() {
		t.Fatalf("the actor's session is %q", s.Actor().Session)
	}
	first := must2(ListAccess.Run(as(t, RoleViewer), c, struct{}{}))(t).Sessions
	if len(first) != 1 || first[0].What != "console" || first[0].Actor.Name != "ada" {
		t.Fatalf("got %+v", first)
	}
	if c.access.count() != 1 {
		t.Fatalf("%d are counted", c.access.count())
	}
	s.Touch()
	touched := must2(ListAccess.Run(as(t, RoleViewer), c, struct{}{}))(t).Sessions
	if !touched[0].Active.After(first[0].Active) {
		t.Fatal("a key press does not show")
	}
	s.Close()
	s.Close()
	if open := must2(ListAccess.Run(as(t, RoleViewer), c, struct{}{}))(t).Sessions; len(open) != 0 {
		t.Fatalf("it is still listed: %+v", open)
	}
	eventually(t, "the end in the audit", func() bool {
		return strings.Join(auditOf(t, c, "session.open"), "|") == "ada console ok"
	})
}

func TestALoginWorksAlthoughTheJournalIsInTrouble(t *testing.T) {
	w := newWorld(t)
	line, print := newKeyText(t, "ada")
	w.cfg.AdminKeys = line
	c := w.open(t)
	w.journal.set(func() { w.journal.broken = true })
	s, _ := signIn(t, c, print)
	if _, err := ListAccess.Run(WithActor(t.Context(), s.Actor()), c, struct{}{}); err != nil {
		t.Fatal(err)
	}
	s.Close()
}

func TestALoginDoesNotWaitForAJournalThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		line, print := newKeyText(t, "ada")
		w.cfg.AdminKeys = line
		c := w.open(t)
		free := make(chan struct{})
		w.journal.set(func() { w.journal.stuck = free })
		began := time.Now()
		s, _ := signIn(t, c, print)
		if waited := time.Since(began); waited > 2*time.Second {
			t.Errorf("the login waited %s", waited)
		}
		s.Close()
		close(free)
		synctest.Wait()
		if got := strings.Join(auditOf(t, c, "session.open"), "|"); got != "ada console ok" {
			t.Errorf("the audit that came late is %q", got)
		}
	})
}

func TestASessionOfSomebodyWhoMayNotIsRefused(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	_, print := newKeyText(t, "eve")
	for name, actor := range map[string]Actor{
		"nobody":             {},
		"no role":            {Name: "eve", Kind: ActorPerson},
		"a key revoked just": {Name: "eve", Kind: ActorPerson, Role: RoleAdmin, Fingerprint: print, KeySource: KeyFromStore},
		"a name not known":   {Name: "eve", Kind: ActorPerson, Role: RoleViewer, Door: DoorWeb},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.OpenSession(t.Context(), actor, "console", func(string) {})
			wantCode(t, err, CodeForbidden)
		})
	}
}

func TestACertificateSessionEndsByItsOperationAlone(t *testing.T) {
	w := newWorld(t)
	c, admin := w.open(t), as(t, RoleAdmin)
	_, print := newKeyText(t, "cert")
	ended := make(chan string, 1)
	var s *OpenedSession
	s = must2(c.OpenSession(t.Context(), Actor{Name: "ci@42", Kind: ActorPerson, Role: RoleOperator, Fingerprint: print, KeySource: KeyFromCA}, "command status", func(reason string) {
		ended <- reason
		s.Close()
	}))(t)
	line, _ := newKeyText(t, "ada")
	must2(AddPerson.Run(admin, c, AddPersonIn{"ada", RoleAdmin, line}))(t)
	if len(ended) != 0 {
		t.Fatal("a change of people ended the session of a certificate")
	}
	must2(EndSession.Run(admin, c, EndSessionIn{s.ID()}))(t)
	if reason := <-ended; !strings.Contains(reason, "admin") {
		t.Fatalf("the reason is %q", reason)
	}
	eventually(t, "the reason in the audit", func() bool {
		events := must2(ListAudit.Run(admin, c, ListAuditIn{Op: "session.open"}))(t)
		return len(events) == 1 && strings.Contains(events[0].Message, "Ended by admin.")
	})
}

func TestASessionThatDoesNotEndIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.open(t)
		deaf := must2(c.OpenSession(t.Context(), program("deaf"), "stream", func(string) {}))(t)
		_, err := EndSession.Run(as(t, RoleAdmin), c, EndSessionIn{deaf.ID()})
		wantCode(t, err, CodeUnavailable, "still open")
		deaf.Close()
	})
}

func TestEndingTheOwnSessionDoesNotWaitForItself(t *testing.T) {
	w := newWorld(t)
	line, print := newKeyText(t, "ada")
	w.cfg.AdminKeys = line
	c := w.open(t)
	_, person, _ := c.FindKey(print)
	told := make(chan struct{})
	s := must2(c.OpenSession(t.Context(), Actor{Name: person.Name, Kind: ActorPerson, Role: RoleAdmin, Fingerprint: print}, "console", func(string) { close(told) }))(t)
	must2(EndSession.Run(WithActor(t.Context(), s.Actor()), c, EndSessionIn{s.ID()}))(t)
	<-told
	s.Close()
}

func TestASessionHasTheIdOfItsDoorOnce(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	actor := program("p")
	actor.Session = "door-7"
	s := must2(c.OpenSession(t.Context(), actor, "stream", func(string) {}))(t)
	if s.ID() != "door-7" {
		t.Fatalf("it is %q", s.ID())
	}
	_, err := c.OpenSession(t.Context(), actor, "stream", func(string) {})
	wantCode(t, err, CodeConflict)
	s.Close()
}

func TestSessionsAreBoundedAndAdminsStillGetIn(t *testing.T) {
	w := newWorld(t)
	line, print := newKeyText(t, "ada")
	w.cfg.AdminKeys = line
	c := w.open(t)
	for i := range maxSessions - adminSessions {
		s := must2(c.OpenSession(t.Context(), program(fmt.Sprint("p", i)), "stream", func(string) {}))(t)
		defer s.Close()
	}
	_, err := c.OpenSession(t.Context(), program("one more"), "stream", func(string) {})
	wantCode(t, err, CodeUnavailable, "sessions are open")
	for range adminSessions {
		s, _ := signIn(t, c, print)
		defer s.Close()
	}
	_, err = c.OpenSession(t.Context(), Actor{Name: "ada", Kind: ActorPerson, Role: RoleAdmin, Fingerprint: print}, "console", func(string) {})
	wantCode(t, err, CodeUnavailable, "500 sessions")
}
