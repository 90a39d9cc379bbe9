package core_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/compose"
)

// runs puts a container on the engine that was made of a definition, as `docker compose up -d` or a setup would.
func (s *storeRig) runs(d core.Definition, env map[string]string, labels map[string]string) string {
	s.t.Helper()
	ctx := context.Background()
	for _, use := range d.Networks {
		if err := s.engine.EnsureNetwork(ctx, use.Name, use.Internal, nil); err != nil {
			s.t.Fatal(err)
		}
	}
	s.engine.AddImage(core.Image{ID: "sha256:" + strings.Repeat("1", 64), Tags: []string{d.Image}})
	id, err := s.engine.CreateContainer(ctx, core.ContainerSpec{Name: d.Container, Image: d.Image, Definition: d, Env: env, Labels: labels})
	if err == nil {
		err = s.engine.Start(ctx, id)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}

// adopted is the item of a service in a plan.
func (s *storeRig) adopted(op core.Op[core.AdoptIn, core.AdoptPlan], service string) core.AdoptItem {
	s.t.Helper()
	plan, err := op.Run(s.as(core.RoleAdmin), s.core, core.AdoptIn{})
	if err != nil {
		s.t.Fatal(err)
	}
	i := slices.IndexFunc(plan.Items, func(item core.AdoptItem) bool { return item.Service == service })
	if i < 0 {
		s.t.Fatalf("%s is not among %+v", service, plan.Items)
	}
	return plan.Items[i]
}

// parsed is the one definition of a file.
func parsed(t testing.TB, text string) core.Definition {
	t.Helper()
	defs, err := compose.New().Parse("docker-compose.yml", []byte(text), nil)
	if err != nil || len(defs) != 1 {
		t.Fatalf("%d definitions: %v", len(defs), err)
	}
	return defs[0]
}

func TestWhatARenderedFileDefinesIsTakenOverWithItsEnvAndWithoutARestart(t *testing.T) {
	var id string
	s := newStorePlane(t, func(s *storeRig) {
		d := parsed(t, webFile("web", "a.example.com", "    environment: {MODE: fast}\n"))
		text, err := compose.New().Render(d)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.fakes.Folders.WriteFile("projects/web/docker-compose.yml", text); err != nil {
			t.Fatal(err)
		}
		if err := s.fakes.Folders.WriteFile("projects/web/.env", []byte("API_TOKEN="+hunter+"\n")); err != nil {
			t.Fatal(err)
		}
		id = s.runs(d, map[string]string{"MODE": "fast", "API_TOKEN": hunter}, core.ContainerLabels(d, core.Stamp{}))
	})
	plan := s.adopted(core.PlanAdopt, "web")
	if plan.Found != s.root+"/projects/web/docker-compose.yml" || !slices.Equal(plan.EnvNames, []string{"API_TOKEN"}) || plan.Adopted || len(plan.Problems)+len(plan.Differs) > 0 {
		t.Fatalf("%+v", plan)
	}
	if got := s.adopted(core.Adopt, "web"); !got.Adopted || len(got.Problems) > 0 {
		t.Fatalf("%+v", got)
	}
	view, err := core.ShowDefinition.Run(s.as(core.RoleViewer), s.core, core.ServiceIn{Service: "web"})
	if err != nil || view.Version != 1 || !view.DefinitionVersion.Adopted || view.Env["API_TOKEN"] != "" || strings.Contains(view.Text, hunter) {
		t.Fatalf("%+v, %v", view.DefinitionVersion, err)
	}
	values, err := core.RevealEnv.Run(s.as(core.RoleAdmin), s.core, core.RevealEnvIn{ServiceIn: core.ServiceIn{Service: "web"}})
	if err != nil || values.Version != 1 || values.Values["API_TOKEN"] != hunter || len(values.Values) != 1 {
		t.Fatalf("version %d, %d values, %v", values.Version, len(values.Values), err)
	}
	if again := s.adopted(core.Adopt, "web"); !again.Adopted {
		t.Fatalf("%+v", again)
	}
	if detail, err := s.engine.Container(t.Context(), id); err != nil || detail.State != "running" || s.engine.Calls("Stop")+s.engine.Calls("Restart") > 0 {
		t.Fatalf("the container was touched: %+v, %v", detail, err)
	}
	for e, err := range s.journal.Replay(t.Context(), 1) {
		if err != nil || strings.Contains(string(e.Body), hunter) && e.Table != "env" {
			t.Fatalf("%v: the secret is in the table %s", err, e.Table)
		}
	}
}

func TestWhatAFileTakesFromTheDotEnvBesideItIsSealedAndNeverPartOfTheDefinition(t *testing.T) {
	s := newStorePlane(t, func(s *storeRig) {
		file := webFile("web", "a.example.com", "    environment: {MODE: fast, SMTP_PASS: \"${SMTP_PASS}\", DSN: \"mail ${SMTP_PASS} now\", LATER: \"${LATER}\"}\n")
		if err := s.fakes.Folders.WriteFile("projects/web/docker-compose.yml", []byte(file)); err != nil {
			t.Fatal(err)
		}
		if err := s.fakes.Folders.WriteFile("projects/web/.env", []byte("SMTP_PASS="+hunter+"\nLATER="+hunter+"-later\n")); err != nil {
			t.Fatal(err)
		}
		d := parsed(t, webFile("web", "a.example.com", "    environment: {MODE: fast}\n"))
		s.runs(d, map[string]string{"MODE": "fast", "SMTP_PASS": hunter, "DSN": "mail " + hunter + " now"}, core.ContainerLabels(d, core.Stamp{}))
	})
	if plan := s.adopted(core.Adopt, "web"); !plan.Adopted || !slices.Equal(plan.EnvNames, []string{"DSN", "LATER", "SMTP_PASS"}) {
		t.Fatalf("%+v", plan)
	}
	view, err := core.ShowDefinition.Run(s.as(core.RoleViewer), s.core, core.ServiceIn{Service: "web"})
	if err != nil || len(view.Env) != 1 || view.Env["MODE"] != "fast" || strings.Contains(view.Rendered, hunter) {
		t.Errorf("%v, %v", view.Env, err)
	}
	values, err := core.RevealEnv.Run(s.as(core.RoleAdmin), s.core, core.RevealEnvIn{ServiceIn: core.ServiceIn{Service: "web"}})
	if err != nil || values.Values["SMTP_PASS"] != hunter || values.Values["DSN"] != "mail "+hunter+" now" || values.Values["LATER"] != hunter+"-later" {
		t.Errorf("%d values, %v", len(values.Values), err)
	}
	for e, err := range s.journal.Replay(t.Context(), 1) {
		if err != nil || strings.Contains(string(e.Body), hunter) {
			t.Fatalf("%v: the secret is in the table %s", err, e.Table)
		}
	}
}

func TestAContainerWithoutAFileIsTakenOverAsItWasMade(t *testing.T) {
	s := newStorePlane(t, func(s *storeRig) {
		d := core.Definition{Service: "ship-demo", Container: "ship-demo", Image: "demo:1", Networks: []core.NetworkUse{{Name: "proxy"}, {Name: "demo", Internal: true}},
			Mounts: []core.Mount{{Type: "volume", Name: "demo_data", Target: "/data"}}, Restart: "always", StopGrace: 10 * time.Second, Memory: 64 << 20}
		s.runs(d, map[string]string{"DATABASE_URL": "postgres://demo:" + hunter + "@db/demo"}, map[string]string{
			"com.docker.compose.project": "demo", "com.docker.compose.service": "ship-demo", "own": "yes", "traefik.enable": "true",
			"traefik.http.routers.demo.rule": "Host(`demo.example.com`, `www.demo.example.com`)", "traefik.http.routers.demo.tls.certresolver": "letsencrypt",
			"traefik.http.services.demo.loadbalancer.server.port": "3000",
		})
	})
	if got := s.adopted(core.Adopt, "ship-demo"); !got.Adopted || got.Found != "compose project demo" || !slices.Equal(got.EnvNames, []string{"DATABASE_URL"}) {
		t.Fatalf("%+v", got)
	}
	view, err := core.ShowDefinition.Run(s.as(core.RoleViewer), s.core, core.ServiceIn{Service: "ship-demo"})
	if err != nil {
		t.Fatal(err)
	}
	d := view.Definition
	if d.Image != "demo:1" || d.Memory != 64<<20 || d.Instance != "demo" || d.Kind != core.KindShip || d.Labels["own"] != "yes" || len(d.Labels) != 1 || len(d.Env) > 0 {
		t.Errorf("%+v", d)
	}
	if d.Route == nil || d.Route.Port != 3000 || d.Route.Network != "proxy" || !slices.Equal(d.Route.Domains, []core.Domain{"demo.example.com", "www.demo.example.com"}) {
		t.Errorf("route: %+v", d.Route)
	}
	if d.Health.How != core.ProbeTCP || d.Health.Port != 3000 {
		t.Errorf("health: %+v", d.Health)
	}
	if strings.Contains(view.Text+view.Rendered, hunter) {
		t.Error("the definition holds a secret")
	}
}

func TestWhatCannotBeTakenOverSaysWhy(t *testing.T) {
	s := newStorePlane(t, func(s *storeRig) {
		privileged := web("agent-x")
		privileged.Privileged = true
		privileged.Image = "x:1"
		privileged.Networks = []core.Attachment{{Network: "proxy"}}
		s.engine.Add(privileged)
		byHand := web("scratch")
		s.engine.Add(byHand)
		ruled := web("mcp-x")
		ruled.Image, ruled.Networks = "x:1", []core.Attachment{{Network: "proxy"}}
		ruled.Labels = map[string]string{"traefik.enable": "true", "traefik.http.routers.mcp-x.rule": "Host(`x.example.com`) && PathPrefix(`/api`)"}
		s.engine.Add(ruled)
		if err := s.fakes.Folders.WriteFile("agent-envs/agent-x/docker-compose.yml", []byte("services: {agent-x: {privileged: true}}")); err != nil {
			t.Fatal(err)
		}
	})
	got := s.adopted(core.Adopt, "agent-x")
	if got.Adopted || !slices.Contains(got.Problems, "it has all privileges, which no definition may have") {
		t.Errorf("%+v", got)
	}
	if len(got.Differs) == 0 || !strings.Contains(got.Differs[0], "agent-envs/agent-x/docker-compose.yml cannot be taken") {
		t.Errorf("the file is not named: %v", got.Differs)
	}
	if got := s.adopted(core.Adopt, "mcp-x"); got.Adopted || len(got.Problems) == 0 || !strings.Contains(got.Problems[0], "is more than host names") {
		t.Errorf("%+v", got)
	}
	plan, err := core.PlanAdopt.Run(s.as(core.RoleViewer), s.core, core.AdoptIn{})
	if err != nil || slices.ContainsFunc(plan.Items, func(i core.AdoptItem) bool { return i.Service == "scratch" }) {
		t.Errorf("a container that somebody ran by hand is taken without being named: %+v, %v", plan, err)
	}
	if _, err := core.PlanAdopt.Run(s.as(core.RoleViewer), s.core, core.AdoptIn{Services: []string{"none"}}); core.CodeOf(err) != core.CodeNotFound {
		t.Errorf("a service that is not there: %v", err)
	}
}

func TestWithoutAKeyNothingWithAnEnvIsTakenOver(t *testing.T) {
	s := newStorePlane(t, func(s *storeRig) {
		s.ship.Sealer = nil
		d := parsed(t, webFile("web", "a.example.com", ""))
		s.runs(d, map[string]string{"A": hunter}, core.ContainerLabels(d, core.Stamp{}))
	})
	got := s.adopted(core.Adopt, "web")
	if got.Adopted || len(got.Problems) != 1 || !strings.Contains(got.Problems[0], "MATRX_AGE_IDENTITIES") {
		t.Fatalf("%+v", got)
	}
}

func TestWhatTheImageSetsBesidesIsNoDifferenceForAContainerThatSaysWhatMadeIt(t *testing.T) {
	for _, labelled := range []bool{true, false} {
		s := newStorePlane(t, func(s *storeRig) {
			d := parsed(t, webFile("web", "a.example.com", "    user: \"1000\"\n"))
			text, err := compose.New().Render(d)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.fakes.Folders.WriteFile("projects/web/docker-compose.yml", text); err != nil {
				t.Fatal(err)
			}
			labels := core.ContainerLabels(d, core.Stamp{})
			if !labelled {
				delete(labels, "com.matrx.definition")
			}
			d.User = "" // as the engine tells of a user that is the image's own
			s.runs(d, nil, labels)
		})
		if got := s.adopted(core.PlanAdopt, "web"); labelled != (len(got.Differs) == 0) {
			t.Errorf("labelled %v: %v", labelled, got.Differs)
		}
	}
}
