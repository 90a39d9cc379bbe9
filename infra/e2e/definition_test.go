//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestEveryServiceSaysWhatItIs(t *testing.T) {
	s := theStack(t)
	want := map[string]string{ // kind, layer, instance, health
		"traefik":       "traefik 0  http:/ping:8082",
		"postgres":      "postgres 3  postgres:5432",
		"matrx-manager": "manager 1  http:/healthz:3000",
		"deploy-server": "deploy 2  http:/healthz:3000",
		"ship-demo":     "ship 3 demo http:/healthz:3000",
		"ship-demo-db":  "ship-db 3 demo postgres:5432",
	}
	for _, service := range names {
		l := inspect(t, s.container(service)).Config.Labels
		got := fmt.Sprintf("%s %s %s %s", l["com.matrx.kind"], l["com.matrx.layer"], l["com.matrx.instance"], l["com.matrx.health"])
		if got != want[service] {
			t.Errorf("%s says %q, want %q", service, got, want[service])
		}
		for label, value := range map[string]string{
			"com.matrx.project": s.Project, "com.matrx.service": service,
			"com.docker.compose.project": s.Project, "com.docker.compose.service": service,
		} {
			if l[label] != value {
				t.Errorf("%s: label %s is %q, want %q", service, label, l[label], value)
			}
		}
	}
}

func TestRoutedServicesCarryTheWholeConventionOfLabels(t *testing.T) {
	s := theStack(t)
	for service, host := range map[string]string{"matrx-manager": "manager", "deploy-server": "deploy", "ship-demo": "demo"} {
		got := inspect(t, s.container(service)).Config.Labels
		want := map[string]string{
			"traefik.enable": "true",
			"traefik.http.routers." + service + ".rule":                      "Host(`" + host + "." + s.Domain + "`)",
			"traefik.http.routers." + service + ".entrypoints":               "websecure",
			"traefik.http.routers." + service + ".tls":                       "true",
			"traefik.http.routers." + service + ".service":                   service + "@file",
			"traefik.http.services." + service + ".loadbalancer.server.port": "3000",
			"traefik.docker.network":                                         s.Prefix + "proxy",
		}
		for label, value := range got {
			if strings.HasPrefix(label, "traefik.") && want[label] != value {
				t.Errorf("%s: label %s is %q, want %q", service, label, value, want[label])
			}
		}
		for label := range want {
			if _, ok := got[label]; !ok {
				t.Errorf("%s: label %s is missing", service, label)
			}
		}
		answered(t, service+" answers at its route", func() error { return s.status(s.url(host, "/healthz"), http.StatusOK) })
	}
}

func TestContainersHoldNoPrivilegeTheyCanDoWithout(t *testing.T) {
	s := theStack(t)
	for _, service := range names {
		c := inspect(t, s.container(service))
		h := c.HostConfig
		if h.Privileged || len(h.CapAdd) > 0 || !slices.Equal(h.CapDrop, []string{"ALL"}) {
			t.Errorf("%s: privileged %v, added %v, dropped %v", service, h.Privileged, h.CapAdd, h.CapDrop)
		}
		if !slices.Equal(h.SecurityOpt, []string{"no-new-privileges:true"}) {
			t.Errorf("%s: security options %v", service, h.SecurityOpt)
		}
		if h.Memory == 0 || h.PidsLimit == nil || *h.PidsLimit <= 0 {
			t.Errorf("%s: memory limit %d, pids limit %v", service, h.Memory, h.PidsLimit)
		}
		if c.Config.User == "" && service != "ship-demo" || strings.HasPrefix(c.Config.User, "0") {
			t.Errorf("%s runs as %q", service, c.Config.User)
		}
		if !h.ReadonlyRootfs && service != "ship-demo" {
			t.Errorf("%s can write to its own image", service)
		}
		for port, bindings := range h.PortBindings {
			for _, b := range bindings {
				if b.HostIP != "127.0.0.1" {
					t.Errorf("%s publishes %s on %q", service, port, b.HostIP)
				}
			}
		}
	}
}

func TestDatabasesAndPlanesShareTheNetworksTheyNeedAndNoOther(t *testing.T) {
	s := theStack(t)
	want := map[string][]string{
		"traefik":       {"proxy"},
		"postgres":      {"control"},
		"ship-demo-db":  {"ship-demo"},
		"ship-demo":     {"proxy", "ship-demo"},
		"matrx-manager": {"control", "proxy", "ship-demo"},
		"deploy-server": {"control", "proxy", "ship-demo"},
	}
	for _, service := range names {
		var got []string
		for network := range inspect(t, s.container(service)).NetworkSettings.Networks {
			got = append(got, strings.TrimPrefix(network, s.Prefix))
		}
		slices.Sort(got)
		if !slices.Equal(got, want[service]) {
			t.Errorf("%s is in %v, want %v", service, got, want[service])
		}
	}
}

func TestNoSecretStandsInLabelsOrArguments(t *testing.T) {
	s := theStack(t)
	for _, service := range []string{"postgres", "ship-demo-db"} {
		var password string
		for _, pair := range inspect(t, s.container(service)).Config.Env {
			if value, ok := strings.CutPrefix(pair, "POSTGRES_PASSWORD="); ok {
				password = value
			}
		}
		if len(password) < 32 {
			t.Fatalf("%s has a password of %d characters", service, len(password))
		}
		for _, other := range names {
			shown := docker(t, "inspect", "--format", "{{json .Config.Labels}} {{json .Args}} {{json .Path}}", s.container(other))
			if strings.Contains(shown, password) {
				t.Errorf("%s shows the password of %s", other, service)
			}
		}
	}
}
