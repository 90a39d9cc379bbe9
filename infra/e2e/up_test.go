//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// writeNote posts a note to the sample app through Traefik.
func writeNote(t *testing.T, s stack, text string) {
	t.Helper()
	res, err := s.client().PostForm(s.url("demo", "/notes"), url.Values{"text": {text}})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusCreated {
		t.Fatalf("write note: %s", res.Status)
	}
}

// hasNote looks for a note in what the sample app reads from its database.
func hasNote(s stack, text string) error {
	res, err := s.client().Get(s.url("demo", "/notes"))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var notes []struct{ Text string }
	if err := json.NewDecoder(res.Body).Decode(&notes); err != nil {
		return err
	}
	for _, n := range notes {
		if n.Text == text {
			return nil
		}
	}
	return fmt.Errorf("%d notes, none of them %q", len(notes), text)
}

func TestTheSampleAppKeepsItsNotesThroughDownAndUp(t *testing.T) {
	s := theStack(t)
	keys := run(t, "ssh-keyscan", "-t", "ed25519", "-p", fmt.Sprint(s.Ports.ManagerSSH), "127.0.0.1").out
	writeNote(t, s, "kept through down and up")
	out := s.down(t)
	if left := docker(t, "ps", "-aq", "--filter", "label=com.matrx.project="+s.Project); left != "" {
		t.Errorf("containers left after down: %s\n%s", left, out)
	}
	if left := docker(t, "network", "ls", "-q", "--filter", "label=com.matrx.project="+s.Project); left != "" {
		t.Errorf("networks left after down: %s", left)
	}
	s.up(t)
	answered(t, "the note is read again", func() error { return hasNote(s, "kept through down and up") })
	again := run(t, "ssh-keyscan", "-t", "ed25519", "-p", fmt.Sprint(s.Ports.ManagerSSH), "127.0.0.1").out
	if keyLines(again) != keyLines(keys) {
		t.Errorf("the Manager's host key changed:\n%s\n%s", keys, again)
	}
}

// keyLines drops the comments that ssh-keyscan prints.
func keyLines(out string) string {
	var keys []string
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, "#") {
			keys = append(keys, line)
		}
	}
	slices.Sort(keys)
	return strings.Join(keys, "")
}

func TestASecondUpChangesNothing(t *testing.T) {
	s := theStack(t)
	before := started(t, s)
	out := s.up(t)
	if !strings.Contains(out, "nothing had to change") {
		t.Errorf("up does not say that nothing had to change:\n%s", out)
	}
	for service, was := range before {
		if is := started(t, s)[service]; is != was {
			t.Errorf("%s was %s, is %s", service, was, is)
		}
	}
}

// started tells which container serves each service, and since when.
func started(t *testing.T, s stack) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for _, service := range names {
		c := inspect(t, s.container(service))
		all[service] = c.ID + " since " + c.State.StartedAt
	}
	return all
}

func TestUpReplacesOnlyWhatChanged(t *testing.T) {
	s := theStack(t)
	t.Cleanup(func() { s.up(t) })
	before := started(t, s)
	s.up(t, "MATRX_LOG_MAX_AGE=29d")
	after := started(t, s)
	for _, service := range names {
		plane := service == "matrx-manager" || service == "deploy-server"
		if changed := before[service] != after[service]; changed != plane {
			t.Errorf("%s replaced: %v, want %v", service, changed, plane)
		}
	}
	if env := inspect(t, s.container("matrx-manager")).Config.Env; !slices.Contains(env, "MATRX_LOG_MAX_AGE=29d") {
		t.Errorf("the Manager's environment is %q", env)
	}
	if kept := sshJSON[core.DefinitionView](t, s, "definition", "matrx-manager"); kept.Env["MATRX_LOG_MAX_AGE"] != "29d" {
		t.Errorf("a deployment would bring the old value back: the store has %q in version %d", kept.Env["MATRX_LOG_MAX_AGE"], kept.Version)
	}
}

func TestUpLeavesWhatSomebodyChangedInTheStore(t *testing.T) {
	s := theStack(t)
	t.Cleanup(func() {
		s.up(t)
		kept := sshJSON[core.DefinitionView](t, s, "definition", "ship-demo-db")
		applied, err := os.ReadFile(filepath.Join(kept.Folder, "docker-compose.yml"))
		if err != nil {
			t.Error(err)
		}
		s.feed(t, string(applied), "definition", "set")
	})
	view := sshJSON[core.DefinitionView](t, s, "definition", "ship-demo-db")
	mine := strings.Replace(view.Rendered, "stop_grace_period: ", "stop_grace_period: 1", 1)
	if mine == view.Rendered {
		t.Fatalf("the definition has no line to change:\n%s", mine)
	}
	s.feed(t, mine, "definition", "set")
	out := s.up(t)
	after := sshJSON[core.DefinitionView](t, s, "definition", "ship-demo-db")
	if after.Text != mine || !strings.Contains(out, fmt.Sprintf("ship-demo-db runs with the definition of this checkout; the next deployment brings back version %d", after.Version)) {
		t.Errorf("the store has version %d:\n%s\nup said:\n%s", after.Version, after.Text, out)
	}
}

func TestUpPutsChangedSecretsIntoTheStore(t *testing.T) {
	const service = "deploy-server" // nobody else has changed its env
	s := theStack(t)
	before := sshJSON[core.EnvView](t, s, "env", service)
	secret := fmt.Sprint("token-", time.Now().UnixNano())
	key := "-----BEGIN\n" + secret + "\n-----END" // of many lines, as a key for ssh has
	out := s.up(t, "MATRX_GIT_TOKEN="+secret, "MATRX_GIT_SSH_KEY="+key)
	after := sshJSON[core.EnvView](t, s, "env", service)
	values := sshJSON[core.EnvValues](t, s, "env", service, "--reveal")
	if after.Version <= before.Version || values.Values["MATRX_GIT_TOKEN"] != secret || values.Values["MATRX_GIT_SSH_KEY"] != key {
		t.Errorf("version %d after %d has not the secret; up said:\n%s", after.Version, before.Version, out)
	}
	if strings.Contains(out, secret) {
		t.Error("up prints the secret")
	}
}

func TestTheProcessesOfBuildsAreBoundedWhereTheEngineKeepsItsGroupsItself(t *testing.T) {
	s := theStack(t)
	group := "/sys/fs/cgroup/pids/matrx-builds/pids.max"
	raw, err := os.ReadFile(group)
	bounded := err == nil
	if kept, _ := os.Stat("/sys/fs/cgroup/pids"); kept != nil && os.Geteuid() == 0 && !bounded && docker(t, "info", "--format", "{{.CgroupDriver}}") == "cgroupfs" {
		t.Fatalf("there is no bound: %v", err)
	}
	for _, plane := range []string{"matrx-manager", "deploy-server"} {
		env := inspect(t, s.container(plane)).Config.Env
		if slices.Contains(env, "MATRX_BUILD_CGROUP=/matrx-builds") != bounded || bounded && strings.TrimSpace(string(raw)) != "4096" {
			t.Errorf("%s: the group has %q", plane, raw)
		}
	}
}

func TestTraefiksCertificatesAreReadableByTraefikAlone(t *testing.T) {
	s := theStack(t)
	info, err := os.Stat(filepath.Join(s.Root, "traefik", "acme"))
	if err != nil {
		t.Fatal(err)
	}
	owner := uint32(65532)
	if os.Geteuid() != 0 {
		owner = uint32(os.Geteuid())
	}
	if stat := info.Sys().(*syscall.Stat_t); info.Mode().Perm() != 0o700 || stat.Uid != owner {
		t.Errorf("%s is %v of user %d", info.Name(), info.Mode(), stat.Uid)
	}
}

func TestUpStartsWhatWasStoppedAndBringsBackWhatWasRemoved(t *testing.T) {
	s := theStack(t)
	docker(t, "stop", "-t", "5", s.container("ship-demo-db"))
	docker(t, "rm", "-f", s.container("postgres"))
	answered(t, "the app without its database is unhealthy", func() error {
		return s.status(s.url("demo", "/healthz"), http.StatusServiceUnavailable)
	})
	out := s.up(t)
	for _, want := range []string{"ship-demo-db: started (it was exited)", s.container("postgres") + ": started"} {
		if !strings.Contains(out, want) {
			t.Errorf("up does not say %q:\n%s", want, out)
		}
	}
	answered(t, "the app is healthy again", func() error { return s.status(s.url("demo", "/healthz"), http.StatusOK) })
}

func TestUpNamesWhoHoldsAPortThatItNeeds(t *testing.T) {
	s := theStack(t)
	s.Project, s.Prefix = "matrx-porttest", "matrx-porttest-"
	t.Cleanup(func() { s.down(t, "--clean") })
	s.Ports.ManagerSSH += 1000
	web := 8080 + s.shift()
	taken, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", web))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	out, err := script(t, checkout(t), "up.sh", projectEnv(s.Project, s.shift()))
	want := fmt.Sprintf("port 127.0.0.1:%d, which matrx-porttest-traefik needs, is taken by %s (pid %d)",
		web, filepath.Base(os.Args[0]), os.Getpid())
	if err == nil || !strings.Contains(out, want) {
		t.Errorf("up: %v, does not say %q:\n%s", err, want, out)
	}
}

func TestDownTakesNothingThatIsNotOurs(t *testing.T) {
	s := theStack(t)
	t.Cleanup(func() { s.up(t) })
	foreign := docker(t, "run", "-d", "--name", s.Project+"-foreign", "--label", "com.matrx.project=someone-else",
		s.Images.Base, "sleep", "600")
	t.Cleanup(func() { docker(t, "rm", "-f", foreign) })
	network := docker(t, "network", "create", s.Project+"-foreign")
	t.Cleanup(func() { docker(t, "network", "rm", network) })
	listVolumes := func() string {
		return docker(t, "volume", "ls", "-q", "--filter", "label=com.matrx.project="+s.Project)
	}
	volumes := listVolumes()
	s.down(t)
	if state := docker(t, "inspect", "--format", "{{.State.Status}}", foreign); state != "running" {
		t.Errorf("the foreign container is %s", state)
	}
	docker(t, "network", "inspect", network)
	if left := listVolumes(); left != volumes {
		t.Errorf("volumes were %q, are %q", volumes, left)
	}
}

func TestACheckoutAtAPathWithASpaceHasItsOwnStack(t *testing.T) {
	s := theStack(t)
	clone := filepath.Join(t.TempDir(), "a clone")
	if r := run(t, "git", "-c", "safe.directory=*", "clone", "-q", "--no-local", checkout(t), clone); r.code != 0 {
		t.Fatal(r.err)
	}
	env := projectEnv("matrx-space", s.shift()+2000)
	t.Cleanup(func() {
		if out, err := script(t, clone, "down.sh", env, "--clean"); err != nil {
			t.Errorf("down: %v\n%s", err, out)
		}
	})
	if out, err := script(t, clone, "up.sh", env); err != nil {
		t.Fatalf("up: %v\n%s", err, out)
	}
	theirs := projectEnv(s.Project, s.shift())
	if out, err := script(t, clone, "up.sh", theirs); err == nil || !strings.Contains(out, "is up from another checkout, "+checkout(t)) {
		t.Errorf("up of the first stack's project from the clone: %v\n%s", err, out)
	}
	other := stackAt(t, filepath.Join(clone, ".local/project-matrx-space/stack.json"))
	writeNote(t, other, "in the other stack")
	if err := hasNote(other, "in the other stack"); err != nil {
		t.Error(err)
	}
	if err := hasNote(s, "in the other stack"); err == nil {
		t.Error("the first stack shows the other one's note")
	}
}

func TestUpRefusesWhatItCannotWorkWith(t *testing.T) {
	s := theStack(t)
	silent, err := net.Listen("unix", filepath.Join(t.TempDir(), "docker.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, c := range []struct{ env, want string }{
		{"MATRX_PROJECT=Bad Name", "use lower-case letters, digits and dashes"},
		{"MATRX_PORT_SHIFT=-1", "use a number from 0 to 50000"},
		{"MATRX_DOMAIN=a`b", "not a domain name"},
		{"DOCKER_HOST=tcp://127.0.0.1:1", "need the socket of an engine on this machine"},
		{"DOCKER_HOST=unix://" + silent.Addr().String(), "does not answer as a Docker Engine within 10 s"},
	} {
		out, err := script(t, checkout(t), "up.sh", append(projectEnv(s.Project, s.shift()), c.env))
		if err == nil || !strings.Contains(out, c.want) {
			t.Errorf("%s: %v, does not say %q:\n%s", c.env, err, c.want, out)
		}
	}
}
