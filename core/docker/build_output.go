package docker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"

	"github.com/codematrx/matrx-ship/core"
	"github.com/moby/moby/api/types/build"
	"github.com/moby/moby/api/types/jsonstream"
)

const (
	outputLine   = 16 << 10 // bytes; a longer line is given in pieces
	messageLimit = 4 << 20  // bytes of one message of the engine; BuildKit gathers output of up to 1 MiB in one
)

// readProgress reads the messages of a build or a pull to their end, gives their lines to out, and the id that they name. A
// message that is an error is the error. What BuildKit tells of its steps goes to trace; nil where it is not asked.
func readProgress(ctx context.Context, body io.ReadCloser, action string, out func(line string), trace func(raw []byte) error) (id string, err error) {
	defer func() { _ = body.Close() }() // it was read, or is not wanted any more
	lines := &cutter{out: out}
	messages := bufio.NewScanner(body)
	messages.Buffer(make([]byte, 0, 64<<10), messageLimit)
	for messages.Scan() {
		raw := bytes.TrimSpace(messages.Bytes())
		if len(raw) == 0 {
			continue
		}
		var m jsonstream.Message
		if err := json.Unmarshal(raw, &m); err != nil {
			return "", core.Errorf(core.CodeInternal, "Cannot %s: the engine's answer cannot be read: %w", action, err)
		}
		if m.Error != nil {
			lines.end()
			return "", core.Errorf(failureCode(m.Error.Message), "Cannot %s: %s", action, strings.TrimSpace(m.Error.Message))
		}
		if m.ID == traceID && trace != nil {
			if err := readTrace(m, trace); err != nil {
				return "", core.Errorf(core.CodeInternal, "Cannot %s: the engine's answer cannot be read: %w", action, err)
			}
			continue
		}
		if made := madeBy(m); made != "" {
			id = made
		}
		lines.message(m)
	}
	lines.end()
	if err := messages.Err(); err != nil {
		return "", wrap(err, action)
	}
	if id != "" {
		return id, nil
	}
	return "", wrap(ctx.Err(), action)
}

// traceID marks the messages in which BuildKit tells of its steps.
const traceID = "moby.buildkit.trace"

// readTrace hands on what such a message holds.
func readTrace(m jsonstream.Message, trace func(raw []byte) error) error {
	if m.Aux == nil {
		return nil
	}
	var raw []byte
	if err := json.Unmarshal(*m.Aux, &raw); err != nil {
		return err
	}
	return trace(raw)
}

// failureCode is what kind of failure an error in the middle of the engine's output is.
func failureCode(text string) core.Code {
	if strings.Contains(text, context.Canceled.Error()) {
		return core.CodeCanceled
	}
	return core.CodeInvalid
}

// madeBy is the id of the image that a message reports.
func madeBy(m jsonstream.Message) string {
	if m.Aux == nil {
		return ""
	}
	var made build.Result
	if err := json.Unmarshal(*m.Aux, &made); err != nil {
		return "" // something else's
	}
	return made.ID
}

// cutter makes lines of a stream of text.
type cutter struct {
	out  func(line string)
	line []byte
}

// message takes in a message. One of a progress that goes on is left out: there are hundreds a second.
func (c *cutter) message(m jsonstream.Message) {
	c.text(m.Stream)
	if m.Status == "" || m.Progress != nil && m.Progress.Total > 0 {
		return
	}
	if m.ID != "" {
		m.Status = m.ID + ": " + m.Status
	}
	c.end()
	c.text(m.Status + "\n")
}

// text adds a piece of the stream.
func (c *cutter) text(s string) {
	for s != "" {
		piece, rest, ended := strings.Cut(s, "\n")
		s = rest
		for len(c.line)+len(piece) > outputLine {
			room := outputLine - len(c.line)
			c.line = append(c.line, piece[:room]...)
			piece = piece[room:]
			c.give()
		}
		c.line = append(c.line, piece...)
		if ended {
			c.give()
		}
	}
}

// end gives what is left without a newline.
func (c *cutter) end() {
	if len(c.line) > 0 {
		c.give()
	}
}

// give hands a line on.
func (c *cutter) give() {
	line := strings.ToValidUTF8(strings.TrimSuffix(string(c.line), "\r"), "\uFFFD")
	c.line = c.line[:0]
	if c.out != nil {
		c.out(line)
	}
}
