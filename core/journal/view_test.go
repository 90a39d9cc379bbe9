package journal

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/codematrx/matrx-ship/core"
)

// lookAt opens a view and gives the keys of its records.
func lookAt(t testing.TB, cfg Config) (*View, string) {
	t.Helper()
	v, err := OpenView(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for e, err := range v.Replay(t.Context(), 1) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, e.Key)
	}
	return v, strings.Join(list, " ")
}

// picture is every file of a directory with its size, time of change and content.
func picture(t testing.TB, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Stat(path)
		if err != nil || info.IsDir() {
			fmt.Fprintln(&b, path, info.ModTime())
			return err
		}
		text, err := os.ReadFile(path)
		fmt.Fprintf(&b, "%s %s %x\n", path, info.ModTime(), text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestAViewIsHadBesideTheWriterAndTouchesNothing(t *testing.T) {
	cfg := config(t.TempDir())
	cfg.SegmentRecords = 3
	j := mustOpen(t, cfg)
	mustAppend(t, j, "a", "b", "c", "d")
	before := picture(t, cfg.Dir)
	v, got := lookAt(t, cfg)
	if after := picture(t, cfg.Dir); after != before {
		t.Errorf("it changed\n%s\nto\n%s", before, after)
	}
	h := v.Head()
	if got != "a b c d" || h.Seq != 4 || h.Hash != j.Head().Hash || h.Writable {
		t.Errorf("%q, head %+v", got, h)
	}
	mustAppend(t, j, "e")
	if _, err := OpenView(t.Context(), Config{Dir: cfg.Dir, Writer: "deploy", Server: "test"}); core.CodeOf(err) != core.CodeConflict {
		t.Errorf("another owner: %v", err)
	}
	if _, got := lookAt(t, cfg); got != "a b c d e" {
		t.Errorf("%q", got)
	}
}

func TestViewsAreWholeWhileTheWriterWrites(t *testing.T) {
	cfg := config(t.TempDir())
	cfg.SegmentRecords = 20
	j := mustOpen(t, cfg)
	mustAppend(t, j, "first")
	done := make(chan error, 1)
	go func() {
		for i := range 1000 {
			if _, err := j.Append(t.Context(), family(fmt.Sprint(i), 1+i%3)...); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	var last uint64
	for views := 0; ; views++ {
		v, got := lookAt(t, cfg)
		h := v.Head()
		if n := uint64(len(strings.Fields(got))); n != h.Seq || h.Seq < last {
			t.Fatalf("%d records, head %d, the view before had %d", n, h.Seq, last)
		}
		last = h.Seq
		select {
		case err := <-done:
			t.Logf("%d views beside %d records", views+1, j.Head().Seq)
			if err != nil {
				t.Error(err)
			}
			return
		default:
		}
	}
}

func TestAViewEndsBeforeAHalfWrittenAppendAndNamesDamage(t *testing.T) {
	cfg := config(t.TempDir())
	j := mustOpen(t, cfg)
	mustAppend(t, j, "a", "b")
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(cfg.Dir, segmentName(1))
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(string(whole) + "0123")
	if _, got := lookAt(t, cfg); got != "a b" {
		t.Errorf("%q", got)
	}
	write(strings.Replace(string(whole), `"a"`, `"x"`, 1))
	if _, err := OpenView(t.Context(), cfg); core.CodeOf(err) != core.CodeUnavailable || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("damage: %v", err)
	}
}

func TestAViewOfNothingSaysSoAndMakesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	if _, err := OpenView(t.Context(), config(dir)); core.CodeOf(err) != core.CodeNotFound {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("it made the folder")
	}
}

func TestAViewIsHadFromADiskThatIsMountedReadOnly(t *testing.T) {
	dir := tmpfs(t, "4m")
	cfg := config(filepath.Join(dir, "journal"))
	j := mustOpen(t, cfg)
	mustAppend(t, j, "a")
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	remount(t, dir, unix.MS_RDONLY)
	if _, got := lookAt(t, cfg); got != "a" {
		t.Errorf("%q", got)
	}
}
