//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
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
	killsInTest = 50
	killsInSoak = 500
	killRate    = 20 // requests a second meanwhile
	killRetries = 8  // more kills aimed at one step that was not hit

	aimWait    = 30 * time.Second // for a step to be seen
	aimSpread  = 60 * time.Millisecond
	randomMost = 7 * time.Second // of the timer: about as long as a deployment takes
	decideTime = time.Minute
)

// killSteps are the steps in which the Manager has to die at least once.
var killSteps = []string{
	core.StepLock, core.StepSource, core.StepBuild, core.StepTest, core.StepCandidate, core.StepHealth, core.StepSwitch, core.StepRoute,
	core.StepDrain, core.StepRename, core.StepStop, core.StepObserve, core.StepKeep, core.StepReturn,
}

// killCampaign deploys an app and rolls it back again and again, and kills the Manager meanwhile.
type killCampaign struct {
	t       *testing.T
	s       stack
	app     webApp
	git     sampleClone
	image   string // that the app is built on
	load    *load
	journal *journalTail
	rnd     *rand.Rand
	hits    map[string]int
	kills   int
	version int
	pids    []int // the Manager's processes
	slowest time.Duration
	states  map[core.DeployState]int
	rest    surroundings
}

// TestAManagerKilledAtAnyMomentOfADeploymentLeavesOneVersionThatServes is the campaign: half of the kills are aimed at a step, as
// soon as the journal has it, the others come after a random time.
func TestAManagerKilledAtAnyMomentOfADeploymentLeavesOneVersionThatServes(t *testing.T) {
	k := newKillCampaign(t)
	for n := range killCount() {
		step := ""
		if n%2 == 0 {
			step = killSteps[n/2%len(killSteps)]
		}
		k.once(step)
	}
	for _, step := range killSteps {
		for range killRetries {
			if k.hits[step] == 0 {
				k.once(step)
			}
		}
	}
	k.load.end()
	k.check()
}

// killCount is how many kills there are: MATRX_SOAK=1 asks for many, a greater number for that many.
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

func newKillCampaign(t *testing.T) *killCampaign {
	t.Helper()
	s := theStack(t)
	seed := uint64(time.Now().UnixNano())
	if given, err := strconv.ParseUint(os.Getenv("MATRX_SEED"), 10, 64); err == nil {
		seed = given
	}
	t.Logf("seed %d (MATRX_SEED)", seed)
	k := &killCampaign{t: t, s: s, rnd: rand.New(rand.NewPCG(seed, 0)), hits: map[string]int{}, states: map[core.DeployState]int{}}
	k.app = webApp{name: "kill-app", source: filepath.Join(s.Root, "projects", "kill-app.git"), drain: "300ms", within: "6s", grace: "5s"}
	k.git = newRepository(t, k.app.source)
	image := guestImage(t, "docker")
	k.git.write("Dockerfile", "FROM "+image+"\nARG VERSION=0\nCOPY version /version\nCOPY way /way\nRUN [\"/guest\", \"print\", \"built\"]\n")
	k.image = image
	k.push("")
	s.define(t, k.app)
	s.ship(t, "deploy", k.app.name)
	k.push("")
	s.ship(t, "deploy", k.app.name) // so that there is a release to return to
	k.load = startLoad(t, s, k.app.host(s), killRate, 0)
	k.journal = tailJournal(t, s)
	k.rest = k.around()
	k.pids = k.s.processes(k.t, k.s.container("matrx-manager"))
	return k
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

// push commits the next version of the app, which behaves in a way.
func (k *killCampaign) push(way string) {
	k.t.Helper()
	k.version++
	k.git.write("version", fmt.Sprint(k.version))
	k.git.write("way", way)
	docker := must(k.t, "sed", "/^ENV\\|^CMD/d", filepath.Join(k.git.dir, "Dockerfile"))
	args := `"app", "3000"`
	if way != "" {
		args += `, "` + way + `"`
	}
	k.git.write("Dockerfile", docker+fmt.Sprintf("\nENV MARK=%d\nCMD [%s]\n", k.version, args))
	k.git.git("add", "-A")
	k.git.git("commit", "-qm", fmt.Sprintf("Version %d %s", k.version, way))
	k.git.git("push", "-q", "origin", "HEAD:refs/heads/main")
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
	cmd := exec.CommandContext(ctx, "ssh", append(k.s.sshArgs(k.t, k.s.Ports.ManagerSSH, k.s.Key), command, k.app.name)...)
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
	_ = cmd.Wait() // the connection ended with the Manager
	k.hits[at]++
	where := fmt.Sprintf("kill %d, %s aimed at %q, died in %q", k.kills, command, step, at)
	docker(k.t, "start", k.s.container("matrx-manager"))
	k.settled(where, before)
	k.pids = k.s.processes(k.t, k.s.container("matrx-manager"))
}

// prepare decides what is done, and pushes what it needs. Only a deployment that fails returns to the old version.
func (k *killCampaign) prepare(step string) (command string) {
	sick := step == core.StepReturn || step == "" && k.rnd.IntN(5) == 0
	back := !sick && step != core.StepBuild && step != core.StepSource && k.rnd.IntN(3) == 0
	switch {
	case back:
		return "rollback"
	case sick:
		k.push("sick")
	default:
		k.push("")
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

// kill freezes the Manager at this very moment, looks what it has on record, and has the engine kill it. It gives the step.
func (k *killCampaign) kill() string {
	k.t.Helper()
	for _, pid := range k.pids {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			k.t.Fatalf("freeze the Manager: %v", err)
		}
	}
	k.journal.idle = looksForSegment
	k.journal.read()
	at := k.journal.step()
	docker(k.t, "kill", "--signal", "KILL", k.s.container("matrx-manager"))
	return at
}

// settled waits until every deployment is decided and one container is left, and checks that it is the right one.
func (k *killCampaign) settled(where, before string) {
	k.t.Helper()
	began := time.Now()
	var last string
	defer func() {
		if last != "" {
			k.t.Logf("%s: %s", where, last)
		}
	}()
	eventually(k.t, decideTime, where+": decided, and one container", func() bool {
		last = k.open()
		return last == ""
	})
	k.slowest = max(k.slowest, time.Since(began))
	if k.load.lost.Load() > 0 {
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
	r := k.s.ssh(k.t, "deployments", "--service", k.app.name, "--json")
	var list []core.Deployment
	if json.Unmarshal([]byte(r.out), &list) != nil {
		return "the Manager does not answer: " + r.err
	}
	for _, d := range list {
		if d.State == core.DeployRunning {
			return "deployment " + d.ID + " is running"
		}
	}
	k.journal.idle = looksForSegment
	k.journal.read()
	return k.rest.differs(k.around())
}

// serving is the deployment whose container is the service's.
func (k *killCampaign) serving() string {
	k.t.Helper()
	return inspect(k.t, k.s.container(k.app.name)).Config.Labels["com.matrx.deployment"]
}

// surroundings is what the engine has that a deployment could leave behind.
type surroundings struct {
	containers, networks, volumes []string
}

// around looks at containers of the app, of its builds and of the stack, at networks and at volumes.
func (k *killCampaign) around() surroundings {
	k.t.Helper()
	list := func(args ...string) []string {
		lines := strings.Split(docker(k.t, args...), "\n")
		slices.Sort(lines)
		return slices.Compact(lines)
	}
	var a surroundings
	// The last one finds what the engine made for a step of a build.
	for _, filter := range []string{"label=com.matrx.project=" + k.s.Project, "name=" + k.s.container(k.app.name), "ancestor=" + k.image} {
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
