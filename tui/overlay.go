package tui

import (
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// overlay is drawn over a screen and takes every key while it is there.
type overlay interface {
	// update takes a key press or pasted text; closed takes the overlay away.
	update(tea.Msg) (closed bool, cmd tea.Cmd)
	// view draws the inside of the box: at most h lines of at most w cells. The title stands in the border.
	view(w, h int) (title string, lines []string)
	hints() []key.Binding
}

// boxed draws the border round an overlay's lines.
func boxed(st *styles, title string, lines []string, w int) []string {
	inner := ansi.StringWidth(title) + 4
	for _, line := range lines {
		inner = max(inner, ansi.StringWidth(line))
	}
	inner = min(inner, w-4)
	title = cut(title, inner-2)
	out := make([]string, 0, len(lines)+2)
	out = append(out, st.box.draw("╭─ ")+st.boxTitle.draw(title)+st.box.draw(" "+strings.Repeat("─", max(inner-ansi.StringWidth(title)-1, 0))+"╮"))
	for _, line := range lines {
		line = cut(line, inner)
		out = append(out, st.box.draw("│")+" "+line+blanks(inner-ansi.StringWidth(line))+" "+st.box.draw("│"))
	}
	return append(out, st.box.draw("╰"+strings.Repeat("─", inner+2)+"╯"))
}

// laid puts a box over the middle of a body of h lines.
func laid(body, box []string, w int) []string {
	if len(box) == 0 {
		return body
	}
	top := max((len(body)-len(box))/3, 0)
	bw := ansi.StringWidth(box[0])
	left := max((w-bw)/2, 0)
	for i, line := range box {
		y := top + i
		if y >= len(body) {
			break
		}
		under := body[y]
		uw := ansi.StringWidth(under)
		before := ansi.Truncate(under, left, "")
		out := before + blanks(left-ansi.StringWidth(before)) + "\x1b[m" + line
		if uw > left+bw {
			out += cutLeft(under, left+bw, uw)
		}
		body[y] = out
	}
	return body
}

// cutLeft is what of a line of w cells stands right of column x; half of a wide character becomes a blank.
func cutLeft(s string, x, w int) string {
	rest := ansi.TruncateLeft(s, x, "")
	if ansi.StringWidth(rest) > w-x {
		rest = " " + ansi.TruncateLeft(s, x+1, "")
	}
	return rest
}

// innerSize is the room an overlay has inside a body.
func innerSize(w, h int) (int, int) { return max(w-8, 10), max(h-2, 1) }

// scroller shows a part of many lines.
type scroller struct{ top int }

// move takes a key; it is false when the key is none of a scroller's.
func (s *scroller) move(msg tea.KeyPressMsg, page int) bool {
	switch {
	case key.Matches(msg, keys.down):
		s.top++
	case key.Matches(msg, keys.up):
		s.top--
	case key.Matches(msg, keys.pageDown):
		s.top += page
	case key.Matches(msg, keys.pageUp):
		s.top -= page
	case key.Matches(msg, keys.top):
		s.top = 0
	case key.Matches(msg, keys.bottom):
		s.top = 1 << 30
	default:
		return false
	}
	s.top = max(s.top, 0)
	return true
}

// part is what of the lines is shown in h of them.
func (s *scroller) part(lines []string, h int) []string {
	s.top = max(min(s.top, len(lines)-h), 0)
	return lines[s.top:min(s.top+h, len(lines))]
}
