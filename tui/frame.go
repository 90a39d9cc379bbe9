package tui

import (
	"fmt"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/codematrx/matrx-ship/core"
)

// The smallest terminal that the console fits in, and the rows of the frame around a screen.
const (
	minWidth  = 60
	minHeight = 15
	frameRows = 4 // header, breadcrumbs, line at the bottom, hints
)

// View draws the console.
func (a *App) View() tea.View {
	v := tea.NewView(strings.Join(a.lines(), "\n"))
	v.AltScreen = true
	v.WindowTitle = "matrx-ship " + a.server + " · " + a.charter.Title
	if a.mouse {
		v.MouseMode = tea.MouseModeCellMotion
	}
	return v
}

// lines is the whole screen, one string a row. Screens make safe what comes from outside; should one forget it, the
// frame still lets nothing through but text and colours.
func (a *App) lines() []string {
	lines := a.draw()
	for i, line := range lines {
		if !isClean(line) {
			lines[i] = cut(clean(line), a.width)
		}
	}
	return lines
}

// draw draws the frame and what is in it.
func (a *App) draw() []string {
	w, h := a.width, a.height
	if w < minWidth || h < minHeight {
		return tooSmall(w, h)
	}
	if len(a.stack) == 0 {
		return block([]string{a.header(w)}, h)
	}
	body := a.body(w, h-frameRows)
	lines := make([]string, 0, h)
	lines = append(lines, a.header(w), a.crumbs(w))
	lines = append(lines, body...)
	return append(lines, a.bottom(w), a.hints(w))
}

// tooSmall says so, as far as that fits.
func tooSmall(w, h int) []string {
	lines := wrap(fmt.Sprintf("terminal too small (%dx%d), needs %dx%d", w, h, minWidth, minHeight), w, h)
	return block(lines, h)
}

// body is the screen with the overlays over it.
func (a *App) body(w, h int) []string {
	lines := block(strings.Split(a.screen().View(w, h), "\n"), h)
	for i, line := range lines {
		lines[i] = cut(line, w)
	}
	for _, o := range a.overlays {
		iw, ih := innerSize(w, h)
		title, inside := o.view(iw, ih)
		lines = laid(lines, boxed(a.st, title, inside[:min(len(inside), ih)], w), w)
	}
	return lines
}

// header says where the operator is, whether what he sees is live, and what is wrong.
func (a *App) header(w int) string {
	st := a.st
	left := st.barName.draw(" "+cut(a.server, 16)+" ") + st.bar.draw(" "+a.charter.Title+"  ") + a.engineMark() + st.bar.draw("  ") + a.faultMark()
	now := st.bar.draw(clock(a.now()) + " UTC ")
	who := st.barDim.draw(" " + cut(safe(a.actor.Name), 14) + " (" + a.actor.Role.String() + ") ")
	for _, right := range []string{now + who, now, ""} {
		if space := w - ansi.StringWidth(left) - ansi.StringWidth(right); space >= 0 {
			return left + st.bar.draw(blanks(space)) + right
		}
	}
	return cut(left, w)
}

// engineMark says whether what is shown is live, and its age when it is not.
func (a *App) engineMark() string {
	st := a.st
	switch {
	case a.snap == nil && a.snapErr != nil:
		return st.barBad.draw("✗ no state")
	case a.snap == nil:
		return st.bar.draw("◐ connecting")
	case !a.snap.Engine.Up:
		return st.barBad.draw("✗ engine down, state " + core.FormatAge(a.age()) + " old")
	case a.snapErr != nil:
		return st.barWarn.draw("▲ state " + core.FormatAge(a.age()) + " old")
	default:
		return st.barOK.draw("● engine up")
	}
}

// faultMark counts the faults.
func (a *App) faultMark() string {
	if a.snap == nil {
		return ""
	}
	worst := a.st.barOK
	for _, f := range a.snap.Faults {
		if f.Severity == core.Critical {
			return a.st.barBad.draw("✗ " + plural(len(a.snap.Faults), "fault", "faults"))
		}
		worst = a.st.barWarn
	}
	if len(a.snap.Faults) == 0 {
		return worst.draw("● no faults")
	}
	return worst.draw("▲ " + plural(len(a.snap.Faults), "fault", "faults"))
}

// crumbs is the way to the screen on top, and the digits of the other screens where there is room.
func (a *App) crumbs(w int) string {
	titles := make([]string, len(a.stack))
	for i, e := range a.stack {
		titles[i] = cut(safe(e.screen.Title()), 40)
	}
	const arrow = " › "
	for len(titles) > 2 && width(strings.Join(titles, arrow)) > w-2 { // the oldest but the first give way
		rest := titles[2:]
		if titles[1] == "…" && len(rest) > 1 {
			rest = rest[1:]
		} else if titles[1] == "…" {
			break
		}
		titles = append([]string{titles[0], "…"}, rest...)
	}
	last, path := len(titles)-1, ""
	if last > 0 {
		path = a.st.dim.draw(strings.Join(titles[:last], arrow) + arrow)
	}
	left := " " + path + a.st.title.draw(titles[last])
	return columns(left, a.tabs(w-ansi.StringWidth(left)-4), w)
}

// tabs names the keys of as many screens as there is room for.
func (a *App) tabs(w int) string {
	var b strings.Builder
	used := 1
	for _, p := range placeList() {
		h := p.key.Help()
		n := width(h.Key) + 1 + width(h.Desc) + 2
		if used+n > w {
			break
		}
		used += n
		b.WriteString(a.st.key.draw(h.Key) + " " + a.st.keyText.draw(h.Desc) + "  ")
	}
	return strings.TrimSuffix(b.String(), " ")
}

// bottom is the line being typed, or the newest message, or the selected service.
func (a *App) bottom(w int) string {
	st := a.st
	if p := a.prompt; p != nil {
		line := " " + st.accent.draw(p.label) + p.in.view(st, max(w/2, 20), true)
		if offers := p.offers(); len(offers) > 0 {
			line += "  " + st.dim.draw(safe(strings.Join(offers[:min(len(offers), 12)], "   ")))
		}
		return cut(line, w)
	}
	if len(a.notices) > 0 {
		n := a.notices[len(a.notices)-1]
		if a.now().Sub(n.at) < n.lasts() {
			l := n.look(st)
			return cut(" "+l.style.draw(l.glyph+" "+n.text), w)
		}
	}
	if s, ok := a.screen().(filterScreen); ok && s.Filter() != "" {
		return cut(" "+st.accent.draw("/")+st.text.draw(safe(s.Filter()))+st.dim.draw("  esc clears the filter"), w)
	}
	left := ""
	if _, ok := a.screen().(serviceScreen); !ok && a.selected != "" {
		left = cut(" "+st.faint.draw("selected ")+st.dim.draw(safe(a.selected)), w)
	}
	return columns(left, a.siblingMark(), w)
}

// siblingMark is how the other control plane does: whoever repairs one of them sees both.
func (a *App) siblingMark() string {
	s, ok := a.service(a.charter.Sibling)
	if !ok {
		if a.snap == nil {
			return ""
		}
		return a.st.warn.draw("? "+a.charter.SiblingTitle()+" not found") + " "
	}
	l := a.st.health(s.Health.State)
	return a.st.faint.draw(a.charter.SiblingTitle()+" ") + l.style.draw(l.glyph+" "+healthWord(&s)) + " "
}

// hints is the footer, made of the key table: what the overlay, the line or the screen takes now.
func (a *App) hints(w int) string {
	switch {
	case len(a.overlays) > 0:
		return hintLine(a.st, w, a.overlays[len(a.overlays)-1].hints()...)
	case a.prompt != nil:
		return hintLine(a.st, w, promptHints()...)
	}
	all := a.working()
	last := " help  "
	shown := hintsThatFit(w-len("? more  : command ")-2, all)
	if shown < len(all) {
		last = " more  " // keys than the line has room for
	}
	right := a.st.key.draw("?") + a.st.keyText.draw(last) + a.st.key.draw(":") + a.st.keyText.draw(" command ")
	return columns(hintLine(a.st, w, all[:shown]...), right, w)
}

// working are the keys that work now, the most useful first, each once.
func (a *App) working() []key.Binding {
	own, service := a.screen().Keys(), []key.Binding(nil)
	if s, ok := a.screen().(serviceScreen); ok && s.Service() != "" {
		service = onService()
	}
	all := append(append([]key.Binding(nil), own...), service...)
	if _, ok := a.screen().(filterScreen); ok {
		all = append(all, keys.filter)
	}
	if len(a.stack) > 1 {
		all = append(all, keys.back)
	}
	return a.allowed(once(append(all, keys.palette, keys.refresh, keys.quit)))
}

// allowed leaves out what the operator's role may not do.
func (a *App) allowed(all []key.Binding) []key.Binding {
	out := make([]key.Binding, 0, len(all))
	for _, b := range all {
		if a.duties.of(b) <= a.actor.Role {
			out = append(out, b)
		}
	}
	return out
}

// once leaves out bindings that were there before.
func once(all []key.Binding) []key.Binding {
	seen := map[key.Help]bool{}
	out := all[:0:0]
	for _, b := range all {
		if !seen[b.Help()] {
			seen[b.Help()] = true
			out = append(out, b)
		}
	}
	return out
}

// emptyView is a screen without content: what is missing, and what to do about it.
func emptyView(st *styles, w, h int, l look, what string, do ...string) string {
	var inside []string
	inside = append(inside, l.style.draw(l.glyph+" "+cut(what, w-4)))
	for _, sentence := range do {
		inside = append(inside, "")
		for _, line := range wrap(sentence, min(w-4, 72), 4) {
			inside = append(inside, st.dim.draw(line))
		}
	}
	lines := block(nil, max((h-len(inside))/3, 0))
	for _, line := range inside {
		lines = append(lines, blanks(max((w-ansi.StringWidth(line))/2, 1))+line)
	}
	return strings.Join(block(lines, h), "\n")
}

// loadingView is a screen whose first answer is not there yet.
func loadingView(st *styles, w, h int, what string) string {
	return emptyView(st, w, h, look{"◐", "", st.accent}, what)
}

// errorView is a screen whose first answer is an error.
func errorView(st *styles, w, h int, what string, err error) string {
	l, hint := st.errorLook(core.CodeOf(err))
	return emptyView(st, w, h, look{l.glyph, l.word, l.style}, what+": "+l.word, safe(core.MessageOf(err)), hint)
}

// staleLine says that what stands below is not the newest.
func staleLine(st *styles, w int, err error) string {
	return st.warn.draw(cut(" ▲ "+safe(core.MessageOf(err))+" What stands below is from before.", w))
}
