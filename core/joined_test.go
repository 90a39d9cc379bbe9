package core_test

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// insidePlane has the plane run as a container on the network "edge", while web is on two networks of its own.
func insidePlane(r *deployRig) {
	r.engine.AddNetwork(core.Network{Name: "edge"})
	r.engine.AddNetwork(core.Network{Name: "web-own", Internal: true, Labels: map[string]string{"com.matrx.service": "web"}})
	r.engine.AddNetwork(core.Network{Name: "web-out"})
	r.def.Networks = []core.NetworkUse{{Name: "web-out"}, {Name: "web-own", Internal: true}}
	r.def.Route.Network = "web-out"
	r.own = r.addPlane(core.ManagerName, "edge")
}

// addPlane runs the container of a control plane.
func (r *deployRig) addPlane(name string, networks ...string) (id string) {
	d := core.ContainerDetail{Container: core.Container{Name: name, Image: "plane", State: "running", Labels: map[string]string{"com.matrx.service": name, "com.matrx.health": "skip"}}}
	for i, n := range networks {
		d.Networks = append(d.Networks, core.Attachment{Network: n, Address: "172.16.9." + string(rune('1'+i))})
	}
	return r.engine.Add(d)
}

// networksOf are the networks of a container.
func (r *deployRig) networksOf(id string) string {
	r.t.Helper()
	d, err := r.engine.Container(context.Background(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	var names []string
	for _, a := range d.Networks {
		names = append(names, a.Network)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// moveTo sets other networks of web, as the next process finds them.
func (r *deployRig) moveTo(networks ...core.NetworkUse) {
	r.t.Helper()
	r.def.Networks = networks
	r.define(r.def)
	r.restart(0)
}

// joinedRows are the keys of the table of joined networks.
func (r *deployRig) joinedRows() []string {
	r.t.Helper()
	rows := map[string]bool{}
	for e, err := range r.journal.Replay(context.Background(), 1) {
		if err != nil {
			r.t.Fatal(err)
		}
		if e.Table == "joined" {
			rows[e.Key] = true
			if e.Op == core.RecordDelete {
				delete(rows, e.Key)
			}
		}
	}
	return slices.Sorted(maps.Keys(rows))
}

// hasNetwork tells whether the engine has a network.
func (r *deployRig) hasNetwork(name string) bool {
	r.t.Helper()
	list, err := r.engine.Networks(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	return slices.ContainsFunc(list, func(n core.Network) bool { return n.Name == name })
}

func TestADeploymentJoinsOneNetworkOfItsCandidateAndProbesItThere(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newDeployRig(t, func(r *deployRig) {
			insidePlane(r)
			r.def.Networks = []core.NetworkUse{{Name: "edge"}}
		})
		r.moveTo(core.NetworkUse{Name: "web-out"}, core.NetworkUse{Name: "web-new", Internal: true})
		r.become("web", core.Healthy, time.Minute)
		if got := r.networksOf(r.own); got != "edge" {
			t.Fatalf("before the deployment the plane is on %s", got)
		}
		plan, err := core.PlanDeploy.Run(r.as(core.RoleViewer), r.core, core.DeployIn{ServiceIn: core.ServiceIn{Service: "web"}})
		if err != nil || len(plan.Blocked) > 0 {
			t.Errorf("%+v, %v", plan, err)
		}
		began := time.Now()
		if d := r.deploy(core.DeployIn{}); d.State != core.DeployDone || time.Since(began) > time.Minute {
			t.Fatalf("%+v", d)
		}
		if got := r.networksOf(r.own); got != "edge web-new" {
			t.Errorf("the plane is on %s", got)
		}
		r.become("web", core.Healthy, time.Minute)
		if rows := r.joinedRows(); len(rows) != 1 || rows[0] != "matrx-manager/web-new" {
			t.Errorf("rows %q", rows)
		}
	})
}

func TestAControlPlaneJoinsAgainWhenItsContainerWasReplaced(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newDeployRig(t, insidePlane)
		r.become("web", core.Healthy, time.Minute)
		r.restart(0)
		r.become("web", core.Healthy, time.Minute)
		if calls := r.engine.Calls("Connect"); calls != 1 || r.networksOf(r.own) != "edge web-own" {
			t.Errorf("%d joins, on %s", calls, r.networksOf(r.own))
		}
		if err := r.core.Close(); err != nil {
			t.Fatal(err)
		}
		if err := r.engine.Remove(context.Background(), r.own, 0); err != nil {
			t.Fatal(err)
		}
		r.own = r.addPlane(core.ManagerName, "edge")
		r.open()
		r.wait(time.Minute, "it joins again", func() bool { return r.networksOf(r.own) == "edge web-own" })
		r.become("web", core.Healthy, time.Minute)
	})
}

func TestAControlPlaneLeavesWhatItJoinedOnceNoDefinitionNamesIt(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newDeployRig(t, insidePlane)
		r.become("web", core.Healthy, time.Minute)
		r.moveTo(core.NetworkUse{Name: "edge"})
		time.Sleep(5 * time.Minute)
		if got := r.networksOf(r.own); got != "edge web-own" {
			t.Errorf("it left while web still runs there: it is on %s", got)
		}
		if d := r.deploy(core.DeployIn{}); d.State != core.DeployDone {
			t.Fatalf("%+v", d)
		}
		r.wait(5*time.Minute, "it leaves", func() bool { return r.networksOf(r.own) == "edge" && len(r.joinedRows()) == 0 })
		r.become("web", core.Healthy, time.Minute)
	})
}

func TestARemovalTakesTheControlPlanesOutOfTheNetworkThatGoes(t *testing.T) {
	for _, byItself := range []bool{true, false} {
		inBubble(t, func(t *testing.T) {
			var sibling string
			r := newDeployRig(t, func(r *deployRig) {
				insidePlane(r)
				sibling = r.addPlane(core.DeployName, "edge", "web-own")
				if byItself {
					r.share(core.DeployName, "web-own")
				}
			})
			r.become("web", core.Healthy, time.Minute)
			plan := r.removalPlan(false)
			if goes := slices.Contains(plan.Goes, "the network web-own"); goes != byItself {
				t.Errorf("by itself %v: %+v", byItself, plan)
			}
			if job := r.remove(false); job.State != core.JobDone {
				t.Fatalf("%+v", job)
			}
			if r.hasNetwork("web-own") == byItself {
				t.Errorf("by itself %v: the network is there: %v", byItself, !byItself)
			}
			if got := r.networksOf(sibling); (got == "edge") != byItself {
				t.Errorf("by itself %v: the other plane is on %s", byItself, got)
			}
			r.wait(5*time.Minute, "this plane leaves", func() bool { return r.networksOf(r.own) == "edge" && len(r.joinedRows()) == 0 })
		})
	}
}

// share writes what the other plane would say of a network that it joined.
func (r *deployRig) share(plane, network string) {
	r.t.Helper()
	row := core.Joined{Plane: plane, Network: network, At: time.Now()}
	raw, err := json.Marshal(map[string]any{"writer": "deploy", "tables": map[string]any{"joined": map[string]any{plane + "/" + network: row}}})
	if err == nil {
		err = os.MkdirAll(filepath.Join(r.root, "state"), 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(r.root, "state", "deploy.json"), raw, 0o600)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

func TestAJoinThatDiesAtAnyMomentIsFinishedAndNothingOfItIsLeftInTheEnd(t *testing.T) {
	for dieAt, more := 1, true; more; dieAt++ {
		for _, after := range []bool{false, true} {
			inBubble(t, func(t *testing.T) {
				r := newDeployRig(t, func(r *deployRig) {
					insidePlane(r)
					r.gate = &gate{dieAt: dieAt, after: after, died: make(chan struct{})}
				})
				time.Sleep(25 * time.Second)
				r.gate.mu.Lock()
				more = r.gate.dead
				r.gate.mu.Unlock()
				r.restart(0)
				r.become("web", core.Healthy, time.Minute)
				if job := r.remove(false); job.State != core.JobDone {
					t.Fatalf("call %d, after it %v: %+v", dieAt, after, job)
				}
				if got, rows := r.networksOf(r.own), r.joinedRows(); got != "edge" || len(rows) > 0 || r.hasNetwork("web-own") {
					t.Errorf("call %d, after it %v: on %s, rows %q, network %v", dieAt, after, got, rows, r.hasNetwork("web-own"))
				}
			})
		}
		if dieAt > 40 {
			t.Fatal("the start does not come to rest")
		}
	}
}

func TestADeploymentWhoseHealthCannotBeProbedFailsBeforeAnythingIsMade(t *testing.T) {
	for _, tc := range []struct {
		name    string
		network core.Network
		uses    []core.NetworkUse
		planned bool // the plan says so, too
		want    string
	}{
		{"it has no network", core.Network{}, nil, true, "on no network"},
		{"not a bridge", core.Network{Name: "lan", Driver: "macvlan"}, []core.NetworkUse{{Name: "lan"}}, true, "lan: not a bridge network but macvlan"},
		{"of another stack", core.Network{Name: "theirs", Labels: map[string]string{"com.matrx.project": "other"}}, []core.NetworkUse{{Name: "theirs"}}, true, "of the stack other"},
		{"it would take the way out", core.Network{Name: "a-web"}, []core.NetworkUse{{Name: "a-web"}}, false, "a-web would become the way out of matrx-manager"},
	} {
		inBubble(t, func(t *testing.T) {
			r := newDeployRig(t, func(r *deployRig) {
				insidePlane(r)
				r.def.Networks = []core.NetworkUse{{Name: "edge"}}
				if tc.network.Name != "" {
					r.engine.AddNetwork(tc.network)
				}
			})
			r.moveTo(tc.uses...)
			before := r.containers()["web"]
			plan, err := core.PlanDeploy.Run(r.as(core.RoleViewer), r.core, core.DeployIn{ServiceIn: core.ServiceIn{Service: "web"}})
			if err != nil || strings.Contains(strings.Join(plan.Blocked, " "), tc.want) != tc.planned {
				t.Errorf("%s: blocked by %q, %v", tc.name, plan.Blocked, err)
			}
			d := r.deploy(core.DeployIn{})
			if d.State == core.DeployDone || !strings.Contains(d.Result, tc.want) || d.New != "" {
				t.Errorf("%s: %+v", tc.name, d)
			}
			if now := r.containers()["web"]; now.ID != before.ID || len(r.containers()) != 2 || len(r.joinedRows()) > 0 || r.networksOf(r.own) != "edge" {
				t.Errorf("%s: web is %s, was %s; rows %q, on %s", tc.name, now.Short(), before.Short(), r.joinedRows(), r.networksOf(r.own))
			}
		})
	}
}

func TestAControlPlaneStaysOutOfNetworksThatNoDefinitionNames(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newDeployRig(t, insidePlane)
		r.become("web", core.Healthy, time.Minute)
		r.engine.AddNetwork(core.Network{Name: "byhand", Internal: true})
		r.engine.Add(core.ContainerDetail{Container: core.Container{
			Name: "stranger", Image: "x", State: "running", Labels: map[string]string{"com.matrx.service": "stranger", "com.matrx.health": "tcp:80"},
			Networks: []core.Attachment{{Network: "byhand", Address: "172.16.8.1"}},
		}, RestartPolicy: "always"})
		r.restart(0)
		r.become("stranger", core.Unproven, time.Minute)
		time.Sleep(2 * time.Minute)
		if got := r.networksOf(r.own); got != "edge web-own" || !strings.Contains(r.service("stranger").Health.Detail, "on none of its networks (byhand)") {
			t.Errorf("on %s; the stranger: %s", got, r.service("stranger").Health.Detail)
		}
	})
}

func TestAControlPlaneOutsideOfAContainerJoinsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newDeployRig(t, func(r *deployRig) { insidePlane(r); r.own = "" })
		r.become("web", core.Healthy, time.Minute)
		if d := r.deploy(core.DeployIn{}); d.State != core.DeployDone || r.engine.Calls("Connect") > 0 || len(r.joinedRows()) > 0 {
			t.Errorf("%d joins, rows %q, %+v", r.engine.Calls("Connect"), r.joinedRows(), d)
		}
	})
}

func TestAServiceWhoseNetworksCannotBeJoinedIsTriedAgainNowAndThen(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newDeployRig(t, func(r *deployRig) {
			insidePlane(r)
			r.engine.AddNetwork(core.Network{Name: "a-web"})
			r.def.Networks = []core.NetworkUse{{Name: "a-web"}}
		})
		r.become("web", core.Unproven, time.Minute)
		time.Sleep(9 * time.Minute)
		if calls := r.engine.Calls("Connect"); calls != 1 {
			t.Errorf("%d tries in 9 minutes", calls)
		}
		r.engine.AddNetwork(core.Network{Name: "a-web", Internal: true})
		r.become("web", core.Healthy, 3*time.Minute)
		if got := r.networksOf(r.own); got != "a-web edge" {
			t.Errorf("on %s", got)
		}
	})
}
