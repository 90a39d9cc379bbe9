//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

func TestAKilledManagerComesBackWithItsAuditAndTheDeployServerSawIt(t *testing.T) {
	s := theStack(t)
	before := sshJSON[[]core.AuditEvent](t, s, "audit", "--limit", "1")
	deploy := s.console(t, s.Ports.DeploySSH, 120, 40)
	deploy.sees(10*time.Second, "matrx-manager", "healthy")
	docker(t, "kill", s.container("matrx-manager")) // a killed container is not restarted by its policy
	deploy.until(5*time.Second, "the Manager down", rowHas("", "down"))
	if r := s.sshDeploy(t, "start", "matrx-manager"); r.code != 0 {
		t.Fatalf("the Deploy Server starting the Manager: exit %d: %s", r.code, r.err)
	}
	report := sshJSON[core.JournalReport](t, s, "audit", "--verify")
	if !report.OK {
		t.Fatalf("the chain after a kill: %+v", report)
	}
	after := sshJSON[[]core.AuditEvent](t, s, "audit", "--limit", "1000")
	found := len(before) == 0
	for _, e := range after {
		found = found || e.ID == before[0].ID
		if e.Outcome == core.OutcomeOpen && e.Op != "session.open" && e.Op != "shell.open" {
			t.Errorf("an intent has no outcome: %+v", e)
		}
	}
	if !found {
		t.Error("what was done before the kill is not in the audit")
	}
}

func TestTheStatusPageIsRoutedByTraefikAndDrawnByABrowser(t *testing.T) {
	s := theStack(t)
	for _, plane := range []struct{ host, title string }{{"manager", "Server Manager"}, {"deploy", "Deploy Server"}} {
		host := plane.host + "." + s.Domain
		url := fmt.Sprintf("https://%s:%d/admin/", host, s.Ports.WebSecure)
		page := browse(t, host, url)
		if !strings.Contains(page.out, plane.title) || !strings.Contains(page.out, "Services by health") {
			t.Errorf("%s:\n%s\n%s", url, page.out, page.err)
		}
		if strings.Contains(page.out, "ship-demo") {
			t.Errorf("the page that needs no login names a service:\n%s", page.out)
		}
	}
}

// browse loads a page in a browser and gives its document as it is after five seconds: the page is live and never ends
// loading. A network of the engine that comes or goes meanwhile breaks off a load; only that is tried again.
func browse(t testing.TB, host, url string) result {
	t.Helper()
	var page result
	eventually(t, time.Minute, "a load that no change of the networks breaks off", func() bool {
		page = run(t, "timeout", "60", "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
			"--disable-background-networking", "--disable-component-update", "--disable-sync", "--ignore-certificate-errors",
			"--user-data-dir="+t.TempDir(), "--host-resolver-rules=MAP "+host+" 127.0.0.1", "--timeout=5000", "--dump-dom", url)
		return !strings.Contains(page.out+page.err, "ERR_NETWORK_CHANGED")
	})
	return page
}

func TestNoSecretOfTheStackIsInAnyLogOrJournal(t *testing.T) {
	s := theStack(t)
	env := docker(t, "inspect", "--format", "{{range .Config.Env}}{{println .}}{{end}}", s.container("ship-demo-db"))
	var secret string
	for l := range strings.Lines(env) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(l), "POSTGRES_PASSWORD="); ok {
			secret = value
		}
	}
	if len(secret) < 16 {
		t.Fatalf("the database has no password to look for")
	}
	s.ssh(t, "show", "ship-demo-db", "--json")
	for _, command := range [][]string{{"show", "ship-demo-db", "--json"}, {"show", "ship-demo", "--json"}, {"audit", "--json"}, {"status", "--json"}} {
		if r := s.ssh(t, command...); strings.Contains(r.out+r.err, secret) {
			t.Errorf("%v shows the database's password", command)
		}
	}
	for _, plane := range []string{"matrx-manager", "deploy-server"} {
		if strings.Contains(docker(t, "logs", s.container(plane)), secret) {
			t.Errorf("the log of %s holds the database's password", plane)
		}
	}
	if r := run(t, "grep", "-rlF", "--include=*.jsonl", `{"seq":`, s.Root); r.code != 0 { // what is looked through is there
		t.Errorf("no journal under %s: exit %d: %s", s.Root, r.code, r.err)
	}
	// 1 is "not found"; 2 would mean that not everything could be looked through.
	if r := run(t, "grep", "-rlF", "--include=*.jsonl", secret, s.Root); r.code != 1 {
		t.Errorf("the journal holds the database's password, or cannot be read: exit %d: %s%s", r.code, r.out, r.err)
	}
}
