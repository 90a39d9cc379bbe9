package sshd

import (
	"strings"
	"testing"

	"github.com/codematrx/matrx-ship/sshd/sshdtest"
)

func TestACommandReadsItsInputAndWithATerminalSaysThatItCannot(t *testing.T) {
	admin := sshdtest.Key(t)
	r := startPlane(t, admin, sshdtest.Key(t))
	client := sshdtest.Dial(t, r.addr, admin)
	if got := sshdtest.Run(t, client, "env set ship-demo", "A=1\nhunter2\n"); got.Code != ExitUsage || !strings.Contains(got.Stderr, "Line 2") || strings.Contains(got.Stderr, "hunter2") {
		t.Errorf("without a terminal: %+v", got)
	}
	s := sshdtest.Open(t, client, sshdtest.ScreenConfig{Command: "env set ship-demo", Width: 160})
	s.Wait("no terminal (no -t)")
	if code := s.Exit(); code != ExitUsage {
		t.Errorf("with a terminal: exit %d", code)
	}
}

func TestCtrlCEndsACommandOnATerminal(t *testing.T) {
	admin := sshdtest.Key(t)
	r := startPlane(t, admin, sshdtest.Key(t))
	s := sshdtest.Open(t, sshdtest.Dial(t, r.addr, admin), sshdtest.ScreenConfig{Command: "audit --follow"})
	sshdtest.Eventually(t, "the session", func() bool { return len(r.Sessions()) == 1 })
	s.Type("abc\x03")
	if code := s.Exit(); code != ExitCanceled && code != ExitOK {
		t.Errorf("exit %d", code)
	}
}
