package sshd

import (
	"bytes"
	"strings"
	"testing"

	"github.com/codematrx/matrx-ship/core"
)

func TestWhatTheEngineAndTheJournalSayOfThemselvesIsMadeSafe(t *testing.T) {
	const evil = "1.0\x1b]0;mine\x07\x1b[2J"
	var out bytes.Buffer
	printInfra(&out, core.Infrastructure{Engine: core.EngineInfo{Version: evil, API: evil, OS: evil}, Traefik: evil})
	printReport(&out, core.JournalReport{Segment: evil, Reason: evil})
	if strings.ContainsRune(out.String(), '\x1b') || strings.ContainsRune(out.String(), '\a') {
		t.Errorf("the terminal is told to do something: %q", out.String())
	}
	if n := strings.Count(out.String(), "1.0"); n != 6 {
		t.Errorf("%d of 6 are printed: %q", n, out.String())
	}
}
