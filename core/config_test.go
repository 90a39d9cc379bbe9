package core

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// environment looks variables up in a map.
func environment(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

func TestAnEmptyEnvironmentIsUsable(t *testing.T) {
	cfg, err := LoadConfig(environment(nil))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Root != "/srv" || cfg.Data(DeployCharter()) != "/srv/apps/deploy/data" || cfg.HostKey(ManagerCharter()) != "/srv/apps/server-manager/data/ssh_host_ed25519_key" {
		t.Errorf("%+v", cfg)
	}
	cfg.DataDir = "/data"
	if cfg.Data(ManagerCharter()) != "/data" {
		t.Errorf("MATRX_DATA_DIR is not heeded: %s", cfg.Data(ManagerCharter()))
	}
}

func TestEveryProblemOfTheEnvironmentIsNamedAtOnce(t *testing.T) {
	_, err := LoadConfig(environment(map[string]string{
		"MATRX_ROOT": "srv", "MATRX_DATA_DIR": "data", "MATRX_SHELL_ROLE": "root", "MATRX_LOG_MAX_BYTES": "much", "MATRX_LOG_MAX_AGE": "long",
		"MATRX_SSH_CA_FILE": "/nowhere", "MATRX_SSH_ADDR": "2222", "MATRX_HTTP_ADDR": "localhost", "MATRX_BUILD_CGROUP": "../builds",
	}))
	if CodeOf(err) != CodeInvalid {
		t.Fatal(err)
	}
	for _, name := range []string{"MATRX_ROOT", "MATRX_DATA_DIR", "MATRX_SHELL_ROLE", "MATRX_LOG_MAX_BYTES", "MATRX_LOG_MAX_AGE", "MATRX_SSH_CA_FILE", "MATRX_SSH_ADDR", "MATRX_HTTP_ADDR", "MATRX_BUILD_CGROUP"} {
		if !strings.Contains(MessageOf(err), name) {
			t.Errorf("%s is not named in: %s", name, MessageOf(err))
		}
	}
}

func TestAVariableMayComeFromAFileButNotFromBoth(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ca")
	if err := os.WriteFile(path, []byte("ssh-ed25519 AAAA ca\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := LoadConfig(environment(map[string]string{"MATRX_SSH_CA_FILE": path}))
	if err != nil || !strings.HasPrefix(cfg.SSHCA, "ssh-ed25519") {
		t.Errorf("%q, %v", cfg.SSHCA, err)
	}
	if _, err := LoadConfig(environment(map[string]string{"MATRX_SSH_CA_FILE": path, "MATRX_SSH_CA": "x"})); CodeOf(err) != CodeInvalid {
		t.Errorf("both: %v", err)
	}
}

func TestTheTableOfVariablesIsComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, v := range Variables() {
		if v.Name == "" || v.Doc == "" || seen[v.Name] || !strings.HasSuffix(v.Doc, ".") {
			t.Errorf("%+v", v)
		}
		seen[v.Name] = true
	}
}

func TestTheOtherPlaneIsNamedWithTheWayToIt(t *testing.T) {
	cfg := Config{Domain: "dev.example.com"}
	if got := cfg.Sibling(ManagerCharter()); got != "ssh -p 2222 deploy.dev.example.com" {
		t.Error(got)
	}
	if got := cfg.Sibling(DeployCharter()); got != "ssh manager.dev.example.com" {
		t.Error(got)
	}
	cfg.SiblingSSH = "ssh -p 2202 127.0.0.1"
	if got := cfg.Sibling(ManagerCharter()); got != "ssh -p 2202 127.0.0.1" {
		t.Error(got)
	}
	if ManagerCharter().SiblingTitle() != "Deploy Server" || DeployCharter().SiblingTitle() != "Server Manager" {
		t.Error("the titles are mixed up")
	}
}

func TestAKeyFileThatCannotBeReadDoesNotKeepThePlaneFromStarting(t *testing.T) {
	env := map[string]string{"MATRX_ADMIN_KEYS_FILE": filepath.Join(t.TempDir(), "absent")}
	if _, err := LoadConfig(func(name string) string { return env[name] }); err != nil {
		t.Errorf("a missing file of keys: %v", err)
	}
	env["MATRX_ADMIN_KEYS"] = "ssh-ed25519 AAAA"
	if _, err := LoadConfig(func(name string) string { return env[name] }); err == nil || !strings.Contains(err.Error(), "keep one") {
		t.Errorf("keys and a file of keys: %v", err)
	}
}
