//go:build integration

package core_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
)

// matrixFault is something that happens to all deployments of a row at once, each in its own step.
type matrixFault struct {
	name   string
	lasts  time.Duration
	begin  func(r *matrixRig) (end func())
	serves bool // what serves is asked all the time, and every request is answered
}

// decidedWithin bounds the time from the end of a fault until every deployment is decided and every service answers.
const decidedWithin = time.Minute

// reachWithin bounds the time until every deployment has come to its step.
const reachWithin = time.Minute

// quickFaults are those of make test, where both disks are full at once, as on a server that has one.
func quickFaults(long time.Duration) []matrixFault {
	return []matrixFault{
		{"engine hung", long, func(r *matrixRig) func() {
			r.e.signal(syscall.SIGSTOP)
			return func() { r.e.signal(syscall.SIGCONT) }
		}, false},
		{"engine restarted", 0, func(r *matrixRig) func() {
			r.e.stop()
			return func() { r.e.start(); r.traefikIsUp() }
		}, false},
		{"Traefik stopped", long, withoutTraefik, false},
		{"disks full", long, func(r *matrixRig) func() {
			state, engine := fillUp(r.t, r.state), fillUp(r.t, r.e.data())
			return func() { state(); engine() }
		}, true},
	}
}

// soakFaults are all of them, and each disk by itself.
func soakFaults(long time.Duration) []matrixFault {
	return append(quickFaults(long),
		matrixFault{"state disk full", long, func(r *matrixRig) func() { return fillUp(r.t, r.state) }, true},
		matrixFault{"engine's disk full", long, func(r *matrixRig) func() { return fillUp(r.t, r.e.data()) }, true},
	)
}

// withoutTraefik kills Traefik.
func withoutTraefik(r *matrixRig) func() {
	r.e.cli("kill", "traefik")
	return func() { r.e.cli("start", "traefik"); r.traefikIsUp() }
}

// The steps in which a fault meets each kind of service. What runs twice and what is stopped first go through the same steps up to
// the candidate, so that make test sees those once.
var (
	stepsTwice = []string{core.StepLock, core.StepSource, core.StepBuild, core.StepTest, core.StepCandidate, core.StepHealth, core.StepSwitch,
		core.StepRoute, core.StepDrain, core.StepRename, core.StepStop, core.StepObserve, core.StepKeep}
	stepsAlone = []string{core.StepStop, core.StepHealth, core.StepSwitch, core.StepRename}
	stepsSick  = []string{core.StepHealth, core.StepReturn}
)

func TestAFaultInAnyStepOfARealDeploymentEndsInOneVersionServing(t *testing.T) {
	r := newMatrixRig(t)
	alone, faults := stepsAlone, quickFaults(3*time.Second)
	if soakKills() > 0 {
		alone = slices.DeleteFunc(slices.Clone(stepsTwice), func(step string) bool { return step == core.StepDrain })
		faults = slices.Concat(soakFaults(3*time.Second), soakFaults(20*time.Second), soakFaults(70*time.Second))
	}
	for _, step := range stepsTwice {
		r.addCell(matrixTwice, step)
	}
	for _, step := range alone {
		r.addCell(matrixAlone, step)
	}
	for _, step := range stepsSick {
		r.addCell(matrixSick, step)
	}
	r.row(matrixFault{name: "nothing"}, r.cells)
	table := map[string][]string{}
	for i, f := range faults {
		met := r.row(f, r.met(i))
		for _, c := range r.cells {
			table[c.where()] = append(table[c.where()], met[c.where()])
		}
	}
	printMatrix(t, faults, table)
}

// met are the cells that a fault meets: in make test every second one, and the others by the next fault; in make soak all.
func (r *matrixRig) met(row int) []*matrixCell {
	var cells []*matrixCell
	for i, c := range r.cells {
		if soakKills() > 0 || (i+row)%2 == 0 {
			cells = append(cells, c)
		}
	}
	return cells
}

// where names a cell in the table.
func (c *matrixCell) where() string { return c.kind + ", " + c.step }

// row deploys the next version of the services at once, lets each come to its step, has the fault begin, lets them go on, ends the
// fault, and holds the promises against what is left. It gives what became of each.
func (r *matrixRig) row(f matrixFault, cells []*matrixCell) map[string]string {
	r.t.Helper()
	began, mark := time.Now(), r.push()
	for _, c := range cells {
		c.start(f.begin != nil)
	}
	end := func() {}
	if f.begin != nil {
		r.allReached(f, cells)
	}
	stopAsking := r.keepAsking(cells)
	if f.begin != nil {
		end = f.begin(r)
	}
	for _, c := range cells {
		c.release()
	}
	over := time.NewTimer(f.lasts) // the fault itself takes so long
	defer over.Stop()
	<-over.C
	end()
	ended := time.Now()
	r.allDecided(f, cells)
	stopAsking()
	r.alone(f)
	took := time.Since(ended)
	result := map[string]string{}
	for _, c := range cells {
		result[c.where()] = c.checked(f, mark)
	}
	r.t.Logf("%s: every deployment decided and every service alone %s after its end; all in %s", f.name, took.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	return result
}

// start begins the deployment of a cell, and makes it wait in its step when a fault is to meet it there.
func (c *matrixCell) start(stops bool) {
	c.r.t.Helper()
	c.asked.Store(0)
	c.lost.Store(0)
	in := core.DeployIn{ServiceIn: core.ServiceIn{Service: c.def.Service}}
	c.before, c.last, c.release = "", "", func() {}
	if d, ok := c.newest(); ok {
		c.before, c.last = c.mark(), d.ID
		if c.kind == matrixSick {
			in.Ref = "sick"
		}
	}
	if stops {
		c.reached, c.release = c.journal.stopAt(c.step)
	}
	c.started = make(chan error, 1)
	go func() {
		_, err := core.Deploy.Run(c.as(core.RoleOperator), c.core, in)
		c.started <- err
	}()
}

// allReached waits until every deployment waits in its step.
func (r *matrixRig) allReached(f matrixFault, cells []*matrixCell) {
	r.t.Helper()
	limit := time.NewTimer(reachWithin)
	defer limit.Stop()
	for _, c := range cells {
		select {
		case <-c.reached:
		case <-limit.C:
			d, _ := c.newest()
			for _, other := range cells {
				other.release()
			}
			r.t.Fatalf("%s: the deployment of %s, %s did not come to the step %q: %s %s", f.name, c.kind, c.def.Service, c.step, stepsOf(d), d.Result)
		}
	}
}

// keepAsking asks every service through Traefik until it is told to end, and counts what is not answered.
func (r *matrixRig) keepAsking(cells []*matrixCell) (stop func()) {
	ctx, cancel := context.WithCancel(r.t.Context())
	var wg sync.WaitGroup
	for _, c := range cells {
		wg.Go(func() {
			tick := time.NewTicker(100 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				c.asked.Add(1)
				if !strings.HasPrefix(c.mark(), "version-") {
					c.lost.Add(1)
				}
			}
		})
	}
	return func() { cancel(); wg.Wait() }
}

// allDecided waits until no deployment is under way or open.
func (r *matrixRig) allDecided(f matrixFault, cells []*matrixCell) {
	r.t.Helper()
	limit := time.Now().Add(decidedWithin)
	for _, c := range cells {
		coretest.Wait(r.t, time.Until(limit), f.name+" in "+c.where()+": the deployment is decided", func() bool {
			d, ok := c.newest()
			if !ok || d.ID == c.last || d.State == core.DeployRunning {
				return false
			}
			last := d.Steps[len(d.Steps)-1]
			return last.Name != core.StepReturn || last.State != "failed" || d.Settled
		})
	}
}

// alone waits until the engine has one running container of each service, and Traefik, and nothing else.
func (r *matrixRig) alone(f matrixFault) {
	r.t.Helper()
	want := []string{"traefik running"}
	for _, c := range r.cells {
		want = append(want, c.def.Service+" running")
	}
	slices.Sort(want)
	var got []string
	defer func() {
		if !slices.Equal(got, want) {
			r.t.Logf("%s: the engine has %q", f.name, got)
			for _, c := range r.cells {
				d, _ := c.newest()
				state := r.e.cli("inspect", "--format", "{{json .State}}", c.def.Service)
				r.t.Logf("%s, %s (%s): %s at %s: %s; %s; %s", c.def.Service, c.step, c.kind, d.State, d.Ended.Format(time.RFC3339Nano), d.Result, stepsOf(d), state)
			}
		}
	}()
	coretest.Wait(r.t, decidedWithin, f.name+": one container of each service", func() bool {
		got = strings.Split(r.e.cli("ps", "--all", "--format", "{{.Names}} {{.State}}"), "\n")
		slices.Sort(got)
		return slices.Equal(got, want)
	})
	if left := r.e.cli("images", "--quiet", "--filter", "dangling=true"); left != "" {
		r.t.Errorf("%s: images without a name are left: %q", f.name, left)
	}
}

// checked sees that the version serves which the record says, and that the record says why; it gives what happened in a word.
func (c *matrixCell) checked(f matrixFault, mark string) string {
	c.r.t.Helper()
	where := f.name + " in " + c.where()
	if err := <-c.started; err != nil && !strings.Contains(err.Error(), "was done, but the audit") {
		c.r.t.Errorf("%s: %v", where, err)
	}
	d, _ := c.newest()
	want, word := c.before, "old"
	if d.State == core.DeployDone {
		want, word = mark, "new"
	}
	var got string
	for limit := time.Now().Add(10 * time.Second); got != want && time.Now().Before(limit); {
		got = c.mark()
	}
	lost := c.lost.Load()
	switch {
	case got != want:
		c.r.t.Errorf("%s: the record says %s (%s), and %q serves, not %q", where, d.State, d.Result, got, want)
	case f.begin == nil && (word == "new") != (c.kind != matrixSick || c.last == ""):
		c.r.t.Errorf("%s: %s: %s", where, d.State, d.Result)
	case d.Result == "" || d.Ended.IsZero() || word == "old" && !strings.Contains(d.Result, "old version") && !strings.Contains(d.Result, "Nothing was changed"):
		c.r.t.Errorf("%s: the record does not say what happened: %+v", where, d)
	case f.serves && c.kind != matrixAlone && lost > 0:
		c.r.t.Errorf("%s: %d of %d requests were not answered: %s", where, lost, c.asked.Load(), d.Result)
	}
	c.checkBooks(where)
	if word == "old" {
		c.r.t.Logf("%s: %s: %s", where, d.State, d.Result)
	}
	return fmt.Sprintf("%s / %d", word, lost)
}

// checkBooks wants one outcome of every intent, and one end of the deployment, in the journal itself.
func (c *matrixCell) checkBooks(where string) {
	c.r.t.Helper()
	outcomes := func() (list map[string]int) {
		list = map[string]int{}
		for e, err := range c.journal.Replay(context.Background(), 1) {
			c.r.check(err)
			switch {
			case e.Table != "audit":
			case strings.Contains(string(e.Body), `"phase":"intent"`):
				list[e.Key] += 0
			default:
				list[e.Key]++
			}
		}
		return list
	}
	coretest.Wait(c.r.t, decidedWithin, where+": every intent has an outcome", func() bool {
		for _, n := range outcomes() {
			if n == 0 {
				return false
			}
		}
		return true
	})
	for id, n := range outcomes() {
		if n != 1 {
			c.r.t.Errorf("%s: intent %s has %d outcomes", where, id, n)
		}
	}
}

// printMatrix prints which version served after each fault in each step, and how many requests were not answered meanwhile.
func printMatrix(t *testing.T, faults []matrixFault, table map[string][]string) {
	t.Helper()
	line := fmt.Sprintf("%-28s", "serves / not answered")
	for _, f := range faults {
		line += fmt.Sprintf(" %-24s", fmt.Sprintf("%s, %s", f.name, f.lasts))
	}
	t.Log(line)
	for _, where := range slices.Sorted(maps.Keys(table)) {
		line := fmt.Sprintf("%-28s", where)
		for _, how := range table[where] {
			line += fmt.Sprintf(" %-24s", how)
		}
		t.Log(line)
	}
}
