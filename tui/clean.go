package tui

import (
	"strings"
	"unicode/utf8"
)

// isClean reports whether a line holds text and colours alone. Nearly every line does, and is looked at once.
func isClean(line string) bool {
	for i := 0; i < len(line); {
		switch c := line[i]; {
		case c == 0x1b:
			n := colourLen(line[i:])
			if n == 0 {
				return false
			}
			i += n
		case c < ' ' || c == 0x7f:
			return false
		case c < utf8.RuneSelf:
			i++
		default:
			r, size := utf8.DecodeRuneInString(line[i:])
			if r == utf8.RuneError && size == 1 || isDeceptive(r) {
				return false
			}
			i += size
		}
	}
	return true
}

// isDeceptive is a quick test that never passes what safe would change; it may fail what safe lets pass.
func isDeceptive(r rune) bool {
	return joins(r) || r < 0xa0 || r == 0xad || r == 0x61c || r == 0x180e || r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e ||
		r >= 0x2060 && r <= 0x206f || r == 0xfeff || r >= 0xfff9 && r <= 0xfffb || r >= 0xe0000 && r <= 0xe007f
}

// clean keeps colours and makes the text between them safe.
func clean(line string) string {
	var b strings.Builder
	for line != "" {
		if n := colourLen(line); n > 0 {
			b.WriteString(line[:n])
			line = line[n:]
			continue
		}
		next := nextColour(line)
		b.WriteString(safe(line[:next]))
		line = line[next:]
	}
	return b.String()
}

// nextColour is where the next colour begins, after the first byte.
func nextColour(line string) int {
	for i := 1; i < len(line); i++ {
		if line[i] == 0x1b && colourLen(line[i:]) > 0 {
			return i
		}
	}
	return len(line)
}

// colourLen is the length of the colour sequence (SGR) that s starts with, or 0.
func colourLen(s string) int {
	if len(s) < 3 || s[0] != 0x1b || s[1] != '[' {
		return 0
	}
	for i := 2; i < len(s); i++ {
		switch c := s[i]; {
		case c == 'm':
			return i + 1
		case (c < '0' || c > '9') && c != ';' && c != ':':
			return 0
		}
	}
	return 0
}
