package coretest

import (
	"context"
	"iter"
	"strings"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// fragment is how much of a line the engine gives at once.
const fragment = 16 << 10

// Log writes text to a container's log as its process would: every line, also a long one, becomes fragments of at most
// 16 KiB, and the last one is partial when the text does not end in a newline. The stream is "stdout" or "stderr".
func (d *Docker) Log(id, stream, text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.find(id); c != nil {
		d.log(c, stream, text)
	}
}

// LogAt is Log for whole lines with a time of the caller's choice.
func (d *Docker) LogAt(id string, line core.RawLog) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.find(id); c != nil {
		c.logs = append(c.logs, line)
		d.bump()
	}
}

// log is Log. Call with mu held.
func (d *Docker) log(c *container, stream, text string) {
	for text != "" {
		line, rest, ended := strings.Cut(text, "\n")
		text = rest
		at := d.tick()
		for len(line) > fragment {
			c.logs = append(c.logs, core.RawLog{At: at, Stream: stream, Text: []byte(line[:fragment]), Partial: true})
			line = line[fragment:]
		}
		c.logs = append(c.logs, core.RawLog{At: at, Stream: stream, Text: []byte(line), Partial: !ended})
	}
	d.bump()
}

// ContainerLogs yields the fragments at or after since. A followed stream ends when the container does.
func (d *Docker) ContainerLogs(ctx context.Context, id string, since time.Time, follow bool) iter.Seq2[core.RawLog, error] {
	return func(yield func(core.RawLog, error) bool) {
		d.mu.Lock()
		generation := d.logBreak
		d.mu.Unlock()
		err := d.enter(ctx, "ContainerLogs")
		d.mu.Lock()
		c := d.find(id)
		run := 0
		if c != nil {
			run = len(c.ends)
		}
		d.mu.Unlock()
		if err == nil && c == nil {
			err = noSuch(id)
		}
		if err != nil {
			if ctx.Err() == nil {
				yield(core.RawLog{}, err)
			}
			return
		}
		for next := 0; ; {
			d.mu.Lock()
			news, changed := c.logs[next:], d.changed
			over := !follow || c.d.State != "running" || d.containers[c.d.ID] == nil
			if follow && len(c.ends) > run { // it ended since, and may run again
				news, over = c.logs[next:max(next, c.ends[run])], true
			}
			broken := d.logBreak != generation
			d.mu.Unlock()
			next += len(news)
			for _, line := range news {
				if line.At.Before(since) {
					continue
				}
				if ctx.Err() != nil || !yield(line, nil) {
					return
				}
			}
			if broken {
				yield(core.RawLog{}, core.Errorf(core.CodeUnavailable, "The log stream broke."))
				return
			}
			if over {
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-changed:
			}
		}
	}
}
