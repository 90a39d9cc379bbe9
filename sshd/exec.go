package sshd

import (
	"fmt"
	"io"
	"runtime/debug"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

// Exec makes a command that suspends the program and gives the terminal to run: in are the keys, out is the raw
// screen, and onResize takes a function that is called with the size now and after every change. run must return when
// in ends (the user or the session is gone); then the program is back, and done makes the message it gets. The
// signature holds no type of this package, so that a screen can ask for it as an interface.
func (t *Term) Exec(run func(in io.Reader, out io.Writer, onResize func(func(width, height int))) error, done func(error) tea.Msg) tea.Cmd {
	return func() tea.Msg {
		p := t.run.Load()
		if p == nil {
			return done(core.Errorf(core.CodeConflict, "No program runs on this terminal."))
		}
		select {
		case p.execs <- struct{}{}:
		default:
			return done(&core.Error{Code: core.CodeConflict, Message: "Something else has the terminal already.", Err: errBusy})
		}
		e := &execution{p: p, port: t.gate.open(""), run: run}
		e.takeInput()
		return tea.Exec(e, func(err error) tea.Msg {
			<-p.execs
			return done(err)
		})()
	}
}

// execution is one Exec, as Bubble Tea runs it: with the event loop blocked and the renderer stopped.
type execution struct {
	p    *program
	port *port
	run  func(io.Reader, io.Writer, func(func(width, height int))) error
}

// takeInput gives the input to the shell, and waits until the program's reader has handed over what it had: the event
// loop must still be turning for that.
func (e *execution) takeInput() {
	const patience = time.Second
	p := e.p
	p.term.gate.use(e.port)
	p.port.end(execMark)
	select {
	case <-p.execSeen:
	case <-p.done:
	case <-p.ended:
	case <-time.After(patience): // the mark was lost; Bubble Tea waits for the reader once more
	}
}

// leastExec is how long an execution takes at least. Bubble Tea 2.0.10 stops its frame ticker in a goroutine that it
// does not wait for; when the program were back before that has happened, its screen would stay still for ever.
const leastExec = 50 * time.Millisecond

// Run runs the shell, and gives the terminal back to the program.
func (e *execution) Run() (err error) {
	p := e.p
	least := time.NewTimer(leastExec)
	defer func() { <-least.C }()
	defer func() {
		p.term.OnResize(func(w, h int) { p.term.Post("window size", tea.WindowSizeMsg{Width: w, Height: h}) })
		p.resume()
		e.port.end("") // whoever still reads the shell's input must not take the next key
	}()
	defer func() {
		if r := recover(); r != nil {
			p.term.logger.Error("panic in a shell", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			err = core.Errorf(core.CodeInternal, "panic: %v", r)
		}
	}()
	p.term.OnResize(nil)
	return e.run(e.port, p.term.out, p.term.OnResize)
}

// SetStdin is not used: the shell has its own port.
func (e *execution) SetStdin(io.Reader) {}

// SetStdout is not used: the shell writes to the raw terminal.
func (e *execution) SetStdout(io.Writer) {}

// SetStderr is not used: Bubble Tea would give the server's.
func (e *execution) SetStderr(io.Writer) {}
