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

// behind is a container with the labels of a service whose server comes from the switch.
func behind(name, host string, aliases ...string) core.ContainerDetail {
	d := web(name)
	d.Labels = map[string]string{
		"com.matrx.service": name, "com.matrx.health": "http:/healthz:3000", "traefik.enable": "true", "traefik.docker.network": "proxy",
		"traefik.http.routers." + name + ".rule": "Host(`" + host + "`)", "traefik.http.routers." + name + ".tls": "true",
		"traefik.http.routers." + name + ".service": name + "@file", "traefik.http.services." + name + ".loadbalancer.server.port": "3000",
	}
	d.Networks = []core.Attachment{{Network: "proxy", Aliases: append([]string{name}, aliases...)}}
	return d
}

// routerOf is what Traefik has of such a container.
func routerOf(name, host, server string) core.Route {
	return core.Route{
		Name: name + "@docker", Rule: "Host(`" + host + "`)", Hosts: []string{host}, Service: name + "@file", TLS: true, Status: "enabled",
		Provider: "docker", Servers: []string{server + " UP"}, Listens: []string{"traefik:8443"},
	}
}

// shipRig is a plane with a switch, a way through Traefik and locks.
type shipRig struct {
	*planeRig
	sw      *coretest.Switch
	through *coretest.Through
	locks   *coretest.Locks
}

func newShipRig(t *testing.T, prepare func(*shipRig)) *shipRig {
	t.Helper()
	r := &shipRig{sw: coretest.NewSwitch(), through: coretest.NewThrough(), locks: coretest.NewLocks()}
	r.planeRig = newPlane(t, func(p *planeRig) {
		r.planeRig = p
		p.certs = map[string]core.Certificate{"demo.example.com": {Issuer: "R11", NotAfter: time.Now().Add(60 * 24 * time.Hour), Trusted: true}}
		p.ship = core.ShipParts{Switch: r.sw, Through: r.through, Locks: r.locks}
		prepare(r)
	})
	return r
}

func (r *shipRig) point(service, alias string) {
	r.t.Helper()
	if err := r.sw.Point(r.t.Context(), core.SwitchTarget{Service: service, Alias: alias, Port: 3000}); err != nil {
		r.t.Fatal(err)
	}
}

// routes is the screen Routing.
func (r *shipRig) routes(service string) core.RoutingView {
	r.t.Helper()
	view, err := core.ListRoutes.Run(r.as(core.RoleViewer), r.core, core.RoutesIn{Service: service})
	if err != nil {
		r.t.Fatal(err)
	}
	return view
}

const demoHost, demoServer = "demo.example.com", "http://ship-demo-1a2b3c4d:3000"

// wellRouted is a service on whose route nothing is wrong.
func wellRouted(r *shipRig) {
	r.engine.Add(behind("ship-demo", demoHost, "ship-demo-1a2b3c4d"))
	r.engine.Add(web("ship-demo-db"))
	r.proxy.routes = []core.Route{routerOf("ship-demo", demoHost, demoServer)}
	r.point("ship-demo", "ship-demo-1a2b3c4d")
}

func TestARouteThatWorksSaysSoWithAllThatIsKnown(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newShipRig(t, func(r *shipRig) {
			wellRouted(r)
			r.proxy.routes = append(r.proxy.routes, core.Route{Name: "other@file", Rule: "Host(`x.example.com`)", Provider: "file"})
			r.through.OnProbe(func(p core.RouteProbe) (int, error) {
				if p.Address != "traefik:8443" || p.Host != demoHost || p.Path != "/healthz" || !p.TLS || p.Within <= 0 {
					t.Errorf("probe %+v", p)
				}
				return 200, nil
			})
		})
		r.become("ship-demo", core.Healthy, 5*time.Second)
		view := r.routes("")
		if view.Traefik != "3.5.3" || view.Problem != "" || len(view.Routes) != 1 || len(view.Others) != 1 || view.Others[0].Name != "other@file" {
			t.Fatalf("%+v", view)
		}
		v := view.Routes[0]
		if !v.OK || v.Verdict != "It works." || v.Do != "" || v.Switch != demoServer || v.Backend != "ship-demo@file" || !slices.Equal(v.Servers, []string{demoServer + " UP"}) ||
			v.Issuer != "R11" || v.Expires.IsZero() || !strings.HasPrefix(v.Probe, "200 in") || v.Router != "ship-demo@docker" || v.Rule != v.Wanted {
			t.Errorf("%+v", v)
		}
	})
}

func TestTheVerdictNamesTheCauseAndWhatToDo(t *testing.T) {
	const day = 24 * time.Hour
	cases := []struct {
		name    string
		change  func(*shipRig)
		ok      bool
		verdict string
		do      string
	}{
		{"Traefik is down", func(r *shipRig) { r.proxy.err = core.Errorf(core.CodeUnavailable, "connection refused") }, false, "Traefik does not answer: connection refused", "restart traefik"},
		{"no router", func(r *shipRig) { r.proxy.routes = nil }, false, "router ship-demo is missing, though", "logs traefik"},
		{"stopped", func(r *shipRig) {
			r.proxy.routes = nil
			r.engine.Die(idOf(r.planeRig, "ship-demo"), 0)
		}, false, "router is missing: the container does not run", "start ship-demo"},
		{"errors", func(r *shipRig) {
			r.proxy.routes[0].Status, r.proxy.routes[0].Errors = "disabled", []string{"middleware \"x@file\" does not exist"}
		}, false, "middleware \"x@file\" does not exist", "deploy it"},
		{"another rule", func(r *shipRig) { r.proxy.routes[0].Rule = "Host(`b.example.com`)" }, false, "Host(`b.example.com`), but the labels say", "who else"},
		{"no entry point", func(r *shipRig) { r.proxy.routes[0].Listens = nil }, false, "no entry point", "entry points"},
		{"a router of somebody else", func(r *shipRig) {
			r.proxy.routes = append(r.proxy.routes, core.Route{Name: "rogue@file", Rule: r.proxy.routes[0].Rule, Provider: "file"})
		}, false, "Two claim demo.example.com: this service and the router rogue@file", "Take the domain"},
		{"a router of somebody else with a part of the domains", func(r *shipRig) {
			r.proxy.routes = append(r.proxy.routes, core.Route{Name: "rogue@file", Rule: "Host(`a.example.com`) || Host(`demo.example.com`)", Provider: "file"})
		}, false, "and the router rogue@file", "Take the domain"},
		{"a router for a path of the domain", func(r *shipRig) {
			r.proxy.routes = append(r.proxy.routes, core.Route{Name: "api@file", Rule: "Host(`demo.example.com`) && PathPrefix(`/api`)", Provider: "file"})
		}, true, "It works.", ""},
		{"a router on another entry point", func(r *shipRig) {
			r.proxy.routes[0].Entrypoints = []string{"websecure"}
			r.proxy.routes = append(r.proxy.routes, core.Route{Name: "plain@file", Rule: r.proxy.routes[0].Rule, Provider: "file", Entrypoints: []string{"web"}})
		}, true, "It works.", ""},
		{"a damaged file", func(r *shipRig) { r.sw.Damage("ship-demo") }, false, "cannot be read", "deploy ship-demo"},
		{"a file that Traefik has not read", func(r *shipRig) { r.point("ship-demo", "ship-demo-99999999") }, false,
			"leads to http://ship-demo-1a2b3c4d:3000 UP, but our file says http://ship-demo-99999999:3000", "one of them is wrong"},
		{"a file that leads nowhere", func(r *shipRig) {
			r.point("ship-demo", "ship-demo-99999999")
			r.proxy.routes[0].Servers[0] = "http://ship-demo-99999999:3000 UP"
		}, false, "not a name of the container", "rendered anew"},
		{"no server", func(r *shipRig) {
			r.proxy.routes[0].Service, r.proxy.routes[0].Servers = "ship-demo", nil
			r.relabel("service", "")
		}, false, "leads to no server", "logs traefik"},
		{"a server that is down", func(r *shipRig) { r.proxy.routes[0].Servers[0] = demoServer + " DOWN" }, false, "No server behind the router is up", "logs ship-demo"},
		{"a bad gateway", func(r *shipRig) { r.answer(502, nil) }, false, "visitors get 502", "listen on the port"},
		{"an error of the app", func(r *shipRig) { r.answer(500, nil) }, false, "Visitors get 500", "logs ship-demo"},
		{"no health path", func(r *shipRig) { r.answer(404, nil) }, false, "404 for /healthz", "health path"},
		{"a login page", func(r *shipRig) { r.answer(401, nil) }, true, "It works.", ""},
		{"silence", func(r *shipRig) { r.answer(0, core.Errorf(core.CodeUnavailable, "It says nothing.")) }, false, "It says nothing.", "logs traefik"},
		{"a certificate that ends soon", func(r *shipRig) { r.certify(3*day+time.Hour, true) }, true, "expires in 3d", "30 days"},
		{"an expired certificate", func(r *shipRig) { r.certify(-2*day, true) }, false, "expired 2d ago", "renews"},
		{"an untrusted certificate", func(r *shipRig) { r.certify(60*day, false) }, false, "do not trust", "MATRX_ACME_EMAIL"},
		{"routed directly", func(r *shipRig) {
			r.proxy.routes[0].Service, r.proxy.routes[0].Servers[0] = "ship-demo", "http://10.0.0.9:3000 UP"
			r.relabel("service", "")
		}, true, "routed directly; a deployment will move it to the switch", ""},
		{"another network", func(r *shipRig) {
			r.proxy.routes = nil
			r.relabel("network", "elsewhere")
		}, false, "not in the network elsewhere", "deploy ship-demo"},
		{"not enabled", func(r *shipRig) {
			r.proxy.routes = nil
			r.relabel("enable", "false")
		}, false, "lacks the label traefik.enable=true", "deploy ship-demo"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := newShipRig(t, wellRouted)
				r.become("ship-demo", core.Healthy, 5*time.Second)
				if _, err := r.locks.Lock("ship-demo", "the test"); err != nil { // nobody mends the file meanwhile
					t.Fatal(err)
				}
				tc.change(r)
				coretest.Wait(t, 3*time.Second, "the verdict", func() bool {
					view := r.routes("ship-demo")
					v := view.Routes[0]
					return v.OK == tc.ok && strings.Contains(v.Verdict, tc.verdict) && strings.Contains(v.Do, tc.do)
				})
				if v := r.routes("ship-demo").Routes[0]; !v.OK && v.Do == "" {
					t.Errorf("%q says nothing to do", v.Verdict)
				}
			})
		})
	}
}

// answer is what visitors get from now on.
func (r *shipRig) answer(status int, err error) {
	r.through.OnProbe(func(core.RouteProbe) (int, error) { return status, err })
}

// certify gives the demo another certificate.
func (r *shipRig) certify(left time.Duration, trusted bool) {
	r.certs[demoHost] = core.Certificate{Issuer: "R11", NotAfter: time.Now().Add(left), Trusted: trusted, Problem: "its issuer is not one that clients trust"}
}

// relabel has the demo's container replaced by one with another label.
func (r *shipRig) relabel(what, value string) {
	r.t.Helper()
	d := behind("ship-demo", demoHost, "ship-demo-1a2b3c4d")
	key := map[string]string{"service": "traefik.http.routers.ship-demo.service", "network": "traefik.docker.network", "enable": "traefik.enable"}[what]
	d.Labels[key] = value
	if err := r.engine.Remove(r.t.Context(), idOf(r.planeRig, "ship-demo"), 0); err != nil {
		r.t.Fatal(err)
	}
	r.engine.Add(d)
}

func TestTwoServicesThatClaimADomainAreBothNamed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newShipRig(t, func(r *shipRig) {
			wellRouted(r)
			r.engine.Add(behind("ship-twin", demoHost, "ship-twin-1a2b3c4d"))
			r.proxy.routes = append(r.proxy.routes, routerOf("ship-twin", demoHost, "http://ship-twin-1a2b3c4d:3000"))
			r.point("ship-twin", "ship-twin-1a2b3c4d")
		})
		r.become("ship-twin", core.Healthy, 5*time.Second)
		for name, other := range map[string]string{"ship-demo": "ship-twin", "ship-twin": "ship-demo"} {
			if v := r.routes(name).Routes[0]; v.OK || !strings.Contains(v.Verdict, "this service and "+other) {
				t.Errorf("%s: %s", name, v.Verdict)
			}
		}
	})
}

func TestRoutesThatDoNotWorkComeFirstAndAServiceWithoutOneSaysSo(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newShipRig(t, func(r *shipRig) {
			r.engine.Add(behind("a-good", demoHost, "a-good-1a2b3c4d"))
			r.engine.Add(behind("b-bad", "bad.example.com", "b-bad-1a2b3c4d"))
			r.engine.Add(web("plain"))
			r.proxy.routes = []core.Route{routerOf("a-good", demoHost, "http://a-good-1a2b3c4d:3000")}
			r.point("a-good", "a-good-1a2b3c4d")
			r.point("b-bad", "b-bad-1a2b3c4d")
		})
		r.become("b-bad", core.Healthy, 5*time.Second)
		if view := r.routes(""); len(view.Routes) != 2 || view.Routes[0].Service != "b-bad" || view.Routes[1].Service != "a-good" {
			t.Errorf("%+v", view.Routes)
		}
		if view := r.routes("plain"); len(view.Routes) != 1 || !strings.Contains(view.Routes[0].Verdict, "no route") {
			t.Errorf("%+v", view.Routes)
		}
		if _, err := core.ListRoutes.Run(r.as(core.RoleViewer), r.core, core.RoutesIn{Service: "nobody"}); core.CodeOf(err) != core.CodeNotFound {
			t.Errorf("%v", err)
		}
	})
}

func TestLookingAtRoutesAnswersInTimeWhateverHangs(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newShipRig(t, func(r *shipRig) {
			for _, name := range strings.Fields("a b c d e f g h i j k l m n o p q r s t u v w x y z") {
				r.engine.Add(behind(name, name+".example.com", name+"-1a2b3c4d"))
				r.proxy.routes = append(r.proxy.routes, routerOf(name, name+".example.com", "http://"+name+"-1a2b3c4d:3000"))
			}
			r.through.Hang("ProbeRoute", true)
		})
		r.become("z", core.Healthy, 5*time.Second)
		r.sw.Hang("Target", true)
		began := time.Now()
		if view := r.routes(""); len(view.Routes) != 26 || view.Routes[0].OK {
			t.Errorf("%d routes", len(view.Routes))
		}
		if took := time.Since(began); took > 6*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

func TestAMissingSwitchFileIsRenderedFromTheContainerThatRuns(t *testing.T) {
	cases := map[string]struct {
		aliases []string
		want    string
	}{
		"with the alias of its deployment": {[]string{"ship-demo-1a2b3c4d"}, "ship-demo-1a2b3c4d"},
		"without an alias of its own":      {nil, "ship-demo"},
		"with an alias that only looks so": {[]string{"ship-demo-1a2b3c4", "ship-demo-backstop"}, "ship-demo"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := newShipRig(t, func(r *shipRig) { r.engine.Add(behind("ship-demo", demoHost, tc.aliases...)) })
				r.leads("ship-demo", tc.want, 3*time.Second)
				if err := r.sw.Remove(t.Context(), "ship-demo"); err != nil {
					t.Fatal(err)
				}
				r.leads("ship-demo", tc.want, 40*time.Second)
			})
		})
	}
}

// leads waits until the switch of a service leads to an alias.
func (r *shipRig) leads(service, alias string, most time.Duration) {
	r.t.Helper()
	coretest.Wait(r.t, most, service+" led to "+alias, func() bool {
		target, err := r.sw.Target(r.t.Context(), service)
		return err == nil && target == core.SwitchTarget{Service: service, Alias: alias, Port: 3000}
	})
}

func TestASwitchFileThatLeadsNowhereOrIsDamagedIsRenderedAnew(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newShipRig(t, func(r *shipRig) {
			r.engine.Add(behind("ship-demo", demoHost))
			r.point("ship-demo", "ship-demo-99999999")
		})
		r.leads("ship-demo", "ship-demo", 3*time.Second)
		r.sw.Damage("ship-demo")
		r.leads("ship-demo", "ship-demo", 40*time.Second)
	})
}

func TestASwitchFileIsLeftAloneWhileADeploymentGoesOn(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var unlock func() error
		r := newShipRig(t, func(r *shipRig) {
			r.engine.Add(behind("ship-demo", demoHost, "ship-demo-1a2b3c4d"))
			var err error
			if unlock, err = r.locks.Lock("ship-demo", "ann deploys"); err != nil {
				t.Fatal(err)
			}
		})
		r.become("ship-demo", core.Healthy, 5*time.Second)
		r.quietFor(40 * time.Second)
		if history := r.sw.History(); len(history) != 0 {
			t.Errorf("it was written: %v", history)
		}
		if err := unlock(); err != nil {
			t.Fatal(err)
		}
		r.leads("ship-demo", "ship-demo-1a2b3c4d", 40*time.Second)
	})
}

func TestASwitchFileIsLeftAloneWhileTwoContainersClaimTheService(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newShipRig(t, func(r *shipRig) {
			r.engine.Add(behind("ship-demo", demoHost, "ship-demo-1a2b3c4d"))
			second := behind("ship-demo", demoHost, "ship-demo-99999999")
			second.Name = "ship-demo-again"
			r.engine.Add(second)
		})
		r.become("ship-demo", core.Healthy, 5*time.Second)
		r.quietFor(40 * time.Second)
		if history := r.sw.History(); len(history) != 0 {
			t.Errorf("it was written: %v", history)
		}
	})
}

// quietFor lets time pass in a bubble.
func (r *shipRig) quietFor(d time.Duration) {
	ctx, cancel := context.WithTimeout(r.t.Context(), d)
	defer cancel()
	<-ctx.Done()
}

func TestASwitchFileThatCannotBeWrittenIsAFaultUntilItCan(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newShipRig(t, func(r *shipRig) {
			r.engine.Add(behind("ship-demo", demoHost))
			r.sw.Fail("Point", core.Errorf(core.CodeInvalid, "It was not written by a control plane."))
		})
		has := func() bool {
			status := r.snapshot()
			return slices.ContainsFunc(status.Faults, func(f core.Fault) bool {
				return f.Service == "ship-demo" && strings.Contains(f.What, "not written by a control plane") && f.Do != ""
			})
		}
		coretest.Wait(t, 5*time.Second, "a fault", has)
		r.sw.Fail("Point", nil)
		coretest.Wait(t, 40*time.Second, "no fault", func() bool { return !has() })
	})
}
