package docs

import (
	"flag"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/codematrx/matrx-ship/core"
)

var update = flag.Bool("update", false, "write the generated pages again")

func TestReferencePagesAreWhatTheCodeSays(t *testing.T) {
	pages := map[string]string{
		"operations.md":                 Operations(core.Ops()),
		"handbook/100-configuration.md": Configuration(core.Variables()),
	}
	for name, want := range pages {
		if *update {
			if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(name)
		if err != nil || string(got) != want {
			t.Errorf("docs/%s is not what the code says (%v): run make docs", name, err)
		}
	}
}

func TestEveryHandbookPageBeginsWithItsTitle(t *testing.T) {
	pages, err := Handbook()
	if err != nil {
		t.Fatal(err)
	}
	names, err := fs.Glob(pages, "*.md")
	if err != nil || len(names) < 5 {
		t.Fatalf("%d pages, %v", len(names), err)
	}
	for _, name := range names {
		raw, err := fs.ReadFile(pages, name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(raw), "# ") || len(raw) > 20<<10 {
			t.Errorf("%s: no title first, or longer than a page may be (%d bytes)", name, len(raw))
		}
	}
}
