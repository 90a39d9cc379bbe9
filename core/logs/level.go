package logs

import (
	"bytes"

	"github.com/codematrx/matrx-ship/core"
)

const (
	levelHead  = 192  // a plain or logfmt line names its level within so many bytes
	levelJSON  = 4096 // a JSON line within so many
	levelWords = 10   // and within so many words
)

// Level reads how serious a line says it is: JSON and logfmt fields (level, lvl, severity; words, pino's and syslog's
// numbers), klog's letter, Postgres's and other words in capitals, in brackets or before a colon, after a time and
// through colours. It runs on every collected line, so it looks at the beginning only and allocates nothing.
func Level(text []byte) core.LogLevel {
	head := skipTime(skipSpace(text[:min(len(text), levelJSON)]))
	if len(head) == 0 {
		return core.LevelUnknown
	}
	if head[0] == '{' {
		return levelOfJSON(head)
	}
	head = head[:min(len(head), levelHead)]
	var plain [levelHead]byte
	if bytes.IndexByte(head, 0x1b) >= 0 {
		head = stripColours(plain[:0], head)
	}
	if level := levelOfKlog(head); level != core.LevelUnknown {
		return level
	}
	if level := levelOfLogfmt(head); level != core.LevelUnknown {
		return level
	}
	return levelOfWords(head)
}

// stripColours appends b without its control sequences.
func stripColours(dst, b []byte) []byte {
	for len(b) > 0 {
		if b[0] != 0x1b {
			dst, b = append(dst, b[0]), b[1:]
			continue
		}
		if rest := skipColour(b); len(rest) < len(b) {
			b = rest
		} else {
			b = b[1:]
		}
	}
	return dst
}

// skipColour passes over one control sequence, if b starts with one.
func skipColour(b []byte) []byte {
	if len(b) < 2 || b[0] != 0x1b || b[1] != '[' {
		return b
	}
	i := 2
	for i < len(b) && (b[i] < '@' || b[i] > '~') {
		i++
	}
	return b[min(i+1, len(b)):]
}

// skipSpace passes over blanks and colours.
func skipSpace(b []byte) []byte {
	for len(b) > 0 {
		rest := skipColour(b)
		if b[0] == ' ' || b[0] == '\t' {
			rest = b[1:]
		}
		if len(rest) == len(b) {
			return b
		}
		b = rest
	}
	return b
}

// skipTime passes over a date and time at the beginning: words of digits and their marks, such as 2026-11-21T22:19:30Z,
// [21/Nov/2026:22:19:30 +0000] or 22:19:30.123.
func skipTime(b []byte) []byte {
	for {
		b = skipSpace(b)
		word := b
		if i := bytes.IndexAny(b[:min(len(b), 48)], " \t\x1b"); i >= 0 {
			word = b[:i]
		}
		if !isTimeWord(word) {
			return b
		}
		b = b[len(word):]
	}
}

func isTimeWord(word []byte) bool {
	if len(word) < 5 || len(word) > 40 {
		return false
	}
	digits, marks := 0, 0
	for _, c := range word {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c == ':' || c == '-' || c == '/' || c == '+':
			marks++
		case c == '.' || c == ',' || c == '[' || c == ']' || c == 'T' || c == 'Z':
		default:
			return false
		}
	}
	return digits >= 4 && marks >= 1
}

// levelOfKlog reads the first letter of "E1121 22:19:30.123456".
func levelOfKlog(b []byte) core.LogLevel {
	if len(b) < 8 || b[5] != ' ' {
		return core.LevelUnknown
	}
	for _, c := range b[1:5] {
		if c < '0' || c > '9' {
			return core.LevelUnknown
		}
	}
	switch b[0] {
	case 'I':
		return core.LevelInfo
	case 'W':
		return core.LevelWarn
	case 'E':
		return core.LevelError
	case 'F':
		return core.LevelFatal
	}
	return core.LevelUnknown
}

// levelOfLogfmt reads level=, lvl= or severity=.
func levelOfLogfmt(b []byte) core.LogLevel {
	for {
		i := bytes.IndexByte(b, '=')
		if i < 0 {
			return core.LevelUnknown
		}
		start := i
		for start > 0 && (isLetter(b[start-1]) || b[start-1] == '.' || b[start-1] == '_' || b[start-1] == '@') {
			start--
		}
		alone := start == 0 || b[start-1] == ' ' || b[start-1] == '\t'
		key := b[start:i]
		b = b[i+1:]
		if alone && isLevelKey(key) {
			value := bytes.TrimLeft(b, `"'`)
			return wordLevel(value[:wordLen(value)])
		}
	}
}

// isLevelKey knows the names under which structured logs keep the level.
func isLevelKey(key []byte) bool {
	switch string(key) {
	case "level", "lvl", "severity", "loglevel", "levelname", "log.level", "Level", "LEVEL", "severity_text", "logLevel",
		"SeverityText", "@l", "levelStr":
		return true
	}
	return false
}

// wordLen is the length of the letters at the beginning.
func wordLen(b []byte) int {
	n := 0
	for n < len(b) && isLetter(b[n]) {
		n++
	}
	return n
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// levelOfWords looks at the first words of a plain line.
func levelOfWords(b []byte) core.LogLevel {
	var before byte = ' '
	for words := 0; len(b) > 0 && words < levelWords; {
		n := wordLen(b)
		if n == 0 {
			before, b = b[0], b[1:]
			continue
		}
		after := byte(0)
		if n < len(b) {
			after = b[n]
		}
		if n >= 3 && n <= 11 {
			if level := plainLevel(b[:n], before, after); level != core.LevelUnknown {
				return level
			}
		}
		words++
		before, b = 'x', b[n:]
	}
	return core.LevelUnknown
}

// plainLevel decides whether a word is meant as a level: in capitals when it stands alone, in any case within brackets
// or before a colon.
func plainLevel(word []byte, before, after byte) core.LogLevel {
	level := wordLevel(word)
	if level == core.LevelUnknown {
		return level
	}
	opens := before == ' ' || before == '\t' || before == '[' || before == '<' || before == '(' || before == '|' || before == ':'
	if !opens {
		return core.LevelUnknown
	}
	bracketed := before != ' ' && before != '\t' && before != ':' && (after == ']' || after == '>' || after == ')' || after == '|')
	switch {
	case bracketed || after == ':':
		return level
	case !isCapitals(word):
		return core.LevelUnknown
	case after == 0 || after == ' ' || after == '\t' || after == ']' || after == '[' || after == '|' || after == '-' ||
		after == ',' || after >= '0' && after <= '9':
		return level
	}
	return core.LevelUnknown
}

func isCapitals(word []byte) bool {
	for _, c := range word {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return true
}

// wordLevel knows the names of levels, in any case.
func wordLevel(word []byte) core.LogLevel {
	if len(word) < 3 || len(word) > 11 {
		return core.LevelUnknown
	}
	var lower [11]byte
	for i, c := range word {
		lower[i] = c | 0x20
	}
	switch string(lower[:len(word)]) {
	case "trace", "trc", "verbose", "finest", "finer":
		return core.LevelTrace
	case "debug", "dbg", "debu", "fine":
		return core.LevelDebug
	case "info", "inf", "information", "notice", "log", "note":
		return core.LevelInfo
	case "warn", "warning", "wrn":
		return core.LevelWarn
	case "error", "err", "erro", "severe", "eror":
		return core.LevelError
	case "fatal", "ftl", "fata", "panic", "pnc", "critical", "crit", "emerg", "emergency", "alert":
		return core.LevelFatal
	}
	return core.LevelUnknown
}

// levelOfJSON finds the level among the fields of the outermost object.
func levelOfJSON(b []byte) core.LogLevel {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			end := stringEnd(b, i+1)
			if end < 0 {
				return core.LevelUnknown
			}
			key := b[i+1 : end]
			i = end
			if depth != 1 || !isLevelKey(key) {
				continue
			}
			if value, ok := valueAfter(b[end+1:]); ok {
				return jsonLevel(value)
			}
		}
	}
	return core.LevelUnknown
}

// stringEnd is the position of the quote that ends a JSON string whose content starts at i, or -1.
func stringEnd(b []byte, i int) int {
	for {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return -1
		}
		i += n
		slashes := 0
		for b[i-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return i
		}
		i++
	}
}

// valueAfter gives what follows the colon after a key; without a colon the string was a value.
func valueAfter(b []byte) ([]byte, bool) {
	b = bytes.TrimLeft(b, " \t")
	if len(b) == 0 || b[0] != ':' {
		return nil, false
	}
	return bytes.TrimLeft(b[1:], ` "`), true
}

// jsonLevel reads a word, or a number of pino or bunyan (10 to 60) or of syslog (0 to 7).
func jsonLevel(value []byte) core.LogLevel {
	if n := wordLen(value); n > 0 {
		return wordLevel(value[:n])
	}
	number, digits := 0, 0
	for digits < len(value) && digits < 3 && value[digits] >= '0' && value[digits] <= '9' {
		number = number*10 + int(value[digits]-'0')
		digits++
	}
	switch {
	case digits == 0:
		return core.LevelUnknown
	case number >= 10 && number < 70:
		return core.LevelTrace + core.LogLevel(number/10-1)
	case number <= 2:
		return core.LevelFatal
	case number == 3:
		return core.LevelError
	case number == 4:
		return core.LevelWarn
	case number <= 6:
		return core.LevelInfo
	case number == 7:
		return core.LevelDebug
	}
	return core.LevelUnknown
}
