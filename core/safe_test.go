package core

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestSafeTextShowsWhatIsNotText(t *testing.T) {
	for name, tc := range map[string]struct{ in, want string }{
		"plain text is returned as it is":        {"GET /healthz 200 ~", "GET /healthz 200 ~"},
		"letters beyond ASCII stay":              {"naïve 日本 👩‍🚀", "naïve 日本 👩‍🚀"},
		"colours are removed":                    {"\x1b[1;31mred\x1b[0m x", "red x"},
		"cursor movement is removed":             {"a\x1b[2J\x1b[Hb", "ab"},
		"a window title is removed":              {"a\x1b]0;evil\x07b\x1b]8;;http://x\x1b\\link", "ablink"},
		"a device control string is removed":     {"\x1bPq#0\x1b\\x", "x"},
		"a character set choice is removed":      {"\x1b(0x\x1bc", "x"},
		"an unfinished sequence keeps its text":  {"\x1b]0;no end", "␛]0;no end"},
		"an unfinished CSI keeps its text":       {"x\x1b[12", "x␛[12"},
		"a lone escape is shown":                 {"x\x1b", "x␛"},
		"a CSI broken by a control is shown":     {"\x1b[1\x072J", "␛[1␇2J"},
		"controls are shown as pictures":         {"bell\a nul\x00 cr\r bs\b del\x7f", "bell␇ nul␀ cr␍ bs␈ del␡"},
		"eight-bit controls are shown":           {"a\u009b2Jb", `a\u009b2Jb`},
		"tabs become spaces up to the next stop": {"a\tb\tc", "a       b       c"},
		"bytes that are not UTF-8 are shown":     {"a\xff\xc3(b", `a\xff\xc3(b`},
		"text cannot be reordered":               {"user\u202etxt.exe\u2066", `user\u202etxt.exe\u2066`},
		"text cannot be hidden":                  {"a\u200bb\ufeff\U000e0041", `a\u200bb\ufeff\U000e0041`},
		"lines cannot be broken":                 {"a\nb\u2028c", `a␊b\u2028c`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := SafeText(tc.in); got != tc.want {
				t.Errorf("SafeText(%q) = %q, want %q", tc.in, got, tc.want)
			}
		})
	}
}

func FuzzSafeTextIsAlwaysSafe(f *testing.F) {
	f.Add("\x1b[31mx\x1b]0;t\x07\xff\u202e\t\x1b[")
	f.Fuzz(func(t *testing.T, in string) {
		out := SafeText(in)
		if !utf8.ValidString(out) {
			t.Fatalf("%q became %q, which is not UTF-8", in, out)
		}
		if i := strings.IndexFunc(out, func(r rune) bool { return r < ' ' || r == 0x7f || isDeceptive(r) }); i >= 0 {
			t.Fatalf("%q became %q, not safe at %d", in, out, i)
		}
		if again := SafeText(out); again != out {
			t.Fatalf("%q is not stable: %q, then %q", in, out, again)
		}
	})
}

func TestSafeTextTakesTimeInProportionToItsText(t *testing.T) {
	for _, unended := range []string{"\x1b]", "\x1bP", "\x1b_", "\x1b[1;", "\x1b "} {
		text := strings.Repeat(unended, 512<<10/len(unended)) // searched to the end each, this takes minutes
		began := time.Now()
		SafeText(text)
		SafeText(text + "\a")
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%q took %s", unended, took)
		}
	}
}
