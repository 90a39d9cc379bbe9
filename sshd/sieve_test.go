package sshd

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/codematrx/matrx-ship/sshd/sshdtest"
)

// sift gives what a sieve makes of some input, whole and byte by byte.
func sift(t *testing.T, input string) string {
	t.Helper()
	whole, err := io.ReadAll(&sieve{r: strings.NewReader(input)})
	if err != nil {
		t.Fatal(err)
	}
	single, err := io.ReadAll(iotest.OneByteReader(&sieve{r: iotest.OneByteReader(strings.NewReader(input))}))
	if err != nil {
		t.Fatal(err)
	}
	if string(whole) != string(single) {
		t.Fatalf("%.40q: whole %.60q, byte by byte %.60q", input, whole, single)
	}
	return string(whole)
}

func TestOrdinaryInputPassesTheSieve(t *testing.T) {
	for _, input := range []string{
		"abc\r\x03\x1b", "\x1b[A\x1bOP\x1b[1;5C\x1b[<0;10;20M", pasteStart + "text \x1b[31m \u00e9\u4e16\U0001f600" + pasteEnd + "x",
		"\x1b]11;rgb:1/2/3\x1b\\\x1b]11;?\x07\x1bP1$r0m\x1b\\", strings.Repeat("\u041b\u251b", 50_000), strings.Repeat("x", 3<<20),
		quitMark, execMark, "\x1b[" + quitMark, pasteStart + quitMark,
	} {
		if got := sift(t, input); got != input {
			t.Errorf("%.40q (%d bytes) became %.40q (%d bytes)", input, len(input), got, len(got))
		}
	}
}

func TestWhatGoesBeyondABoundIsLeftOut(t *testing.T) {
	long := strings.Repeat("y", 3*maxPaste)
	for name, c := range map[string]struct{ before, after string }{
		"a paste":            {pasteStart, pasteEnd + "keys"},
		"a paste, then quit": {pasteStart, quitMark},
		"a title":            {"\x1b]0;", "\x07keys"},
		"a string":           {"\x1bP", "\x1b\\keys"},
		"a string, cut off":  {"\x1b_", "\x18keys"},
		"a string in 8 bits": {"\x9d0;", "\x07keys"},
		"a string in paste":  {pasteStart + "\x1b]0;", "\x07" + pasteEnd + "keys"},
		"a string, quit":     {"\x1b]0;", quitMark},
	} {
		got := sift(t, c.before+long+c.after)
		if len(got) > maxPaste+100 || !strings.HasPrefix(got, c.before) || !strings.HasSuffix(got, c.after[1:]) {
			t.Errorf("%s: %d bytes, %.20q ... %.20q", name, len(got), got, got[len(got)-20:])
		}
	}
	numbers := "\x1b[" + strings.Repeat("1;", maxSequence)
	if got := sift(t, numbers+"mkeys"); len(got) > maxSequence+10 || !strings.HasSuffix(got, "mkeys") {
		t.Errorf("parameters: %d bytes", len(got))
	}
}

func TestAnEndlessPasteDoesNotHoldTheConsole(t *testing.T) {
	r := start(t, atDesk(nil), nil)
	before := heap()
	s := sshdtest.Open(t, r.dial(t), sshdtest.ScreenConfig{})
	s.Wait("desk")
	for range 32 {
		s.Type(pasteStart + strings.Repeat("z", 1<<20)) // never ended
	}
	if grown := heap() - before; grown > 32<<20 {
		t.Errorf("%d MiB more are in use", grown>>20)
	}
	s.Type(pasteEnd + "q")
	s.Wait("left the desk")
}
