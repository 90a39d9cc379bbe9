package core_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
)

// seen is what visitors of two domains got at each call to the outside, without repetitions: "old", "new", "both" or "none".
func (r *deployRig) seen(old, now string) func() []string {
	var list []string
	r.gate.mu.Lock()
	defer r.gate.mu.Unlock()
	r.gate.witness = func(string) {
		word := map[[2]bool]string{{true, false}: "old", {false, true}: "new", {true, true}: "both", {}: "none"}[[2]bool{r.visits(old), r.visits(now)}]
		if len(list) == 0 || list[len(list)-1] != word {
			list = append(list, word)
		}
	}
	return func() []string {
		r.gate.mu.Lock()
		defer r.gate.mu.Unlock()
		return slices.Clone(list)
	}
}

func TestTheOldDomainIsServedUntilTheSwitchAndTheNewOneAfterIt(t *testing.T) {
	for command, want := range map[string]string{"v2": "old new", "sick": "old"} {
		t.Run(command, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := newDeployRig(t, movedAway)
				r.push("version 2", command)
				seen := r.seen("web.example.com", "www.example.com")
				d := r.deploy(core.DeployIn{})
				if got := strings.Join(seen(), " "); got != want || d.Lost != 0 || (command == "v2") != (d.State == core.DeployDone) {
					t.Errorf("%s, %d lost, visitors saw %s: %s", d.State, d.Lost, got, d.Result)
				}
				if command == "v2" && d.Asked == 0 {
					t.Error("no request was counted after the switch")
				}
				if target, err := r.ship.Switch.Target(context.Background(), "web"); err != nil || !target.Router.IsZero() {
					t.Errorf("the router stays in the file: %+v, %v", target, err)
				}
				r.one()
			})
		})
	}
}

func TestADirectRouteIsServedWhileItMovesToTheSwitch(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newDeployRig(t, func(r *deployRig) { r.direct = true })
		r.push("version 2", "v2")
		seen := r.seen("web.example.com", "web.example.com")
		if d := r.deploy(core.DeployIn{}); d.State != core.DeployDone || d.Lost != 0 || d.Asked == 0 {
			t.Errorf("%s: %s, %d of %d lost", d.State, d.Result, d.Lost, d.Asked)
		}
		if got := strings.Join(seen(), " "); got != "both" {
			t.Errorf("visitors saw %s", got)
		}
		r.one()
	})
}

func TestADomainThatStaysIsAskedAcrossTheWholeSwitch(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newDeployRig(t, func(r *deployRig) {
			route := *r.def.Route
			route.Domains = []core.Domain{"www.example.com", "web.example.com"}
			r.next = &route
		})
		r.push("version 2", "v2")
		seen := r.seen("web.example.com", "www.example.com")
		d := r.deploy(core.DeployIn{})
		if got := strings.Join(seen(), " "); got != "old both" || d.State != core.DeployDone || d.Lost != 0 || d.Asked < 20 {
			t.Errorf("visitors saw %s; %s: %s, %d of %d lost", got, d.State, d.Result, d.Lost, d.Asked)
		}
	})
}

func TestAFailureAfterTheSwitchBringsTheOldDomainBack(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newDeployRig(t, func(r *deployRig) {
			movedAway(r)
			r.def.Drain = 3 * time.Second
		})
		r.push("version 2", "v2")
		r.dieAfterSwitch()
		d := r.deploy(core.DeployIn{})
		if d.State != core.DeployFailed || !strings.Contains(stepsOf(d), "see route done") || !r.visits("web.example.com") || r.visits("www.example.com") {
			t.Errorf("%s: %s", d.State, d.Result)
		}
		if target, err := r.ship.Switch.Target(context.Background(), "web"); err != nil || !target.Router.IsZero() {
			t.Errorf("%+v, %v", target, err)
		}
		r.one()
	})
}

func TestARouteThatCannotBeBridgedIsRefusedBeforeAnythingStarts(t *testing.T) {
	for name, tc := range map[string]struct {
		labels map[string]string
		use    []string // middlewares of the definition
		want   string
	}{
		"a middleware of the old container's labels": {map[string]string{"traefik.http.middlewares.gate.basicauth.users": "ann:x"}, []string{"gate"}, "The middleware gate is defined by labels"},
		"TLS between Traefik and the container":      {map[string]string{"traefik.http.services.web.loadbalancer.server.scheme": "https"}, nil, "Stop the old one first: stop web"},
		"an older syntax of rules":                   {map[string]string{"traefik.http.routers.web.rulesyntax": "v2"}, nil, "Stop the old one first: stop web"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := newDeployRig(t, func(r *deployRig) {
					r.direct, r.further = true, tc.labels
					route := *r.def.Route
					route.Middlewares = tc.use
					r.next = &route
				})
				r.push("version 2", "v2")
				plan, err := core.PlanDeploy.Run(r.as(core.RoleViewer), r.core, core.DeployIn{ServiceIn: webIn()})
				if err != nil || !slices.ContainsFunc(plan.Blocked, func(s string) bool { return strings.Contains(s, tc.want) }) {
					t.Errorf("the plan: %v %q", err, plan.Blocked)
				}
				d := r.deploy(core.DeployIn{})
				if d.State != core.DeployFailed || d.New != "" || !strings.Contains(d.Result, tc.want) || !r.visits("web.example.com") {
					t.Errorf("%s: %s", d.State, d.Result)
				}
				if _, err := r.ship.Switch.Target(context.Background(), "web"); core.CodeOf(err) != core.CodeNotFound {
					t.Errorf("a file was left: %v", err)
				}
			})
		})
	}
}

func TestARouterThatWasLeftInAFileGoesWhenTraefikHasThatOfTheLabels(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newDeployRig(t, nil)
		left := core.SwitchTarget{Service: "web", Alias: "web", Port: 3000, Router: core.SwitchRouter{Rule: "Host(`gone.example.com`)", TLS: true, Priority: 30}}
		if err := r.ship.Switch.Point(context.Background(), left); err != nil {
			t.Fatal(err)
		}
		coretest.Wait(t, time.Minute, "the router is taken out", func() bool {
			target, err := r.ship.Switch.Target(context.Background(), "web")
			return err == nil && target == core.SwitchTarget{Service: "web", Alias: "web", Port: 3000}
		})
		if !r.visits("web.example.com") {
			t.Error("it is not served")
		}
	})
}
