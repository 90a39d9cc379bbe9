package core_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/codematrx/matrx-ship/"

// listed is what `go list` says of one package.
type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

// goList lists the packages that match.
func goList(t *testing.T, patterns ...string) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-json=ImportPath,Imports,Deps"}, patterns...)...)
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// TestArrowsPointOneWay keeps the layout of docs/ARCHITECTURE.md: cmd -> sshd -> tui -> core <- adapters, httpapi -> core.
func TestArrowsPointOneWay(t *testing.T) {
	rules := []struct{ room, never string }{
		{"core", "net/http"}, {"core", "charm.land/"}, {"core", "github.com/moby/"}, {"core", "github.com/jackc/"}, {"core", module},
		{"tui", "github.com/moby/"}, {"tui", module + "core/"}, {"tui", module + "sshd"}, {"tui", module + "httpapi"},
		{"httpapi", module + "tui"}, {"httpapi", module + "sshd"}, {"httpapi", "charm.land/"}, {"httpapi", "github.com/moby/"}, {"httpapi", module + "core/"},
		{"sshd", module + "httpapi"}, {"sshd", module + "core/"}, {"sshd", "github.com/moby/"},
	}
	packages := goList(t, "./...")
	for _, rule := range rules {
		found := false
		for _, p := range packages {
			if p.ImportPath != module+rule.room {
				continue
			}
			found = true
			for _, dep := range p.Deps {
				if dep == rule.never || strings.HasPrefix(dep, strings.TrimSuffix(rule.never, "/")+"/") {
					t.Errorf("%s reaches %s", rule.room, dep)
				}
			}
		}
		if !found {
			t.Errorf("there is no package %s", rule.room)
		}
	}
}

// TestOnlyTheHTTPDoorAndAdaptersImportHTTP looks at imports and not at what they reach: libraries pull net/http in.
func TestOnlyTheHTTPDoorAndAdaptersImportHTTP(t *testing.T) {
	for _, p := range goList(t, "./core", "./tui", "./sshd", "./cmd/...") {
		for _, dep := range p.Imports {
			if dep == "net/http" {
				t.Errorf("%s imports net/http", p.ImportPath)
			}
		}
	}
}

// TestOnlyItsAdapterImportsAnSDK keeps each SDK in the one package that is named after what it talks to.
func TestOnlyItsAdapterImportsAnSDK(t *testing.T) {
	owners := map[string]string{
		"github.com/moby/moby/":              module + "core/docker",
		"github.com/jackc/pgx/":              module + "core/postgres",
		"filippo.io/age":                     module + "core/age",
		"github.com/nicholas-fedor/shoutrrr": module + "core/notify",
	}
	for _, p := range goList(t, "./...") {
		for _, dep := range p.Imports {
			for sdk, owner := range owners {
				if strings.HasPrefix(dep, sdk) && p.ImportPath != owner {
					t.Errorf("%s imports %s, which belongs to %s", p.ImportPath, dep, owner)
				}
			}
		}
	}
}
