package core

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const castHead = `{"version":2,"width":80,"height":24,"timestamp":1,"title":"x"}` + "\n"

// castEvents reads a recording; the error is its end.
func castEvents(text string) (string, error) {
	var got strings.Builder
	for event, err := range readCast(strings.NewReader(text)) {
		if err != nil {
			return got.String(), err
		}
		fmt.Fprintf(&got, "%s %s %q|", event.At, event.Kind, event.Data)
	}
	return got.String(), nil
}

func TestADamagedRecordingNamesItsLineAndATornEndIsLeftOut(t *testing.T) {
	first := `0s r "80x24"|`
	for name, tc := range map[string]struct{ text, want, says string }{
		"whole":           {castHead + `[0.5,"o","hi"]` + "\n", first + `500ms o "hi"|`, ""},
		"torn end":        {castHead + `[0.5,"o","hi"]` + "\n" + `[0.7,"o","wor`, first + `500ms o "hi"|`, ""},
		"header alone":    {castHead, first, ""},
		"torn header":     {castHead[:20], "", ""},
		"empty":           {"", "", ""},
		"another version": {`{"version":3}` + "\n", "", "line 1"},
		"no header":       {`[0.5,"o","hi"]` + "\n", "", "line 1"},
		"damage inside":   {castHead + "garbage\n" + `[0.5,"o","hi"]` + "\n", first, "line 2"},
		"wrong kind":      {castHead + `[0.5,7,"hi"]` + "\n", first, "line 2"},
		"before its time": {castHead + `[-1,"o","hi"]` + "\n", first, "line 2"},
		"no time at all":  {castHead + `[1e300,"o","hi"]` + "\n", first, "line 2"},
		"endless line":    {castHead + `[0.5,"o","` + strings.Repeat("x", maxCastLine) + `"]` + "\n", first, "too long"},
		"endless end":     {castHead + strings.Repeat("x", maxCastLine+10), first, "too long"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := castEvents(tc.text)
			if tc.says != "" {
				wantCode(t, err, CodeConflict, "damaged", tc.says)
			} else if err != nil {
				t.Fatal(err)
			}
			if got != tc.want {
				t.Fatalf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// tape is a file in memory.
type tape struct{ bytes.Buffer }

func (*tape) Close() error { return nil }

func TestARecordingHoldsWhatWasShownWhateverPiecesItCameIn(t *testing.T) {
	text := "plain é 日本 🙂 \x1b[31mred\x1b[0m \u2028 " + strings.Repeat("日", 40_000)
	for _, size := range []int{1, 2, 3, 5, 4096, 1 << 20} {
		var file tape
		w := newCastWriter(10<<20, time.Now)
		if err := w.begin(&file, castHeader{Width: 80, Height: 24}); err != nil {
			t.Fatal(err)
		}
		for rest := []byte(text); len(rest) > 0; rest = rest[min(size, len(rest)):] {
			if err := w.output(rest[:min(size, len(rest))]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.close(); err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for event, err := range readCast(&file) {
			if err != nil {
				t.Fatal(err)
			}
			if event.Kind == "o" {
				got.WriteString(event.Data)
			}
		}
		if got.String() != text {
			t.Fatalf("in pieces of %d bytes it became %d bytes of %d", size, got.Len(), len(text))
		}
		if err := w.output([]byte("late")); err == nil {
			t.Fatal("a closed recording takes output")
		}
	}
}

func TestBytesThatAreNoTextAreRecordedAsSuchAndLoseNothingElse(t *testing.T) {
	var file tape
	w := newCastWriter(1<<20, time.Now)
	if err := w.begin(&file, castHeader{}); err != nil {
		t.Fatal(err)
	}
	if err := w.output([]byte("a\xff\xfeb\xe6\x97")); err != nil {
		t.Fatal(err)
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	got, err := castEvents(file.String())
	if err != nil || !strings.Contains(got, "a\ufffd\ufffdb") {
		t.Fatalf("got %q, %v", got, err)
	}
}

func FuzzARecordingOfAnyBytesIsReadOrNamedDamaged(f *testing.F) {
	f.Add([]byte(castHead + `[0.5,"o","hi"]` + "\n"))
	f.Add([]byte("{}\n[]\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for event, err := range readCast(bytes.NewReader(raw)) {
			if err != nil && CodeOf(err) != CodeConflict || err == nil && event.At < 0 {
				t.Fatalf("%+v %v", event, err)
			}
		}
	})
}

// shelve puts a recording that has ended into a plane's state.
func shelve(t testing.TB, c *Core, w *world, age time.Duration, size int) string {
	t.Helper()
	id := newShellID()
	row := recordingRow{Recording: Recording{ID: id, Service: "x", Started: time.Now().Add(-age), Size: int64(size)}}
	write(t, filepath.Join(w.cfg.Data(w.charter), recordingsFolder, castFile(id)), castHead, 0o600)
	if err := c.commit(as(t, RoleAdmin), edit{recordingsTable, id, row}); err != nil { // from now on it may be tidied
		t.Fatal(err)
	}
	return id
}

func TestRecordingsAreKeptWithinTheirBoundsOfAgeAndSize(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	old := shelve(t, c, w, 100*24*time.Hour, 10)
	large := shelve(t, c, w, 2*time.Hour, 900<<20)
	fresh := shelve(t, c, w, time.Hour, 900<<20)
	s := openShell(t, c, OpenShellIn{Command: []string{"sh"}})
	readUntil(t, s, "ready> ")
	if err := c.shells.tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	kept := map[string]bool{}
	for _, rec := range must2(ListRecordings.Run(as(t, RoleOperator), c, struct{}{}))(t) {
		kept[rec.ID] = true
	}
	if kept[old] || kept[large] || !kept[fresh] || !kept[s.ID()] {
		t.Fatalf("old %v, large %v, fresh %v, running %v", kept[old], kept[large], kept[fresh], kept[s.ID()])
	}
	for _, id := range []string{old, large} {
		if _, err := os.Stat(filepath.Join(w.cfg.Data(w.charter), recordingsFolder, castFile(id))); err == nil {
			t.Fatal("the file of a removed recording is there")
		}
	}
	must2(SetSetting.Run(as(t, RoleAdmin), c, SetSettingIn{settingCastBytes, "1MiB"}))(t)
	eventually(t, "a smaller bound counts at once", func() bool {
		return len(must2(ListRecordings.Run(as(t, RoleOperator), c, struct{}{}))(t)) == 1
	})
}

func TestTheFileOfARecordingThatIsGoneIsSaid(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	id := shelve(t, c, w, time.Hour, 10)
	path := filepath.Join(w.cfg.Data(w.charter), recordingsFolder, castFile(id))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	for _, err := range ReadRecording.Run(as(t, RoleOperator), c, RecordingIn{id}) {
		wantCode(t, err, CodeUnavailable, "no such file")
	}
	if err := os.Symlink("/etc/passwd", path); err != nil {
		t.Fatal(err)
	}
	for _, err := range ReadRecording.Run(as(t, RoleOperator), c, RecordingIn{id}) {
		wantCode(t, err, CodeUnavailable)
	}
}

func TestAnEventIsOneLineOfValidJSON(t *testing.T) {
	var file tape
	w := newCastWriter(1<<20, time.Now)
	if err := w.begin(&file, castHeader{Title: "a\nb"}); err != nil {
		t.Fatal(err)
	}
	if err := w.output([]byte("x\r\ny\x00")); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(file.String(), "\n"), "\n")
	if len(lines) != 2 || !json.Valid([]byte(lines[0])) || !json.Valid([]byte(lines[1])) {
		t.Fatalf("got %q", lines)
	}
	var _ io.Writer = &file
}
