package core

import (
	"maps"
	"slices"
	"strings"
)

// envReader reads the text of a .env file. Errors name the line and never show what stands there.
type envReader struct {
	rest string
	line int // of the variable that is read, from 1
	next int // of what is left
}

// parseEnvFile reads the text of a .env file: NAME=VALUE a line, with or without "export", comments from # on. Values may
// stand in single quotes (as they are) or double quotes (with \n \r \t \" \\ \$), and go over several lines there. Nothing is
// filled in: a $ is a $. A name that is set twice is an error, because nobody can tell which one was meant.
func parseEnvFile(text string) (map[string]string, error) {
	if len(text) > 2*maxEnvBytes {
		return nil, Errorf(CodeInvalid, "The text has %s; an env has at most %s.", FormatBytes(int64(len(text))), FormatBytes(maxEnvBytes))
	}
	text = strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\r\n", "\n")
	r := &envReader{rest: text, next: 1}
	values, lines := map[string]string{}, map[string]int{}
	for r.rest != "" {
		name, value, err := r.read()
		if err != nil {
			return nil, err
		}
		if name == "" {
			continue
		}
		if first, twice := lines[name]; twice {
			return nil, Errorf(CodeInvalid, "Line %d sets %s, which line %d has set already.", r.line, name, first)
		}
		values[name], lines[name] = value, r.line
	}
	return values, nil
}

// read reads one line, or several when a quoted value goes on. An empty line or a comment has no name.
func (r *envReader) read() (name, value string, err error) {
	r.line = r.next
	start := strings.TrimLeft(r.rest, " \t")
	if start == "" || start[0] == '\n' || start[0] == '#' {
		r.endLine()
		return "", "", nil
	}
	head, _, _ := strings.Cut(start, "\n")
	left, _, found := strings.Cut(head, "=")
	if !found {
		return "", "", r.bad("has no =")
	}
	name = strings.TrimSpace(left)
	if after, ok := strings.CutPrefix(name, "export"); ok && after != strings.TrimLeft(after, " \t") {
		name = strings.TrimSpace(after)
	}
	if !isEnvName(name) {
		return "", "", r.bad("has no name of a variable before its =")
	}
	r.rest = strings.TrimLeft(start[len(left)+1:], " \t")
	value, err = r.value()
	return name, value, err
}

// value reads what stands after the =, and the rest of its line.
func (r *envReader) value() (string, error) {
	if r.rest == "" || r.rest[0] != '\'' && r.rest[0] != '"' {
		return r.bare(), nil
	}
	quoted := r.single
	if r.rest[0] == '"' {
		quoted = r.double
	}
	value, err := quoted(r.rest[1:])
	if err != nil {
		return "", err
	}
	tail, _, _ := strings.Cut(r.rest, "\n")
	if tail = strings.TrimSpace(tail); tail != "" && tail[0] != '#' {
		return "", r.bad("goes on after the closing quote")
	}
	r.endLine()
	return value, nil
}

// bare reads a value without quotes: up to a comment or the end of the line, without the blanks around it.
func (r *envReader) bare() string {
	value, _, _ := strings.Cut(r.rest, "\n")
	r.endLine()
	for i := range len(value) {
		if value[i] == '#' && (i == 0 || value[i-1] == ' ' || value[i-1] == '\t') {
			value = value[:i]
			break
		}
	}
	return strings.TrimSpace(value)
}

// single reads up to the closing single quote, as it is.
func (r *envReader) single(s string) (string, error) {
	value, rest, closed := strings.Cut(s, "'")
	if !closed {
		return "", r.bad("opens a single quote that is never closed")
	}
	r.take(value, rest)
	return value, nil
}

// double reads up to the closing double quote.
func (r *envReader) double(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			r.take(s[:i], s[i+1:])
			return b.String(), nil
		case c == '\\' && i+1 < len(s):
			i++
			b.WriteString(unescape(s[i]))
		default:
			b.WriteByte(c)
		}
	}
	return "", r.bad("opens a double quote that is never closed")
}

// unescape is what a backslash and this byte stand for; what has no meaning stays as it is.
func unescape(c byte) string {
	switch c {
	case 'n':
		return "\n"
	case 'r':
		return "\r"
	case 't':
		return "\t"
	case '"', '\\', '$':
		return string(rune(c))
	default:
		return "\\" + string([]byte{c})
	}
}

// take goes on after what was read.
func (r *envReader) take(read, rest string) {
	r.next += strings.Count(read, "\n")
	r.rest = rest
}

// endLine goes on at the next line.
func (r *envReader) endLine() {
	_, r.rest, _ = strings.Cut(r.rest, "\n")
	r.next++
}

// bad is an error of the line.
func (r *envReader) bad(what string) error {
	return Errorf(CodeInvalid, "Line %d of the .env text %s. Write NAME=VALUE, and values with blanks at their ends, # or several lines in quotes.", r.line, what)
}

// dotEnvMark is how a rendered .env begins.
const dotEnvMark = "# Written by matrx-ship from its store"

// renderEnvFile writes values as a .env file that parseEnvFile and docker compose read back as they are.
func renderEnvFile(values map[string]string) []byte {
	var b strings.Builder
	b.WriteString(dotEnvMark + "; changes here are lost. Use: env set\n")
	for _, name := range slices.Sorted(maps.Keys(values)) {
		b.WriteString(name + "=" + quoteEnv(values[name]) + "\n")
	}
	return []byte(b.String())
}

// quoteEnv quotes a value where it needs it: in single quotes, which keep everything as it is, or in double ones when it has
// single quotes or carriage returns itself.
func quoteEnv(value string) string {
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("_-./:@%+,=", c)
	}
	switch {
	case !strings.ContainsFunc(value, func(c rune) bool { return !plain(c) }):
		return value
	case !strings.ContainsAny(value, "'\r\\"):
		return "'" + value + "'"
	default:
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "\n", `\n`, "\r", `\r`).Replace(value) + `"`
	}
}
