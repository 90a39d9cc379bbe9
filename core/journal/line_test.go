package journal

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// The format is a promise to later releases: this test reads it with nothing of the package's own.
func TestTheLinesAreAsTheyAreWrittenDown(t *testing.T) {
	cfg := config(t.TempDir())
	cfg.SegmentRecords, cfg.Epoch = 2, 7
	cfg.Now = func() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 800, time.FixedZone("CET", 3600)) }
	j := mustOpen(t, cfg)
	rec := core.Record{Table: "people", Key: "ann", Ver: 2, Op: core.RecordPut, Body: json.RawMessage(`{ "a" : "<b>" }`), Actor: "b\xffb"}
	for range 2 {
		if _, err := j.Append(t.Context(), rec, note("n")); err != nil {
			t.Fatal(err)
		}
	}
	prev := ""
	for i, text := range readLines(t, cfg.Dir, segmentName(1), segmentName(3)) {
		sum, text, _ := strings.Cut(text, " ")
		if want := fmt.Sprintf("%08x", crc32.Checksum([]byte(text), crc32.MakeTable(crc32.Castagnoli))); sum != want {
			t.Errorf("line %d: checksum %s, want %s", i, sum, want)
		}
		record, h, _ := strings.Cut(text, `,"h":"`)
		if want := fmt.Sprintf("%x", sha256.Sum256([]byte(prev+record+"}"))); h != want+`"}` {
			t.Errorf("line %d: hash %s, want %s", i, h, want)
		}
		var w struct{ ID string }
		if err := json.Unmarshal([]byte(text), &w); err != nil {
			t.Fatal(err)
		}
		want := []string{
			`{"seq":1,"more":1,"id":"ID","epoch":7,"tbl":"people","key":"ann","ver":2,"op":"put","body":{"a":"<b>"},"actor":"b�b","at":"2026-03-04T04:06:07.0000008Z","prev":""`,
			`{"seq":2,"id":"ID","epoch":7,"tbl":"audit","key":"n","ver":0,"op":"note","body":{"n":1},"actor":"ann","at":"2026-03-04T04:06:07.0000008Z"`,
			`{"seq":3,"more":1,"id":"ID","epoch":7,"tbl":"people","key":"ann","ver":2,"op":"put","body":{"a":"<b>"},"actor":"b�b","at":"2026-03-04T04:06:07.0000008Z","prev":"` + prev + `"`,
			`{"seq":4,"id":"ID","epoch":7,"tbl":"audit","key":"n","ver":0,"op":"note","body":{"n":1},"actor":"ann","at":"2026-03-04T04:06:07.0000008Z"`,
		}[i]
		if got := strings.Replace(record, w.ID, "ID", 1); got != want {
			t.Errorf("line %d:\n%s\nwant\n%s", i, got, want)
		}
		prev = strings.TrimSuffix(h, `"}`)
	}
}

// readLines gives the lines of files, which must be readable by their owner alone.
func readLines(t *testing.T, dir string, names ...string) []string {
	t.Helper()
	var lines []string
	for _, name := range names {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode() != 0o600 {
			t.Fatalf("%s: %v, %v", name, info, err)
		}
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")...)
	}
	return lines
}

func TestALaterReleaseMayAddFields(t *testing.T) {
	text := `{"seq":1,"id":"x","epoch":0,"tbl":"t","key":"k","ver":0,"op":"note","new":[1],"body":null,"actor":"","at":"2026-03-04T04:06:07Z"`
	text += fmt.Sprintf(`,"h":"%x"}`, sha256.Sum256([]byte(text+"}")))
	line := fmt.Sprintf("%08x %s\n", crc32.Checksum([]byte(text), crc32.MakeTable(crc32.Castagnoli)), text)
	cfg := config(t.TempDir())
	if err := os.WriteFile(filepath.Join(cfg.Dir, segmentName(1)), []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	j := mustOpen(t, cfg)
	mustAppend(t, j, "next")
	if got := keys(t, j); got != "k next" {
		t.Errorf("it replays %q; head %+v", got, j.Head())
	}
}

func TestTheOrderIsBySequenceWhenTheClockGoesBack(t *testing.T) {
	cfg := config(t.TempDir())
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	cfg.Now = func() time.Time { now = now.Add(-time.Hour); return now }
	j := mustOpen(t, cfg)
	mustAppend(t, j, "a")
	mustAppend(t, j, "b")
	mustAppend(t, j, "c")
	mustVerify(t, j)
	reopened(t, j, cfg, "a b c")
}

func TestSegmentsEndAtTheirLimits(t *testing.T) {
	cfg := config(t.TempDir())
	cfg.SegmentBytes = 1000
	j := mustOpen(t, cfg)
	for i := range 20 {
		mustAppend(t, j, fmt.Sprint(i))
	}
	if h := j.Head(); h.Segments < 7 || h.Segments > 20 {
		t.Errorf("head %+v", h)
	}
	for _, name := range glob(t, cfg.Dir, "*.jsonl") {
		if info, err := os.Stat(name); err != nil || info.Size() > 1000 {
			t.Errorf("%s: %v %v", name, info.Size(), err)
		}
	}
	if n := len(glob(t, cfg.Dir, "*.jsonl")); n != j.Head().Segments {
		t.Errorf("%d files, head says %d", n, j.Head().Segments)
	}
	for from := range uint64(22) {
		n := uint64(0)
		for e, err := range j.Replay(t.Context(), from) {
			if err != nil || e.Seq != max(from, 1)+n {
				t.Fatalf("from %d: %d %v", from, e.Seq, err)
			}
			n++
		}
		if n != 21-max(from, 1) {
			t.Errorf("from %d: %d entries", from, n)
		}
	}
}
