package docker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

const at = "2026-11-21T10:00:00.123456789Z "

// frame is one entry as the engine sends it.
func frame(stream byte, text string) string {
	h := make([]byte, headerSize)
	h[0] = stream
	binary.BigEndian.PutUint32(h[4:], uint32(len(text)))
	return string(h) + text
}

// readAll reads fragments as "stream|text" with a + for partial ones, until the end.
func readAll(r io.Reader, tty bool) ([]string, core.RawLog, error) {
	x := newLogReader(r, tty)
	var got []string
	var last core.RawLog
	for {
		l, err := x.read()
		if err != nil {
			return got, last, err
		}
		last = l
		mark := ""
		if l.Partial {
			mark = "+"
		}
		got = append(got, fmt.Sprintf("%s|%s%s", l.Stream, l.Text, mark))
	}
}

func TestFramesBecomeFragments(t *testing.T) {
	long := strings.Repeat("y", 40000)
	for _, c := range []struct {
		name, in string
		want     []string
	}{
		{"both streams", frame(1, at+"one\n") + frame(2, at+"two\n"), []string{"stdout|one", "stderr|two"}},
		{"an empty line", frame(1, at+"\n"), []string{"stdout|"}},
		{"an empty last fragment", frame(1, at), []string{"stdout|+"}},
		{"a part of a line", frame(1, at+"one") + frame(1, at+" two\n"), []string{"stdout|one+", "stdout| two"}},
		{"carriage returns stay", frame(1, at+"50%\r100%\r\n"), []string{"stdout|50%\r100%\r"}},
		{"control sequences and zeros stay", frame(1, at+"\x1b[31mred\x00\xff\n"), []string{"stdout|\x1b[31mred\x00\xff"}},
		{"a newline within an entry stays", frame(1, at+"a\nb\n"), []string{"stdout|a\nb"}},
		{"no time", frame(1, "bare\n"), []string{"stdout|bare"}},
		{"an entry larger than any of ours", frame(1, at+long+"\n"),
			[]string{"stdout|" + long[:16384] + "+", "stdout|" + long[:16384] + "+", "stdout|" + long[:40000-32768]}},
		{"an entry of exactly one fragment", frame(1, at+long[:16384]+"\n"), []string{"stdout|" + long[:16384]}},
		{"nothing", "", nil},
	} {
		for name, r := range map[string]io.Reader{"at once": strings.NewReader(c.in), "byte by byte": iotest.OneByteReader(strings.NewReader(c.in))} {
			got, last, err := readAll(r, false)
			if !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s, %s: ended with %v", c.name, name, err)
			}
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("%s, %s: got %d fragments %.200q", c.name, name, len(got), got)
			}
			if want := time.Date(2026, 11, 21, 10, 0, 0, 123456789, time.UTC); len(got) > 0 && c.name != "no time" && !last.At.Equal(want) {
				t.Errorf("%s: time %s", c.name, last.At)
			}
		}
	}
}

func TestATerminalsLogIsCutWhereTheEngineCutsIt(t *testing.T) {
	full := strings.Repeat("z", fragmentSize)
	for _, c := range []struct {
		name, in string
		want     []string
	}{
		{"lines", at + "one\r\n" + at + "two\r\n", []string{"stdout|one", "stdout|two"}},
		{"an unfinished line", at + "prompt> ", []string{"stdout|prompt> +"}},
		{"a long line in entries", at + full + at + full + at + "end\r\n", []string{"stdout|" + full + "+", "stdout|" + full + "+", "stdout|end"}},
		{"a long line without entries", at + full + "end\r\n", []string{"stdout|" + full + "+", "stdout|end"}},
	} {
		for name, r := range map[string]io.Reader{"at once": strings.NewReader(c.in), "byte by byte": iotest.OneByteReader(strings.NewReader(c.in))} {
			got, _, err := readAll(r, true)
			if !errors.Is(err, io.EOF) || fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("%s, %s: %v, %d fragments %.200q", c.name, name, err, len(got), got)
			}
		}
	}
}

func TestAStreamThatBreaksOffIsAnErrorNotAnEnd(t *testing.T) {
	whole := frame(1, at+"hello\n")
	for cut := 1; cut < len(whole); cut++ {
		if _, _, err := readAll(strings.NewReader(whole[:cut]), false); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
	got, _, err := readAll(strings.NewReader(frame(3, "file is damaged")), false)
	if len(got) > 0 || err == nil || !strings.Contains(err.Error(), "file is damaged") {
		t.Errorf("the engine's complaint: %q, %v", got, err)
	}
}

func TestAnAbsurdLengthCostsNoMemory(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("\x01\x00\x00\x00\xff\xff\xff\xff")
	b.WriteString(at)
	n := 0
	x := newLogReader(io.MultiReader(&b, io.LimitReader(zeros{}, 64<<20)), false)
	allocs := testing.AllocsPerRun(1, func() {
		for {
			l, err := x.read()
			if err != nil {
				return
			}
			n += len(l.Text)
		}
	})
	if n < 63<<20 || allocs > 100 {
		t.Errorf("%d bytes read with %.0f allocations", n, allocs)
	}
}

// zeros is endless.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func FuzzNoStreamConfusesTheReader(f *testing.F) {
	f.Add([]byte(frame(1, at+"one\n")), false)
	f.Add([]byte(at+"one\r\n"), true)
	f.Fuzz(func(t *testing.T, in []byte, tty bool) {
		got, _, err := readAll(bytes.NewReader(in), tty)
		if err == nil || len(got) > len(in)+1 {
			t.Errorf("%d fragments of %d bytes, %v", len(got), len(in), err)
		}
	})
}
