package sshd

import (
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/sshd/sshdtest"
)

func TestOnePersonCannotUseUpTheServer(t *testing.T) {
	viewer := sshdtest.Key(t)
	r := start(t, sayWho, func(c *Config) {
		strict(c)
		c.Limits.PerPerson = 2
		viewers, _ := environmentKeys(sshdtest.Line(viewer, "vera"), core.RoleViewer)
		c.Keys = JoinKeys(c.Keys, viewers)
	})
	first := sshdtest.Dial(t, r.addr, viewer)
	sshdtest.Dial(t, r.addr, viewer)
	told := ""
	cfg := sshdtest.ClientConfig("vera", viewer)
	cfg.BannerCallback = func(message string) error { told += message; return nil }
	if _, err := sshdtest.Login(r.addr, cfg); err == nil || !strings.Contains(told, "vera has 2 connections open already") {
		t.Fatalf("a third connection: %v, told %q", err, told)
	}
	sshdtest.Eventually(t, "the refused one to be gone", func() bool { return len(r.connections()) == 2 })
	if r.penalties.applies(addr("127.0.0.1"), time.Now()) {
		t.Error("a good key without a seat brought a penalty")
	}
	r.dial(t) // somebody else
	_ = first.Close()
	sshdtest.Eventually(t, "a seat that got free", func() bool {
		client, err := sshdtest.Login(r.addr, sshdtest.ClientConfig("vera", viewer))
		if err != nil {
			return false
		}
		return client.Close() == nil
	})
}

func TestTheLastSeatsAreKeptForAdmins(t *testing.T) {
	s := newSeats(Limits{Connections: 20, PerPerson: 18}.withDefaults())
	vera, ada := Identity{Name: "vera", Role: core.RoleOperator}, Identity{Name: "ada", Role: core.RoleAdmin}
	var leave func()
	for range 18 {
		var err error
		if leave, err = s.take(vera); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.take(Identity{Name: "otto", Role: core.RoleOperator}); core.CodeOf(err) != core.CodeConflict {
		t.Fatalf("an operator took an admin's seat: %v", err)
	}
	for range 2 {
		if _, err := s.take(ada); err != nil {
			t.Fatalf("an admin: %v", err)
		}
	}
	if _, err := s.take(ada); core.CodeOf(err) != core.CodeConflict {
		t.Fatalf("more than all: %v", err)
	}
	leave()
	if _, err := s.take(ada); err != nil {
		t.Fatalf("after one left: %v", err)
	}
}
