package tui

import (
	"regexp"
	"strings"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// commitWord is a commit as screens show it; an image that names none is never called by one.
func commitWord(c core.Commit) string {
	if c.SHA == "" {
		return "unknown"
	}
	return safe(c.Short())
}

// authorOf is the name in a commit's author, without the address.
func authorOf(c core.Commit) string {
	name, _, _ := strings.Cut(c.Author, " <")
	return safe(name)
}

// shortID is an id as screens show it: long ones begin alike when they were made at one time, so their end tells them apart.
func shortID(id string) string {
	if len(id) <= 20 {
		return safe(id)
	}
	return "…" + safe(id[len(id)-8:])
}

// lasted is how long something took, or has taken so far.
func lasted(now, began time.Time, took time.Duration, running bool) string {
	switch {
	case running && !began.IsZero():
		return span(now.Sub(began))
	case took <= 0:
		return "-"
	default:
		return span(took)
	}
}

// span is a length of time, the more exact the shorter it is.
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d < 10*time.Minute:
		return d.Round(time.Second).String()
	default:
		return core.FormatAge(d)
	}
}

// sizeWord is a size, or nothing.
func sizeWord(n int64) string {
	if n <= 0 {
		return "-"
	}
	return core.FormatBytes(n)
}

// imageWord is the id of an image as screens show it.
func imageWord(id string) string { return safe(core.ShortID(id)) }

// longID is an id within a text.
var longID = regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`)

// shortIDs shortens the ids within a text.
func shortIDs(text string) string { return longID.ReplaceAllStringFunc(text, shortID) }
