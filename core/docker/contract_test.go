//go:build integration

package docker

import (
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
