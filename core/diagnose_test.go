package core_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// diagnosed runs Diagnose to its end and gives the checks by "area/name".
func diagnosed(r *planeRig) map[string]core.Check {
	r.t.Helper()
	checks := map[string]core.Check{}
	for check, err := range core.Diagnose.Run(r.as(core.RoleViewer), r.core, struct{}{}) {
		if err != nil {
			r.t.Fatal(err)
		}
		if check.State != core.CheckOK && check.State != core.CheckUnknown && check.Do == "" {
			r.t.Errorf("%s/%s is %s and says nothing to do: %s", check.Area, check.Name, check.State, check.Found)
		}
		checks[check.Area+"/"+check.Name] = check
	}
	return checks
}

// expect looks at one check.
func expect(t *testing.T, checks map[string]core.Check, name, state, found string) {
	t.Helper()
	check, ok := checks[name]
	if !ok {
		t.Errorf("no check %s", name)
		return
	}
	if check.State != state || !strings.Contains(check.Found, found) {
		t.Errorf("%s is %s: %s", name, check.State, check.Found)
	}
}

// routed is a container that asks for a route.
func routed(name, host string) core.ContainerDetail {
	d := web(name)
	d.Labels = map[string]string{"traefik.http.routers." + name + ".rule": "Host(`" + host + "`)", "traefik.http.routers." + name + ".tls": "true"}
	return d
}

func TestDiagnoseNamesAStoppedDatabaseAndWhatToDo(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newPlane(t, prepareDemo)
		r.become("ship-demo-db", core.Healthy, 5*time.Second)
		r.engine.Die(idOf(r, "ship-demo-db"), 0)
		r.become("ship-demo-db", core.Down, 2*time.Second)
		checks := diagnosed(r)
		expect(t, checks, "services/ship-demo-db", core.CheckFail, "ship-demo-db is down: exited with 0")
		if do := checks["services/ship-demo-db"].Do; !strings.Contains(do, "start ship-demo-db") {
			t.Errorf("to do: %s", do)
		}
		expect(t, checks, "services/traefik", core.CheckOK, "healthy")
		expect(t, checks, "engine/The Docker engine answers", core.CheckOK, "API 1.48")
		expect(t, checks, "plane/deploy-server answers", core.CheckOK, "passes")
		expect(t, checks, "journal/The journal can be written", core.CheckOK, "record")
		expect(t, checks, "plane/The SSH host key", core.CheckFail, "does not exist")
		expect(t, checks, "disk/Space for MATRX_ROOT", core.CheckOK, "10 %")
		expect(t, checks, "disk/Space for the engine", core.CheckUnknown, "cannot be seen")
		expect(t, checks, "traefik/Traefik's API answers", core.CheckOK, "3.5.3")
		expect(t, checks, "memory/Memory and load", core.CheckOK, "25 %")
	})
}

func TestDiagnoseFollowsEachRouteToItsServerItsNameAndItsCertificate(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		now := time.Now()
		r := newPlane(t, func(r *planeRig) {
			for name, host := range map[string]string{"ok": "known.example.com", "gone": "gone.codematrx.test", "down": "down.codematrx.com", "odd": "odd.codematrx.com"} {
				r.engine.Add(routed(name, host))
			}
			route := func(host, status string, servers ...string) core.Route {
				return core.Route{Name: host + "@docker", Hosts: []string{host}, Servers: servers, TLS: true, Status: status, Listens: []string{"traefik:8443"}}
			}
			odd := route("odd.codematrx.com", "disabled", "http://10.0.0.3:80 UP")
			odd.Errors = []string{"the service does not exist"}
			r.proxy.routes = []core.Route{
				route("known.example.com", "enabled", "http://10.0.0.1:80 UP"), route("down.codematrx.com", "enabled", "http://10.0.0.2:80 DOWN"), odd,
				route("local.codematrx.test", "enabled", "http://10.0.0.4:80 UP"),
			}
			r.certs = map[string]core.Certificate{
				"known.example.com":    {Subject: "known.example.com", Issuer: "R11", NotAfter: now.Add(60 * 24 * time.Hour), Covers: true, Trusted: true},
				"down.codematrx.com":   {NotAfter: now.Add(24 * time.Hour), Trusted: true},
				"local.codematrx.test": {NotAfter: now.Add(300 * 24 * time.Hour), Own: true, Problem: "its issuer is not one that clients trust"},
			}
		})
		r.become("ok", core.Healthy, 5*time.Second)
		checks := diagnosed(r)
		expect(t, checks, "traefik/The route of ok", core.CheckOK, "leads to http://10.0.0.1:80 UP")
		expect(t, checks, "traefik/The route of gone", core.CheckFail, "not among Traefik's routes")
		expect(t, checks, "traefik/The route of down", core.CheckFail, "not up")
		expect(t, checks, "traefik/The route of odd", core.CheckFail, "the service does not exist")
		expect(t, checks, "dns/known.example.com", core.CheckOK, "192.0.2.7")
		expect(t, checks, "dns/down.codematrx.com", core.CheckFail, "does not resolve")
		expect(t, checks, "dns/local.codematrx.test", core.CheckOK, "local name")
		expect(t, checks, "certificates/known.example.com", core.CheckOK, "by R11")
		expect(t, checks, "certificates/down.codematrx.com", core.CheckWarn, "left")
		expect(t, checks, "certificates/odd.codematrx.com", core.CheckFail, "connection refused")
		expect(t, checks, "certificates/local.codematrx.test", core.CheckOK, "self-signed")
	})
}

func TestDiagnoseAnswersWhileEverythingElseHangs(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newPlane(t, prepareDemo)
		r.become("ship-demo", core.Healthy, 5*time.Second)
		if err := os.MkdirAll(filepath.Join(r.root, "apps/server-manager/data"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(r.root, "apps/server-manager/data/ssh_host_ed25519_key"), []byte("key"), 0o644); err != nil {
			t.Fatal(err)
		}
		r.engine.SetHung(true)
		r.proxy.err = core.Errorf(core.CodeUnavailable, "Traefik's API does not answer within 3s.")
		r.journal.Break("no space left on device", false)
		r.full = true
		began := time.Now()
		checks := diagnosed(r)
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("took %s", took)
		}
		expect(t, checks, "engine/The Docker engine answers", core.CheckFail, "")
		expect(t, checks, "traefik/Traefik's API answers", core.CheckFail, "does not answer")
		expect(t, checks, "journal/The journal can be written", core.CheckFail, "no space left")
		expect(t, checks, "disk/Space for MATRX_ROOT", core.CheckFail, "99 %")
		expect(t, checks, "plane/The SSH host key", core.CheckFail, "readable by others")
		expect(t, checks, "services/ship-demo", core.CheckOK, "healthy")
	})
}

func TestWhoStopsReadingDiagnoseLeavesNothingBehind(t *testing.T) {
	inBubble(t, func(t *testing.T) { // the bubble ends only when every goroutine has
		r := newPlane(t, func(r *planeRig) {
			prepareDemo(r)
			for i := range 40 {
				r.engine.Add(web(fmt.Sprintf("web-%02d", i)))
			}
		})
		r.become("ship-demo", core.Healthy, 5*time.Second)
		r.engine.SetHung(true)
		for range core.Diagnose.Run(r.as(core.RoleViewer), r.core, struct{}{}) {
			break
		}
		r.engine.SetHung(false)
	})
}
