package core_test

import (
	"context"
	"strings"
	"testing"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/compose"
	"github.com/codematrx/matrx-ship/core/coretest"
)

// storeRig is a plane over fakes that can build and deploy, with the real reader of compose files.
type storeRig struct {
	*planeRig
	fakes coretest.Ship
}

func newStorePlane(t testing.TB, prepare func(*storeRig)) *storeRig {
	t.Helper()
	s := &storeRig{}
	s.planeRig = newPlane(t, func(r *planeRig) {
		s.planeRig, s.fakes = r, coretest.NewShip(r.engine)
		r.ship = s.fakes.Parts(compose.New())
		if prepare != nil {
			prepare(s)
		}
	})
	return s
}

// set sets a definition as an admin does.
func (s *storeRig) set(text string, version int) (core.DefinitionView, error) {
	s.t.Helper()
	return core.SetDefinition.Run(s.as(core.RoleAdmin), s.core, core.DefinitionIn{Text: text, Version: version})
}

// webFile is the compose file of a routed service.
func webFile(name, domain, more string) string {
	return "services:\n  " + name + ":\n    image: nginx:1\n    networks: [proxy]\n" + more +
		"    x-matrx:\n      health: {http: /, port: 80}\n      route: {domains: [" + domain + "], port: 80}\nnetworks: {proxy: {name: proxy, external: true}}\n"
}

func TestADefinitionIsVersionedAndRenderedIntoItsFolder(t *testing.T) {
	s := newStorePlane(t, nil)
	if err := s.fakes.Switch.Point(context.Background(), core.SwitchTarget{Service: "web", Alias: "web-0123abcd", Port: 80}); err != nil {
		t.Fatal(err)
	}
	first, err := s.set(webFile("web", "a.example.com", ""), 0)
	if err != nil {
		t.Fatal(err)
	}
	if first.Version != 1 || first.By != "ann" || first.Folder != s.root+"/projects/web" {
		t.Fatalf("%+v", first.DefinitionVersion)
	}
	text, err := s.fakes.Folders.ReadFile("projects/web/docker-compose.yml")
	if err != nil || !strings.Contains(string(text), "- web-0123abcd") {
		t.Fatalf("the file lacks the alias that the switch leads to: %v\n%s", err, text)
	}
	defs, err := compose.New().Parse("x", text, nil)
	if err != nil || defs[0].Hash() != first.Hash() {
		t.Fatalf("what is rendered is another definition: %v", err)
	}
	if _, err := s.fakes.Folders.ReadFile("projects/web/.env"); err != nil {
		t.Fatalf("the .env that the file names is missing: %v", err)
	}
	if again, err := s.set(webFile("web", "a.example.com", ""), 0); err != nil || again.Version != 1 {
		t.Fatalf("the same definition made version %d: %v", again.Version, err)
	}
	if next, err := s.set(webFile("web", "a.example.com", "    mem_limit: 64m\n"), 1); err != nil || next.Version != 2 {
		t.Fatalf("version %d: %v", next.Version, err)
	}
	if _, err := s.set(webFile("web", "a.example.com", "    mem_limit: 32m\n"), 1); core.CodeOf(err) != core.CodeConflict {
		t.Fatalf("an edit of an older version was taken: %v", err)
	}
}

func TestADefinitionThatTakesWhatAnotherHasIsRefused(t *testing.T) {
	s := newStorePlane(t, nil)
	if _, err := s.set(webFile("web", "a.example.com", "    ports: ['127.0.0.1:8080:80']\n"), 0); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ text, want string }{
		"domain":              {webFile("other", "A.example.com.", ""), "The domain a.example.com is taken by web."},
		"container name":      {webFile("other", "b.example.com", "    container_name: web\n"), "The container name web is that of web."},
		"port of the host":    {webFile("other", "b.example.com", "    ports: ['8080:80']\n"), "Port 8080 of the host is taken by web."},
		"reserved domain":     {webFile("other", "manager.dev.codematrx.test", ""), "The domain manager.dev.codematrx.test is reserved for matrx-manager."},
		"the platform's data": {webFile("other", "b.example.com", "    volumes: ['"+s.root+"/apps/x:/x']\n"), "it belongs to the platform"},
		"all of MATRX_ROOT":   {webFile("other", "b.example.com", "    volumes: ['"+s.root+":/x']\n"), "it belongs to the platform"},
		"another stack":       {strings.Replace(webFile("other", "b.example.com", ""), "x-matrx:\n", "x-matrx:\n      project: mx\n", 1), "belongs to the stack"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.set(c.text, 0)
			if err == nil || !strings.Contains(core.MessageOf(err), c.want) {
				t.Fatalf("got %q, want %q", core.MessageOf(err), c.want)
			}
		})
	}
	list, err := core.ListDefinitions.Run(s.as(core.RoleViewer), s.core, struct{}{})
	if err != nil || len(list) != 1 {
		t.Fatalf("%d definitions, %v", len(list), err)
	}
}

func TestAServiceMayNotMountTheFolderOfAnotherOrThePlatformsSource(t *testing.T) {
	s := newStorePlane(t, nil)
	if _, err := s.set(webFile("web", "a.example.com", ""), 0); err != nil {
		t.Fatal(err)
	}
	for from, word := range map[string]string{
		"/projects/web": "web", "/projects/web/data": "web", "/projects": "platform", "/projects/matrx-ship": "platform", "/projects/.mirrors/web.git": "platform",
	} {
		_, err := s.set(webFile("shop", "shop.example.com", "    volumes: [\""+s.root+from+":/x\"]\n"), 0)
		if core.CodeOf(err) == "" || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", from, err)
		}
	}
	if _, err := s.set(webFile("shop", "shop.example.com", "    volumes: [\""+s.root+"/projects/shop/data:/x\"]\n"), 0); err != nil {
		t.Error(err)
	}
}

func TestARefusedDefinitionLeavesNothingOfItsTextInTheAudit(t *testing.T) {
	s := newStorePlane(t, nil)
	if _, err := s.set(webFile("web", "a.example.com", "    environment: {DB_PASSWORD: "+hunter+"}\n"), 0); core.CodeOf(err) != core.CodeInvalid {
		t.Fatal(err)
	}
	for e, err := range s.journal.Replay(t.Context(), 1) {
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(e.Body), hunter) {
			t.Fatalf("the journal holds the secret: %s", e.Body)
		}
	}
	if _, err := core.SetDefinition.Run(s.as(core.RoleOperator), s.core, core.DefinitionIn{Text: "x"}); core.CodeOf(err) != core.CodeForbidden {
		t.Fatalf("an operator set a definition: %v", err)
	}
}

func TestAFileThatSomebodyWroteIsKeptBesideTheRenderedOne(t *testing.T) {
	s := newStorePlane(t, func(s *storeRig) {
		if err := s.fakes.Folders.WriteFile("projects/web/docker-compose.yml", []byte("services: {mine: {}}\n")); err != nil {
			t.Fatal(err)
		}
	})
	if _, err := s.set(webFile("web", "a.example.com", ""), 0); err != nil {
		t.Fatal(err)
	}
	kept, err := s.fakes.Folders.ReadFile("projects/web/docker-compose.yml.before-matrx")
	if err != nil || string(kept) != "services: {mine: {}}\n" {
		t.Fatalf("%q, %v", kept, err)
	}
}

func TestSecretsThatTheStoreNeverHadStayInTheirFile(t *testing.T) {
	s := newStorePlane(t, func(s *storeRig) {
		if err := s.fakes.Folders.WriteFile("projects/web/.env", []byte("A=1\n")); err != nil {
			t.Fatal(err)
		}
	})
	if _, err := s.set(webFile("web", "a.example.com", ""), 0); err != nil {
		t.Fatal(err)
	}
	if kept, err := s.fakes.Folders.ReadFile("projects/web/.env"); err != nil || string(kept) != "A=1\n" {
		t.Fatalf("%q, %v", kept, err)
	}
}
