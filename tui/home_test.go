package tui

import (
	"testing"
)

func TestHomeShowsFaultsFirstAndEveryService(t *testing.T) {
	inConsole(t, sampled(), func(c *console) { c.golden() })
}
