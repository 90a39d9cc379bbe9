package core_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
)

// rehearsing is a Deploy Server that deploys the Manager, whose image has the test "check": it reads its environment as a control
// plane does. What each of these tests could see is in the list.
func rehearsing(t *testing.T) (*deployRig, *[]core.ContainerSpec) {
	var seen []core.ContainerSpec
	r := newDeployRig(t, func(r *deployRig) {
		r.plane = core.DeployCharter()
		r.def.Kind, r.def.StopFirst, r.def.Test = core.KindManager, true, []string{"check"}
		r.def.Env = map[string]string{"MATRX_ROOT": "/data", "MATRX_SSH_ADDR": ":2222"}
		r.def.Mounts = []core.Mount{
			{Type: "bind", Source: "/var/run/docker.sock", Target: "/var/run/docker.sock"}, {Type: "bind", Source: "/data", Target: "/data"},
			{Type: "bind", Source: "/database", Target: "/database"},
		}
		r.engine.OnProgram("check", func(spec core.ContainerSpec) (string, int) {
			seen = append(seen, spec)
			if _, err := core.LoadConfig(func(name string) string { return spec.Env[name] }); err != nil {
				return err.Error(), 1
			}
			return "all is well", 0
		})
	})
	return r, &seen
}

func TestABrokenEnvironmentOfAPlaneIsFoundBeforeTheOldOneStops(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r, _ := rehearsing(t)
		r.setEnv("MATRX_SSH_ADDR", "nonsense")
		r.push("version 2", "v2")
		old := r.one()
		d := r.deploy(core.DeployIn{})
		r.oldServes(d, core.DeployFailed, "The image's own test (check) ended with exit code 1")
		if now := r.one(); now.ID != old.ID || !now.StartedAt.Equal(old.StartedAt) || d.Gap != 0 {
			t.Errorf("the old one was touched: %+v, gap %s", now, d.Gap)
		}
		if last := d.Steps[len(d.Steps)-1].Name; slices.ContainsFunc(d.Steps, func(s core.DeployStep) bool { return s.Name == core.StepStop }) {
			t.Errorf("it came to %s: %s", last, stepsOf(d))
		}
		if !strings.Contains(strings.Join(d.LastLog, "\n"), `MATRX_SSH_ADDR is "nonsense"`) {
			t.Errorf("the record has %q", d.LastLog)
		}
		r.setEnv("MATRX_SSH_ADDR", ":2200")
		if d := r.deploy(core.DeployIn{}); d.State != core.DeployDone || r.one().Command[0] != "v2" {
			t.Errorf("mended: %s %s", d.State, d.Result)
		}
	})
}

func TestTheTestOfAPlaneSeesItsDataReadOnlyAndThatOfAnAppSeesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r, seen := rehearsing(t)
		r.push("version 2", "v2")
		d := r.deploy(core.DeployIn{})
		if d.State != core.DeployDone || len(*seen) != 1 {
			t.Fatalf("%s %s: %d tests", d.State, d.Result, len(*seen))
		}
		if got := (*seen)[0]; !got.Alone || len(got.Seen) != 1 || got.Seen[0].Target != "/data" {
			t.Errorf("alone %v, it sees %+v", got.Alone, got.Seen)
		}
		at := slices.IndexFunc(d.Steps, func(s core.DeployStep) bool { return s.Name == core.StepTest })
		if !strings.HasSuffix(d.Steps[at].Detail, "its test passes: all is well") {
			t.Errorf("the step says %q", d.Steps[at].Detail)
		}
	})
	inBubble(t, func(t *testing.T) {
		var seen []core.ContainerSpec
		r := newDeployRig(t, func(r *deployRig) {
			r.def.Test, r.def.Mounts = []string{"check"}, []core.Mount{{Type: "bind", Source: "/srv", Target: "/srv"}}
			r.engine.OnProgram("check", func(spec core.ContainerSpec) (string, int) { seen = append(seen, spec); return "", 0 })
		})
		r.push("version 2", "v2")
		if d := r.deploy(core.DeployIn{}); d.State != core.DeployDone || len(seen) != 1 || len(seen[0].Seen) != 0 {
			t.Errorf("%s %s: %+v", d.State, d.Result, seen)
		}
	})
}

func TestARehearsalCountsWhatWouldBeLeftOut(t *testing.T) {
	j := coretest.NewJournal()
	for key, body := range map[string]string{"web": `{"service":"web"}`, "odd": `{"service":7}`} {
		if _, err := j.Append(t.Context(), core.Record{Table: "definitions", Key: key, Ver: 1, Op: core.RecordPut, Body: []byte(body), Actor: "ann"}); err != nil {
			t.Fatal(err)
		}
	}
	r, err := core.Rehearse(j.Replay(t.Context(), 1))
	if err != nil || r.Records != 2 || r.Unread != 1 || !strings.Contains(r.String(), "1 rows of another release") {
		t.Errorf("%+v, %v: %s", r, err, r)
	}
}
