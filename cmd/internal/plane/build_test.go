package plane

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
)

func TestAPlaneComesUpWithoutItsLogsAndCgroupsAndSaysSo(t *testing.T) {
	settings := map[string]string{
		"MATRX_ROOT": t.TempDir(), "MATRX_SSH_ADDR": "127.0.0.1:0", "TRAEFIK_API_URL": "http://127.0.0.1:1",
		"DOCKER_HOST": "unix://" + filepath.Join(t.TempDir(), "no-engine.sock"), "MATRX_CGROUP_ROOT": t.TempDir(),
	}
	cfg, err := core.LoadConfig(func(name string) string { return settings[name] })
	if err != nil {
		t.Fatal(err)
	}
	if cfg.CgroupRoot == "" {
		t.Fatal("the setting of the cgroups has another name now")
	}
	charter := core.ManagerCharter()
	if err := os.MkdirAll(cfg.Data(charter), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(cfg.Data(charter), "logs"), []byte("in the way"), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := build(t.Context(), cfg, charter, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatalf("it does not come up: %v", err)
	}
	t.Cleanup(func() {
		if err := b.close(); err != nil {
			t.Error(err)
		}
	})
	ctx := core.WithActor(t.Context(), core.Actor{Name: "ann", Kind: core.ActorPerson, Role: core.RoleViewer, Door: core.DoorSSH})
	coretest.Wait(t, 5*time.Second, "the fault on Home", func() bool {
		status, err := core.GetStatus.Run(ctx, b.core, struct{}{})
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range status.Snapshot.Faults {
			if strings.Contains(fault.What, "Logs are not kept") {
				return true
			}
		}
		return false
	})
	for _, err := range core.ReadLogs.Run(ctx, b.core, core.LogQuery{Services: []string{"ship-demo"}}) {
		if core.CodeOf(err) != core.CodeUnavailable {
			t.Errorf("reading logs: %v", err)
		}
	}
}
