package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/codematrx/matrx-ship/core"
)

// tmpfs mounts a file system of the given size and gives its directory.
func tmpfs(t testing.TB, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=700,size="+size); err != nil {
		t.Fatalf("mount a tmpfs, which needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// fillDisk writes to a file until nothing goes in any more.
func fillDisk(t *testing.T, dir string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, "filler"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil && !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	defer f.Close()
	for n := 1 << 20; n > 0; n /= 2 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, n))
		}
		if !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
	}
}

func clearDisk(t *testing.T, dir string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, "filler")); err != nil {
		t.Fatal(err)
	}
}

// smallDisk is a journal on a real file system of 8 MiB with a reserve of 2 MiB.
func smallDisk(t *testing.T, minFree int64) (*Journal, Config) {
	cfg := config(filepath.Join(tmpfs(t, "8m"), "journal"))
	cfg.Reserve, cfg.MinFree, cfg.Probe = 2<<20, minFree, time.Millisecond
	j := mustOpen(t, cfg)
	mustAppend(t, j, "first")
	if h := j.Head(); h.Reserve != 2<<20 || !h.Writable {
		t.Fatalf("head %+v", h)
	}
	return j, cfg
}

// relieve appends on a disk that is filled up again each time, until the reserve is used up.
func relieve(t *testing.T, j *Journal, dir string) (acked []string) {
	t.Helper()
	for len(acked) < 1000 {
		fillDisk(t, dir)
		key := fmt.Sprint("relief", len(acked))
		_, err := j.AppendRelief(t.Context(), note(key))
		if err == nil {
			acked = append(acked, key)
			continue
		}
		if core.CodeOf(err) != core.CodeUnavailable {
			t.Fatalf("relief: %v", err)
		}
		if left := j.Head().Reserve; left != 0 {
			t.Errorf("relief is refused (%v) with %d bytes of reserve left", err, left)
		}
		return acked
	}
	t.Fatal("the reserve does not end")
	return nil
}

func TestOnAFullDiskTheReserveKeepsReliefGoing(t *testing.T) {
	for _, minFree := range []int64{512 << 10, -1} {
		t.Run(fmt.Sprint("limit ", minFree), func(t *testing.T) {
			j, cfg := smallDisk(t, minFree)
			dir := filepath.Dir(cfg.Dir)
			fillDisk(t, dir)
			want := []string{"first"}
			for i := 0; ; i++ { // what is left of a page can still be written
				if _, err := j.Append(t.Context(), note(fmt.Sprint(i))); err != nil {
					break
				}
				want = append(want, fmt.Sprint(i))
			}
			mustRefuse(t, j, "Free disk space")
			acked := relieve(t, j, dir)
			if len(acked) < 5 {
				t.Errorf("%d relief appends out of a reserve of 2 MiB", len(acked))
			}
			want = append(want, acked...)
			mustRefuse(t, j, "Free disk space")
			if got := keys(t, j); got != strings.Join(want, " ") {
				t.Errorf("while full it replays %q, want %q", got, want)
			}
			clearDisk(t, dir)
			eventually(t, "the journal is writable with its reserve", func() bool {
				h := j.Head()
				return h.Writable && h.Reserve == cfg.Reserve
			})
			mustAppend(t, j, "last")
			t.Logf("%d ordinary and %d relief appends on a full disk", len(want)-len(acked)-1, len(acked))
			reopened(t, j, cfg, strings.Join(append(want, "last"), " "))
		})
	}
}

func TestAStartOnAFullDiskReadsAndRecovers(t *testing.T) {
	j, cfg := smallDisk(t, 512<<10)
	dir := filepath.Dir(cfg.Dir)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	segment := filepath.Join(cfg.Dir, segmentName(1))
	data, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(segment, append(data, "torn by the full disk"...), 0o600); err != nil {
		t.Fatal(err)
	}
	fillDisk(t, dir)
	j = mustOpen(t, cfg)
	mustRefuse(t, j, "Free disk space")
	if got := keys(t, j); got != "first" {
		t.Errorf("it replays %q", got)
	}
	if _, err := j.AppendRelief(t.Context(), note("relief")); err != nil {
		t.Errorf("relief: %v", err)
	}
	clearDisk(t, dir)
	eventually(t, "the journal is writable", func() bool { return j.Head().Writable })
	if n := len(glob(t, cfg.Dir, "*.torn")); n != 1 {
		t.Errorf("%d torn ends are kept, want the one", n)
	}
	reopened(t, j, cfg, "first relief")
}

func TestAStartOnAReadOnlyDiskReadsAndRecovers(t *testing.T) {
	j, cfg := smallDisk(t, -1)
	dir := filepath.Dir(cfg.Dir)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	remount(t, dir, unix.MS_RDONLY)
	j = mustOpen(t, cfg)
	mustRefuse(t, j, "read-only file system")
	if got := keys(t, j); got != "first" {
		t.Errorf("it replays %q", got)
	}
	mustVerify(t, j)
	remount(t, dir, 0)
	eventually(t, "the journal is writable", func() bool { return j.Head().Writable })
	mustAppend(t, j, "second")
	reopened(t, j, cfg, "first second")
}

func TestANewJournalOnAReadOnlyDiskComesUpLater(t *testing.T) {
	dir := tmpfs(t, "1m")
	remount(t, dir, unix.MS_RDONLY)
	cfg := config(filepath.Join(dir, "journal"))
	cfg.Probe = time.Millisecond
	j := mustOpen(t, cfg)
	mustRefuse(t, j, "read-only file system")
	remount(t, dir, 0)
	eventually(t, "the journal is writable", func() bool { return j.Head().Writable })
	mustAppend(t, j, "a")
}

func remount(t *testing.T, dir string, flags uintptr) {
	t.Helper()
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT|flags, ""); err != nil {
		t.Fatalf("remount: %v", err)
	}
}
