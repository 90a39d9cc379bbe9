package folder

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
	"golang.org/x/sys/unix"
)

// open opens a root of the test's own.
func open(t *testing.T) (*Root, string) {
	t.Helper()
	dir := t.TempDir()
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r, dir
}

func TestFoldersKeepTheContract(t *testing.T) {
	r, _ := open(t)
	coretest.TestFolders(t, r)
}

func TestAFileIsTheOwnersAloneAlsoWhenItReplacesAnotherOne(t *testing.T) {
	r, dir := open(t)
	path := filepath.Join(dir, "old")
	if err := os.WriteFile(path, []byte("one"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"old", "a/b/new"} {
		if err := r.WriteFile(name, []byte("two")); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestAReaderSeesTheOldTextOrTheNewOne(t *testing.T) {
	r, _ := open(t)
	texts := [][]byte{bytes.Repeat([]byte("a"), 1<<20), bytes.Repeat([]byte("b"), 1<<20)}
	if err := r.WriteFile("x", texts[0]); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 20 {
			if err := r.WriteFile("x", texts[i%2]); err != nil {
				t.Error(err)
			}
		}
	})
	for range 50 {
		data, err := r.ReadFile("x")
		if err != nil || !bytes.Equal(data, texts[0]) && !bytes.Equal(data, texts[1]) {
			t.Errorf("%d bytes, %v", len(data), err)
		}
	}
	wg.Wait()
}

func TestNoLinkLeadsOutOfTheRoot(t *testing.T) {
	r, dir := open(t)
	outside := t.TempDir()
	secret := filepath.Join(outside, "secret")
	if err := os.WriteFile(secret, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"file": secret, "folder": outside} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.ReadFile("file"); core.CodeOf(err) != core.CodeInvalid {
		t.Errorf("read: %v", err)
	}
	if err := r.WriteFile("folder/new", nil); core.CodeOf(err) != core.CodeInvalid {
		t.Errorf("write: %v", err)
	}
	if _, err := r.List("folder"); core.CodeOf(err) != core.CodeInvalid {
		t.Errorf("list: %v", err)
	}
	if err := r.WriteFile("file", []byte("ours")); err != nil {
		t.Errorf("replace the link: %v", err)
	}
	if raw, err := os.ReadFile(secret); err != nil || string(raw) != "precious" {
		t.Errorf("the file outside is %q, %v", raw, err)
	}
}

func TestWhatIsNoSmallRegularFileIsNotRead(t *testing.T) {
	r, dir := open(t)
	if err := unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	big, err := os.Create(filepath.Join(dir, "big"))
	if err != nil {
		t.Fatal(err)
	}
	if err := big.Truncate(maxBytes + 1); err != nil {
		t.Fatal(err)
	}
	if err := big.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"pipe", "big", "."} {
		if _, err := r.ReadFile(name); core.CodeOf(err) != core.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
