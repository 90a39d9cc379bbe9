//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/codematrx/matrx-ship/core"
)

const (
	dockerSocket = "/var/run/docker.sock"
	stateSize    = "800m" // more than the 512 MiB that logs leave free
)

func TestOnAFullDiskAPlaneStaysUsableAndReliefWorks(t *testing.T) {
	g := newGuestPlane(t, theStack(t), stateSize, dockerSocket, "docker")
	g.works("settings", "logs.max-age", "7d")
	clear := g.fill()
	// What would not free anything is refused before it is done; that is also how the plane notices.
	eventually(t, planeTime, "a change is refused", func() bool { return g.do("settings", "logs.max-age", "9d").code != 0 })
	if refused := g.do("settings", "logs.max-age", "9d"); refused.code == 0 || !strings.Contains(refused.err, "Nothing was done") {
		t.Errorf("a change on a full disk: exit %d: %s", refused.code, refused.err)
	}
	home := g.console(t, g.port, 120, 40)
	home.sees(10*time.Second, "victim")
	home.keys("?")
	home.sees(5*time.Second, "help")
	g.says("its disk has 0 KiB free", "diagnose")
	g.works("restart", "victim") // relief: on the reserve
	g.works("stop", "victim")
	if st := g.status(); !strings.Contains(st.Journal.Trouble, "space") {
		t.Errorf("the journal says %+v", st.Journal)
	}
	clear()
	eventually(t, planeTime, "changes work again", func() bool { return g.do("settings", "logs.max-age", "11d").code == 0 })
	g.works("audit", "--verify")
	for _, op := range []string{"service.restart", "service.stop"} {
		if e := g.newest(op); e.Outcome != core.OutcomeOK {
			t.Errorf("%s on the full disk is in the audit as %+v", op, e)
		}
	}
	if out := g.works("settings", "logs.max-age"); !strings.Contains(out, "11d") {
		t.Errorf("the setting is %s", out)
	}
}

func TestAPlaneStartsOnAReadOnlyDiskRefusesWhatItCannotRecordAndComesBackByItself(t *testing.T) {
	g := newGuestPlane(t, theStack(t), stateSize, dockerSocket, "docker")
	g.works("restart", "victim")
	remount := func(flags uintptr) {
		t.Helper()
		if err := unix.Mount("tmpfs", g.state, "tmpfs", unix.MS_REMOUNT|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	docker(t, "stop", g.name) // a file system with files open for writing cannot be made read-only by hand
	remount(unix.MS_RDONLY)
	docker(t, "start", g.name)
	g.up()
	before := g.started()
	r := g.do("restart", "victim")
	if r.code == 0 || !strings.Contains(r.err, "Nothing was done") {
		t.Errorf("a restart that no audit can hold: exit %d: %s", r.code, r.err)
	}
	if now := g.started(); now != before {
		t.Errorf("the service was restarted all the same: %s, then %s", before, now)
	}
	home := g.console(t, g.port, 80, 24)
	home.sees(10*time.Second, "victim")
	g.says("read-only", "diagnose")
	g.works("audit", "--op", "service.restart")
	remount(0)
	// The container's own mount was made of a read-only one, and stays so until it is told.
	pid := docker(t, "inspect", "--format", "{{.State.Pid}}", g.name)
	must(t, "nsenter", "--target", pid, "--mount", "mount", "-o", "remount,rw,bind", "/state")
	eventually(t, planeTime, "actions work again", func() bool { return g.do("restart", "victim").code == 0 })
	g.works("audit", "--verify")
}

func TestAPlaneStartsOnADamagedJournalReadOnlyAndNamesTheDamage(t *testing.T) {
	g := newGuestPlane(t, theStack(t), stateSize, dockerSocket, "docker")
	g.works("restart", "victim")
	g.works("settings", "logs.max-age", "7d")
	g.works("stop", "victim")
	docker(t, "stop", g.name)
	segments, err := filepath.Glob(filepath.Join(g.state, "apps/server-manager/data/journal", "*.jsonl"))
	if err != nil || len(segments) == 0 {
		t.Fatalf("no journal: %v", err)
	}
	raw, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Replace(raw, []byte("service.restart"), []byte("service.restarT"), 1)
	if bytes.Equal(raw, damaged) {
		t.Fatalf("nothing to damage in %s", segments[0])
	}
	if err := os.WriteFile(segments[0], damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	docker(t, "start", g.name)
	g.up()
	st := g.status()
	if st.Journal.Writable || st.Journal.Trouble == "" {
		t.Errorf("a damaged journal counts as writable: %+v", st.Journal)
	}
	home := g.console(t, g.port, 120, 40)
	home.sees(10*time.Second, "victim", "journal")
	g.says("record", "diagnose")
	if r := g.do("start", "victim"); r.code == 0 || !strings.Contains(r.err, "Nothing was done") {
		t.Errorf("an action without an audit: exit %d: %s", r.code, r.err)
	}
	if r := g.do("audit", "--verify"); r.code == 0 {
		t.Errorf("the damaged chain verifies: %s", r.out)
	}
	docker(t, "stop", g.name)
	if now, err := os.ReadFile(segments[0]); err != nil || !bytes.Equal(now, damaged) {
		t.Errorf("the damaged segment was changed (%v): evidence is gone", err)
	}
	if err := os.WriteFile(segments[0], raw, 0o600); err != nil { // as one would from a copy
		t.Fatal(err)
	}
	docker(t, "start", g.name)
	g.up()
	g.works("start", "victim")
	g.works("audit", "--verify")
}

func TestSIGTERMEndsAPlanePolitelyWhileItIsUsed(t *testing.T) {
	g := newGuestPlane(t, theStack(t), stateSize, dockerSocket, "docker")
	home := g.console(t, g.port, 120, 40)
	home.sees(10*time.Second, "victim")
	logs := open(t, 80, 24, append([]string{"ssh"}, append(g.sshArgs(t, g.port, g.Key), "logs", "victim", "--follow")...)...)
	eventually(t, planeTime, "two sessions", func() bool { return g.status().Sessions >= 2 })
	docker(t, "kill", "--signal", "TERM", g.name)
	eventually(t, 20*time.Second, "the plane ended", func() bool {
		return docker(t, "inspect", "--format", "{{.State.Running}}", g.name) == "false"
	})
	if code := docker(t, "inspect", "--format", "{{.State.ExitCode}}", g.name); code != "0" {
		t.Errorf("it ended with %s\n%s", code, docker(t, "logs", "--tail", "20", g.name))
	}
	home.ended(5 * time.Second)
	logs.ended(5 * time.Second)
	docker(t, "start", g.name)
	g.up()
	g.works("audit", "--verify")
	for _, e := range g.audit() {
		if e.Outcome == core.OutcomeInterrupted {
			t.Errorf("a polite end left an intent without its own outcome: %+v", e)
		}
	}
}

func TestAHungEngineDoesNotHangThePlaneThatUsesIt(t *testing.T) {
	s := theStack(t)
	socket, engine := ownDockerd(t, s.Images.Base)
	g := newGuestPlane(t, s, stateSize, socket, "docker", "--host", "unix://"+socket)
	home := g.console(t, g.port, 120, 40)
	home.sees(10*time.Second, "victim")
	eventually(t, planeTime, "an engine that is up", func() bool { return g.status().Engine.Up })
	if err := engine.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	took := home.until(planeTime, "the engine in trouble", func(screen string) bool {
		return strings.Contains(screen, "victim") && strings.Contains(screen, "does not answer")
	})
	t.Logf("the screen names the engine %s after it hung", took)
	eventually(t, planeTime, "the status says so", func() bool {
		st := g.status()
		return !st.Engine.Up && st.Engine.Problem != "" && len(st.Services) > 0
	})
	began := time.Now()
	g.works("audit") // login, journal and store need no engine
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("a login and the audit took %s", took)
	}
	if r := g.do("restart", "victim"); r.code == 0 || !strings.Contains(r.err, "engine") {
		t.Errorf("a restart by a hung engine: exit %d: %s", r.code, r.err)
	}
	if r := g.do("diagnose"); r.code == 0 || !strings.Contains(r.out, "ngine") {
		t.Errorf("diagnose: exit %d: %s", r.code, r.out)
	}
	if err := engine.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, planeTime, "the engine is found again", func() bool { return g.status().Engine.Up })
	g.works("restart", "victim")
}

// status is what the plane says of everything.
func (g *guestPlane) status() core.Status {
	g.t.Helper()
	r := g.do("status", "--json") // its exit code tells of faults
	var st core.Status
	if err := json.Unmarshal([]byte(r.out), &st); err != nil {
		g.t.Fatalf("status: %v in\n%s%s", err, r.out, r.err)
	}
	return st
}

// audit is what the plane has on record.
func (g *guestPlane) audit(argv ...string) []core.AuditEvent {
	g.t.Helper()
	var events []core.AuditEvent
	if err := json.Unmarshal([]byte(g.works(append([]string{"audit", "--json", "--limit", "500"}, argv...)...)), &events); err != nil {
		g.t.Fatal(err)
	}
	return events
}

// newest is the newest event of an operation.
func (g *guestPlane) newest(op string) core.AuditEvent {
	g.t.Helper()
	events := g.audit("--op", op)
	if len(events) == 0 {
		g.t.Fatalf("no %s in the audit", op)
	}
	newest := events[0]
	for _, e := range events {
		if e.Seq > newest.Seq {
			newest = e
		}
	}
	return newest
}

// started is when the managed container was last started.
func (g *guestPlane) started() string {
	g.t.Helper()
	return docker(g.t, "inspect", "--format", "{{.State.StartedAt}}", g.victim)
}
