package tui

import (
	"image/color"
	"strings"

	"charm.land/lipgloss/v2"

	"github.com/codematrx/matrx-ship/core"
)

// The themes that Options.Theme and the command :theme know. ThemeAuto asks the terminal whether it is dark.
const (
	ThemeAuto     = "auto"
	ThemeDark     = "dark"
	ThemeLight    = "light"
	ThemeContrast = "high-contrast"
	ThemeMono     = "mono"
)

// Themes lists the names of the themes.
func Themes() []string {
	return []string{ThemeAuto, ThemeDark, ThemeLight, ThemeContrast, ThemeMono}
}

// style is a ready pair of control sequences: rendering is two copies, where lipgloss takes microseconds.
type style struct{ on, off string }

// draw puts the text between the sequences.
func (s style) draw(text string) string {
	if text == "" {
		return ""
	}
	return s.on + text + s.off
}

// palette is all the colours of a theme; nil is the terminal's own.
type palette struct {
	text, dim, faint, accent, ok, warn, bad, info, selBack, barBack, barText, match color.Color
}

// styles are the named styles that screens may use.
type styles struct {
	theme                           string
	text, dim, faint, bold          style
	accent, ok, warn, bad, info     style
	title, bar, barDim, barName     style
	barBad, barWarn, barOK          style
	key, keyText, head, sel, selBar style
	match, matchHere, box, boxTitle style
	button, buttonOn, danger        style
	services                        []style // colours that tell merged services apart
}

// newStyles builds a theme; an unknown name is dark.
func newStyles(theme string) *styles {
	switch theme {
	case ThemeLight:
		return colourStyles(theme, palette{
			text: hex("#1f2328"), dim: hex("#57606a"), faint: hex("#afb8c1"), accent: hex("#0550ae"), ok: hex("#116329"),
			warn: hex("#7d4e00"), bad: hex("#a40e26"), info: hex("#6639ba"), selBack: hex("#ddf4ff"), barBack: hex("#0b3d66"),
			barText: hex("#ffffff"), match: hex("#ffdf5d"),
		})
	case ThemeContrast:
		return colourStyles(theme, palette{
			text: hex("#ffffff"), dim: hex("#ffffff"), faint: hex("#c0c0c0"), accent: hex("#00ffff"), ok: hex("#00ff00"),
			warn: hex("#ffff00"), bad: hex("#ff6060"), info: hex("#ff80ff"), selBack: hex("#0000d7"), barBack: hex("#ffffff"),
			barText: hex("#000000"), match: hex("#ffff00"),
		})
	case ThemeMono:
		return monoStyles()
	default:
		return colourStyles(ThemeDark, palette{
			text: hex("#d7dde5"), dim: hex("#8b96a5"), faint: hex("#4a5566"), accent: hex("#5fb8ff"), ok: hex("#5fd787"),
			warn: hex("#ffc857"), bad: hex("#ff6b6b"), info: hex("#c39bff"), selBack: hex("#223349"), barBack: hex("#16324f"),
			barText: hex("#e8f1fb"), match: hex("#ffd75f"),
		})
	}
}

func hex(s string) color.Color { return lipgloss.Color(s) }

// colourStyles makes the named styles from a palette.
func colourStyles(theme string, p palette) *styles {
	n := lipgloss.NewStyle()
	fg := func(c color.Color) lipgloss.Style { return n.Foreground(c) }
	bar := func(c color.Color) style { return bake(n.Background(p.barBack).Foreground(c).Bold(true)) }
	black := hex("#10151c")
	st := &styles{
		theme: theme, text: bake(fg(p.text)), dim: bake(fg(p.dim)), faint: bake(fg(p.faint)), bold: bake(fg(p.text).Bold(true)),
		accent: bake(fg(p.accent)), ok: bake(fg(p.ok)), warn: bake(fg(p.warn)), bad: bake(fg(p.bad).Bold(true)), info: bake(fg(p.info)),
		title: bake(fg(p.accent).Bold(true)), bar: bake(n.Background(p.barBack).Foreground(p.barText)),
		barDim: bake(n.Background(p.barBack).Foreground(p.barText).Faint(theme != ThemeContrast)), barName: bar(p.barText),
		key: bake(fg(p.accent).Bold(true)), keyText: bake(fg(p.dim)), head: bake(fg(p.dim).Bold(true)),
		sel: bake(n.Background(p.selBack).Foreground(p.text)), selBar: bake(n.Background(p.selBack).Foreground(p.accent).Bold(true)),
		match: bake(n.Background(p.match).Foreground(black)), matchHere: bake(n.Background(p.accent).Foreground(black).Bold(true)),
		box: bake(fg(p.accent)), boxTitle: bake(fg(p.accent).Bold(true)),
		button: bake(fg(p.text)), buttonOn: bake(n.Background(p.accent).Foreground(black).Bold(true)),
		danger:   bake(n.Background(p.bad).Foreground(black).Bold(true)),
		services: []style{bake(fg(p.accent)), bake(fg(p.info)), bake(fg(p.ok)), bake(fg(p.warn)), bake(fg(p.text))},
	}
	st.barBad, st.barWarn, st.barOK = bar(barColour(theme, p.bad)), bar(barColour(theme, p.warn)), bar(barColour(theme, p.ok))
	return st
}

// barColour keeps state colours readable on the header's own background.
func barColour(theme string, c color.Color) color.Color {
	switch theme {
	case ThemeLight:
		return hex("#ffd7a8")
	case ThemeContrast:
		return hex("#000000")
	default:
		return c
	}
}

// monoStyles uses attributes alone.
func monoStyles() *styles {
	n := lipgloss.NewStyle()
	plain, bold, faint, rev := style{}, bake(n.Bold(true)), bake(n.Faint(true)), bake(n.Reverse(true))
	revBold, under := bake(n.Reverse(true).Bold(true)), bake(n.Underline(true))
	return &styles{
		theme: ThemeMono, text: plain, dim: plain, faint: faint, bold: bold, accent: bold, ok: plain, warn: bold, bad: revBold, info: plain,
		title: bold, bar: rev, barDim: rev, barName: revBold, barBad: revBold, barWarn: revBold, barOK: rev,
		key: bold, keyText: plain, head: under, sel: rev, selBar: revBold, match: under, matchHere: rev, box: plain, boxTitle: bold,
		button: plain, buttonOn: revBold, danger: revBold, services: []style{plain, bold, under},
	}
}

// bake turns a lipgloss style into its two sequences.
func bake(s lipgloss.Style) style {
	const mark = "\x1f"
	on, off, _ := strings.Cut(s.Render(mark), mark)
	return style{on, off}
}

// look is how a state is shown: a glyph, a word and a colour, in that order of importance.
type look struct {
	glyph, word string
	style       style
}

// health is how a health state looks.
func (st *styles) health(h core.HealthState) look {
	switch h {
	case core.Healthy:
		return look{"●", "healthy", st.ok}
	case core.Unhealthy:
		return look{"✗", "unhealthy", st.bad}
	case core.Down:
		return look{"■", "down", st.bad}
	case core.Starting:
		return look{"◐", "starting", st.warn}
	case core.Unproven:
		return look{"◇", "unproven", st.warn}
	case core.Paused:
		return look{"‖", "paused", st.warn}
	default:
		return look{"?", "unknown", st.warn}
	}
}

// severity is how a fault looks.
func (st *styles) severity(s core.Severity) look {
	if s == core.Critical {
		return look{"✗", "critical", st.bad}
	}
	return look{"▲", "warning", st.warn}
}

// check is how the state of a check looks.
func (st *styles) check(state string) look {
	switch state {
	case core.CheckOK:
		return look{"●", "ok", st.ok}
	case core.CheckWarn:
		return look{"▲", "warn", st.warn}
	case core.CheckFail:
		return look{"✗", "fail", st.bad}
	default:
		return look{"?", "unknown", st.warn}
	}
}

// job is how the state of a job looks. Builds and deployments have the same states.
func (st *styles) job(state string) look {
	switch state {
	case core.JobRunning:
		return look{"◐", "running", st.accent}
	case core.JobDone:
		return look{"●", "done", st.ok}
	case core.JobFailed:
		return look{"✗", "failed", st.bad}
	case core.JobCanceled:
		return look{"■", "canceled", st.warn}
	case core.JobInterrupted:
		return look{"▲", "interrupted", st.warn}
	default:
		return look{"?", safe(state), st.warn}
	}
}

// outcome is how the outcome of an audited action looks.
func (st *styles) outcome(o string) look {
	switch o {
	case core.OutcomeOK:
		return look{"●", "ok", st.ok}
	case core.OutcomeOpen:
		return look{"◐", "open", st.accent}
	case core.OutcomeInterrupted:
		return look{"▲", "interrupted", st.warn}
	case string(core.CodeForbidden), string(core.CodeInvalid), string(core.CodeCanceled):
		return look{"■", o, st.warn}
	default:
		return look{"✗", safe(o), st.bad}
	}
}

// level is how a log level looks: two columns and a colour.
func (st *styles) level(l core.LogLevel) look {
	switch l {
	case core.LevelTrace:
		return look{"T", "trace", st.faint}
	case core.LevelDebug:
		return look{"D", "debug", st.dim}
	case core.LevelInfo:
		return look{"I", "info", st.ok}
	case core.LevelWarn:
		return look{"W", "warn", st.warn}
	case core.LevelError:
		return look{"E", "error", st.bad}
	case core.LevelFatal:
		return look{"F", "fatal", st.bad}
	default:
		return look{" ", "any", st.text}
	}
}

// errorLook is the console's one table from an error's code to its look and the hint under it.
func (st *styles) errorLook(code core.Code) (look, string) {
	switch code {
	case core.CodeInvalid:
		return look{"▲", "not valid", st.warn}, "Correct it and try again."
	case core.CodeNotFound:
		return look{"?", "not found", st.warn}, "It may just have been removed. ctrl+r looks again."
	case core.CodeConflict:
		return look{"▲", "in conflict", st.warn}, "Look at the jobs (5) and the audit (6) for who else is at it."
	case core.CodeForbidden:
		return look{"■", "not allowed", st.warn}, "Access (7) shows who may; an admin can change the role."
	case core.CodeUnavailable:
		return look{"✗", "not available", st.bad}, "ctrl+r tries again. Diagnose (8) says what does not answer."
	case core.CodeCanceled:
		return look{"■", "cancelled", st.dim}, "ctrl+r tries again."
	default:
		return look{"✗", "internal error", st.bad}, "The control plane's own log has the details."
	}
}
