//go:build integration

package docker

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/codematrx/matrx-ship/core/coretest"
)

func TestTheEngineKeepsTheContract(t *testing.T) {
	coretest.TestDocker(t, func(t testing.TB) coretest.Rig { return newRig(t, "") })
}

func TestTheEngineMakesWhatTheContractSays(t *testing.T) {
	coretest.TestMaker(t, func(t testing.TB) coretest.Rig { return newRig(t, "") })
}

func TestTheEngineKeepsImagesAsTheContractSays(t *testing.T) {
	coretest.TestImages(t, func(t testing.TB) coretest.Rig { return newRig(t, "") })
}

func TestBuildKitKeepsImagesAsTheContractSays(t *testing.T) {
	e := newBuildKit(t)
	coretest.TestImages(t, func(t testing.TB) coretest.Rig { return newRig(t, e.host) })
}

// newBuildKit starts an engine that says that BuildKit is its builder. It has a bridge, because steps want one.
func newBuildKit(t *testing.T) *ownEngine {
	t.Helper()
	return newEngine(t, builderIs(t, "true"), "--bip=10.218.0.1/24")
}

// builderIs is the setting of an engine that chooses BuildKit, or the classic builder.
func builderIs(t *testing.T, buildKit string) (flag string) {
	t.Helper()
	config := filepath.Join(t.TempDir(), "daemon.json")
	check(t, os.WriteFile(config, []byte(`{"features": {"buildkit": `+buildKit+`}}`), 0o600))
	return "--config-file=" + config
}
