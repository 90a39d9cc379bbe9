package output

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
)

// open opens a store over a folder of the test's own.
func open(t *testing.T) (*Store, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "builds")
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, dir
}

func TestOutputsKeepTheContract(t *testing.T) {
	s, _ := open(t)
	s.max = 1 << 20
	coretest.TestOutputs(t, s, 1<<20)
}

func TestAnOutputIsTheOwnersAlone(t *testing.T) {
	s, dir := open(t)
	w, err := s.Create("b1")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	info, err := os.Stat(filepath.Join(dir, "b1.log"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestAnIDThatLeavesTheFolderIsInvalid(t *testing.T) {
	s, dir := open(t)
	if err := os.WriteFile(filepath.Join(filepath.Dir(dir), "x.log"), []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"", ".", "../x", "a/b", "a\x00", "-x", strings.Repeat("a", 129)} {
		if _, err := s.Create(id); core.CodeOf(err) != core.CodeInvalid {
			t.Errorf("create %q: %v", id, err)
		}
		if _, err := s.Open(id, 0); core.CodeOf(err) != core.CodeInvalid {
			t.Errorf("open %q: %v", id, err)
		}
		if err := s.Remove(id); core.CodeOf(err) != core.CodeInvalid {
			t.Errorf("remove %q: %v", id, err)
		}
	}
	if err := os.Symlink("../x.log", filepath.Join(dir, "linked.log")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open("linked", 0); err == nil {
		t.Error("a link led out of the folder")
	}
}

func TestAFullDiskIsSaidAndNotHidden(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	w := &writer{f: full, left: 100, max: 100}
	if _, err := w.Write([]byte("hello")); core.CodeOf(err) != core.CodeUnavailable {
		t.Errorf("got %v", err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}
