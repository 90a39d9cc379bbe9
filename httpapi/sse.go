package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	streamWrite = 10 * time.Second // a reader that takes longer is gone
	heartbeat   = 15 * time.Second
)

// eventStream writes server-sent events, each new content once.
type eventStream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	last    []byte
	sent    time.Time
}

// outlive frees the stream from the deadline for reading the request, which would end it: all of the request is there,
// and what is read from now on is only whether the client has gone. Each write sets a deadline of its own.
func (e *eventStream) outlive() error {
	if err := e.control.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("clear read deadline: %w", err)
	}
	return nil
}

// send sends the content as one event when it differs from the last; otherwise a comment when the stream was silent
// for the heartbeat.
func (e *eventStream) send(content []byte) error {
	now := time.Now()
	var out bytes.Buffer
	switch {
	case !bytes.Equal(content, e.last):
		for line := range bytes.Lines(content) {
			fmt.Fprintf(&out, "data: %s\n", bytes.TrimRight(line, "\r\n"))
		}
		out.WriteByte('\n')
	case now.Sub(e.sent) >= heartbeat:
		out.WriteString(": still here\n\n")
	default:
		return nil
	}
	if err := e.control.SetWriteDeadline(now.Add(streamWrite)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("set deadline: %w", err)
	}
	if _, err := e.w.Write(out.Bytes()); err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	if err := e.control.Flush(); err != nil {
		return fmt.Errorf("flush event: %w", err)
	}
	e.last, e.sent = content, now
	return nil
}
