package journal

import (
	"testing"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
)

// config is a configuration for tests: small, and without limits on the disk's free space.
func config(dir string) Config {
	return Config{Dir: dir, Writer: "manager", Server: "test", Reserve: -1, MinFree: -1}
}

func mustOpen(t testing.TB, cfg Config) *Journal {
	t.Helper()
	j, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return j
}

func TestJournalKeepsTheContract(t *testing.T) {
	coretest.TestJournal(t, func(t *testing.T) core.Journal { return mustOpen(t, config(t.TempDir())) })
}

func TestJournalOfTinySegmentsKeepsTheContract(t *testing.T) {
	coretest.TestJournal(t, func(t *testing.T) core.Journal {
		cfg := config(t.TempDir())
		cfg.SegmentRecords = 2
		return mustOpen(t, cfg)
	})
}
