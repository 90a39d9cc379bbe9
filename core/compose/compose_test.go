package compose_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/compose"
)

const whole = `
name: mx
services:
  ship-demo:
    command: serve --addr ":3000"
    environment:
      - HTTP_ADDR=:3000
      - PRICE=5$$
    networks: [app, proxy]
    ports: ["127.0.0.1:${PORT:-8080}:3000/tcp"]
    volumes:
      - data:/data
      - /srv/projects/demo/files:/files:ro
    tmpfs: /tmp:size=${TMP:-1m}
    mem_limit: 128m
    cpus: 0.5
    pids_limit: 256
    init: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    x-matrx:
      source: {repo: "file:///srv/projects/ship-sample.git", args: {MODE: "${MODE}"}}
      health: {http: /healthz, within: 30s}
      route: {domains: "Demo.${DOMAIN}", port: 3000, network: mx-proxy, resolver: none}
      order: 20
      test: ["/app", "--check"]
  ship-demo-db:
    image: matrx/postgres:current
    networks: {app: {aliases: [db]}}
    stop_signal: SIGINT
    shm_size: 128m
    volumes: [{type: volume, source: db, target: /var/lib/postgresql/data}]
    x-matrx: {stop-first: "a cluster has one server"}
networks:
  app: {internal: true}
  proxy: {name: mx-proxy, external: true}
volumes:
  data:
  db: {name: mx_ship-demo-db-data}
`

func parse(t *testing.T, text string, vars map[string]string) ([]core.Definition, error) {
	t.Helper()
	return compose.New().Parse("compose.yml", []byte(text), vars)
}

func TestAFileBecomesOneDefinitionForEachService(t *testing.T) {
	defs, err := parse(t, whole, map[string]string{"DOMAIN": "example.com", "MODE": "fast", "TMP": ""})
	if err != nil {
		t.Fatal(err)
	}
	if len(defs) != 2 {
		t.Fatalf("%d definitions", len(defs))
	}
	app := core.Definition{
		Service: "ship-demo", Container: "ship-demo", Kind: core.KindShip, Layer: core.LayerApps, Instance: "demo",
		Source:  &core.Source{Repo: "file:///srv/projects/ship-sample.git", Ref: "main", Context: ".", Dockerfile: "Dockerfile", Args: map[string]string{"MODE": "fast"}},
		Command: []string{"serve", "--addr", ":3000"}, Env: map[string]string{"HTTP_ADDR": ":3000", "PRICE": "5$"},
		Networks: []core.NetworkUse{{Name: "mx_app", Internal: true}, {Name: "mx-proxy"}},
		Ports:    []core.Port{{Address: "127.0.0.1", Host: 8080, Container: 3000, Protocol: "tcp"}},
		Mounts: []core.Mount{{Type: "volume", Name: "mx_data", Target: "/data"},
			{Type: "bind", Source: "/srv/projects/demo/files", Target: "/files", ReadOnly: true}},
		Tmpfs: map[string]string{"/tmp": "size=1m"}, Restart: "unless-stopped", StopGrace: 10 * time.Second, Memory: 128 << 20, CPUs: 0.5, Pids: 256,
		Init: true, NoNewPrivileges: true, CapDrop: []string{"ALL"},
		Health: core.HealthRule{How: core.ProbeHTTP, Path: "/healthz", Port: 3000, Within: 30 * time.Second},
		Route:  &core.RouteRule{Domains: []core.Domain{"demo.example.com"}, Port: 3000, Network: "mx-proxy", Entrypoints: "websecure"},
		Order:  20, Drain: 5 * time.Second, Test: []string{"/app", "--check"},
	}
	if !reflect.DeepEqual(defs[0], app) {
		t.Errorf("app:\n got %+v\nwant %+v", defs[0], app)
	}
	db := defs[1]
	if db.Kind != core.KindShipDB || db.Instance != "demo" || db.Health.How != core.ProbePostgres || db.Health.Port != 5432 || !db.StopFirst {
		t.Errorf("db: %+v", db)
	}
	if !reflect.DeepEqual(db.Networks, []core.NetworkUse{{Name: "mx_app", Aliases: []string{"db"}, Internal: true}}) {
		t.Errorf("networks of db: %+v", db.Networks)
	}
}

// minimal is a service to which the tests add lines; the first added line is line 5.
const minimal = "services:\n  web:\n    image: nginx\n    networks: [n]\n%s\nnetworks: {n: {name: n}}\n"

const healthy = "    x-matrx: {health: {tcp: 80}}\n"

func TestWhatIsNotOfTheSubsetIsNamedWithFileLineAndKey(t *testing.T) {
	for name, c := range map[string]struct{ lines, want string }{
		"a key that nobody knows":        {healthy + "    restrat: always", "compose.yml:6: services.web.restrat is not a key that is supported here. Did you mean restart?"},
		"privileged":                     {healthy + "    privileged: true", "compose.yml:6: services.web.privileged is not supported: give it the single capability"},
		"the host's network":             {healthy + "    network_mode: host", "compose.yml:6: services.web.network_mode is not supported"},
		"the host's processes":           {healthy + "    pid: host", "compose.yml:6: services.web.pid is not supported"},
		"devices":                        {healthy + "    devices: [/dev/sda]", "compose.yml:6: services.web.devices is not supported"},
		"an env file":                    {healthy + "    env_file: /etc/shadow", "compose.yml:6: services.web.env_file is not supported"},
		"extends":                        {healthy + "    extends: {service: x}", "compose.yml:6: services.web.extends is not supported"},
		"build":                          {healthy + "    build: .", "compose.yml:6: services.web.build is not supported: say what the image is built from in x-matrx.source"},
		"a security option":              {healthy + "    security_opt: [seccomp=unconfined]", "compose.yml:6: services.web.security_opt may hold"},
		"a capability that rules":        {healthy + "    cap_add: [SYS_ADMIN]", "compose.yml:6: services.web.cap_add may not hold SYS_ADMIN"},
		"the engine's socket":            {healthy + "    volumes: [/var/run/docker.sock:/s]", "compose.yml:6: services.web.volumes may not mount /var/run/docker.sock"},
		"the socket under another path":  {healthy + "    volumes: [/var/run/../run/docker.sock:/s]", "without .."},
		"the socket in another folder":   {healthy + "    volumes: [/data/docker.sock:/s]", "the engine's socket rules the whole server"},
		"the whole disk":                 {healthy + "    volumes: [/:/host]", "may not mount /"},
		"the host's passwords":           {healthy + "    volumes: [/etc/shadow:/s:ro]", "may not mount /etc/shadow: /etc belongs to the host"},
		"a relative folder":              {healthy + "    volumes: [./data:/s]", "needs an absolute path of the host: ./data"},
		"an unnamed volume":              {healthy + "    volumes: [/data]", "has a volume without a name"},
		"a label of Traefik":             {healthy + "    labels: {traefik.enable: 'true'}", "compose.yml:6: services.web.labels may not hold traefik.enable"},
		"a label of Traefik in capitals": {healthy + "    labels: {TRAEFIK.enable: 'true'}", "may not hold TRAEFIK.enable"},
		"a label of ours":                {healthy + "    labels: [com.matrx.kind=manager]", "may not hold com.matrx.kind"},
		"a variable without a value":     {healthy + "    user: ${WHO}", "compose.yml:6: uses the variable WHO, which has no value here"},
		"a variable that is required":    {healthy + "    user: ${WHO:?say who}", "compose.yml:6: needs the variable WHO: say who"},
		"a variable in a default":        {healthy + "    user: ${A:-${B}}", "compose.yml:6: uses the variable B"},
		"a dollar sign":                  {healthy + "    user: a$", "compose.yml:6: has a dollar sign that begins no variable"},
		"a restart policy":               {healthy + "    restart: sometimes", "compose.yml:6: services.web.restart has to be no, on-failure"},
		"a port without a host":          {healthy + "    ports: ['80']", "services.web.ports needs one port of the host"},
		"no way to probe":                {"    restart: always", "services.web.x-matrx.health has to say how it is probed, with one of: http"},
		"two ways to probe":              {"    x-matrx: {health: {tcp: 80, http: /x}}", "compose.yml:5: services.web.x-matrx.health has to say how"},
		"skip without a reason":          {"    x-matrx: {health: {skip: true}}", "has to say in a few words why"},
		"a kind of the platform":         {"    x-matrx: {kind: manager, health: {tcp: 80}}", "web cannot be of the kind manager"},
		"a domain with a backtick":       {"    x-matrx: {health: {tcp: 80}, route: {domains: ['a.b`) || Host(`c.d'], port: 80, network: n}}", "is not a domain"},
		"a middleware with a comma":      {"    x-matrx: {health: {tcp: 80}, route: {domains: [a.b], port: 80, network: n, middlewares: ['a b']}}", "not a name that Traefik knows"},
		"a route over no network":        {"    x-matrx: {health: {tcp: 80}, route: {domains: [a.b], port: 80}}", "is over the network proxy, which the service does not join"},
		"a secret by its name":           {healthy + "    environment: {DB_PASSWORD: hunter2}", "compose.yml:6: services.web.environment holds what looks like a secret in DB_PASSWORD: set it with `env set`"},
		"a secret in an address":         {healthy + "    environment: {DB: 'postgres://a:hunter2@db/a'}", "holds what looks like a secret in DB"},
		"an image and a source":          {"    x-matrx: {health: {tcp: 80}, source: {repo: 'https://e.com/a'}}", "has an image beside it"},
		"a credential in a repository":   {"    x-matrx: {health: {tcp: 80}, source: {repo: 'https://x:y@e.com/a'}}", "holds a credential"},
		"a ref that is an option":        {"    x-matrx: {health: {tcp: 80}, source: {repo: 'https://e.com/a', ref: '--upload-pack=x'}}", "is not the name of a branch"},
		"a context outside":              {"    x-matrx: {health: {tcp: 80}, source: {repo: 'https://e.com/a', context: ../x}}", "has to be a path inside the repository"},
		"an anchor":                      {healthy + "    user: &a root", "compose.yml:6: uses a YAML anchor or alias"},
		"a key twice":                    {healthy + "    user: a\n    user: b", "compose.yml:7"},
		"a variable's name with a line":  {healthy + "    environment: {\"A\\nB\": x}", "is not the name of a variable"},
		"a variable that is empty":       {healthy + "    environment: [A]", "gives A no value"},
		"a value too large":              {healthy + "    environment: {A: " + strings.Repeat("x", 130<<10) + "}", "The value of A has"},
		"memory that is no size":         {healthy + "    mem_limit: much", "compose.yml:6:"},
		"a network that is not there":    {healthy + "    networks: [m]", "compose.yml:6"},
		"a list for a text":              {healthy + "    user: [a]", "compose.yml:6: services.web.user has to be a text or a number"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(t, fmt.Sprintf(minimal, c.lines), nil)
			if core.CodeOf(err) != core.CodeInvalid || !strings.Contains(core.MessageOf(err), c.want) {
				t.Fatalf("got %q, want %q", core.MessageOf(err), c.want)
			}
		})
	}
}

func TestATextThatIsNoComposeFileIsRefused(t *testing.T) {
	bomb := "a: &a [x, x, x, x, x, x, x, x, x]\n"
	for i := range 12 {
		bomb += fmt.Sprintf("b%d: &b%d [*a, *a, *a, *a, *a, *a, *a]\n", i, i)
	}
	for name, c := range map[string]struct{ text, want string }{
		"nothing":        {"", "is empty"},
		"a list":         {"- a", "is not a compose file"},
		"no YAML":        {"services: {web", "is not YAML"},
		"too large":      {"# " + strings.Repeat("x", 300<<10), "is larger than 256 KiB"},
		"too deep":       {"services: " + strings.Repeat("[", 2000) + strings.Repeat("]", 2000), "nested too deep"},
		"copies":         {bomb, "uses a YAML anchor or alias"},
		"two documents":  {"services: {}\n---\nservices: {}", "more than one document"},
		"no services":    {"name: x", "services names no service"},
		"another key":    {"servces: {}", "compose.yml:1: servces is not a key that is supported here. Did you mean services?"},
		"an odd service": {"services: {Web: {image: a}}", "cannot be a service's name"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(t, c.text, nil)
			if core.CodeOf(err) != core.CodeInvalid || !strings.Contains(core.MessageOf(err), c.want) {
				t.Fatalf("got %q, want %q", core.MessageOf(err), c.want)
			}
		})
	}
}

func TestVariablesCannotMakeAFileHuge(t *testing.T) {
	text := fmt.Sprintf(minimal, healthy+"    environment: {A: '"+strings.Repeat("$X", 1000)+"'}")
	_, err := parse(t, text, map[string]string{"X": strings.Repeat("x", 64<<10)})
	if core.CodeOf(err) != core.CodeInvalid || !strings.Contains(core.MessageOf(err), "with its variables filled in") {
		t.Fatal(core.MessageOf(err))
	}
}

func TestTheEngineSocketIsForTraefikAndTheControlPlanes(t *testing.T) {
	for service, ok := range map[string]bool{"traefik": true, "matrx-manager": true, "deploy-server": true, "web": false, "postgres": false} {
		text := "services: {" + service + ": {image: a, networks: [n], volumes: ['/var/run/docker.sock:/var/run/docker.sock'], x-matrx: {health: {tcp: 80}}}}\nnetworks: {n: {name: n}}"
		if _, err := parse(t, text, nil); (err == nil) != ok {
			t.Errorf("%s: %v", service, err)
		}
	}
}

func TestNoErrorRepeatsAValue(t *testing.T) {
	for _, line := range []string{"environment: {DB_PASSWORD: hunter2}", "environment: {A: \"hunter2\\0\"}", "environment: {'A B': hunter2}", "environment: [hunter2$]"} {
		_, err := parse(t, fmt.Sprintf(minimal, healthy+"    "+line), nil)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", line, err)
		}
	}
}

func TestRenderedLabelsAreTakenAndEditedOnesAreNot(t *testing.T) {
	defs, err := parse(t, whole, map[string]string{"DOMAIN": "example.com", "MODE": "fast"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := compose.New().Render(defs[0])
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "traefik.http.routers.ship-demo.service: \"ship-demo@file\"") || !strings.Contains(string(text), "env_file: .env") {
		t.Fatalf("labels or env_file are missing:\n%s", text)
	}
	edited := strings.Replace(string(text), "Host(`demo.example.com`)", "Host(`manager.example.com`)", 1)
	if _, err := parse(t, edited, nil); err == nil || !strings.Contains(err.Error(), "may not hold traefik.http.routers.ship-demo.rule") {
		t.Fatalf("an edited rule was taken: %v", err)
	}
}

func TestAnAliasOfADeploymentIsNotOfTheDefinition(t *testing.T) {
	text := fmt.Sprintf("services: {web: {image: a, networks: {n: {aliases: [web-0123abcd, web-db]}}, x-matrx: {health: {tcp: 80}}}}\nnetworks: {n: {name: n}}%s", "\n")
	defs, err := parse(t, text, nil)
	if err != nil || !reflect.DeepEqual(defs[0].Networks[0].Aliases, []string{"web-db"}) {
		t.Fatalf("%+v, %v", defs, err)
	}
}
