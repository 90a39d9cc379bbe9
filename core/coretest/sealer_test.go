package coretest_test

import (
	"crypto/rand"
	"testing"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
)

func TestTheFakeSealerKeepsTheContract(t *testing.T) {
	coretest.TestSealer(t, coretest.SealerRig{
		NewKey: func(testing.TB) string { return rand.Text() },
		Open:   func(keys ...string) core.Sealer { return coretest.NewSealer(keys...) },
	})
}
