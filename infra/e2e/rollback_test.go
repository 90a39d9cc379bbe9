//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/codematrx/matrx-ship/core"
)

// differsAlways are the paths of the engine's inspect that two containers never share: ids, the names and folders that the
// engine makes of them, addresses and times. Everything else has to be equal.
var differsAlways = []*regexp.Regexp{
	regexp.MustCompile(`^\.Id$`),
	regexp.MustCompile(`^\.(Created|State\.StartedAt|State\.FinishedAt)$`),
	regexp.MustCompile(`^\.State\.Pid$`),
	regexp.MustCompile(`^\.(ResolvConfPath|HostnamePath|HostsPath|LogPath)$`),                  // their folders are named by the id
	regexp.MustCompile(`^\.GraphDriver\.Data\.`),                                               // and so are these
	regexp.MustCompile(`^\.Config\.Hostname$`),                                                 // the id's first digits
	regexp.MustCompile(`^\.Config\.Labels\.com\.matrx\.(deployment|release)$`),                 // ids of ours
	regexp.MustCompile(`^\.NetworkSettings\.(SandboxID|SandboxKey|EndpointID)$`),               // ids
	regexp.MustCompile(`^\.NetworkSettings\.Networks\.[^.]+\.EndpointID$`),                     // ids
	regexp.MustCompile(`^\.NetworkSettings\.(IPAddress|MacAddress)$`),                          // addresses
	regexp.MustCompile(`^\.NetworkSettings\.Networks\.[^.]+\.(IPAddress|MacAddress|Gateway)$`), // addresses
}

// attemptAlias is the network alias of one deployment: the service's name and eight hex digits. shortID is a container's own.
var (
	attemptAlias = regexp.MustCompile(`^ship-demo-[0-9a-f]{8}$`)
	shortID      = regexp.MustCompile(`^[0-9a-f]{12}$`)
)

// inspectAll is everything that the engine says of a container, each value by its path, without what always differs.
func inspectAll(t *testing.T, container string) map[string]string {
	t.Helper()
	var all []any
	if err := json.Unmarshal([]byte(docker(t, "container", "inspect", container)), &all); err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	flatten(values, "", all[0])
	maps.DeleteFunc(values, func(path, _ string) bool {
		return slices.ContainsFunc(differsAlways, func(re *regexp.Regexp) bool { return re.MatchString(path) })
	})
	return values
}

// flatten puts every value of a JSON document under its path. In the aliases of networks the two that name one container alone
// are replaced by what they are.
func flatten(into map[string]string, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		into[path] = fmt.Sprintf("%d members", len(v))
		for name, member := range v {
			flatten(into, path+"."+name, member)
		}
	case []any:
		into[path] = fmt.Sprintf("%d elements", len(v))
		for i, element := range v {
			flatten(into, fmt.Sprintf("%s[%d]", path, i), element)
		}
	default:
		text := fmt.Sprint(v)
		if strings.Contains(path, ".Aliases[") {
			text = shortID.ReplaceAllString(attemptAlias.ReplaceAllString(text, "(the deployment)"), "(the container)")
		}
		into[path] = text
	}
}

// differences are the paths at which two containers differ.
func differences(a, b map[string]string) []string {
	var paths []string
	for _, path := range slices.Sorted(maps.Keys(a)) {
		if other, ok := b[path]; !ok || other != a[path] {
			paths = append(paths, fmt.Sprintf("%s: %q, then %q", path, a[path], other))
		}
	}
	for _, path := range slices.Sorted(maps.Keys(b)) {
		if _, ok := a[path]; !ok {
			paths = append(paths, fmt.Sprintf("%s: only then %q", path, b[path]))
		}
	}
	return paths
}

func TestARollbackBringsCommitEnvAndDefinitionBackAsTheEngineItselfShows(t *testing.T) {
	s := theStack(t)
	const service = "ship-demo"
	clone := cloneSample(t, s)
	s.shipLong(t, "deploy", service) // so that the first one was deployed as the others are
	first := inspectAll(t, s.container(service))
	heading, err := title(s)
	if err != nil {
		t.Fatal(err)
	}
	definition := s.ssh(t, "definition", service)
	env := sshJSON[core.EnvView](t, s, "env", service)
	clone.change("page.html", "<h1>", "<h1>Other ", "Another title")
	changed := definition.out
	for _, edit := range [][2]string{
		{"mem_limit: 134217728", "mem_limit: 150994944"}, {"pids_limit: 256", "pids_limit: 200"}, {"stop_grace_period: 20s", "stop_grace_period: 15s"},
		{"      HTTP_ADDR: \":3000\"", "      HTTP_ADDR: \":3000\"\n      COLOR: blue"}, {"    init: true\n", "    init: true\n    read_only: true\n    tmpfs: [/tmp]\n"},
	} {
		if !strings.Contains(changed, edit[0]) {
			t.Fatalf("the definition has no %q:\n%s", edit[0], changed)
		}
		changed = strings.Replace(changed, edit[0], edit[1], 1)
	}
	if r := s.feed(t, changed, "definition", "set"); r.code != 0 {
		t.Fatalf("definition set: exit %d: %s", r.code, r.err)
	}
	t.Cleanup(func() { // what the store has is what runs again
		if r := s.feed(t, definition.out, "definition", "set"); r.code != 0 {
			t.Errorf("definition set: %s", r.err)
		}
	})
	if r := s.feed(t, "WORD=new\n", "env", "set", service); r.code != 0 {
		t.Fatalf("env set: exit %d: %s", r.code, r.err)
	}
	t.Cleanup(func() {
		if r := s.ssh(t, "env", "undo", service, fmt.Sprint(env.Version)); r.code != 0 {
			t.Errorf("env undo: %s", r.err)
		}
	})

	s.shipLong(t, "deploy", service)
	second := inspectAll(t, s.container(service))
	for _, path := range []string{".Image", ".Config.Labels.com.matrx.commit", ".Config.Labels.com.matrx.env", ".Config.Labels.com.matrx.definition",
		".HostConfig.Memory", ".HostConfig.PidsLimit", ".HostConfig.ReadonlyRootfs", ".Config.StopTimeout", ".Config.Env"} {
		if first[path] == second[path] {
			t.Errorf("the change did not come to %s: %q", path, first[path])
		}
	}
	if got, err := title(s); err != nil || got != "Other "+heading {
		t.Errorf("the page says %q, %v", got, err)
	}

	d := s.shipLong(t, "rollback", service)
	if d.Lost > 0 || d.Kind != "rollback" {
		t.Errorf("the record: %+v", d)
	}
	for _, difference := range differences(first, inspectAll(t, s.container(service))) {
		t.Errorf("after the rollback: %s", difference)
	}
	if got, err := title(s); err != nil || got != heading {
		t.Errorf("the page says %q, %v", got, err)
	}
	t.Logf("%d values are equal; the change had made %d of them differ", len(first), len(differences(first, second)))
}

// shipLong is ship for what is built meanwhile.
func (s stack) shipLong(t *testing.T, command, service string) core.Deployment {
	t.Helper()
	if r := s.sshLong(t, s.Ports.ManagerSSH, command, service, "--follow"); r.code != 0 {
		t.Fatalf("%s %s: exit %d\n%s%s", command, service, r.code, r.out, r.err)
	}
	return s.newestDeployment(t, service)
}
