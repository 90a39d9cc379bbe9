package git

import (
	"bytes"
	"strings"

	"github.com/codematrx/matrx-ship/core"
)

// The bounds of what git may say on its standard error.
const (
	maxTail = 40  // lines kept
	maxLine = 500 // bytes of one
)

// tail keeps the last lines that git says, without secrets and fit to be shown.
type tail struct {
	secrets []string
	line    func(string)
	lines   []string
	part    []byte
}

// Write takes output in; it never fails, so that git is not held up.
func (t *tail) Write(p []byte) (int, error) {
	rest := p
	for len(rest) > 0 {
		end := bytes.IndexAny(rest, "\r\n")
		if end < 0 {
			end = len(rest)
		}
		if room := 4*maxLine - len(t.part); room > 0 {
			t.part = append(t.part, rest[:min(end, room)]...)
		}
		if end == len(rest) {
			return len(p), nil
		}
		t.flush()
		rest = rest[end+1:]
	}
	return len(p), nil
}

// flush ends the line that is being read.
func (t *tail) flush() {
	text := strings.TrimSpace(string(t.part))
	t.part = t.part[:0]
	if text == "" {
		return
	}
	for _, secret := range t.secrets {
		text = strings.ReplaceAll(text, secret, "***")
	}
	text = cut(core.SafeText(text), maxLine)
	if len(t.lines) == maxTail {
		t.lines = t.lines[1:]
	}
	t.lines = append(t.lines, text)
	if t.line != nil {
		t.line(text)
	}
}

// cut bounds a text in bytes without leaving a part of a character.
func cut(s string, most int) string {
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
