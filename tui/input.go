package tui

import (
	"strings"
	"unicode"

	tea "charm.land/bubbletea/v2"
)

// maxInput bounds what can be typed or pasted into one line, in characters. A public key has fewer than 1,000.
const maxInput = 4096

// input is one line of text that is being typed.
type input struct {
	text []rune
	at   int
}

// newInput starts with a text and the cursor behind it.
func newInput(text string) input {
	r := []rune(text)
	return input{r, len(r)}
}

func (in *input) value() string { return string(in.text) }

func (in *input) set(text string) { *in = newInput(text) }

// update takes a key; it is false when the key is none of its own.
func (in *input) update(msg tea.KeyPressMsg) bool {
	switch msg.String() {
	case "left":
		in.at = max(in.at-1, 0)
	case "right":
		in.at = min(in.at+1, len(in.text))
	case "home", "ctrl+a":
		in.at = 0
	case "end", "ctrl+e":
		in.at = len(in.text)
	case "backspace":
		in.remove(in.at-1, in.at)
	case "delete":
		in.remove(in.at, in.at+1)
	case "ctrl+u":
		in.remove(0, in.at)
	case "ctrl+k":
		in.remove(in.at, len(in.text))
	case "ctrl+w":
		in.remove(in.wordStart(), in.at)
	default:
		if msg.Text == "" {
			return false
		}
		in.insert(msg.Text)
	}
	return true
}

// insert puts text at the cursor; line ends become spaces and other controls are left out.
func (in *input) insert(text string) {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, text)
	r := []rune(text)
	r = r[:min(len(r), max(maxInput-len(in.text), 0))]
	in.text = append(in.text[:in.at:in.at], append(r, in.text[in.at:]...)...)
	in.at += len(r)
}

// remove takes out the characters from a to b.
func (in *input) remove(a, b int) {
	a, b = max(a, 0), min(b, len(in.text))
	if a >= b {
		return
	}
	in.text = append(in.text[:a:a], in.text[b:]...)
	in.at = a
}

// wordStart is where the word before the cursor begins.
func (in *input) wordStart() int {
	i := in.at
	for i > 0 && in.text[i-1] == ' ' {
		i--
	}
	for i > 0 && in.text[i-1] != ' ' {
		i--
	}
	return i
}

// view draws the line in w cells with the cursor visible in it.
func (in *input) view(st *styles, w int, focused bool) string {
	if !focused {
		return st.text.draw(cut(safe(in.value()), w))
	}
	before, under, after := safe(string(in.text[:in.at])), " ", ""
	if in.at < len(in.text) {
		under, after = safe(string(in.text[in.at:in.at+1])), safe(string(in.text[in.at+1:]))
	}
	for width(before)+width(under) > w && before != "" { // the beginning gives way
		_, before, _ = cutRune(before)
	}
	out := st.text.draw(before) + "\x1b[7m" + under + "\x1b[27m"
	return out + st.text.draw(cut(after, w-width(before)-width(under)))
}

// cutRune splits off the first character.
func cutRune(s string) (first, rest string, ok bool) {
	for i := range s {
		if i > 0 {
			return s[:i], s[i:], true
		}
	}
	return s, "", s != ""
}
