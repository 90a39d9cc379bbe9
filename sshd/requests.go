package sshd

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	gossh "golang.org/x/crypto/ssh"
)

// What a client may ask for, at most.
const (
	maxEnv     = 32       // variables
	maxEnvSize = 1 << 10  // bytes of one, name and value
	maxCommand = 32 << 10 // bytes
	maxTermLen = 64       // bytes of TERM
)

// serveRequests answers the requests of the channel until there are no more, which is when the client closed it. It
// never waits for the handler, so a slow session cannot hold up the connection.
func (s *Session) serveRequests(requests <-chan *gossh.Request) {
	for r := range requests {
		ok, after := s.request(r)
		if err := r.Reply(ok, nil); err != nil {
			continue // the channel is closing; the loop ends by itself
		}
		if after != nil {
			after()
		}
	}
}

// request judges one request. What it returns besides the answer is done after the answer was sent.
func (s *Session) request(r *gossh.Request) (ok bool, after func()) {
	running := s.running()
	switch {
	case r.Type == "window-change" && s.term != nil:
		return s.resize(r.Payload), nil
	case r.Type == "signal":
		return s.signal(r.Payload), nil
	case running:
		return false, nil
	}
	switch r.Type {
	case "pty-req":
		return s.openTerm(r.Payload), nil
	case "env":
		return s.setEnv(r.Payload), nil
	case "shell", "exec":
		return s.prepare(r.Type, r.Payload)
	}
	return false, nil // subsystems (sftp), agent, X11, break: nothing of it exists here
}

func (s *Session) running() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.handled != nil
}

// openTerm gives the session its terminal.
func (s *Session) openTerm(payload []byte) bool {
	var p struct {
		Term                          string
		Columns, Rows, PixelW, PixelH uint32
		Modes                         string
	}
	if s.term != nil || s.Identity().NoPTY || gossh.Unmarshal(payload, &p) != nil {
		return false
	}
	s.term = NewTerm(TermConfig{
		In:     s.channel,
		Out:    s.out,
		Name:   cleanTerm(p.Term),
		Size:   clampSize(int(p.Columns), int(p.Rows)),
		Logger: s.conn.srv.logger.With("session", s.id),
	})
	return true
}

// cleanTerm keeps a TERM that could be one.
func cleanTerm(name string) string {
	if len(name) > maxTermLen || strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_+.", r)
	}) {
		return ""
	}
	return name
}

func (s *Session) resize(payload []byte) bool {
	var p struct{ Columns, Rows, PixelW, PixelH uint32 }
	if gossh.Unmarshal(payload, &p) != nil {
		return false
	}
	s.term.Resize(int(p.Columns), int(p.Rows))
	return true
}

// setEnv takes a variable, within bounds. TERM is the terminal's.
func (s *Session) setEnv(payload []byte) bool {
	var p struct{ Name, Value string }
	if gossh.Unmarshal(payload, &p) != nil || len(s.env) >= maxEnv || len(p.Name)+len(p.Value) > maxEnvSize ||
		!envName(p.Name) || strings.ContainsFunc(p.Value, unicode.IsControl) {
		return false
	}
	s.env = append(s.env, p.Name+"="+p.Value)
	return true
}

func envName(name string) bool {
	return name != "" && name != "TERM" && !strings.ContainsFunc(name, func(r rune) bool {
		return r != '_' && (r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r))
	})
}

// signal ends the session on the signals that end a program.
func (s *Session) signal(payload []byte) bool {
	var p struct{ Name string }
	if gossh.Unmarshal(payload, &p) != nil {
		return false
	}
	switch p.Name {
	case "HUP", "INT", "KILL", "QUIT", "TERM":
		s.cancel(errHungUp)
		return true
	}
	return false
}

// prepare settles the command and says how to start it.
func (s *Session) prepare(kind string, payload []byte) (ok bool, after func()) {
	if kind == "exec" {
		var p struct{ Command string }
		if gossh.Unmarshal(payload, &p) != nil || len(p.Command) > maxCommand {
			return false, nil
		}
		s.raw = p.Command
	}
	if forced := s.Identity().Command; forced != "" {
		s.env = append(s.env, "SSH_ORIGINAL_COMMAND="+s.raw)
		s.raw = forced
	}
	words, err := splitCommand(s.raw)
	if err == nil && kind == "exec" && len(words) == 0 {
		err = errors.New("the command is empty")
	}
	s.command = words
	srv := s.conn.srv
	if err != nil {
		return true, func() { s.startWith(func(s *Session) int { return s.complain(err) }) }
	}
	return true, func() { s.startWith(srv.handle) }
}

// complain is the handler of a session whose command cannot be read.
func (s *Session) complain(err error) int {
	const usage = 2
	_, _ = fmt.Fprintf(s.Stderr(), "matrx: %s\n", err) // when it does not arrive there is nobody to tell
	return usage
}
