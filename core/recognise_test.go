package core

import (
	"strings"
	"testing"
)

func TestAContainerIsRecognisedByLabelsThenNameThenCompose(t *testing.T) {
	compose := func(project, service, number string) map[string]string {
		return map[string]string{composeProject: project, composeService: service, composeNumber: number}
	}
	cases := []struct {
		name     string
		c        Container
		service  string
		kind     Kind
		layer    int
		instance string
		declared bool
	}{
		{"traefik by name", Container{Name: "traefik"}, "traefik", KindTraefik, LayerTraefik, "", true},
		{"shared postgres", Container{Name: "postgres"}, "postgres", KindPostgres, LayerApps, "", true},
		{"manager", Container{Name: "matrx-manager"}, ManagerName, KindManager, LayerManager, "", true},
		{"deploy", Container{Name: "deploy-server"}, DeployName, KindDeploy, LayerDeploy, "", true},
		{"ship", Container{Name: "ship-acme"}, "ship-acme", KindShip, LayerApps, "acme", true},
		{"its database", Container{Name: "ship-acme-db"}, "ship-acme-db", KindShipDB, LayerApps, "acme", true},
		{"an instance called db", Container{Name: "ship-db"}, "ship-db", KindShip, LayerApps, "db", true},
		{"agent", Container{Name: "agent-one"}, "agent-one", KindAgent, LayerApps, "", true},
		{"mcp", Container{Name: "mcp-files"}, "mcp-files", KindMCP, LayerApps, "", true},
		{"prefix alone is custom", Container{Name: "ship-"}, "ship-", KindCustom, LayerApps, "", false},
		{"custom", Container{Name: "brave_euler"}, "brave_euler", KindCustom, LayerApps, "", false},
		{"compose's first container", Container{Name: "blog-web-1", Labels: compose("blog", "web", "1")}, "blog-web", KindCustom, LayerApps, "", true},
		{"compose's second container", Container{Name: "blog-web-2", Labels: compose("blog", "web", "2")}, "blog-web-2", KindCustom, LayerApps, "", true},
		{"compose of old", Container{Name: "blog_web_1", Labels: compose("blog", "web", "1")}, "blog-web", KindCustom, LayerApps, "", true},
		{"compose with a name of its own", Container{Name: "ship-acme", Labels: compose("acme", "app", "1")}, "ship-acme", KindShip, LayerApps, "acme", true},
		{"compose run", Container{Name: "blog-web-run-1a2b", Labels: map[string]string{composeProject: "blog", composeService: "web", composeOneOff: "True"}},
			"blog-web-run-1a2b", KindCustom, LayerApps, "", false},
		{"put aside while it is recreated", Container{Name: "ship-acme.old-0123456789ab"}, "ship-acme", KindShip, LayerApps, "acme", true},
		{"labels win", Container{Name: "x", Labels: map[string]string{labelService: "ship-acme-db", labelKind: "ship-db", labelLayer: "2", labelInstance: "acme-eu"}},
			"ship-acme-db", KindShipDB, 2, "acme-eu", true},
		{"bad labels count as absent", Container{Name: "x", Labels: map[string]string{labelService: "a\x1b[2Jb", labelKind: "root", labelLayer: "9", labelInstance: "../.."}},
			"x", KindCustom, LayerApps, "", false},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			id := recognise(tc.c)
			if id.name != tc.service || id.kind != tc.kind || id.layer != tc.layer || id.instance != tc.instance || id.declared != tc.declared {
				t.Errorf("recognised as %+v", id)
			}
		})
	}
}

func TestAHealthLabelSaysHowToProbe(t *testing.T) {
	cases := []struct {
		label string
		want  string
		skip  string // part of the reason
	}{
		{"http:/healthz:3000", "http :3000/healthz", ""},
		{" http:/a:b/c:80 ", "http :80/a:b/c", ""},
		{"postgres", "postgres :5432", ""},
		{"postgres:6000", "postgres :6000", ""},
		{"tcp:25", "tcp :25", ""},
		{"skip", "skip", "gives no reason"},
		{"skip:it is a worker", "skip", "it is a worker"},
		{"http:/healthz", "skip", "none of"},
		{"http:healthz:80", "skip", "none of"},
		{"http:/a b:80", "skip", "none of"},
		{"http:/a\r\nX: y:80", "skip", "none of"},
		{"tcp:0", "skip", "none of"},
		{"tcp:65536", "skip", "none of"},
		{"", "skip", "none of"},
		{strings.Repeat("x", 100000), "skip", "none of"},
	}
	for _, tc := range cases {
		rule := parseHealthLabel(tc.label)
		if rule.String() != tc.want || !strings.Contains(rule.reason, tc.skip) || len(rule.reason) > 1000 {
			t.Errorf("%.40q: %q, reason %q", tc.label, rule, rule.reason)
		}
	}
}

func TestWithoutALabelAnHTTPPathIsNeverGuessed(t *testing.T) {
	port := func(n int, protocol string) Port { return Port{Container: n, Protocol: protocol} }
	cases := []struct {
		name string
		c    Container
		want string
	}{
		{"a database by its kind", Container{Name: "ship-acme-db"}, "postgres :5432"},
		{"the routed port", Container{Name: "ship-acme", Ports: []Port{port(22, "tcp")}, Labels: map[string]string{"traefik.http.services.ship-acme.loadbalancer.server.port": "3000"}}, "tcp :3000"},
		{"the lowest exposed port", Container{Name: "x", Ports: []Port{port(443, "tcp"), port(80, "tcp"), port(53, "udp")}}, "tcp :80"},
		{"nothing", Container{Name: "x", Ports: []Port{port(53, "udp")}}, "skip"},
	}
	for _, tc := range cases {
		if got := recognise(tc.c).rule.String(); got != tc.want {
			t.Errorf("%s: %s", tc.name, got)
		}
	}
}

func TestARouteComesFromTheRouterOfTheService(t *testing.T) {
	router := func(name, rule, extra string) map[string]string {
		return map[string]string{"traefik.http.routers." + name + ".rule": rule, "traefik.http.routers." + name + extra: "true"}
	}
	cases := []struct {
		labels map[string]string
		want   string
	}{
		{router("web", "Host(`a.example.com`)", ".tls"), "https://a.example.com"},
		{router("web", "Host(`a.example.com`) && PathPrefix(`/x`)", ".other"), "http://a.example.com"},
		{router("web", "PathPrefix(`/x`)", ".tls"), ""},
		{router("web", "Host(`a\x1b[2J.com`)", ".tls"), ""},
		{nil, ""},
	}
	for _, tc := range cases {
		if got := labelRoute(tc.labels, "web"); got != tc.want {
			t.Errorf("%v: %q", tc.labels, got)
		}
	}
	both := router("a", "Host(`a.example.com`)", ".x")
	for k, v := range router("web", "Host(`web.example.com`)", ".tls") {
		both[k] = v
	}
	if got := labelRoute(both, "web"); got != "https://web.example.com" {
		t.Errorf("of two routers: %q", got)
	}
}

func TestHostsOfARuleAreFound(t *testing.T) {
	cases := map[string]string{
		"Host(`a.com`)": "a.com",
		"Host(`a.com`, \"b.com\") || Host('c.com')": "a.com b.com c.com",
		"HostRegexp(`^.+$`)":                        "",
		"HostSNI(`a.com`)":                          "",
		"NotHost(`a.com`) && Host(`b.com`)":         "b.com",
		"Host(`a.com`":                              "",
		"":                                          "",
	}
	for rule, want := range cases {
		if got := strings.Join(RuleHosts(rule), " "); got != want {
			t.Errorf("%s: %q", rule, got)
		}
	}
}

func TestNearNamesAreNamedNearestFirst(t *testing.T) {
	names := []string{"deploy-server", "matrx-manager", "ship-acme", "ship-acme-db", "ship-demo", "traefik"}
	cases := map[string]string{
		"ship-dmeo": "ship-demo",
		"acme":      "ship-acme ship-acme-db",
		"TRAEFIK":   "traefik",
		"xyz":       "",
		"":          "",
	}
	for name, want := range cases {
		if got := strings.Join(nearNames(name, names), " "); got != want {
			t.Errorf("%q: %q", name, got)
		}
	}
}

func TestOurOwnContainerIsFoundInTheMounts(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	line := "734 713 254:1 /var/lib/docker/containers/" + id + "/hostname /etc/hostname rw,relatime - ext4 /dev/root rw\n"
	if got := containerInMounts("22 1 0:5 / / rw - ext4 /dev/root rw\n" + line); got != id {
		t.Errorf("found %q", got)
	}
	for _, other := range []string{"", "1 2\n", strings.Replace(line, id, "short", 1), strings.Replace(line, "/etc/hostname", "/etc/else", 1)} {
		if got := containerInMounts(other); got != "" {
			t.Errorf("%q: found %q", other, got)
		}
	}
}
