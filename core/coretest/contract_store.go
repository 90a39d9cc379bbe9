package coretest

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/codematrx/matrx-ship/core"
)

// TestOutputs is the contract of core.OutputStore. Max bytes are kept of one output of the store under test.
func TestOutputs(t *testing.T, store core.OutputStore, limit int) {
	w, err := store.Create("b1")
	must(t, err)
	_, err = store.Create("b1")
	wantCode(t, err, core.CodeConflict)
	write(t, w, "one\n")
	if got := readOutput(t, store, "b1", 0); got != "one\n" {
		t.Errorf("read %q while it is written", got)
	}
	write(t, w, "two\n")
	if got := readOutput(t, store, "b1", 4); got != "two\n" {
		t.Errorf("read %q from an offset", got)
	}
	if got := readOutput(t, store, "b1", 1000); got != "" {
		t.Errorf("read %q beyond the end", got)
	}
	write(t, w, strings.Repeat("x", limit)) // over the bound: dropped, and no error
	write(t, w, "lost")
	must(t, w.Close())
	got := readOutput(t, store, "b1", 0)
	kept, mark := got[:limit], got[limit:]
	if !strings.HasPrefix(kept, "one\ntwo\nxxx") || !strings.HasPrefix(mark, "\n[cut ") || strings.Count(mark, "\n") != 2 || strings.Contains(got, "lost") {
		t.Errorf("kept %d bytes, then %q", len(kept), mark)
	}
	must(t, store.Remove("b1"))
	must(t, store.Remove("b1"))
	_, err = store.Open("b1", 0)
	wantCode(t, err, core.CodeNotFound)
}

// write writes all of a text.
func write(t testing.TB, w io.Writer, text string) {
	t.Helper()
	n, err := io.WriteString(w, text)
	must(t, err)
	if n != len(text) {
		t.Errorf("wrote %d of %d bytes", n, len(text))
	}
}

// readOutput reads what an output has now.
func readOutput(t testing.TB, store core.OutputStore, id string, offset int64) string {
	t.Helper()
	r, err := store.Open(id, offset)
	must(t, err)
	text, err := io.ReadAll(r)
	must(t, errors.Join(err, r.Close()))
	return string(text)
}

// TestFolders is the contract of core.FolderWriter, over an empty root.
func TestFolders(t *testing.T, f core.FolderWriter) {
	_, err := f.ReadFile("instances/acme/docker-compose.yml")
	wantCode(t, err, core.CodeNotFound)
	names, err := f.List("instances")
	if err != nil || len(names) != 0 {
		t.Errorf("a folder that is not there has %q, %v", names, err)
	}
	must(t, f.WriteFile("instances/acme/docker-compose.yml", []byte("one")))
	must(t, f.WriteFile("instances/acme/docker-compose.yml", []byte("two")))
	must(t, f.WriteFile("instances/acme/.env", []byte("A=1")))
	must(t, f.WriteFile("instances/zeta/x", nil))
	data, err := f.ReadFile("instances/./acme/docker-compose.yml")
	if err != nil || string(data) != "two" {
		t.Errorf("read %q, %v", data, err)
	}
	for dir, want := range map[string][]string{"instances": {"acme", "zeta"}, "instances/acme": {"docker-compose.yml"}, ".": {"instances"}} {
		if names, err := f.List(dir); err != nil || !slices.Equal(names, want) {
			t.Errorf("%s has %q, %v; want %q", dir, names, err, want)
		}
	}
	must(t, f.Remove("instances/acme/.env"))
	must(t, f.Remove("instances/acme/.env"))
	_, err = f.ReadFile("instances/acme/.env")
	wantCode(t, err, core.CodeNotFound)
	for _, path := range []string{"", "../x", "/etc/passwd", "a/../../x"} {
		wantCode(t, f.WriteFile(path, nil), core.CodeInvalid)
		_, err := f.ReadFile(path)
		wantCode(t, err, core.CodeInvalid)
		_, err = f.List(path)
		wantCode(t, err, core.CodeInvalid)
		wantCode(t, f.Remove(path), core.CodeInvalid)
	}
}

// TestLocks is the contract of core.Locker: two that share their locks, as two planes do.
func TestLocks(t *testing.T, one, other core.Locker) {
	if got := other.Holder("ship-demo"); got != "" {
		t.Errorf("held by %q before anybody took it", got)
	}
	unlock, err := one.Lock("ship-demo", "ann deploys")
	must(t, err)
	for _, l := range []core.Locker{one, other} {
		_, err := l.Lock("ship-demo", "bob rolls back")
		wantCode(t, err, core.CodeConflict)
		if !strings.Contains(core.MessageOf(err), "ann deploys") || !strings.Contains(l.Holder("ship-demo"), "ann deploys") {
			t.Errorf("the error is %q, the holder %q", core.MessageOf(err), l.Holder("ship-demo"))
		}
	}
	second, err := other.Lock("ship-other", "bob")
	must(t, err)
	must(t, unlock())
	must(t, second())
	if got := other.Holder("ship-demo"); got != "" {
		t.Errorf("held by %q after the unlock", got)
	}
	again, err := other.Lock("ship-demo", "bob")
	must(t, err)
	must(t, unlock()) // an old one's unlock does nothing to it
	if got := one.Holder("ship-demo"); !strings.Contains(got, "bob") {
		t.Errorf("held by %q", got)
	}
	must(t, again())
}
