package tui

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/codematrx/matrx-ship/core"
)

// The bounds of drawing one line.
const (
	maxWrapped = 60  // rows of one wrapped line
	maxFields  = 100 // fields of one expanded line
)

// View draws the part of the ring that is seen; nothing else is measured, made safe or cut.
func (l *logScreen) View(w, h int) string {
	room := max(h-1, 1)
	l.page = room
	status := l.status(w)
	switch {
	case l.ring == nil || l.ring.len() == 0 && l.err != nil:
		err := l.err
		if err == nil {
			err = core.Errorf(core.CodeUnavailable, "The log is not open.")
		}
		return status + "\n" + errorView(l.st, w, room, "The log of "+l.caption()+" cannot be read", err)
	case l.ring.len() == 0:
		return status + "\n" + l.nothing(w, room)
	}
	lines := l.rows(w, room)
	if l.err != nil && len(lines) >= room {
		lines = lines[len(lines)-room+1:]
	}
	if l.err != nil {
		lines = append(lines, l.st.bad.draw(cut(" ✗ "+safe(core.MessageOf(l.err))+" ctrl+r opens the log again.", w)))
	}
	return status + "\n" + strings.Join(lines, "\n")
}

// nothing says why no line is there.
func (l *logScreen) nothing(w, h int) string {
	switch {
	case l.ended:
		return emptyView(l.st, w, h, look{"◇", "", l.st.dim}, "No line of "+l.caption()+" in this selection", "T chooses another time span, L another level, / another pattern.")
	case l.query.Match != "" || l.query.MinLevel != core.LevelUnknown:
		return emptyView(l.st, w, h, look{"◐", "", l.st.accent}, "No line matches so far", "Older lines are still looked at; new ones appear by themselves. S searches everything collected.")
	default:
		return emptyView(l.st, w, h, look{"◐", "", l.st.accent}, "Waiting for lines of "+l.caption(), "Lines appear here by themselves as soon as they are written.")
	}
}

// status is the line over the log: whose, whether it moves, and what of it.
func (l *logScreen) status(w int) string {
	st := l.st
	parts := append([]string{st.bold.draw(cut(l.caption(), max(w/3, 20))), l.motion()}, l.selection()...)
	if l.ring != nil {
		parts = append(parts, st.dim.draw(plural(l.ring.len(), "line", "lines")))
		if l.ring.gaps > 0 {
			parts = append(parts, st.warn.draw("▲ "+number(l.ring.lost)+" missing in "+plural(l.ring.gaps, "gap", "gaps")))
		}
	}
	return cut(" "+strings.Join(parts, st.faint.draw(" · ")), w)
}

// motion says whether lines come.
func (l *logScreen) motion() string {
	switch {
	case l.err != nil:
		return l.st.bad.draw("✗ ended")
	case l.ended:
		return l.st.dim.draw("■ complete")
	case !l.query.Until.IsZero():
		return l.st.accent.draw("◐ reading")
	case l.tail:
		return l.st.ok.draw("● following")
	case l.held:
		return l.st.warn.draw("‖ paused, nothing more fits; G follows")
	default:
		return l.st.warn.draw("‖ paused") + l.st.dim.draw(" "+number(int64(l.ring.end()-l.seen))+" new, G follows")
	}
}

// selection says what of the log is shown.
func (l *logScreen) selection() []string {
	var parts []string
	if l.query.MinLevel != core.LevelUnknown {
		parts = append(parts, l.st.accent.draw("level ≥ "+l.st.level(l.query.MinLevel).word))
	}
	if l.query.Match != "" {
		words := "/" + safe(l.query.Match)
		if l.query.Invert {
			words = "not " + words
		}
		if l.allRows {
			words += " highlighted"
		}
		parts = append(parts, l.st.accent.draw(words))
	}
	if l.span != "" {
		parts = append(parts, l.st.dim.draw(l.span))
	}
	return parts
}

// rows draws from top until the room is filled, with the cursor's line in it.
func (l *logScreen) rows(w, room int) []string {
	l.scroll(w, room)
	out := make([]string, 0, room)
	for n := l.top; l.ring.holds(n) && len(out) < room; n++ {
		out = append(out, l.draw(n, w)...)
	}
	return out[:min(len(out), room)]
}

// scroll moves the first line that is drawn no further than the cursor asks for.
func (l *logScreen) scroll(w, room int) {
	l.top = max(l.top, l.ring.base)
	if l.cursor <= l.top {
		l.top = l.cursor
		return
	}
	first, left := l.cursor, room-l.height(l.cursor, w)
	for first > l.ring.base && first > l.top {
		if left -= l.height(first-1, w); left < 0 {
			break
		}
		first--
	}
	l.top = max(l.top, first)
}

// height is how many rows a line takes.
func (l *logScreen) height(n, w int) int {
	if _, opened := l.open[n]; !opened && !l.wrap {
		return 1
	}
	return len(l.draw(n, w))
}

// draw draws one line: its first row, what wraps, and what is expanded.
func (l *logScreen) draw(n, w int) []string {
	line, here := l.ring.line(n), n == l.cursor
	mark := " "
	if here {
		mark = l.st.selBar.draw("▌")
	}
	if line.Gap != nil {
		return []string{mark + l.st.warn.draw(cut(gapText(line.Gap), w-1))}
	}
	prefix, used := l.prefix(line)
	room := max(w-1-used, 8)
	lv := l.st.level(line.Level)
	rows := l.texts(line, room)
	out := make([]string, 0, len(rows))
	for i, text := range rows {
		head := blanks(used)
		if i == 0 {
			head = prefix
		} else {
			mark = " "
		}
		out = append(out, mark+head+highlight(l.st, lv.style, text, l.re, here))
	}
	if fields, ok := l.open[n]; ok {
		out = append(out, l.expanded(fields, w)...)
	}
	return out
}

// gapText is what a gap says.
func gapText(g *core.LogGap) string {
	missing := number(g.Dropped) + " lines missing"
	if g.Dropped < 0 {
		missing = "lines missing, nobody knows how many"
	}
	when := ""
	if !g.From.IsZero() {
		when = ", " + clock(g.From) + " to " + clock(g.To)
	}
	return "┄┄┄ " + missing + when + ": " + safe(g.Reason) + " ┄┄┄"
}

// prefix is what stands before a line's text, and how many cells it takes.
func (l *logScreen) prefix(line *core.LogLine) (string, int) {
	var b strings.Builder
	used := 2
	if l.times {
		b.WriteString(l.st.dim.draw(line.At.UTC().Format("15:04:05.000")) + " ")
		used += 13
	}
	if len(l.query.Services) != 1 {
		i := max(slices.Index(l.query.Services, line.Service), 0)
		if len(l.query.Services) == 0 {
			i = len(line.Service)
		}
		b.WriteString(l.st.services[i%len(l.st.services)].draw(fit(safe(line.Service), 14)) + " ")
		used += 15
	}
	lv := l.st.level(line.Level)
	b.WriteString(lv.style.draw(lv.glyph) + " ")
	return b.String(), used
}

// texts are the rows of a line's text in w cells.
func (l *logScreen) texts(line *core.LogLine, w int) []string {
	text := line.Text
	limit := 8*(l.shift+w) + 4<<10 // bytes that can matter for one row, escape sequences included
	if l.wrap {
		limit = 8 * w * maxWrapped
	}
	if !l.wrap {
		text = l.brief(text)
	}
	short := len(text) > limit
	if short {
		text = text[:limit]
	}
	text = safe(text)
	switch {
	case line.Cut:
		text += " … cut at 64 KiB"
	case short:
		text += " …"
	}
	if l.wrap {
		rows := strings.Split(ansi.Hardwrap(text, w, true), "\n")
		if len(rows) > maxWrapped {
			rows = append(rows[:maxWrapped-1:maxWrapped-1], "…")
		}
		return rows
	}
	if l.shift > 0 {
		text = ansi.TruncateLeft(text, l.shift, "")
	}
	return []string{cut(text, w)}
}

// maxBrief bounds the JSON lines that are shown by their message, in bytes.
const maxBrief = 8 << 10

// brief is a JSON line as it is scanned: its message first, then the other fields, without the time and the level, which
// stand before it already. What a filter matched stays visible: a match that this would hide keeps the line as it is.
func (l *logScreen) brief(text string) string {
	short := briefLine(text)
	if l.re != nil && !l.re.MatchString(short) {
		return text
	}
	return short
}

// briefLine is a line that is JSON in short, and any other as it is.
func briefLine(text string) string {
	if len(text) > maxBrief || !strings.HasPrefix(strings.TrimSpace(text), "{") {
		return text
	}
	fields := fieldsOf(text)
	if len(fields) == 1 && fields[0].Key == "text" {
		return text
	}
	var message string
	var rest []string
	for _, f := range fields {
		switch strings.ToLower(f.Key) {
		case "msg", "message":
			message = f.Value
		case "time", "ts", "timestamp", "@timestamp", "level", "lvl", "severity":
		default:
			rest = append(rest, f.Key+"="+f.Value)
		}
	}
	short := strings.TrimSpace(message + "  " + strings.Join(rest, " "))
	if short == "" {
		return text
	}
	return short
}

// drawnPart is what a pattern may have of a drawn JSON line: the beginning, a quote, or a field, name=. A class of
// characters and what is escaped come first, and stay as they are.
var drawnPart = regexp.MustCompile(`\[\^?\]?(?:\\.|[^\]\\])*\]|\\.|^\^|"|[A-Za-z_][A-Za-z0-9_.-]*=`)

// maxDrawn bounds a pattern that was widened, in bytes; core takes no longer one.
const maxDrawn = 1000

// asDrawn widens a pattern so that it finds what stands on the screen. A field that is drawn as name=value stands in the
// line itself as "name":"value" or "name":value; its message, which is drawn first, after its name; and a quote may be
// escaped there.
func asDrawn(pattern string) string {
	wide := drawnPart.ReplaceAllStringFunc(pattern, func(part string) string {
		switch {
		case part == "^":
			return `(?:^|"(?:msg|message)"\s*:\s*")`
		case part == `"`:
			return `\\?"`
		case strings.HasSuffix(part, "=") && part[0] != '\\':
			name := regexp.QuoteMeta(strings.TrimSuffix(part, "="))
			return `(?:` + name + `=|"` + name + `"\s*:\s*"?)`
		default:
			return part
		}
	})
	if len(wide) > maxDrawn {
		return pattern
	}
	return wide
}

// highlight draws text with its matches marked.
func highlight(st *styles, base style, text string, re *regexp.Regexp, here bool) string {
	if re == nil {
		return base.draw(text)
	}
	match := st.match
	if here {
		match = st.matchHere
	}
	var b strings.Builder
	last := 0
	for _, m := range re.FindAllStringIndex(text, 50) {
		if m[0] == m[1] {
			continue
		}
		b.WriteString(base.draw(text[last:m[0]]))
		b.WriteString(match.draw(text[m[0]:m[1]]))
		last = m[1]
	}
	b.WriteString(base.draw(text[last:]))
	return b.String()
}

// expanded draws the fields of an expanded line.
func (l *logScreen) expanded(fields []core.LogField, w int) []string {
	var out []string
	for _, f := range fields {
		name := fit(safe(f.Key), 16)
		for i, text := range wrap(safe(f.Value), max(w-24, 10), 20) {
			if i > 0 {
				name = blanks(16)
			}
			out = append(out, "     "+l.st.accent.draw(name)+" "+l.st.text.draw(text))
		}
		if f.Value == "" {
			out = append(out, "     "+l.st.accent.draw(name)+" "+l.st.dim.draw(`""`))
		}
	}
	return out
}

// fieldsOf takes a line apart: the fields of a JSON object in their order, else the whole text.
func fieldsOf(text string) []core.LogField {
	start := strings.IndexByte(text, '{')
	if start < 0 {
		return []core.LogField{{Key: "text", Value: text}}
	}
	d := json.NewDecoder(strings.NewReader(text[start:]))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return []core.LogField{{Key: "text", Value: text}}
	}
	var fields []core.LogField
	if before := strings.TrimSpace(text[:start]); before != "" {
		fields = append(fields, core.LogField{Key: "before", Value: before})
	}
	for d.More() && len(fields) < maxFields {
		name, err := d.Token()
		if err != nil {
			return []core.LogField{{Key: "text", Value: text}}
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return []core.LogField{{Key: "text", Value: text}}
		}
		fields = append(fields, core.LogField{Key: fmt.Sprint(name), Value: plainJSON(raw)})
	}
	switch {
	case len(fields) == 0:
		return []core.LogField{{Key: "text", Value: text}}
	case d.More():
		fields = append(fields, core.LogField{Key: "…", Value: fmt.Sprintf("There are more fields; the first %d are shown.", maxFields)})
	}
	return fields
}

// plainJSON is a value for reading: strings without quotes, the rest as it was written.
func plainJSON(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}
