package tui

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/codematrx/matrx-ship/core"
)

// safe makes text from outside fit to be drawn. Joiners and variation selectors go too: terminals disagree about the
// width of what they join, and a frame must not depend on that.
func safe(s string) string {
	s = core.SafeText(s)
	if !strings.ContainsFunc(s, joins) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if joins(r) {
			return -1
		}
		return r
	}, s)
}

// joins is true for characters that have no width of their own and change that of their neighbours.
func joins(r rune) bool {
	return r == 0x200c || r == 0x200d || r == 0x20e3 || r >= 0xfe00 && r <= 0xfe0f || r >= 0xe0100 && r <= 0xe01ef
}

// width counts cells; the text holds no control sequences other than colours.
func width(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case r >= ' ' && r <= '~', r >= 0xa1 && r <= 0xff && r != 0xad, r >= 0x2190 && r <= 0x22ff, r >= 0x2500 && r <= 0x25fc:
			n++
		case r == '…' || r == '›' || r == '·' || r == '—' || r == '–' || r == '✗':
			n++
		default:
			return ansi.StringWidth(s)
		}
	}
	return n
}

// cut shortens plain or coloured text to w cells, with … where something is missing.
func cut(s string, w int) string {
	if w <= 0 {
		return ""
	}
	if len(s) <= w { // bytes are never fewer than cells
		return s
	}
	if isASCII(s[:w+1]) { // what follows may be long, and need not be looked at
		return s[:w-1] + "…"
	}
	if width(s) <= w {
		return s
	}
	return ansi.Truncate(s, w, "…")
}

// isASCII reports whether the text is printable ASCII alone.
func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// fit makes text exactly w cells wide, on the left.
func fit(s string, w int) string {
	s = cut(s, w)
	return s + blanks(w-width(s))
}

// fitRight makes text exactly w cells wide, on the right.
func fitRight(s string, w int) string {
	s = cut(s, w)
	return blanks(w-width(s)) + s
}

const blankLine = "                                                                                "

// blanks is n spaces.
func blanks(n int) string {
	switch {
	case n <= 0:
		return ""
	case n <= len(blankLine):
		return blankLine[:n]
	default:
		return strings.Repeat(" ", n)
	}
}

// wrap breaks plain text into lines of at most w cells, at most limit of them.
func wrap(s string, w, limit int) []string {
	if w <= 0 || limit <= 0 {
		return nil
	}
	lines := strings.Split(ansi.Wrap(s, w, ""), "\n")
	if len(lines) > limit {
		lines = lines[:limit]
		lines[limit-1] = cut(lines[limit-1]+" …", w)
	}
	for i, line := range lines {
		lines[i] = cut(strings.TrimRight(line, " "), w)
	}
	return lines
}

// columns puts left and right at the ends of one line of w cells; the right one gives way.
func columns(left, right string, w int) string {
	lw, rw := ansi.StringWidth(left), ansi.StringWidth(right)
	if lw+rw+1 > w {
		return cut(left, w)
	}
	return left + blanks(w-lw-rw) + right
}

// block makes lines exactly h long.
func block(lines []string, h int) []string {
	if h < 0 {
		h = 0
	}
	if len(lines) > h {
		return lines[:h]
	}
	for len(lines) < h {
		lines = append(lines, "")
	}
	return lines
}

// clock is a time as the console shows it: UTC, to the second.
func clock(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("15:04:05")
}

// stamp is a date and a time, UTC.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

// ago is how long ago t was, as people say it.
func ago(now, t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return core.FormatAge(now.Sub(t)) + " ago"
}

// plural counts a thing.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// perSecond is bytes a second.
func perSecond(v float64) string { return core.FormatBytes(int64(v)) + "/s" }

// cores is CPU in cores: "0.42".
func cores(v float64) string {
	if v >= 10 {
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// percent is v of total, or "" without a total.
func percent(v, total int64) string {
	if total <= 0 {
		return ""
	}
	return fmt.Sprintf("%d%%", v*100/total)
}

// number writes a count with thin groups: 1,234,567.
func number(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// blank stands for a value that there is none of.
func blank(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
