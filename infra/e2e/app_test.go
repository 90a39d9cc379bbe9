//go:build e2e || bench

package e2e

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/codematrx/matrx-ship/core"
)

// webApp is an app of a test's own: the guest program, in one of its ways to behave.
type webApp struct {
	name   string
	image  string // what runs, or
	source string // the repository that it is built from
	how    string // more arguments, each after a comma
	domain string // instead of NAME.DOMAIN
	drain  string // 3s unless said
	within string // that it must be healthy, 20s unless said
	grace  string // to end, 10s unless said
	mark   string // what it answers at /mark
	port   int    // of the machine, which one container at a time can have; 0: none
}

// webFile is the definition of such an app.
const webFile = `services:
  %[1]s:
    container_name: %[2]s
    stop_grace_period: %[8]s
    networks: [proxy]
%[4]s    x-matrx:
      kind: custom
      project: %[5]s
      health: {http: /healthz, port: 3000, within: %[9]s}
      route: {domains: ["%[3]s"], port: 3000, network: %[6]sproxy, resolver: none}
      drain: %[7]s
%[10]snetworks:
  proxy: {name: %[6]sproxy, external: true}
`

// host is where the app is routed.
func (a webApp) host(s stack) string { return cmp.Or(a.domain, a.name+"."+s.Domain) }

// text is the definition as a compose file.
func (a webApp) text(s stack) string {
	runs, built := "", ""
	if a.source == "" {
		runs = fmt.Sprintf("    image: %s\n    command: [app, \"3000\"%s]\n    environment: {MARK: \"%s\"}\n", a.image, a.how, a.mark)
	} else {
		built = fmt.Sprintf("      test: [print, tested]\n      keep: 3\n      source: {repo: \"file://%s\", ref: main}\n", a.source)
	}
	if a.port > 0 {
		runs += fmt.Sprintf("    ports: [\"127.0.0.1:%d:3000\"]\n", a.port)
	}
	return fmt.Sprintf(webFile, a.name, s.container(a.name), a.host(s), runs, s.Project, s.Prefix, cmp.Or(a.drain, "3s"), cmp.Or(a.grace, "10s"), cmp.Or(a.within, "20s"), built)
}

// define gives the Manager the definition of an app, which it has to take.
func (s stack) define(t testing.TB, a webApp) {
	t.Helper()
	if r := s.feed(t, a.text(s), "definition", "set"); r.code != 0 {
		t.Fatalf("definition set: exit %d\n%s%s", r.code, r.out, r.err)
	}
	t.Cleanup(func() {
		run(t, "docker", "rm", "-f", s.container(a.name))
		s.ssh(t, "remove", a.name, "--confirm", a.name)
		for tag := range strings.FieldsSeq(run(t, "docker", "images", "--filter", "reference=matrx/"+a.name, "--format", "{{.Repository}}:{{.Tag}}").out) {
			run(t, "docker", "rmi", tag) // those that its releases kept
		}
	})
}

// feed runs a command of the Manager with a text on its standard input.
func (s stack) feed(t testing.TB, text string, argv ...string) result {
	t.Helper()
	return s.feedTo(t, s.Ports.ManagerSSH, text, argv...)
}

// feedTo runs a command of the plane at a port with a text on its standard input.
func (s stack) feedTo(t testing.TB, port int, text string, argv ...string) result {
	t.Helper()
	file := filepath.Join(t.TempDir(), "input")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ssh := append([]string{"ssh"}, append(s.sshArgs(t, port, s.Key), argv...)...)
	return run(t, "sh", append([]string{"-c", `file=$1; shift; exec "$@" <"$file"`, "sh", file}, ssh...)...)
}

// ship runs a deployment or a rollback to its end and gives its record.
func (s stack) ship(t testing.TB, command, service string) core.Deployment {
	t.Helper()
	if r := s.ssh(t, command, service, "--follow"); r.code != 0 {
		t.Fatalf("%s %s: exit %d\n%s%s", command, service, r.code, r.out, r.err)
	}
	newest := s.newestDeployment(t, service)
	if newest.State != core.DeployDone {
		t.Fatalf("%s %s: %+v", command, service, newest)
	}
	return newest
}

// fail runs a deployment that must not succeed, and gives its record and what the command said.
func (s stack) fail(t testing.TB, service string) (core.Deployment, result) {
	t.Helper()
	r := s.ssh(t, "deploy", service, "--follow")
	if r.code == 0 {
		t.Fatalf("deploy %s went well:\n%s%s", service, r.out, r.err)
	}
	return s.newestDeployment(t, service), r
}

// newestDeployment is the last one of a service that the Manager has on record.
func (s stack) newestDeployment(t testing.TB, service string) core.Deployment {
	t.Helper()
	list := sshJSON[[]core.Deployment](t, s, "deployments", "--service", service)
	if len(list) == 0 {
		t.Fatalf("no deployment of %s is on record", service)
	}
	return sshJSON[core.Deployment](t, s, "deployments", list[0].ID) // the list leaves the logs of candidates out
}
