package core_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// postbox is a Notifier that keeps what it was given.
type postbox struct {
	mu     sync.Mutex // guards the rest
	titles []string
	texts  []string
	away   bool
}

func (p *postbox) Notify(_ context.Context, title, text string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away {
		return core.Errorf(core.CodeUnavailable, "Not sent: the connection was refused.")
	}
	p.titles, p.texts = append(p.titles, title), append(p.texts, text)
	return nil
}

func (p *postbox) Targets() []string { return []string{"smtp"} }

func (p *postbox) set(away bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = away
}

func (p *postbox) got() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.titles
}

// alertPlane is a Manager that tells a postbox; ship-demo and the Deploy Server run.
func alertPlane(t testing.TB, more func(*planeRig)) (*planeRig, *postbox) {
	t.Helper()
	box := &postbox{}
	r := newPlane(t, func(r *planeRig) {
		r.ship.Notifier = box
		demo := web("ship-demo")
		demo.Labels = map[string]string{"com.matrx.service": "ship-demo", "com.matrx.kind": "ship"}
		deploy := web(core.DeployName)
		deploy.Labels = map[string]string{"com.matrx.service": core.DeployName, "com.matrx.kind": "deploy"}
		r.engine.Add(demo)
		r.engine.Add(deploy)
		if more != nil {
			more(r)
		}
	})
	r.become("ship-demo", core.Healthy, 30*time.Second)
	r.become(core.DeployName, core.Healthy, 30*time.Second)
	return r, box
}

// failing makes every probe of one address fail.
func (r *planeRig) failing(service string) {
	svc := r.service(service)
	detail, err := r.engine.Container(r.t.Context(), svc.ID)
	if err != nil {
		r.t.Fatal(err)
	}
	r.prober.script(func(_ context.Context, target core.ProbeTarget) error {
		for _, n := range detail.Networks {
			if strings.HasPrefix(target.Address, n.Address+":") {
				return errProbe
			}
		}
		return nil
	})
}

func (r *planeRig) alerts() []core.Alert {
	r.t.Helper()
	view, err := core.ListAlerts.Run(r.as(core.RoleViewer), r.core, struct{}{})
	if err != nil {
		r.t.Fatal(err)
	}
	return view.Alerts
}

func TestAnUnhealthyServiceIsToldOnceAndWhenItIsOver(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r, box := alertPlane(t, nil)
		r.failing("ship-demo")
		r.become("ship-demo", core.Unhealthy, 2*time.Minute)
		time.Sleep(40 * time.Second)
		if got := box.got(); len(got) > 0 {
			t.Fatalf("told before a minute was over: %q", got)
		}
		time.Sleep(10 * time.Minute)
		if got := box.got(); len(got) != 1 || got[0] != "[local] ship-demo does not pass its health check: connection refused" {
			t.Fatalf("told %q", got)
		}
		r.prober.script(nil)
		time.Sleep(3 * time.Minute)
		if got := box.got(); len(got) != 2 || !strings.HasPrefix(got[1], "[local] Over: ship-demo ") {
			t.Fatalf("told %q", got)
		}
		alerts := r.alerts()
		if len(alerts) != 1 || alerts[0].Over.IsZero() || !alerts[0].Sent || alerts[0].Cause != core.CauseUnhealthy {
			t.Errorf("%+v", alerts)
		}
	})
}

func TestWhatGetsOverByItselfIsNotTold(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r, box := alertPlane(t, nil)
		r.failing("ship-demo")
		r.become("ship-demo", core.Unhealthy, time.Minute)
		time.Sleep(30 * time.Second)
		r.prober.script(nil)
		time.Sleep(10 * time.Minute)
		if got := box.got(); len(got) > 0 || len(r.alerts()) > 0 {
			t.Errorf("told %q", got)
		}
	})
}

func TestWhatSomebodyStoppedIsNotToldAndWhatEndedByItselfIs(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r, box := alertPlane(t, nil)
		if _, err := core.StopService.Run(r.as(core.RoleOperator), r.core, core.StopServiceIn{ServiceIn: core.ServiceIn{Service: "ship-demo"}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		if got := box.got(); len(got) > 0 {
			t.Errorf("told of a stop: %q", got)
		}
		if err := r.engine.Stop(t.Context(), r.service(core.DeployName).ID, time.Second); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		if got := box.got(); len(got) != 1 || !strings.Contains(got[0], core.DeployName+" is down") {
			t.Errorf("told %q", got)
		}
	})
}

func TestOfflineAnAlertIsKeptAndSentWhenItCanBe(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r, box := alertPlane(t, nil)
		box.set(true)
		r.failing("ship-demo")
		time.Sleep(30 * time.Minute)
		alerts := r.alerts()
		if len(alerts) != 1 || alerts[0].Sent || !strings.Contains(alerts[0].Problem, "refused") {
			t.Fatalf("%+v", alerts)
		}
		box.set(false)
		time.Sleep(11 * time.Minute)
		if got := box.got(); len(got) != 1 || !r.alerts()[0].Sent {
			t.Errorf("told %q", got)
		}
	})
}

func TestAnAlertThatIsOpenIsNotToldAgainByTheNextProcess(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r, box := alertPlane(t, nil)
		r.failing("ship-demo")
		time.Sleep(5 * time.Minute)
		if len(box.got()) != 1 {
			t.Fatalf("told %q", box.got())
		}
		if err := r.core.Close(); err != nil {
			t.Fatal(err)
		}
		again := newPlane(t, func(a *planeRig) {
			a.journal, a.engine, a.prober, a.ship = r.journal, r.engine, r.prober, r.ship
		})
		time.Sleep(10 * time.Minute)
		if got := box.got(); len(got) != 1 {
			t.Errorf("told %q", got)
		}
		again.prober.script(nil)
		time.Sleep(3 * time.Minute)
		if got := box.got(); len(got) != 2 {
			t.Errorf("when it was over: %q", got)
		}
	})
}

func TestManyAlertsAtOnceAreHeldBackAndComeInTime(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r, box := alertPlane(t, func(r *planeRig) {
			for i := range 15 {
				d := web("ship-" + string(rune('a'+i)))
				d.Labels = map[string]string{"com.matrx.service": d.Name, "com.matrx.kind": "ship"}
				r.engine.Add(d)
			}
		})
		r.prober.script(func(context.Context, core.ProbeTarget) error { return errProbe })
		r.become("ship-a", core.Unhealthy, time.Minute)
		time.Sleep(75 * time.Second)
		if got := len(box.got()); got < 10 || got > 13 {
			t.Errorf("%d messages at once", got)
		}
		time.Sleep(10 * time.Minute)
		if got := len(box.got()); got != 17 {
			t.Errorf("%d messages in all", got)
		}
	})
}

func TestTheOtherPlaneTellsWhenTheHomePlaneIsAway(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r, box := alertPlane(t, func(r *planeRig) {
			d := web("traefik")
			d.Labels = map[string]string{"com.matrx.service": "traefik", "com.matrx.kind": "traefik"}
			r.engine.Add(d)
		})
		r.become("traefik", core.Healthy, time.Minute)
		r.failing("traefik")
		time.Sleep(10 * time.Minute)
		if got := box.got(); len(got) > 0 {
			t.Fatalf("the Manager told of what the Deploy Server looks after: %q", got)
		}
		if err := r.engine.Stop(t.Context(), r.service(core.DeployName).ID, time.Second); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		if got := strings.Join(box.got(), "\n"); !strings.Contains(got, "traefik does not pass") {
			t.Errorf("told %q", got)
		}
		if err := r.engine.Start(t.Context(), r.service(core.DeployName).ID); err != nil {
			t.Fatal(err)
		}
		before := len(box.got())
		time.Sleep(10 * time.Minute)
		for _, x := range r.alerts() {
			if x.Service == "traefik" && (x.Over.IsZero() || !strings.Contains(x.Problem, "is back")) {
				t.Errorf("not handed over: %+v", x)
			}
		}
		if got := box.got()[before:]; len(got) != 1 || !strings.Contains(got[0], "Over: "+core.DeployName) {
			t.Errorf("told %q", got)
		}
	})
}

func TestACertificateThatExpiresSoonIsTold(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		_, box := alertPlane(t, func(r *planeRig) {
			shop := web("ship-shop")
			shop.Labels = map[string]string{
				"com.matrx.service": "ship-shop", "com.matrx.kind": "ship", "traefik.enable": "true",
				"traefik.http.routers.ship-shop.rule": "Host(`shop.example.com`)",
			}
			r.engine.Add(shop)
			r.proxy.routes = []core.Route{{Name: "shop", Hosts: []string{"shop.example.com"}, TLS: true, Listens: []string{"traefik:8443"}}}
			r.certs = map[string]core.Certificate{"shop.example.com": {NotAfter: time.Now().Add(14*24*time.Hour + 12*time.Hour)}}
		})
		time.Sleep(10 * time.Hour)
		if got := box.got(); len(got) > 0 {
			t.Fatalf("told %q", got)
		}
		time.Sleep(20 * time.Hour)
		if got := box.got(); len(got) != 1 || !strings.Contains(got[0], "The certificate of shop.example.com expires in 13d") {
			t.Errorf("told %q", got)
		}
	})
}

func TestATestAlertGoesToEveryAddressOrSaysWhyNot(t *testing.T) {
	r, box := alertPlane(t, nil)
	done, err := core.TestAlert.Run(r.as(core.RoleOperator), r.core, struct{}{})
	if err != nil || done.Message != "Sent to 1 address." || len(box.got()) != 1 {
		t.Errorf("%+v, %v, %q", done, err, box.got())
	}
	box.set(true)
	if _, err := core.TestAlert.Run(r.as(core.RoleOperator), r.core, struct{}{}); core.CodeOf(err) != core.CodeUnavailable {
		t.Errorf("offline: %v", err)
	}
	if _, err := core.TestAlert.Run(r.as(core.RoleViewer), r.core, struct{}{}); core.CodeOf(err) != core.CodeForbidden {
		t.Errorf("by a viewer: %v", err)
	}
	silent := newPlane(t, nil)
	if _, err := core.TestAlert.Run(silent.as(core.RoleOperator), silent.core, struct{}{}); core.CodeOf(err) != core.CodeUnavailable || !strings.Contains(err.Error(), "MATRX_ALERT_URLS") {
		t.Errorf("without addresses: %v", err)
	}
}
