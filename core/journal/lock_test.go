package journal

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/codematrx/matrx-ship/core"
)

func TestASecondProcessIsToldWhoHoldsTheJournal(t *testing.T) {
	cfg := config(t.TempDir())
	j := mustOpen(t, cfg)
	mustAppend(t, j, "a")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+cfg.Dir)
	out, err := cmd.Output()
	if err == nil || !strings.Contains(string(out), fmt.Sprintf("is in use by process %d on ", os.Getpid())) {
		t.Errorf("the second process says %q (%v)", out, err)
	}
	mustAppend(t, j, "b")
	reopened(t, j, cfg, "a b")
}

func TestTheLockIsFreeOnceTheJournalIsClosed(t *testing.T) {
	cfg := config(t.TempDir())
	j := mustOpen(t, cfg)
	if _, err := Open(t.Context(), cfg); core.CodeOf(err) != core.CodeConflict {
		t.Errorf("a second open: %v, want conflict", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, mustOpen(t, cfg), "a")
}

func TestAJournalOfAnotherOwnerIsRefused(t *testing.T) {
	cfg := config(t.TempDir())
	if err := mustOpen(t, cfg).Close(); err != nil {
		t.Fatal(err)
	}
	other := cfg
	other.Writer = "deploy"
	if _, err := Open(t.Context(), other); core.CodeOf(err) != core.CodeConflict || !strings.Contains(err.Error(), `belongs to "manager"`) {
		t.Errorf("another writer: %v, want conflict", err)
	}
	other = cfg
	other.Server = "elsewhere"
	if _, err := Open(t.Context(), other); core.CodeOf(err) != core.CodeConflict {
		t.Errorf("another server: %v, want conflict", err)
	}
	mustAppend(t, mustOpen(t, cfg), "a")
}

func TestAConfigurationThatSaysTooLittleIsRefused(t *testing.T) {
	for _, cfg := range []Config{{}, {Dir: t.TempDir(), Writer: "manager"}, {Dir: t.TempDir(), Writer: "m", Server: "s", SegmentBytes: 1 << 30}} {
		if _, err := Open(t.Context(), cfg); core.CodeOf(err) != core.CodeInvalid {
			t.Errorf("%+v: %v, want invalid", cfg, err)
		}
	}
}
