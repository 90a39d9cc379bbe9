package tui

import (
	"regexp"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// The bounds of the output that a screen keeps.
const (
	maxOutputLines = 20000
	maxOutputBytes = 8 << 20
)

// output is lines that come one after the other: it follows their end, scrolls and is searched. The oldest go when there
// are too many, and are counted.
type output struct {
	lines   []string
	bytes   int
	gone    int // lines that went
	top     int
	page    int
	tail    bool
	pattern string
	re      *regexp.Regexp
	at      int // line of the match that was jumped to; -1: none
}

func newOutput() output { return output{tail: true, at: -1} }

// add takes lines in.
func (o *output) add(lines ...string) {
	for _, line := range lines {
		o.lines = append(o.lines, line)
		o.bytes += len(line)
	}
	drop := 0
	for len(o.lines)-drop > maxOutputLines || o.bytes > maxOutputBytes && drop < len(o.lines) {
		o.bytes -= len(o.lines[drop])
		drop++
	}
	if drop == 0 {
		return
	}
	clear(o.lines[:drop]) // what stays of the array must not hold their text
	o.lines = o.lines[drop:]
	o.gone, o.top, o.at = o.gone+drop, max(o.top-drop, 0), max(o.at-drop, -1)
}

// seek searches for a pattern from where the screen is; an empty one ends the search.
func (o *output) seek(pattern string) error {
	re, err := compile(pattern)
	if err != nil {
		return err
	}
	o.pattern, o.re, o.at = pattern, re, -1
	if re != nil && !o.jump(1) {
		o.jump(-1)
	}
	return nil
}

// jump goes to the next match; it is false when there is none that way.
func (o *output) jump(step int) bool {
	if o.re == nil {
		return false
	}
	from := o.at
	if from < 0 {
		from = o.top - step
	}
	for i := from + step; i >= 0 && i < len(o.lines); i += step {
		if o.re.MatchString(o.lines[i]) {
			o.at, o.tail = i, false
			o.top = max(i-o.page/2, 0)
			return true
		}
	}
	return false
}

// move takes a key; it is false when the key is none of its own.
func (o *output) move(msg tea.KeyPressMsg) bool {
	last := max(len(o.lines)-o.page, 0)
	switch {
	case key.Matches(msg, keys.follow):
		o.tail = !o.tail
		return true
	case key.Matches(msg, keys.bottom):
		o.tail = true
		return true
	}
	s := scroller{top: min(o.top, last)}
	if !s.move(msg, max(o.page-1, 1)) {
		return false
	}
	o.top, o.tail = min(s.top, last), s.top >= last && key.Matches(msg, keys.down, keys.pageDown)
	return true
}

// draw draws h lines of it.
func (o *output) draw(st *styles, w, h int) []string {
	o.page = max(h, 1)
	last := max(len(o.lines)-o.page, 0)
	if o.tail {
		o.top = last
	}
	o.top = min(o.top, last)
	out := make([]string, 0, o.page)
	for i := o.top; i < min(o.top+o.page, len(o.lines)); i++ {
		mark := " "
		if i == o.at {
			mark = st.selBar.draw("▌")
		}
		text := o.lines[i]
		text = cut(safe(text[:min(len(text), 8*w+4<<10)]), w-1)
		out = append(out, mark+highlight(st, st.text, text, o.re, i == o.at))
	}
	return out
}

// motion says where in the output the screen is.
func (o *output) motion(st *styles, over bool) string {
	text := plural(len(o.lines)+o.gone, "line", "lines")
	if o.gone > 0 {
		text += ", the first " + number(int64(o.gone)) + " are no longer held here"
	}
	if o.pattern != "" {
		text += " · /" + safe(o.pattern)
	}
	switch {
	case over:
		return st.dim.draw("■ complete · " + text)
	case o.tail:
		return st.ok.draw("● following") + st.dim.draw(" · "+text)
	default:
		return st.warn.draw("‖ paused") + st.dim.draw(" · "+text+" · G follows")
	}
}
