package core

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// tabStop is the distance of tab stops in SafeText, in cells.
const tabStop = 8

// SafeText makes text from outside (a log line, a name, a cell) fit to be drawn in a terminal or put on a page. Escape
// sequences are removed, other control characters are shown as pictures (␇), tabs become spaces, bytes that are not
// UTF-8 are shown as \xNN, and characters that reorder or hide text as \uNNNN. What it returns moves no cursor, and
// each of its characters takes the cells that a terminal counts for it. Tab stops count characters, not cells.
func SafeText(s string) string {
	if isPlain(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	// Strings that never end would each be searched to the end of the text; where the last end is, is found once.
	last := len(s) - max(strings.LastIndexByte(s, 0x07), strings.LastIndex(s, "\x1b\\"))
	for col := 0; len(s) > 0; {
		if n := escapeLen(s, len(s) > last); n > 0 {
			s = s[n:]
			continue
		}
		r, size := utf8.DecodeRuneInString(s)
		col += writeSafe(&b, r, s[:size], col)
		s = s[size:]
	}
	return b.String()
}

// isPlain is true for printable ASCII, which is nearly every line: it is returned as it is.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// writeSafe writes one character in a safe form and returns how many columns it counts for. raw is what r was decoded from.
func writeSafe(b *strings.Builder, r rune, raw string, col int) int {
	switch {
	case r == '\t':
		n := tabStop - col%tabStop
		b.WriteString("        "[:n])
		return n
	case r < ' ':
		b.WriteRune(0x2400 + r)
		return 1
	case r == 0x7f:
		b.WriteRune(0x2421)
		return 1
	case r == utf8.RuneError && len(raw) == 1:
		n, _ := fmt.Fprintf(b, `\x%02x`, raw[0]) // a strings.Builder never fails
		return n
	case isDeceptive(r):
		form := `\u%04x`
		if r > 0xffff {
			form = `\U%08x`
		}
		n, _ := fmt.Fprintf(b, form, r) // a strings.Builder never fails
		return n
	default:
		b.WriteString(raw)
		return 1
	}
}

// isDeceptive is true for characters that change what a reader sees without being seen: C1 controls, bidirectional
// controls, zero-width spaces, line separators, annotation and tag characters.
func isDeceptive(r rune) bool {
	switch {
	case r < 0x80:
		return false
	case r < 0xa0: // C1 controls
		return true
	}
	switch r {
	case 0xad, 0x61c, 0x180e, 0x200b, 0x200e, 0x200f, 0x2028, 0x2029, 0x2060, 0xfeff:
		return true
	}
	return r >= 0x202a && r <= 0x202e || // embeddings and overrides
		r >= 0x2061 && r <= 0x206f || // invisible operators, isolates, deprecated format characters
		r >= 0xfff9 && r <= 0xfffb || // interlinear annotation
		r >= 0xe0000 && r <= 0xe007f // tags
}

// escapeLen is the length of the escape sequence that s starts with, or 0. A sequence that does not end within the
// text is not one: only its ESC is shown, and the rest as text. ends says whether the end of a string can follow at all.
func escapeLen(s string, ends bool) int {
	if len(s) < 2 || s[0] != 0x1b {
		return 0
	}
	switch c := s[1]; {
	case c == '[':
		return csiLen(s)
	case c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_':
		if !ends {
			return 0
		}
		return stringLen(s)
	case c >= ' ' && c <= '/': // intermediate bytes, such as the choice of a character set
		i := 2
		for i < len(s) && s[i] >= ' ' && s[i] <= '/' {
			i++
		}
		if i < len(s) && s[i] >= '0' && s[i] <= '~' {
			return i + 1
		}
		return 0
	case c >= '0' && c <= '~':
		return 2
	default:
		return 0
	}
}

// csiLen measures a control sequence: parameters, intermediates, one final byte.
func csiLen(s string) int {
	for i := 2; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '@' && c <= '~':
			return i + 1
		case c < ' ' || c > '~':
			return 0
		}
	}
	return 0
}

// stringLen measures an OSC, DCS, SOS, PM or APC string, up to its terminator.
func stringLen(s string) int {
	for i := 2; i < len(s); i++ {
		switch {
		case s[i] == 0x07:
			return i + 1
		case s[i] == 0x1b && i+1 < len(s) && s[i+1] == '\\':
			return i + 2
		}
	}
	return 0
}
