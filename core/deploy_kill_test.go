package core_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// killsInTest is how many processes die at a random moment, killsInSoak with MATRX_SOAK, which may also be a number of its own. Besides,
// one dies at every third call to the outside; with MATRX_SOAK one before and one after each of them, and once more in its recovery.
const (
	killsInTest = 50
	killsInSoak = 500
	callsApart  = 3
)

// soakKills is the number of random kills that MATRX_SOAK asks for, 0 without it.
func soakKills() int {
	text := os.Getenv("MATRX_SOAK")
	if text == "" {
		return 0
	}
	if n, err := strconv.Atoi(text); err == nil && n > 1 {
		return n
	}
	return killsInSoak
}

// decideWithin is how long a deployment may stay open after the restart.
const decideWithin = time.Minute

// killStory is something that a process can die of doing.
type killStory struct {
	name    string
	prepare func(r *deployRig)
	before  func(r *deployRig) // once, before the process may die
	act     func(r *deployRig) error
	serves  bool                    // the old or the new version serves at every moment
	served  func(r *deployRig) bool // how that is seen; nil: by the container that the switch leads to
	none    bool                    // there may be no container at the end: there was none before
}

// killStories are the ways of a deployment through the state machine.
func killStories() []killStory {
	start := func(r *deployRig) error {
		_, err := core.Deploy.Run(r.as(core.RoleOperator), r.core, core.DeployIn{ServiceIn: core.ServiceIn{Service: "web"}})
		return err
	}
	version := func(command string) func(*deployRig) { return func(r *deployRig) { r.push("version 2", command) } }
	stopFirst := func(r *deployRig) { r.def.StopFirst = true }
	return []killStory{
		{name: "deploy", before: version("v2"), act: start, serves: true},
		{name: "deploy what never gets healthy", before: version("sick"), act: start, serves: true},
		{name: "deploy what dies after the switch", prepare: func(r *deployRig) { r.def.Drain = 3 * time.Second }, before: func(r *deployRig) {
			r.push("version 2", "v2")
			r.dieAfterSwitch()
		}, act: start},
		{name: "deploy with a test", prepare: func(r *deployRig) { r.def.Test = []string{"exit", "0"} }, before: version("v2"), act: start, serves: true},
		{name: "roll back", before: func(r *deployRig) {
			r.push("version 2", "v2")
			if d := r.deploy(core.DeployIn{}); d.State != core.DeployDone {
				r.t.Fatalf("%+v", d)
			}
		}, act: func(r *deployRig) error {
			_, err := core.Rollback.Run(r.as(core.RoleOperator), r.core, core.RollbackIn{ServiceIn: core.ServiceIn{Service: "web"}})
			return err
		}, serves: true},
		{name: "deploy to another domain", before: version("v2"), prepare: movedAway, act: start, serves: true, served: func(r *deployRig) bool {
			return r.visits("web.example.com") || r.visits("www.example.com")
		}},
		{name: "deploy to another domain what never gets healthy", before: version("sick"), prepare: movedAway, act: start, serves: true,
			served: func(r *deployRig) bool { return r.visits("web.example.com") }},
		{name: "move a direct route to the switch", before: version("v2"), prepare: func(r *deployRig) { r.direct = true }, act: start, serves: true,
			served: func(r *deployRig) bool { return r.visits("web.example.com") }},
		{name: "deploy what cannot run twice", prepare: stopFirst, before: version("v2"), act: start},
		{name: "deploy what cannot run twice and never gets healthy", prepare: stopFirst, before: version("sick"), act: start},
		{name: "deploy without a route", prepare: func(r *deployRig) { r.def.Route = nil }, before: version("v2"), act: start},
		{name: "deploy for the first time", before: func(r *deployRig) {
			r.push("version 2", "v2")
			r.clear()
		}, act: start, none: true},
		{name: "deploy what never gets healthy for the first time", before: func(r *deployRig) {
			r.push("version 2", "sick")
			r.clear()
		}, act: start, none: true},
	}
}

// movedAway has the container that runs another domain than the definition.
func movedAway(r *deployRig) {
	route := *r.def.Route
	route.Domains = []core.Domain{"www.example.com"}
	r.next = &route
}

// isServed tells whether somebody serves now.
func (s killStory) isServed(r *deployRig) bool {
	if s.served != nil {
		return s.served(r)
	}
	_, ok := r.server()
	return ok
}

// dieAfterSwitch ends the new version as soon as the route leads to it.
func (r *deployRig) dieAfterSwitch() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	r.t.Cleanup(func() { cancel(); <-done })
	go func() {
		defer close(done)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if d, ok := r.server(); ok && d.Command[0] == "v2" {
				r.engine.Die(d.ID, 3)
				return
			}
		}
	}()
}

// clear takes the service's container away, as if there had never been one.
func (r *deployRig) clear() {
	for _, d := range r.inspected() {
		if err := r.engine.Remove(context.Background(), d.ID, 0); err != nil {
			r.t.Fatal(err)
		}
	}
	if err := r.ship.Switch.Remove(context.Background(), "web"); err != nil {
		r.t.Fatal(err)
	}
}

// run does the story with a gate that ends the process at a call, or never. It gives the step in which the process died, and how
// many calls there were.
// With again the next process dies as well, at that call of its recovery.
func (s killStory) run(t *testing.T, dieAt int, after bool, later time.Duration, again int) (step string, calls int) {
	t.Helper()
	inBubble(t, func(t *testing.T) {
		r := newDeployRig(t, s.prepare)
		if s.before != nil {
			s.before(r)
		}
		where := fmt.Sprintf("%s, killed at call %d (after it: %v) or after %s", s.name, dieAt, after, later)
		g := r.gate
		g.mu.Lock()
		g.calls, g.names, g.died, g.after = 0, nil, make(chan struct{}), after
		g.dieAt = dieAt
		if s.serves {
			g.witness = func(call string) {
				if !s.isServed(r) {
					t.Errorf("%s: nobody serves after %s: %s", where, call, names(r.containers()))
				}
			}
		}
		g.mu.Unlock()
		if err := s.act(r); err != nil && !strings.Contains(err.Error(), "dead") {
			t.Fatalf("%s: %v", where, err)
		}
		r.waitDead(g, later)
		g.mu.Lock()
		calls = g.calls
		call := "no call"
		if len(g.names) > 0 {
			call = g.names[len(g.names)-1]
		}
		g.mu.Unlock()
		where += " (" + call + ")"
		step = r.recordedStep()
		if s.serves {
			g.witness("the death")
		}
		r.restart(again)
		if again > 0 {
			where += fmt.Sprintf(", and at call %d of the recovery", again)
			r.waitDead(r.gate, decideWithin)
			r.restart(0)
		}
		r.checkAfter(s, where)
	})
	return step, calls
}

// waitDead waits until the process dies, is killed after a while, or has ended what it did.
func (r *deployRig) waitDead(g *gate, later time.Duration) {
	limit := 5 * time.Minute
	if later > 0 {
		limit = later
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-g.died:
			return
		case <-timer.C:
			g.mu.Lock()
			defer g.mu.Unlock()
			g.dead = true
			return
		case <-tick.C:
			if later == 0 && !g.isSet() && !r.runningJobs() {
				return
			}
		}
		if later == 0 && g.isSet() && !r.runningJobs() {
			return // it was done before: the calls of two goroutines change places
		}
	}
}

// isSet tells whether the process is to end at a call.
func (g *gate) isSet() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.dieAt > 0
}

// runningJobs tells whether a job runs.
func (r *deployRig) runningJobs() bool {
	jobs, err := core.ListJobs.Run(r.as(core.RoleViewer), r.core, struct{}{})
	return err != nil || slices.ContainsFunc(jobs, func(j core.Job) bool { return j.State == core.JobRunning })
}

// recordedStep is the step that the newest deployment was in, as the journal has it.
func (r *deployRig) recordedStep() string {
	step := "before the first record"
	for e, err := range r.journal.Replay(context.Background(), 1) {
		var d core.Deployment
		if err != nil || e.Table != "deployments" || json.Unmarshal(e.Body, &d) != nil {
			continue
		}
		step = "between steps"
		if d.State != core.DeployRunning {
			step = "after the end"
		} else if n := len(d.Steps); n > 0 {
			step = d.Steps[n-1].Name
		}
	}
	return step
}

// restart ends what is left of the dead process, and starts the next one.
func (r *deployRig) restart(dieAt int) {
	r.t.Helper()
	witness := r.gate.witness
	if err := r.core.Close(); err != nil {
		r.t.Fatal(err)
	}
	r.ship.Locks.Drop()
	r.gate = &gate{witness: witness, dieAt: dieAt, died: make(chan struct{})}
	r.open()
}

// checkAfter holds the promises against what there is after a restart.
func (r *deployRig) checkAfter(s killStory, where string) {
	r.t.Helper()
	r.wait(decideWithin, where+": every deployment is decided and one container is left", func() bool {
		return !slices.ContainsFunc(r.deployments(), func(d core.Deployment) bool { return d.State == core.DeployRunning }) && r.settledNow(s)
	})
	all := r.containers()
	d, ok := all["web"]
	if !ok && !s.none {
		r.t.Fatalf("%s: there is %s", where, names(all))
	}
	if s.serves {
		r.gate.witness("the restart")
	}
	for i, row := range r.deployments() {
		runs := ok && d.Labels["com.matrx.deployment"] == row.ID
		if i == 0 && runs != (row.State == core.DeployDone) {
			r.t.Errorf("%s: the record says %s (%s), and its container runs: %v", where, row.State, row.Result, runs)
		}
		if row.Result == "" || row.Ended.IsZero() {
			r.t.Errorf("%s: the record has no result: %+v", where, row)
		}
	}
	if ok {
		running := slices.DeleteFunc(r.releases(), func(v core.ReleaseView) bool { return !v.Running })
		if len(running) != 1 && len(r.deployments()) > 0 && d.Labels["com.matrx.deployment"] != "" {
			r.t.Errorf("%s: %d releases run", where, len(running))
		}
	}
	r.checkBooks(where)
}

// settledNow tells whether the service has one container, which serves, and nothing is left beside it.
func (r *deployRig) settledNow(s killStory) bool {
	all := r.containers()
	d, ok := all["web"]
	switch {
	case len(all) == 0:
		return s.none
	case len(all) != 1 || !ok || d.State != "running" || isSick(d):
		return false
	case r.def.Route == nil:
		return true
	}
	target, err := r.ship.Switch.Target(context.Background(), "web")
	if r.direct && core.CodeOf(err) == core.CodeNotFound {
		return r.visits("web.example.com")
	}
	server, ok := r.server()
	return ok && server.ID == d.ID && target.Router.IsZero() // the labels' own router does it again
}

// checkBooks sees that every intent has one outcome, and that no image is left without a name.
func (r *deployRig) checkBooks(where string) {
	r.t.Helper()
	outcomes := map[string]int{}
	for e, err := range r.journal.Replay(context.Background(), 1) {
		if err != nil {
			r.t.Fatal(err)
		}
		if e.Table != "audit" {
			continue
		}
		if n := 1; strings.Contains(string(e.Body), `"phase":"intent"`) {
			outcomes[e.Key] += 0
		} else {
			outcomes[e.Key] += n
		}
	}
	for id, n := range outcomes {
		if n != 1 {
			r.t.Errorf("%s: intent %s has %d outcomes", where, id, n)
		}
	}
	for _, row := range r.deployments() {
		if ends := r.ends(row.ID); len(ends) != 1 {
			r.t.Errorf("%s: the audit has %d ends of deployment %s", where, len(ends), row.ID)
		}
	}
	images, err := r.engine.Images(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, image := range images {
		if len(image.Tags) == 0 && image.UsedBy == 0 {
			r.t.Errorf("%s: an image without a name is left", where)
		}
	}
}

func TestAProcessThatDiesAtAnyCallLeavesOneVersionServingAndEveryRecordDecided(t *testing.T) {
	hits := map[string]int{}
	for i, s := range killStories() {
		_, calls := s.run(t, 0, false, 0, 0)
		for at := 1; at <= calls && !t.Failed(); at++ {
			for n, after := range []bool{false, true} {
				for m, again := range []int{0, 1 + at%11} {
					if soakKills() == 0 && (at%callsApart != i%callsApart || n != at/callsApart%2 || m != at/callsApart/2%2) {
						continue
					}
					step, _ := s.run(t, at, after, 0, again)
					hits[step]++
				}
			}
		}
	}
	reportHits(t, hits)
}

func TestAProcessThatDiesAtAnyMomentLeavesOneVersionServingAndEveryRecordDecided(t *testing.T) {
	kills := killsInTest
	if n := soakKills(); n > 0 {
		kills = n
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	stories, hits := killStories(), map[string]int{}
	for range kills {
		if t.Failed() {
			break
		}
		s := stories[random.IntN(len(stories))]
		step, _ := s.run(t, 0, false, time.Duration(1+random.Int64N(int64(12*time.Second))), 0)
		hits[step]++
	}
	t.Logf("%d processes died; in the steps: %v", kills, hits)
}

// reportHits prints in which steps processes died. A step without one fails.
func reportHits(t *testing.T, hits map[string]int) {
	t.Helper()
	total := 0
	for _, step := range slices.Sorted(maps.Keys(hits)) {
		t.Logf("%4d died in: %s", hits[step], step)
		total += hits[step]
	}
	t.Logf("%4d died", total)
	for _, step := range []string{core.StepLock, core.StepBuild, core.StepTest, core.StepCandidate, core.StepHealth, core.StepSwitch,
		core.StepRoute, core.StepDrain, core.StepRename, core.StepStop, core.StepObserve, core.StepKeep, core.StepReturn} {
		if hits[step] == 0 {
			t.Errorf("no process died in the step %s", step)
		}
	}
}
