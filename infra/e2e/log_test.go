//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestLogsOfARemovedContainerAreFound(t *testing.T) {
	s := theStack(t)
	name, needle := s.Prefix+"t-gone", fmt.Sprintf("needle-%d", time.Now().UnixNano())
	docker(t, "run", "-d", "--name", name, "--label", "com.matrx.project="+s.Project, "--label", "com.matrx.service=t-gone",
		"--label", "com.matrx.health=skip", "--network", "none", s.Images.Base, "bash", "-c",
		fmt.Sprintf("echo begin; echo 'ERROR %s lost'; echo end; sleep 600", needle))
	t.Cleanup(func() { run(t, "docker", "rm", "-f", name); removeService(t, s, "t-gone") })
	eventually(t, 10*time.Second, "the line to be collected", func() bool {
		return strings.Contains(s.ssh(t, "logs", "t-gone").out, needle)
	})
	docker(t, "rm", "-f", name)

	r := s.ssh(t, "logs", "t-gone", "--since", "1h", "--grep", "'"+needle+" l.st'")
	if lines := strings.Split(strings.TrimSpace(r.out), "\n"); r.code != 0 || len(lines) != 1 || !strings.Contains(lines[0], needle) {
		t.Fatalf("exit %d: %s%s", r.code, r.out, r.err)
	}
	if r := s.ssh(t, "logs", "--since", "1h", "--level", "error", "--grep", needle, "--json"); !strings.Contains(r.out, `"service":"t-gone"`) {
		t.Errorf("across all services: exit %d: %s%s", r.code, r.out, r.err)
	}
	screen := s.console(t, s.Ports.ManagerSSH, 120, 40)
	screen.sees(10*time.Second, "ship-demo")
	screen.text(":logs t-gone")
	screen.keys("Enter")
	screen.sees(10*time.Second, needle)
}

func TestLogsFollowTheAppAndEndWithTheConnection(t *testing.T) {
	s := theStack(t)
	term := open(t, 120, 40, append(append([]string{"ssh"}, s.sshArgs(t, s.Ports.ManagerSSH, s.Key)...), "logs", "ship-demo", "--follow", "--tail", "5")...)
	mark := fmt.Sprintf("/t-follow-%d", time.Now().UnixNano())
	eventually(t, 15*time.Second, "a request in the followed log", func() bool {
		s.visit(t, mark)
		return strings.Contains(strings.ReplaceAll(term.screen(), "\n", ""), mark)
	})
}

// visit asks the sample app for a path, which it writes into its log. While the app does not answer nothing comes of it.
func (s stack) visit(t testing.TB, path string) {
	t.Helper()
	run(t, "curl", "-ks", "--noproxy", "*", "--max-time", "5", "-o", "/dev/null", "--resolve",
		fmt.Sprintf("demo.%s:%d:127.0.0.1", s.Domain, s.Ports.WebSecure), fmt.Sprintf("https://demo.%s:%d%s", s.Domain, s.Ports.WebSecure, path))
}

func TestLogsGoOnAfterTheAppIsRestarted(t *testing.T) {
	s := theStack(t)
	before, after := fmt.Sprintf("/t-before-%d", time.Now().UnixNano()), fmt.Sprintf("/t-after-%d", time.Now().UnixNano())
	eventually(t, 15*time.Second, "a request in the log before the restart", func() bool {
		s.visit(t, before)
		return strings.Contains(s.ssh(t, "logs", "ship-demo", "--since", "1h", "--grep", before).out, before)
	})
	docker(t, "restart", "-t", "5", s.container("ship-demo"))
	eventually(t, 30*time.Second, "a request in the log after the restart", func() bool {
		s.visit(t, after)
		return strings.Contains(s.ssh(t, "logs", "ship-demo", "--since", "1h", "--grep", after).out, after)
	})
}

func TestLogsOfServicesThatTheOtherPlaneCollectsAreRead(t *testing.T) {
	s := theStack(t)
	for _, service := range []string{"traefik", "matrx-manager"} {
		if r := s.ssh(t, "logs", service, "--tail", "5"); r.code != 0 || strings.TrimSpace(r.out) == "" {
			t.Errorf("the Manager on %s: exit %d: %s%s", service, r.code, r.out, r.err)
		}
	}
	mark := fmt.Sprintf("/t-borrowed-%d", time.Now().UnixNano())
	s.visit(t, mark)
	eventually(t, 15*time.Second, "the app's line on the Deploy Server", func() bool {
		r := s.sshDeploy(t, "logs", "ship-demo", "--since", "1h", "--grep", mark)
		return r.code == 0 && strings.Contains(r.out, mark)
	})
	if r := s.sshDeploy(t, "log-services"); !strings.Contains(r.out, "engine") {
		t.Errorf("exit %d: %s%s", r.code, r.out, r.err)
	}
	term := open(t, 120, 40, append(append([]string{"ssh"}, s.sshArgs(t, s.Ports.DeploySSH, s.Key)...), "logs", "ship-demo", "--follow", "--tail", "1")...)
	follow := fmt.Sprintf("/t-lent-%d", time.Now().UnixNano())
	eventually(t, 15*time.Second, "a request in the log that the Deploy Server follows", func() bool {
		s.visit(t, follow)
		return strings.Contains(strings.ReplaceAll(term.screen(), "\n", ""), follow)
	})
}

func TestLogsRefuseABadPatternInWords(t *testing.T) {
	s := theStack(t)
	if r := s.ssh(t, "logs", "ship-demo", "--grep", "'a('"); r.code != 2 || !strings.Contains(r.err, "a(") {
		t.Errorf("exit %d: %s", r.code, r.err)
	}
	if r := s.ssh(t, "logs", "ship-demo", "--since", "yesterday"); r.code != 2 || !strings.Contains(r.err, "yesterday") {
		t.Errorf("exit %d: %s", r.code, r.err)
	}
}
