package compose_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/codematrx/matrx-ship/core/compose"
)

// What docker compose does with a file before it starts anything: load it by the whole specification, with its folder's .env.
func TestWhatIsRenderedIsACompleteComposeFile(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 2))
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ".env"), []byte("SECRET='it is'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		d := randomDefinition(random)
		text, err := compose.New().Render(d)
		if err != nil {
			t.Fatal(err)
		}
		project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
			WorkingDir: dir, ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(dir, "docker-compose.yml"), Content: text}}, Environment: types.Mapping{},
		})
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, text)
		}
		svc := project.Services[d.Service]
		for name, value := range d.Env {
			if got := svc.Environment[name]; got == nil || *got != value {
				t.Fatalf("seed %d: %s is %v, want %q", seed, name, got, value)
			}
		}
		if got := svc.Environment["SECRET"]; got == nil || *got != "it is" {
			t.Fatalf("the value of .env is missing: %v", got)
		}
		for i, mount := range d.Mounts {
			if mount.Type == "volume" && project.Volumes[svc.Volumes[i].Source].Name != mount.Name {
				t.Fatalf("seed %d: volume %s is %+v", seed, mount.Name, project.Volumes)
			}
		}
		if svc.ContainerName != d.Container || int64(svc.MemLimit) != d.Memory {
			t.Fatalf("seed %d: %+v", seed, svc)
		}
	}
}
