package core_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/compose"
)

// defined is a plane with a definition of each origin: given, given with variables, adopted from a container, from a file that
// somebody wrote with variables of the .env beside it, and from a rendered one.
func defined(t *testing.T) *storeRig {
	s := newStorePlane(t, func(s *storeRig) {
		write := func(name, text string) {
			if err := s.fakes.Folders.WriteFile(name, []byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		d := core.Definition{Service: "ship-demo", Container: "ship-demo", Image: "demo:1", Networks: []core.NetworkUse{{Name: "proxy"}, {Name: "demo", Internal: true}}, Restart: "always", StopGrace: 10 * time.Second}
		s.runs(d, nil, map[string]string{"com.docker.compose.project": "demo", "com.docker.compose.service": "ship-demo", "own": "yes", "traefik.enable": "true",
			"traefik.http.routers.demo.rule": "Host(`demo.example.com`)", "traefik.http.services.demo.loadbalancer.server.port": "3000"})
		byHand := webFile("hand", "hand.example.com", "    environment: {MODE: fast, PASS: \"${PASS}\"}\n")
		write("projects/hand/docker-compose.yml", byHand)
		write("projects/hand/.env", "PASS="+hunter+"\n")
		d = parsed(t, strings.ReplaceAll(byHand, "${PASS}", "x"))
		s.runs(d, map[string]string{"MODE": "fast", "PASS": hunter}, core.ContainerLabels(d, core.Stamp{}))
		d = parsed(t, webFile("made", "made.example.com", ""))
		text, err := compose.New().Render(d)
		if err != nil {
			t.Fatal(err)
		}
		write("projects/made/docker-compose.yml", string(text))
		s.runs(d, nil, core.ContainerLabels(d, core.Stamp{}))
	})
	if plan, err := core.Adopt.Run(s.as(core.RoleAdmin), s.core, core.AdoptIn{}); err != nil || len(plan.Items) != 3 {
		t.Fatalf("%+v, %v", plan, err)
	}
	if _, err := s.set("# by ann\n"+webFile("given", "given.example.com", ""), 0); err != nil {
		t.Fatal(err)
	}
	text := webFile("varied", "varied.example.com", "    environment: {MODE: \"${MODE}\"}\n")
	if _, err := core.SetDefinition.Run(s.as(core.RoleAdmin), s.core, core.DefinitionIn{Text: text, Vars: map[string]string{"MODE": "slow"}}); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEveryDefinitionIsPrintedAsSomethingThatSetTakesAgainAndCanBeEdited(t *testing.T) {
	s := defined(t)
	list, err := core.ListDefinitions.Run(s.as(core.RoleViewer), s.core, struct{}{})
	if err != nil || len(list) != 5 {
		t.Fatalf("%d definitions, %v", len(list), err)
	}
	for _, dv := range list {
		view, err := core.ShowDefinition.Run(s.as(core.RoleViewer), s.core, core.ServiceIn{Service: dv.Service})
		if err != nil || strings.Contains(view.Editable, "com.matrx.") || strings.Contains(view.Editable, "traefik.http") {
			t.Errorf("%s: %v\n%s", dv.Service, err, view.Editable)
			continue
		}
		again, err := s.set(view.Editable, dv.Version)
		if err != nil || again.Version != dv.Version || !reflect.DeepEqual(again.DefinitionVersion, dv) {
			t.Errorf("%s set again: %v\n%+v\n%+v\n%s", dv.Service, err, again.DefinitionVersion, dv, view.Editable)
		}
		edited := strings.ReplaceAll(view.Editable, ".example.com", ".example.net")
		if next, err := s.set(edited, dv.Version); err != nil || next.Version != dv.Version+1 || next.Editable != edited || !strings.HasSuffix(string(next.Route.Domains[0]), ".example.net") {
			t.Errorf("%s edited: %v\n%s", dv.Service, err, edited)
		}
	}
	view, err := core.ShowDefinition.Run(s.as(core.RoleViewer), s.core, core.ServiceIn{Service: "given"})
	if err != nil || !strings.HasPrefix(view.Editable, "# by ann\n") {
		t.Errorf("what was given is not what is shown: %v\n%s", err, view.Editable)
	}
}
