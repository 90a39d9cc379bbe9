package journal

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/codematrx/matrx-ship/core"
)

// written is a closed journal: its files, and the keys and bytes up to each append.
type written struct {
	cfg   Config
	files map[string][]byte
	ends  []int64  // bytes after each append, of all segments
	keys  []string // all keys up to there, joined by spaces
}

// write makes a journal with appends of one, two and three records.
func write(t *testing.T, segmentRecords int64, appends int) written {
	t.Helper()
	cfg := config(tmpfs(t, "64m")) // thousands of opens need no real disk
	cfg.SegmentRecords = segmentRecords
	j := mustOpen(t, cfg)
	w := written{cfg: cfg, files: map[string][]byte{}, ends: []int64{0}, keys: []string{""}}
	for i := range appends {
		var ks []string
		for k := range i%3 + 1 {
			ks = append(ks, fmt.Sprint(i, ".", k))
		}
		mustAppend(t, j, ks...)
		w.ends, w.keys = append(w.ends, j.Head().Bytes), append(w.keys, keys(t, j))
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range glob(t, cfg.Dir, "*.json*") {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		w.files[filepath.Base(name)] = data
	}
	return w
}

func glob(t testing.TB, dir, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// copyWith writes the files into a new directory, one of them changed, and gives its configuration.
func (w written) copyWith(t testing.TB, name string, data []byte) Config {
	t.Helper()
	cfg := w.cfg
	dir, err := os.MkdirTemp(w.cfg.Dir, "copy")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	cfg.Dir = dir
	for n, d := range w.files {
		if n == name {
			d = data
		}
		if err := os.WriteFile(filepath.Join(dir, n), d, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cfg
}

// openOnce opens, looks and closes at once: some tests do it thousands of times.
func openOnce(t testing.TB, cfg Config, look func(*Journal)) {
	t.Helper()
	j, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	look(j)
	if err := j.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if err := os.RemoveAll(cfg.Dir); err != nil {
		t.Fatal(err)
	}
}

func TestEveryCutOfTheEndLeavesTheWholeAppendsBeforeIt(t *testing.T) {
	w := write(t, 0, 7)
	name := segmentName(1)
	full := w.files[name]
	for cut := range len(full) + 1 {
		// A cut that takes nothing but the newline takes nothing of the append.
		n := 0
		for n+1 < len(w.ends) && w.ends[n+1]-1 <= int64(cut) {
			n++
		}
		openOnce(t, w.copyWith(t, name, slices.Clone(full[:cut])), func(j *Journal) {
			if got := keys(t, j); got != w.keys[n] || !j.Head().Writable {
				t.Fatalf("cut at %d: it replays %q, want %q; head %+v", cut, got, w.keys[n], j.Head())
			}
			checkTorn(t, j, full[min(int(w.ends[n]), cut):cut])
			if cut%16 == 0 {
				mustAppend(t, j, "new")
				mustVerify(t, j)
			}
		})
	}
	t.Logf("%d cuts recovered", len(full)+1)
}

// checkTorn checks that what was cut off is kept aside and reported.
func checkTorn(t *testing.T, j *Journal, want []byte) {
	t.Helper()
	names := glob(t, j.cfg.Dir, "*.torn")
	if len(want) == 0 {
		if len(names) != 0 || j.Head().Torn != "" {
			t.Fatalf("nothing was torn, but %v and %q", names, j.Head().Torn)
		}
		return
	}
	if len(names) != 1 || !strings.Contains(j.Head().Torn, filepath.Base(names[0])) {
		t.Fatalf("torn files %v, head says %q", names, j.Head().Torn)
	}
	if got, err := os.ReadFile(names[0]); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("kept aside %q, want %q; %v", got, want, err)
	}
}

func TestAHoleOfNULsAtTheEndIsTorn(t *testing.T) {
	w := write(t, 0, 4)
	name := segmentName(1)
	data := slices.Clone(w.files[name])
	clear(data[len(data)-200 : len(data)-50]) // a block that never came to the disk, before one that did
	openOnce(t, w.copyWith(t, name, data), func(j *Journal) {
		if got := keys(t, j); got != w.keys[3] || !j.Head().Writable {
			t.Errorf("it replays %q, want %q", got, w.keys[3])
		}
	})
	openOnce(t, w.copyWith(t, name, append(slices.Clone(w.files[name]), make([]byte, 3<<20)...)), func(j *Journal) {
		if got := keys(t, j); got != w.keys[4] || !j.Head().Writable {
			t.Errorf("with 3 MiB of NULs behind it replays %q, want %q", got, w.keys[4])
		}
	})
}

// Every change of a bit is either harmless or refused with the right place; it never loses an acknowledged record
// quietly.
func TestEveryFlippedBitIsCaughtOrHarmless(t *testing.T) {
	w := write(t, 4, 5)
	bits := []int{0, 1, 2, 3, 4, 5, 6, 7}
	every := os.Getenv("MATRX_SOAK") != ""
	refused, harmless := 0, 0
	for name, full := range w.files {
		for i := range full {
			for _, bit := range bits {
				if name == identityName || (!every && bit != i%8) {
					continue
				}
				data := slices.Clone(full)
				data[i] ^= 1 << bit
				openOnce(t, w.copyWith(t, name, data), func(j *Journal) {
					if checkFlip(t, w, j, name, bytes.Count(full[:i], []byte("\n"))+1) {
						refused++
					} else {
						harmless++
					}
				})
			}
		}
	}
	t.Logf("%d flips refused, %d harmless", refused, harmless)
}

// checkFlip says whether the flip was refused.
func checkFlip(t *testing.T, w written, j *Journal, name string, line int) bool {
	t.Helper()
	all, got, h := w.keys[len(w.keys)-1], keys(t, j), j.Head()
	if h.Writable {
		if got != all {
			t.Fatalf("%s line %d: a flip quietly left %q of %q; %s", name, line, got, all, h.Torn)
		}
		return false
	}
	report, err := j.Verify(t.Context())
	if err != nil || report.OK || report.Segment != name || report.Line != line || !strings.HasPrefix(all, got) {
		t.Fatalf("%s line %d: report %+v %v; it replays %q", name, line, report, err, got)
	}
	if !strings.Contains(h.Trouble, fmt.Sprintf("%s, line %d, record %d", name, line, report.Seq)) {
		t.Fatalf("trouble %q does not name %s line %d", h.Trouble, name, line)
	}
	return true
}

func TestDamageIsNamedAndWhatIsBeforeItCanBeRead(t *testing.T) {
	w := write(t, 4, 6) // segments begin with 1, 4, 8 and 10
	second := w.files[segmentName(4)]
	lines := bytes.SplitAfter(second, []byte("\n"))
	cases := map[string]struct {
		file    string
		data    []byte
		trouble string
		keys    string
	}{
		"a line taken out":                     {segmentName(4), slices.Concat(lines[0], lines[2]), "000000000004.jsonl, line 2, record 5: it has sequence number 6 where 5 is due", w.keys[2]},
		"a line twice":                         {segmentName(4), slices.Concat(lines[0], lines[0], lines[1], lines[2]), "000000000004.jsonl, line 2, record 5: it has sequence number 4", w.keys[2]},
		"an empty line":                        {segmentName(4), slices.Concat([]byte("\n"), second), "000000000004.jsonl, line 1, record 4: it is not a line of a journal", w.keys[2]},
		"an older segment cut":                 {segmentName(4), second[:len(second)-10], "000000000004.jsonl, line 4, record 7: its checksum does not match", w.keys[3]},
		"an older segment cut between appends": {segmentName(4), slices.Concat(lines[0], lines[1], lines[2]), "000000000008.jsonl, line 1, record 7: the segment begins with record 8", w.keys[3]},
		"an older segment cut in an append":    {segmentName(4), slices.Concat(lines[0], lines[1]), "000000000004.jsonl, line 3, record 6: the rest of an append is missing", w.keys[2]},
		"an older segment emptied":             {segmentName(4), nil, "000000000008.jsonl, line 1, record 4: the segment begins with record 8", w.keys[2]},
		"a segment of elsewhere":               {segmentName(4), w.files[segmentName(8)], "000000000004.jsonl, line 1, record 4: it has sequence number 8", w.keys[2]},
		"a newline taken out":                  {segmentName(4), second[:len(second)-1], "000000000004.jsonl, line 4, record 7: its newline is missing", w.keys[3]},
		"a too long line":                      {segmentName(4), slices.Concat(lines[0], bytes.Repeat([]byte("x"), 3<<20), []byte("\n"), lines[1]), "000000000004.jsonl, line 2, record 5: it is not a line", w.keys[2]},
		"an identity of elsewhere":             {identityName, []byte("not JSON"), "identity.json: it is not JSON", w.keys[6]},
		"a newer format":                       {identityName, []byte(`{"format":9}`), "identity.json: its format is 9", w.keys[6]},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			openOnce(t, w.copyWith(t, c.file, c.data), func(j *Journal) {
				if got := keys(t, j); got != c.keys {
					t.Errorf("it replays %q, want %q", got, c.keys)
				}
				mustRefuse(t, j, c.trouble)
				if _, err := j.AppendRelief(t.Context(), note("x")); core.CodeOf(err) != core.CodeUnavailable {
					t.Errorf("relief: %v", err)
				}
			})
		})
	}
}

// forged makes lines with right checksums and hashes, as somebody could who knows the format.
func forged(t *testing.T, c chain, mores ...int) []byte {
	t.Helper()
	var buf []byte
	for _, more := range mores {
		d, err := newDraft(note("forged"))
		if err != nil {
			t.Fatal(err)
		}
		buf, _ = c.add(buf, d, stamp{}, more, false)
	}
	return buf
}

func TestAForgedRecordBreaksTheChain(t *testing.T) {
	w := write(t, 0, 4) // appends of 1, 2, 3 and 1 records
	full := w.files[segmentName(1)]
	lines := bytes.SplitAfter(full, []byte("\n"))
	first, c := lines[0], newChain(1, "")
	if _, why := c.check(bytes.TrimSpace(first)); why != "" {
		t.Fatal(why)
	}
	for name, f := range map[string]struct {
		data  []byte
		place string
	}{
		"the first record":    {slices.Concat(forged(t, newChain(1, ""), 0), full[len(first):]), "line 2, record 2: its hash does not follow"},
		"a record in between": {slices.Concat(first, forged(t, newChain(2, "other"), 1), full[len(first)+len(lines[1]):]), "line 2, record 2: its hash does not follow"},
		"an append cut short": {slices.Concat(first, forged(t, c, 2, 0)), "line 3, record 3: it is not the next part of its append"},
		"an append drawn out": {slices.Concat(first, forged(t, c, 1, 1, 0)), "line 3, record 3: it is not the next part of its append"},
		"a negative rest":     {slices.Concat(first, bytes.Replace(forged(t, c, 1), []byte(`"more":1`), []byte(`"more":0`), 1)), "line 2, record 2: its checksum does not match"},
	} {
		t.Run(name, func(t *testing.T) {
			openOnce(t, w.copyWith(t, segmentName(1), f.data), func(j *Journal) { mustRefuse(t, j, f.place) })
		})
	}
}

func TestAMissingSegmentIsNamed(t *testing.T) {
	w := write(t, 4, 6)
	for _, c := range []struct{ file, trouble string }{
		{segmentName(1), "000000000004.jsonl, line 1, record 1: the segment begins with record 4"},
		{segmentName(8), "000000000010.jsonl, line 1, record 8: the segment begins with record 10"},
	} {
		cfg := w.copyWith(t, "", nil)
		if err := os.Remove(filepath.Join(cfg.Dir, c.file)); err != nil {
			t.Fatal(err)
		}
		openOnce(t, cfg, func(j *Journal) { mustRefuse(t, j, c.trouble) })
	}
}

func TestVerifyNamesDamageThatComesWhileTheJournalIsOpen(t *testing.T) {
	cfg := config(t.TempDir())
	j := mustOpen(t, cfg)
	mustAppend(t, j, "a", "b", "c")
	mustVerify(t, j)
	path := filepath.Join(cfg.Dir, segmentName(1))
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Replace(data, []byte(`"key":"b"`), []byte(`"key":"x"`), 1)
	for name, c := range map[string]struct {
		data []byte
		line int
	}{"changed": {changed, 2}, "cut": {data[:len(data)-30], 3}, "empty": {nil, 1}} {
		if err := os.WriteFile(path, c.data, 0o600); err != nil {
			t.Fatal(err)
		}
		report, err := j.Verify(t.Context())
		if err != nil || report.OK || report.Line != c.line || report.Seq != uint64(c.line) || report.Segment != segmentName(1) {
			t.Errorf("%s: report %+v %v", name, report, err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if report, err := j.Verify(t.Context()); err != nil || report.OK || report.Reason != "the file is missing" {
		t.Errorf("removed: report %+v %v", report, err)
	}
}

func TestOnlyTheNewestTornEndsAreKept(t *testing.T) {
	w := write(t, 0, 2)
	name := segmentName(1)
	cfg := w.copyWith(t, "", nil)
	for range maxTorn + 3 {
		data, err := os.ReadFile(filepath.Join(cfg.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(cfg.Dir, name), append(data, "torn"...), 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(glob(t, cfg.Dir, "*.torn")); n != maxTorn {
		t.Errorf("%d torn ends are kept, want %d", n, maxTorn)
	}
}
