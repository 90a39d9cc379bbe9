package journal

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/codematrx/matrx-ship/core"
)

// eventually polls until the condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("in 20 s it did not come true that %s", what)
		case <-tick.C:
		}
	}
}

func note(key string) core.Record {
	return core.Record{Table: "audit", Key: key, Op: core.RecordNote, Body: []byte(`{"n":1}`), Actor: "ann"}
}

func mustAppend(t testing.TB, j *Journal, keys ...string) {
	t.Helper()
	recs := make([]core.Record, len(keys))
	for i, key := range keys {
		recs[i] = note(key)
	}
	if _, err := j.Append(t.Context(), recs...); err != nil {
		t.Fatalf("append %v: %v", keys, err)
	}
}

// keys gives the keys of all entries, joined by spaces.
func keys(t testing.TB, j *Journal) string {
	t.Helper()
	var all []string
	for e, err := range j.Replay(t.Context(), 1) {
		if err != nil {
			t.Fatalf("replay after %v: %v", all, err)
		}
		all = append(all, e.Key)
	}
	return strings.Join(all, " ")
}

func mustVerify(t testing.TB, j *Journal) {
	t.Helper()
	if report, err := j.Verify(t.Context()); err != nil || !report.OK {
		t.Errorf("verify: %+v %v", report, err)
	}
}

func mustRefuse(t testing.TB, j *Journal, says string) {
	t.Helper()
	_, err := j.Append(t.Context(), note("refused"))
	if core.CodeOf(err) != core.CodeUnavailable || !strings.Contains(core.MessageOf(err), says) {
		t.Errorf("append: %v (%v), want unavailable and %q", err, core.CodeOf(err), says)
	}
	if h := j.Head(); h.Writable || !strings.Contains(h.Trouble, says) || h.Since.IsZero() {
		t.Errorf("head %+v, want trouble that says %q", h, says)
	}
}

// faultyJournal is a journal with two records on a disk that can fail.
func faultyJournal(t *testing.T, change ...func(*Config)) (*Journal, *faultDisk, Config) {
	d := &faultDisk{}
	cfg := config(t.TempDir())
	cfg.disk, cfg.Probe = d, time.Millisecond
	for _, c := range change {
		c(&cfg)
	}
	j := mustOpen(t, cfg)
	mustAppend(t, j, "a", "b")
	return j, d, cfg
}

func TestAFailingDiskMakesTheJournalReadOnlyUntilItWorks(t *testing.T) {
	same := func(*Config) {}
	rotate := func(cfg *Config) { cfg.SegmentRecords = 2 }
	cases := []struct {
		name, op string
		err      error
		change   func(*Config)
	}{
		{"write EIO", "write", unix.EIO, same},
		{"write EROFS", "write", unix.EROFS, same},
		{"write ENOSPC", "write", unix.ENOSPC, same},
		{"write EDQUOT in the middle of a record", "write", partial{40, unix.EDQUOT}, same},
		{"write ENOSPC in the second record", "write", partial{400, unix.ENOSPC}, same},
		{"sync EIO", "sync", unix.EIO, same},
		{"sync ENOSPC", "sync", unix.ENOSPC, same},
		{"create of the next segment", "create", unix.ENOSPC, rotate},
		{"write to the next segment", "write", partial{10, unix.EIO}, rotate},
		{"sync of the next segment", "sync", unix.EIO, rotate},
		{"sync of the directory", "syncdir", unix.EIO, rotate},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			j, d, cfg := faultyJournal(t, c.change)
			d.set(func(op, _ string) error {
				if op == c.op {
					return c.err
				}
				return nil
			})
			if entries, err := j.Append(t.Context(), note("c"), note("d")); core.CodeOf(err) != core.CodeUnavailable || entries != nil {
				t.Fatalf("append: %v %v, want unavailable", entries, err)
			}
			mustRefuse(t, j, unwrapErrno(c.err).Error())
			if got := keys(t, j); got != "a b" {
				t.Errorf("in trouble it replays %q", got)
			}
			mustVerify(t, j)
			d.set(nil)
			eventually(t, "the journal is writable", func() bool { return j.Head().Writable })
			mustAppend(t, j, "e")
			if got := keys(t, j); got != "a b e" {
				t.Errorf("after the trouble it replays %q", got)
			}
			mustVerify(t, j)
			reopened(t, j, cfg, "a b e")
		})
	}
}

func unwrapErrno(err error) error {
	var part partial
	if errors.As(err, &part) {
		return part.error
	}
	return err
}

// reopened closes the journal and checks that a new process would see the same.
func reopened(t *testing.T, j *Journal, cfg Config, want string) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	again := mustOpen(t, cfg)
	if got := keys(t, again); got != want || !again.Head().Writable {
		t.Errorf("opened again it replays %q, want %q; head %+v", got, want, again.Head())
	}
	mustVerify(t, again)
}

func TestAFailedSyncIsNeverTriedAgain(t *testing.T) {
	j, d, _ := faultyJournal(t, func(cfg *Config) { cfg.Probe = time.Hour }) // the keeper stays away
	d.set(func(op, _ string) error {
		if op == "sync" {
			return unix.EIO
		}
		return nil
	})
	syncs := d.count("sync")
	_, _ = j.Append(t.Context(), note("c"))
	for range 5 {
		mustRefuse(t, j, "input/output error")
	}
	if got := d.count("sync") - syncs; got != 1 {
		t.Errorf("%d syncs, want the failed one alone", got)
	}
}

// A failed sync may leave in the file whatever it likes behind what was acknowledged.
func TestWhateverAFailedSyncLeavesIsCut(t *testing.T) {
	for name, spoil := range map[string]func([]byte, int) []byte{
		"nothing":  func(data []byte, acked int) []byte { return data[:acked] },
		"a part":   func(data []byte, acked int) []byte { return data[:(acked+len(data))/2] },
		"all":      func(data []byte, _ int) []byte { return data },
		"NULs":     func(data []byte, acked int) []byte { clear(data[acked:]); return data },
		"rubbish":  func(data []byte, acked int) []byte { return append(data[:acked], "x\ny\n\n"...) },
		"a second": func(data []byte, acked int) []byte { return append(data, data[acked:]...) },
	} {
		t.Run(name, func(t *testing.T) {
			j, d, cfg := faultyJournal(t)
			acked := int(j.Head().Bytes)
			path := filepath.Join(cfg.Dir, segmentName(1))
			d.set(func(op, _ string) error {
				if op != "sync" {
					return nil
				}
				data, err := os.ReadFile(path)
				return errors.Join(err, os.WriteFile(path, spoil(data, acked), 0o600), unix.EIO)
			})
			if _, err := j.Append(t.Context(), note("c"), note("d")); core.CodeOf(err) != core.CodeUnavailable {
				t.Fatalf("append: %v", err)
			}
			d.set(nil)
			eventually(t, "the journal is writable", func() bool { return j.Head().Writable })
			mustAppend(t, j, "e")
			reopened(t, j, cfg, "a b e")
		})
	}
}

// A process may have died after a failed sync: then the page cache shows records that the disk does not have.
func TestWhatIsReadAtStartIsWrittenAgainAndSynced(t *testing.T) {
	j, d, cfg := faultyJournal(t)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	before := len(d.log())
	j = mustOpen(t, cfg)
	ops := strings.Join(d.log()[before:], ", ")
	want := "truncate 000000000001.jsonl, write 000000000001.jsonl, sync 000000000001.jsonl, syncdir"
	if !strings.Contains(ops, want) {
		t.Errorf("opening did %s; want it to %s", ops, want)
	}
	mustAppend(t, j, "c")
	reopened(t, j, cfg, "a b c")
}

func TestAnAcknowledgedRecordThatVanishesIsNamed(t *testing.T) {
	j, d, cfg := faultyJournal(t)
	d.set(func(op, _ string) error {
		if op != "write" {
			return nil
		}
		return errors.Join(os.Truncate(filepath.Join(cfg.Dir, segmentName(1)), 10), unix.EIO)
	})
	_, _ = j.Append(t.Context(), note("c"))
	d.set(nil)
	eventually(t, "the missing record is named", func() bool {
		return strings.Contains(j.Head().Trouble, "000000000001.jsonl, line 1, record 1: a record that was acknowledged is missing")
	})
	if report, err := j.Verify(t.Context()); err != nil || report.OK || report.Seq != 1 {
		t.Errorf("report %+v %v", report, err)
	}
}

func TestAnotherHistoryInPlaceOfTheAcknowledgedOneIsNamed(t *testing.T) {
	j, d, cfg := faultyJournal(t)
	buf := forged(t, newChain(1, ""), 0, 0)
	d.set(func(op, _ string) error {
		if op != "write" {
			return nil
		}
		return errors.Join(os.WriteFile(filepath.Join(cfg.Dir, segmentName(1)), buf, 0o600), unix.EIO)
	})
	_, _ = j.Append(t.Context(), note("c"))
	d.set(nil)
	eventually(t, "the other history is named", func() bool {
		return strings.Contains(j.Head().Trouble, "line 2, record 2: it is not the record that was acknowledged")
	})
}

func TestADiskThatFailsAtStartGivesAJournalInTrouble(t *testing.T) {
	j, d, cfg := faultyJournal(t)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	for _, op := range []string{"list", "open", "write", "sync", "syncdir", "truncate"} {
		t.Run(op, func(t *testing.T) {
			d.set(func(o, _ string) error {
				if o == op {
					return unix.EIO
				}
				return nil
			})
			j := mustOpen(t, cfg)
			mustRefuse(t, j, "input/output error")
			unread := op == "list" || op == "open"
			if !unread && keys(t, j) != "a b" {
				t.Errorf("it replays %q", keys(t, j))
			}
			d.set(nil)
			if unread { // whoever replayed it knows nothing of what is there
				eventually(t, "a restart is asked for", func() bool { return strings.Contains(j.Head().Trouble, "Restart") })
				mustRefuse(t, j, "Restart")
				reopened(t, j, cfg, "a b")
				return
			}
			eventually(t, "the journal is writable", func() bool { return j.Head().Writable })
			if got := keys(t, j); got != "a b" {
				t.Errorf("it replays %q", got)
			}
		})
	}
}

func TestBelowTheFreeSpaceLimitOnlyReliefIsTaken(t *testing.T) {
	j, d, _ := faultyJournal(t, func(cfg *Config) { cfg.MinFree = 256 << 20 })
	d.setFree(120 << 20)
	before := d.count("write")
	mustRefuse(t, j, "120.0 MiB free where 256.0 MiB must stay free")
	if d.count("write") != before {
		t.Error("it wrote before it refused")
	}
	if _, err := j.AppendRelief(t.Context(), note("relief")); err != nil {
		t.Errorf("relief: %v", err)
	}
	d.setFree(300 << 20)
	eventually(t, "the journal is writable", func() bool { return j.Head().Writable })
	mustAppend(t, j, "c")
	if got := keys(t, j); got != "a b relief c" {
		t.Errorf("it replays %q", got)
	}
}
