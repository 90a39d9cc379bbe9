package sshd

import (
	"fmt"
	"io"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// defaultTail is how many lines `logs` prints when nothing bounds them.
const defaultTail = 200

func logCommands() []command {
	return []command{
		{"logs", "[SERVICE...]", "Print, search or follow collected logs, also of containers that are gone", func(k *call) {
			k.flags.StringVar(&k.opt.since, "since", "", "from then on: 1h, 7d, or 2026-01-02T15:04:05Z")
			k.flags.StringVar(&k.opt.until, "until", "", "up to then")
			k.flags.StringVar(&k.opt.grep, "grep", "", "only lines that match this regular expression; all lower case ignores case")
			k.flags.BoolVar(&k.opt.invert, "invert", false, "only lines that do not match")
			k.flags.StringVar(&k.opt.level, "level", "", "only this level and worse: debug, info, warn, error, fatal")
			k.flags.IntVar(&k.opt.tail, "tail", 0, "only the last lines; 200 when neither --since nor --grep is given")
			k.flags.IntVar(&k.opt.limit, "limit", 0, "stop after so many lines")
			k.flags.BoolVar(&k.opt.follow, "follow", false, "go on with new lines")
			k.flags.BoolVar(&k.opt.follow, "f", false, "the same as --follow")
		}, runLogs},
		{"log-trim", "", "Remove the oldest collected logs, down to the bounds of the settings or those given", func(k *call) {
			k.flags.StringVar(&k.opt.maxBytes, "max-bytes", "", "of all services together: 500MiB, 2GiB")
			k.flags.StringVar(&k.opt.maxAge, "max-age", "", "of the lines: 12h, 7d")
		}, runLogTrim},
		{"log-services", "", "List services that have collected logs", nil, runLogServices},
	}
}

// logQuery reads the flags of logs.
func (k *call) logQuery(now time.Time) (core.LogQuery, error) {
	q := core.LogQuery{Services: k.args, Match: k.opt.grep, Invert: k.opt.invert, Tail: k.opt.tail, Limit: k.opt.limit}
	var err error
	if q.Since, err = parseTime(k.opt.since, now); err != nil {
		return q, err
	}
	if q.Until, err = parseTime(k.opt.until, now); err != nil {
		return q, err
	}
	if k.opt.level != "" {
		if q.MinLevel, err = core.ParseLogLevel(k.opt.level); err != nil {
			return q, err
		}
	}
	if q.Tail == 0 && q.Since.IsZero() && q.Match == "" {
		q.Tail = defaultTail
	}
	return q, nil
}

// parseTime reads a time, or a span back from now.
func parseTime(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return at, nil
	}
	span, err := core.ParseAge(s)
	if err != nil {
		return time.Time{}, core.Errorf(core.CodeInvalid, "%q is neither a time span such as 1h or 7d nor a time such as 2026-01-02T15:04:05Z.", s)
	}
	return now.Add(-span), nil
}

func runLogs(k *call) error {
	q, err := k.logQuery(time.Now())
	if err != nil {
		return err
	}
	lines := core.ReadLogs.Run(k.ctx, k.core, q)
	if k.opt.follow {
		lines = core.FollowLogs.Run(k.ctx, k.core, q)
	}
	several := len(q.Services) != 1
	for line, err := range lines {
		if err != nil {
			return err
		}
		if err := k.line(logJSON(line), logText(line, several)); err != nil {
			return err
		}
	}
	return nil
}

// logText is one line as people read it.
func logText(l core.LogLine, several bool) string {
	at := l.At.UTC().Format("2006-01-02T15:04:05.000Z")
	if several {
		at += " " + core.SafeText(l.Service)
	}
	if l.Gap != nil {
		return fmt.Sprintf("%s --- %s ---", at, gapText(*l.Gap))
	}
	text := core.SafeText(l.Text)
	if l.Cut {
		text += " [cut at 64 KiB]"
	}
	return at + " " + text
}

// gapText says what is missing.
func gapText(g core.LogGap) string {
	if g.Dropped < 0 {
		return "lines are missing: " + core.SafeText(g.Reason)
	}
	return fmt.Sprintf("%d lines are missing: %s", g.Dropped, core.SafeText(g.Reason))
}

// logLineJSON is one line as programs read it.
type logLineJSON struct {
	At        time.Time     `json:"at"`
	Service   string        `json:"service"`
	Container string        `json:"container,omitempty"`
	Stream    string        `json:"stream,omitempty"`
	Level     core.LogLevel `json:"level,omitempty"`
	Text      string        `json:"text"`
	Cut       bool          `json:"cut,omitempty"`
	Gap       *core.LogGap  `json:"gap,omitempty"`
}

func logJSON(l core.LogLine) logLineJSON {
	return logLineJSON{l.At, l.Service, l.Container, l.Stream, l.Level, l.Text, l.Cut, l.Gap}
}

func runLogTrim(k *call) error {
	if err := k.none(); err != nil {
		return err
	}
	var in core.TrimLogsIn
	var err error
	if k.opt.maxBytes != "" {
		if in.MaxBytes, err = core.ParseBytes(k.opt.maxBytes); err != nil {
			return err
		}
	}
	if k.opt.maxAge != "" {
		if in.MaxAge, err = core.ParseAge(k.opt.maxAge); err != nil {
			return err
		}
	}
	out, err := core.TrimLogs.Run(k.ctx, k.core, in)
	if err != nil {
		return err
	}
	return k.answer(out, func(w io.Writer) {
		fmt.Fprintf(w, "%d files removed, %s.", out.Segments, core.FormatBytes(out.Bytes))
		if !out.Oldest.IsZero() {
			fmt.Fprintf(w, " The oldest line left is of %s.", stamp(out.Oldest))
		}
		fmt.Fprintln(w)
	})
}

func runLogServices(k *call) error {
	if err := k.none(); err != nil {
		return err
	}
	list, err := core.ListLogs.Run(k.ctx, k.core, struct{}{})
	if err != nil {
		return err
	}
	return k.answer(notNil(list), func(w io.Writer) {
		t := table{head: []string{"SERVICE", "LIVE", "LINES", "SIZE", "FIRST", "LAST", "CONTAINERS"}}
		for _, s := range list {
			t.add(s.Service, liveText(s), fmt.Sprint(s.Lines), core.FormatBytes(s.Bytes), stamp(s.First), stamp(s.Last), fmt.Sprint(len(s.Containers)))
		}
		t.print(w, "No logs have been collected yet.")
	})
}

// liveText says whether lines come now, and from where when they are not collected here.
func liveText(s core.LogService) string {
	if s.Borrowed {
		return "engine"
	}
	return yes(s.Live)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// stamp writes a time to the second, in UTC.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}
