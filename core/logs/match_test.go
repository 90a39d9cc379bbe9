package logs

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// patterns exercise literals, alternatives, classes, anchors, boundaries, repeats and case.
var patterns = []string{
	"error", "Error", "ERROR", "timeout", "err|warn", "(connection|request) (refused|timed out)", "status=5..", "[0-9]{3} [0-9]+ms",
	"^GET", "ms$", "^$", "^.*$", "", "a", ".", `\bok\b`, `\Bo`, `\d+\.\d+\.\d+\.\d+`, "user=(ada|bob)", "(?i)TaSk", "task|kiosk|mass", "k", "ſ", "K",
	"naïve", "[^ -~]", "日本", ".日", "x{2,4}", "(a|b)*c", "a.*b.*c", "(?s).x", "/api/v[12]/", `\Qa.b\E`, `[[:upper:]]{3}`, `\W\w\W`, `\pL{12}`,
	"stdout", "2026-11-21", "0123456789ab", "err(or)?s?:", "(foo|bar|baz|qux|quux) done", "\\x{FFFD}", "é|è", "(^a|b$)", "$^", "^a$", "(?m)^b",
	"in [0-9]+", "[a-f0-9]{8}", "Straße", "İ", `"level":"(warn|error)"`, "panic: .*nil",
}

func randomText(r *rand.Rand) string {
	words := []string{
		"error", "ERROR", "Error", "timeout", "connection refused", "request timed out", "status=500", "200 12ms", "GET /api/v1/notes", "ok", "book",
		"10.0.0.1", "user=ada", "task", "TASK", "ta\u017fk", "KIOSK", "\u212aiosk", "mass", "naïve", "NAÏVE", "日本", "\xff\xfe", "xx", "abc", "a.b", "ABC", "foo done", "errors:",
		"stdout", "2026-11-21", "\t", "", "a", "b", "é", "deadbeef", "strasse", "straße", "STRASSE", `{"level":"warn"}`, "panic: x is nil", "in 5", "\x00", "i̇", "ms",
	}
	var b strings.Builder
	for range r.IntN(6) {
		b.WriteString(words[r.IntN(len(words))])
		if r.IntN(4) > 0 {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

func TestAMatchIsWhatPackageRegexpSays(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, expr := range patterns {
		p, err := compile(expr)
		if err != nil {
			t.Fatalf("%q: %v", expr, err)
		}
		m := p.matcher()
		for range 2000 {
			text := randomText(r)
			if got, want := m.match([]byte(text)), p.re.MatchString(text); got != want {
				t.Fatalf("%q in %q: %v, want %v", expr, text, got, want)
			}
		}
	}
}

func TestChoosingLinesOfABlockMissesNone(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 9))
	var w timeWriter
	b, lines := &rawBlock{}, []string{}
	for i := range 3000 {
		lines = append(lines, randomText(r))
		b.add(&w, entry{at: at(i), stream: streamOut, container: "0123456789ab", text: []byte(lines[i])}, core.LevelUnknown)
	}
	for _, expr := range patterns {
		f, err := newFilter(core.LogQuery{Match: expr})
		if err != nil {
			t.Fatal(err)
		}
		var got, want []string
		for _, s := range f.selector().choose(b.text, b.blockMeta, nil) {
			got = append(got, fmt.Sprintf("%d %q", s.line, b.text[int(s.start)+textStart(b.text[s.start:s.end]):s.end]))
		}
		for i, line := range lines {
			if f.pattern == nil || f.pattern.re.MatchString(line) {
				want = append(want, fmt.Sprintf("%d %q", i, line))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %d lines, want %d", expr, len(got), len(want))
		}
	}
}

func TestCaseIsIgnoredUnlessThePatternHasAnUpperCaseLetter(t *testing.T) {
	for expr, upper := range map[string]bool{
		"error": false, "Error": true, `\W\S\D\B\pL\PN\p{Lu}\x4A\x{AB}`: false, `(?P<Name>x)`: false, `(?<Name>x)`: false, "É": true, "é": false,
		`\QABC\E`: true, "[A-Z]": true, `(?U:x)`: false, "": false, `\\W`: true, "[[:alpha:]]": false,
	} {
		if got := hasUpper(expr); got != upper {
			t.Errorf("hasUpper(%q) = %v", expr, got)
		}
	}
}

func TestABadPatternIsRefusedWithItsReason(t *testing.T) {
	st := openStore(t, Config{})
	for _, q := range []core.LogQuery{{Match: "(("}, {Match: strings.Repeat("x", maxPattern+1)}, {Match: "(a{1000}){1000}"}} {
		for _, err := range st.Read(t.Context(), q) {
			if core.CodeOf(err) != core.CodeInvalid {
				t.Errorf("read %.20q: %v", q.Match, err)
			}
		}
		for _, err := range st.Search(t.Context(), q) {
			if core.CodeOf(err) != core.CodeInvalid {
				t.Errorf("search %.20q: %v", q.Match, err)
			}
		}
	}
}

func TestAPatternOfManyStatesStillAnswers(t *testing.T) {
	p, err := compile("(a|b)*a(a|b){12}c")
	if err != nil {
		t.Fatal(err)
	}
	m := p.matcher()
	r := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		b := make([]byte, 60)
		for i := range b {
			b[i] = "aabbc"[r.IntN(5)]
		}
		if got, want := m.match(b), p.re.Match(b); got != want {
			t.Fatalf("%s: %v, want %v", b, got, want)
		}
	}
	if m.machine.resets == 0 {
		t.Error("the pattern was meant to need more states than fit")
	}
}

// model is the naive store: all lines, filtered one by one.
type model struct{ lines []core.LogLine }

func (m model) read(q core.LogQuery) []core.LogLine {
	flags := ""
	if q.Match != "" && !hasUpper(q.Match) {
		flags = "(?i)"
	}
	re := regexp.MustCompile(flags + q.Match)
	var out []core.LogLine
	for _, l := range m.lines {
		in := len(q.Services) == 0 || slices.Contains(q.Services, l.Service)
		in = in && (q.Since.IsZero() || !l.At.Before(q.Since)) && (q.Until.IsZero() || !l.At.After(q.Until))
		in = in && l.Level >= q.MinLevel
		if in && (q.Match == "" || re.MatchString(l.Text) != q.Invert) {
			out = append(out, l)
		}
	}
	return out
}

func key(l core.LogLine) string {
	return fmt.Sprintf("%d %s %d %s %s %d %q", l.At.UnixNano(), l.Service, l.Seq, l.Container, l.Stream, l.Level, l.Text)
}

func keys(lines []core.LogLine) (out []string) {
	for _, l := range lines {
		out = append(out, key(l))
	}
	return out
}

func TestReadingAndSearchingFindWhatANaiveFilterFinds(t *testing.T) {
	st := openStore(t, Config{SegmentBytes: 8 << 10})
	r := rand.New(rand.NewPCG(5, 6))
	var m model
	levels := []string{"", "INFO ", "ERROR ", "WARN ", `level=debug `}
	clock := t0
	seqs := map[string]uint64{}
	for range 9_000 {
		service := []string{"app", "db", "quiet"}[min(r.IntN(40)/19, 2)]
		if clock = clock.Add(time.Duration(r.IntN(2_000_000))); r.IntN(1500) == 0 {
			clock = clock.Add(-3 * time.Second)
		}
		text := levels[r.IntN(len(levels))] + randomText(r)
		put(t, st, service, entry{at: clock.UnixNano(), text: []byte(text)})
		seqs[service]++
		m.lines = append(m.lines, core.LogLine{At: clock, Service: service, Seq: seqs[service], Container: "0123456789ab",
			Stream: "stdout", Level: Level([]byte(text)), Text: text})
	}
	for i := range 60 {
		q := core.LogQuery{}
		if i%5 != 0 {
			q.Match = patterns[r.IntN(len(patterns))]
			q.Invert = r.IntN(4) == 0
		}
		if r.IntN(2) == 0 {
			q.Since = t0.Add(time.Duration(r.IntN(10)) * time.Second)
		}
		if r.IntN(2) == 0 {
			q.Until = t0.Add(time.Duration(r.IntN(12)) * time.Second)
		}
		if r.IntN(3) == 0 {
			q.MinLevel = core.LogLevel(r.IntN(7))
		}
		if r.IntN(3) == 0 {
			q.Services = [][]string{{"app"}, {"quiet", "db"}, {"app", "nothing"}}[r.IntN(3)]
		}
		checkAgainst(t, st, m, q)
	}
}

func checkAgainst(t *testing.T, st *Store, m model, q core.LogQuery) {
	t.Helper()
	want := m.read(q)
	perService := func(lines []core.LogLine, service string) []string {
		return keys(slices.DeleteFunc(slices.Clone(lines), func(l core.LogLine) bool { return l.Service != service }))
	}
	forward := readAll(t, st, q)
	q.Backwards = true
	backward := readAll(t, st, q)
	slices.Reverse(backward)
	for _, service := range []string{"app", "db", "quiet"} {
		expect(t, perService(forward, service), perService(want, service)...)
		expect(t, perService(backward, service), perService(want, service)...)
	}
	hits, last := searchAll(t, st, q)
	sorted := slices.Clone(want)
	slices.SortFunc(sorted, func(a, b core.LogLine) int {
		if newerLine(a, b) {
			return -1
		}
		return 1
	})
	expect(t, keys(hits), keys(sorted)...)
	if last.Bytes != last.TotalBytes || last.Segments != last.TotalSegments || last.TotalSegments == 0 {
		t.Fatalf("progress at the end: %+v", last)
	}
	q.Limit = 7
	limited, _ := searchAll(t, st, q)
	expect(t, keys(limited), keys(sorted[:min(7, len(sorted))])...)
	q.Limit, q.Backwards, q.Tail = 0, false, 9
	tailed := readAll(t, st, q)
	// Where a clock went back, a merge forwards and one backwards need not agree between services.
	last9 := backward[max(0, len(backward)-9):]
	for _, service := range []string{"app", "db", "quiet"} {
		expect(t, perService(tailed, service), perService(last9, service)...)
	}
}
