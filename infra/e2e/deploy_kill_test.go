//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

const (
	killsInTest = 50 // of all campaigns together
	killsInSoak = 500
	killRate    = 20 // requests a second meanwhile
	killRetries = 8  // more kills aimed at one step that was not hit

	aimWait    = 30 * time.Second // for a step to be seen
	aimSpread  = 60 * time.Millisecond
	randomMost = 7 * time.Second // of the timer: about as long as a deployment takes
	decideTime = time.Minute
)

// killTarget is what a campaign kills, and what that is doing meanwhile.
type killTarget struct {
	plane   string // service name of the control plane that dies
	data    string // its folder below apps
	port    int    // of its ssh
	service string // that it deploys and rolls back
	host    string // where that is routed
	twice   bool   // old and new run beside each other, so that no request may be lost
	steps   []string
	parents []string                     // images whose containers a build could leave
	push    func(version int, sick bool) // makes the next version, one that never gets healthy if it is sick
	restore func()                       // what the campaign changed for others is again as it was
}

// killCampaign deploys a service and rolls it back again and again, and kills the control plane that does it meanwhile.
type killCampaign struct {
	killTarget
	t       *testing.T
	s       stack
	load    *load
	journal *journalTail
	rnd     *rand.Rand
	hits    map[string]int
	kills   int
	version int
	pids    []int // the plane's processes
	slowest time.Duration
	states  map[core.DeployState]int
	rest    surroundings
	images  map[string]bool // tags of the service that were there before
}

// campaign kills so often: at first aimed at each step, as soon as the journal has it, then half of the time at one of them, else
// after a random time.
func (k *killCampaign) campaign(kills int) {
	k.t.Helper()
	for n := range kills {
		step := ""
		if n < len(k.steps) || n%2 == 0 {
			step = k.steps[n%len(k.steps)]
		}
		k.once(step)
	}
	for _, step := range k.steps {
		for range killRetries {
			if k.hits[step] == 0 {
				k.once(step)
			}
		}
	}
	k.load.end()
	k.check()
}

// killCount is how many kills there are in all campaigns: MATRX_SOAK=1 asks for many, a greater number for that many.
func killCount() int {
	asked, err := strconv.Atoi(os.Getenv("MATRX_SOAK"))
	switch {
	case err != nil:
		return killsInTest
	case asked > 1:
		return asked
	}
	return killsInSoak
}

// newKillCampaign deploys the target twice, so that there is a release to return to, and looks at what there is then.
func newKillCampaign(t *testing.T, s stack, target killTarget) *killCampaign {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if given, err := strconv.ParseUint(os.Getenv("MATRX_SEED"), 10, 64); err == nil {
		seed = given
	}
	t.Logf("seed %d (MATRX_SEED)", seed)
	k := &killCampaign{killTarget: target, t: t, s: s, rnd: rand.New(rand.NewPCG(seed, 0)), hits: map[string]int{}, states: map[core.DeployState]int{}}
	k.images = k.tags()
	for range 2 {
		k.next(false)
		k.ship()
	}
	k.load = startLoad(t, s, k.host, killRate, 0)
	k.journal = tailJournalIn(t, filepath.Join(s.Root, "apps", k.data, "data/journal"))
	k.rest = k.around()
	k.pids = k.s.processes(k.t, k.s.container(k.plane))
	return k
}

// next makes the next version.
func (k *killCampaign) next(sick bool) {
	k.t.Helper()
	k.version++
	k.push(k.version, sick)
}

// ssh runs a command of the plane that dies.
func (k *killCampaign) ssh(argv ...string) result {
	k.t.Helper()
	return run(k.t, "ssh", append(k.s.sshArgs(k.t, k.port, k.s.Key), argv...)...)
}

// answer runs a command of that plane and decodes what it says.
func answer[T any](k *killCampaign, argv ...string) T {
	k.t.Helper()
	r := k.ssh(append(argv, "--json")...)
	var v T
	if err := json.Unmarshal([]byte(r.out), &v); err != nil || r.code != 0 {
		k.t.Fatalf("%v: exit %d: %v in\n%s%s", argv, r.code, err, r.out, r.err)
	}
	return v
}

// ship deploys the service to the end, and gives the record.
func (k *killCampaign) ship() core.Deployment {
	k.t.Helper()
	if r := k.ssh("deploy", k.service, "--follow"); r.code != 0 {
		k.t.Fatalf("deploy %s: exit %d\n%s%s", k.service, r.code, r.out, r.err)
	}
	list := answer[[]core.Deployment](k, "deployments", "--service", k.service)
	if len(list) == 0 || list[0].State != core.DeployDone {
		k.t.Fatalf("deploy %s: %+v", k.service, list)
	}
	return list[0]
}

// newRepository makes a bare repository for the planes and a clone of it to work in.
func newRepository(t *testing.T, path string) sampleClone {
	t.Helper()
	c := sampleClone{t, filepath.Join(t.TempDir(), "clone")}
	must(t, "rm", "-rf", path)
	must(t, "git", "init", "-q", "--bare", "--shared=0644", "--initial-branch=main", path)
	t.Cleanup(func() { run(t, "rm", "-rf", path) })
	must(t, "git", "clone", "-q", path, c.dir)
	return c
}

// write writes a file of the clone.
func (c sampleClone) write(name, text string) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

// processes are the processes of a container: the first one, and its children.
func (s stack) processes(t testing.TB, container string) []int {
	t.Helper()
	first := docker(t, "inspect", "--format", "{{.State.Pid}}", container)
	raw, err := os.ReadFile("/proc/" + first + "/task/" + first + "/children")
	if err != nil {
		t.Fatalf("the processes of %s: %v", container, err)
	}
	var pids []int
	for _, word := range append(strings.Fields(string(raw)), first) {
		pid, err := strconv.Atoi(word)
		if err != nil {
			t.Fatalf("the processes of %s: %v", container, err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// once does one deployment or rollback with one kill, aimed at a step or at random, and holds the promises against what is left.
func (k *killCampaign) once(step string) {
	k.t.Helper()
	k.kills++
	command := k.prepare(step)
	before := k.serving()
	k.journal.read()
	k.journal.newest = ""
	ctx, cancel := context.WithTimeout(context.Background(), decideTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "ssh", append(k.s.sshArgs(k.t, k.port, k.s.Key), command, k.service)...)
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	if step == "" {
		k.await(time.Duration(k.rnd.Int64N(int64(randomMost))), func() bool { return false })
	} else {
		k.await(aimWait, func() bool {
			at := k.journal.step()
			return at == step || at == "after the end"
		})
		if k.hits[step] > 0 { // later ones are hit later in the step as well
			k.await(time.Duration(k.rnd.Int64N(int64(aimSpread))), func() bool { return false })
		}
	}
	at := k.kill()
	_ = cmd.Wait() // the connection ended with the plane
	k.hits[at]++
	where := fmt.Sprintf("kill %d, %s aimed at %q, died in %q", k.kills, command, step, at)
	docker(k.t, "start", k.s.container(k.plane))
	k.settled(where, before)
	k.pids = k.s.processes(k.t, k.s.container(k.plane))
}

// prepare decides what is done, and pushes what it needs. Only a deployment that fails returns to the old version.
func (k *killCampaign) prepare(step string) (command string) {
	sick := step == core.StepReturn || step == "" && k.rnd.IntN(5) == 0
	back := !sick && step != core.StepBuild && step != core.StepSource && k.rnd.IntN(3) == 0
	switch {
	case back:
		return "rollback"
	case sick:
		k.next(true)
	default:
		k.next(false)
	}
	return "deploy"
}

// await reads the journal until a condition holds, at most this long.
func (k *killCampaign) await(limit time.Duration, holds func() bool) {
	end := time.NewTimer(limit)
	defer end.Stop()
	tick := time.NewTicker(300 * time.Microsecond)
	defer tick.Stop()
	for {
		k.journal.read()
		if holds() {
			return
		}
		select {
		case <-end.C:
			return
		case <-tick.C:
		}
	}
}

// kill freezes the plane at this very moment, looks what it has on record, and has the engine kill it. It gives the step.
func (k *killCampaign) kill() string {
	k.t.Helper()
	for _, pid := range k.pids {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			k.t.Fatalf("freeze %s: %v", k.plane, err)
		}
	}
	k.journal.idle = looksForSegment
	k.journal.read()
	at := k.journal.step()
	docker(k.t, "kill", "--signal", "KILL", k.s.container(k.plane))
	return at
}

// settled waits until every deployment is decided, one container is left and answers through Traefik, and checks that it is the right
// one.
func (k *killCampaign) settled(where, before string) {
	k.t.Helper()
	began := time.Now()
	var last string
	defer func() {
		if last != "" {
			k.t.Logf("%s: %s", where, last)
		}
	}()
	eventually(k.t, decideTime, where+": decided, and one container that serves", func() bool {
		last = k.open()
		return last == ""
	})
	k.slowest = max(k.slowest, time.Since(began))
	if k.twice && k.load.lost.Load() > 0 {
		k.t.Fatalf("%s: requests lost: %v", where, k.load.words())
	}
	row, known := k.journal.rows[k.journal.newest]
	k.states[row.State]++
	now := k.serving()
	switch {
	case known && (now == row.ID) != (row.State == core.DeployDone):
		k.t.Errorf("%s: the record says %s (%s), and deployment %s serves, %s before", where, row.State, row.Result, now, before)
	case !known && now != before:
		k.t.Errorf("%s: nothing is on record, and deployment %s serves, %s before", where, now, before)
	case row.State != core.DeployDone && now != before:
		k.t.Errorf("%s: the record says %s, and another container than before serves", where, row.State)
	}
	if known && (row.Result == "" || row.Ended.IsZero()) {
		k.t.Errorf("%s: the record has no result: %+v", where, row)
	}
}

// open says what is not decided yet; empty when everything is.
func (k *killCampaign) open() string {
	r := k.ssh("deployments", "--service", k.service, "--json")
	var list []core.Deployment
	if json.Unmarshal([]byte(r.out), &list) != nil {
		return k.plane + " does not answer: " + r.err
	}
	for _, d := range list {
		if d.State == core.DeployRunning {
			return "deployment " + d.ID + " is running"
		}
	}
	k.journal.idle = looksForSegment
	k.journal.read()
	if differs := k.rest.differs(k.around()); differs != "" {
		return differs
	}
	if err := k.s.status("https://"+k.host+"/healthz", http.StatusOK); err != nil {
		return k.service + " does not serve: " + err.Error()
	}
	return ""
}

// serving is the deployment whose container is the service's.
func (k *killCampaign) serving() string {
	k.t.Helper()
	return inspect(k.t, k.s.container(k.service)).Config.Labels["com.matrx.deployment"]
}

// surroundings is what the engine has that a deployment could leave behind.
type surroundings struct {
	containers, networks, volumes []string
}

// around looks at containers of the service, of its builds and of the stack, at networks and at volumes.
func (k *killCampaign) around() surroundings {
	k.t.Helper()
	list := func(args ...string) []string {
		lines := strings.Split(docker(k.t, args...), "\n")
		slices.Sort(lines)
		return slices.Compact(lines)
	}
	var a surroundings
	// The last ones find what the engine made for a step of a build.
	filters := []string{"label=com.matrx.project=" + k.s.Project, "name=" + k.s.container(k.service)}
	for _, image := range k.parents {
		filters = append(filters, "ancestor="+image)
	}
	for _, filter := range filters {
		a.containers = append(a.containers, list("ps", "-a", "--filter", filter, "--format", "{{.Names}} {{.State}}")...)
	}
	slices.Sort(a.containers)
	a.containers = slices.Compact(a.containers)
	a.networks = list("network", "ls", "--filter", "label=com.matrx.project="+k.s.Project, "--format", "{{.Name}}")
	a.volumes = list("volume", "ls", "--filter", "label=com.matrx.project="+k.s.Project, "--format", "{{.Name}}")
	return a
}

// differs names what is not as it was.
func (a surroundings) differs(now surroundings) string {
	for _, pair := range [][2][]string{{a.containers, now.containers}, {a.networks, now.networks}, {a.volumes, now.volumes}} {
		if !slices.Equal(pair[0], pair[1]) {
			return fmt.Sprintf("there were %q, there are %q", pair[0], pair[1])
		}
	}
	return ""
}
