//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// newKey makes a key pair and gives the private file and the public line.
func newKey(t testing.TB, comment string) (file, line string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "key")
	if r := run(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", file); r.code != 0 {
		t.Fatal(r.err)
	}
	raw, err := os.ReadFile(file + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	return file, strings.TrimSpace(string(raw))
}

func TestAPersonSignsInOnBothPlanesMayOnlyWhatTheRoleAllowsAndIsOutWithinFiveSeconds(t *testing.T) {
	s := theStack(t)
	key, public := newKey(t, "erin@test")
	if r := s.ssh(t, "person-add", "erin", "--role", "viewer", "--key", "'"+public+"'"); r.code != 0 {
		t.Fatalf("person-add: exit %d: %s", r.code, r.err)
	}
	t.Cleanup(func() { s.ssh(t, "person-remove", "erin", "--confirm", "erin") })

	asErin := func(port int, argv ...string) result {
		return run(t, "ssh", append(s.sshArgs(t, port, key), argv...)...)
	}
	if r := asErin(s.Ports.ManagerSSH, "services"); r.code != 0 {
		t.Fatalf("a viewer on the Manager: exit %d: %s", r.code, r.err)
	}
	// The tries before the key is known there put this address under penalty, which keeps no known key out.
	eventually(t, 5*time.Second, "the person on the Deploy Server", func() bool { return asErin(s.Ports.DeploySSH, "services").code == 0 })
	if r := asErin(s.Ports.ManagerSSH, "restart", "ship-demo"); r.code != 4 {
		t.Errorf("a viewer restarting: exit %d: %s", r.code, r.err)
	}
	refused := sshJSON[[]core.AuditEvent](t, s, "audit", "--actor", "erin", "--op", "service.restart", "--since", "30s")
	if len(refused) != 1 || refused[0].Outcome != string(core.CodeForbidden) {
		t.Errorf("the refusal in the audit: %+v", refused)
	}

	args := func(port int) []string { return append([]string{"ssh", "-tt"}, s.sshArgs(t, port, key)...) }
	manager, deploy := open(t, 80, 24, args(s.Ports.ManagerSSH)...), open(t, 80, 24, args(s.Ports.DeploySSH)...)
	manager.sees(10*time.Second, "Server Manager")
	deploy.sees(10*time.Second, "Deploy Server")
	access := sshJSON[core.AccessList](t, s, "people")
	for _, k := range access.Keys {
		if k.Person == "erin" {
			if r := s.ssh(t, "key-revoke", k.Fingerprint); r.code != 0 {
				t.Fatalf("key-revoke: exit %d: %s", r.code, r.err)
			}
		}
	}
	manager.ended(5 * time.Second)
	deploy.ended(5 * time.Second)
	if r := asErin(s.Ports.ManagerSSH, "services"); r.code != 255 {
		t.Errorf("a revoked key: exit %d", r.code)
	}
}

func TestAKeyThatNobodyKnowsIsRefused(t *testing.T) {
	s := theStack(t)
	key, _ := newKey(t, "mallory")
	for range 3 { // the later ones are under penalty, and told so
		r := run(t, "ssh", append(s.sshArgs(t, s.Ports.DeploySSH, key), "services")...)
		if r.code != 255 || !strings.Contains(r.err, "denied") && !strings.Contains(r.err, "authentication failures") {
			t.Errorf("exit %d: %s", r.code, r.err)
		}
	}
	if r := s.sshDeploy(t, "services"); r.code != 0 {
		t.Errorf("a known key from the same address: exit %d: %s", r.code, r.err)
	}
}
