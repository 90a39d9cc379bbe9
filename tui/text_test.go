package tui

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/codematrx/matrx-ship/core"
)

func FuzzCellsAreAsWideAsTheySay(f *testing.F) {
	for _, s := range hostile() {
		f.Add(s, 10)
	}
	f.Add("plain", 0)
	f.Add("▁▂▃●✗…", 3)
	f.Fuzz(func(t *testing.T, s string, w int) {
		w = min(max(w, 0), 300)
		text := safe(s)
		if got := width(text); got != ansi.StringWidth(text) {
			t.Errorf("width(%q) = %d, the terminal counts %d", text, got, ansi.StringWidth(text))
		}
		for _, cell := range []string{fit(text, w), fitRight(text, w)} {
			if got := ansi.StringWidth(cell); got != w {
				t.Errorf("%q in %d cells has %d", s, w, got)
			}
		}
		if !isClean(text) {
			t.Errorf("safe(%q) = %q is not clean", s, text)
		}
		if line := clean("\x1b[1m" + s + "\x1b[m"); !isClean(line) {
			t.Errorf("clean(%q) = %q is not clean", s, line)
		}
	})
}

func TestSparklinesScaleToTheirTopAndKeepTheNewestAtTheRight(t *testing.T) {
	points := []core.UsagePoint{{CPU: 0}, {CPU: 1}, {CPU: 2}, {CPU: 4}}
	for _, c := range []struct {
		w    int
		top  float64
		want string
	}{{4, 0, "▁▃▅█"}, {6, 0, "  ▁▃▅█"}, {2, 0, "▅█"}, {4, 8, "▁▂▃▅"}, {4, 1, "▁███"}, {0, 0, ""}} {
		if got := spark(points, c.w, c.top, cpuOf); got != c.want {
			t.Errorf("%d cells of top %g: %q, want %q", c.w, c.top, got, c.want)
		}
	}
	if got := spark(nil, 3, 0, cpuOf); got != "   " {
		t.Errorf("without points: %q", got)
	}
}

func TestGaugesStayInTheirBounds(t *testing.T) {
	for _, c := range []struct {
		v, total int64
		want     string
	}{{0, 10, "░░░░"}, {5, 10, "██░░"}, {20, 10, "████"}, {-3, 10, "░░░░"}, {5, 0, "░░░░"}, {1 << 50, 1 << 51, "██░░"}} {
		if got := gauge(c.v, c.total, 4); got != c.want {
			t.Errorf("%d of %d: %q, want %q", c.v, c.total, got, c.want)
		}
	}
}

func TestColumnsGiveWayInTheirOrder(t *testing.T) {
	cols := []column{{title: "a", min: 5, max: 8}, {title: "b", min: 5, drop: 2}, {title: "c", min: 5, drop: 1, right: true}}
	for w, want := range map[int][3]int{5: {5, 0, 0}, 6: {5, 0, 0}, 13: {5, 0, 5}, 20: {5, 5, 5}, 30: {8, 12, 5}} {
		g := layout(cols, w, nil)
		if [3]int(g.widths) != want {
			t.Errorf("in %d cells: %v, want %v", w, g.widths, want)
		}
		row := g.row(newStyles(ThemeDark), w, []value{{text: "1"}, {text: strings.Repeat("2", 40)}, {text: "3"}}, true)
		if n := ansi.StringWidth(row); n > w {
			t.Errorf("in %d cells a row has %d", w, n)
		}
	}
}

func TestNumbersAreGrouped(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		if got := number(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}

func TestEveryThemeDrawsEveryState(t *testing.T) {
	for _, theme := range Themes() {
		st := newStyles(theme)
		for _, h := range []core.HealthState{core.Healthy, core.Unhealthy, core.Down, core.Starting, core.Unproven, core.Paused, "?"} {
			if l := st.health(h); l.glyph == "" || l.word == "" {
				t.Errorf("%s: %s has no glyph or word", theme, h)
			}
		}
	}
	glyphs := map[string]core.HealthState{}
	for _, h := range []core.HealthState{core.Healthy, core.Unhealthy, core.Down, core.Starting, core.Unproven, core.Paused} {
		g := newStyles(ThemeMono).health(h).glyph
		if other, taken := glyphs[g]; taken {
			t.Errorf("%s and %s look alike without colour", h, other)
		}
		glyphs[g] = h
	}
}
