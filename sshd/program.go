package sshd

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	uv "github.com/charmbracelet/ultraviolet"

	"github.com/codematrx/matrx-ship/core"
)

// Marks go through the program's own input, behind the last key. When one arrives, the goroutine that reads the input
// has delivered everything before it and has only io.EOF left to read, so the program can go without leaving it
// behind: that goroutine hands over its events without a way to give up, and would wait for ever on a program that has
// ended. Each mark first closes a paste that may be open.
const (
	quitMark = "\x1b[201~\x1b_matrx-quit\x1b\\"
	execMark = "\x1b[201~\x1b_matrx-exec\x1b\\"

	quitEvent = "\x1b_matrx-quit\x1b\\"
	execEvent = "\x1b_matrx-exec\x1b\\"
)

// framesPerSecond is what a key press needs to feel immediate (about 20 ms), at half the price of 60.
const framesPerSecond = 30

// RunProgram runs a Bubble Tea program on a session's terminal until it quits, or the session ends.
func RunProgram(s *Session, m tea.Model, opts ...tea.ProgramOption) (tea.Model, error) {
	t, ok := s.Term()
	if !ok {
		return m, core.Errorf(core.CodeInvalid, "The console needs a terminal (ssh -t).")
	}
	return t.Run(s.Context(), m, s.Env(), opts...)
}

// program is one run of a Bubble Tea program.
type program struct {
	term *Term
	port *port
	tea  *tea.Program
	done chan struct{} // closed when tea has ended

	execs    chan struct{} // a token while something else has the terminal
	execSeen chan struct{} // capacity 1: the exec mark has arrived

	ended   chan struct{} // closed when the end was asked for
	endOnce sync.Once

	// Of the event loop alone.
	quitting bool // everything but the end is dropped
	pasting  bool // between the start and the end of a paste
	late     int  // lateQuit messages that came

	failure atomic.Pointer[error]
}

// lateQuit ends a program whose quit mark was lost.
type lateQuit struct{}

// Run runs a program until it quits, ctx is done, or the input ends, and gives its last model. env decides the
// colours. A panic in the model ends the program and is an error; the terminal is restored in any case.
func (t *Term) Run(ctx context.Context, m tea.Model, env []string, opts ...tea.ProgramOption) (tea.Model, error) {
	if err := t.Usable(); err != nil {
		return m, err
	}
	p := &program{
		term: t, port: t.gate.open(quitMark), done: make(chan struct{}), ended: make(chan struct{}),
		execs: make(chan struct{}, 1), execSeen: make(chan struct{}, 1),
	}
	if !t.run.CompareAndSwap(nil, p) {
		return m, core.Errorf(core.CodeConflict, "A program runs on this terminal already.")
	}
	defer t.run.Store(nil)
	p.tea = tea.NewProgram(guard{m, p}, p.options(env, opts)...)

	t.gate.use(p.port)
	defer t.gate.use(t.direct)
	var owned sync.WaitGroup
	defer owned.Wait()
	owned.Go(func() { t.mail.deliver(p.done, p.tea.Send) })
	owned.Go(func() { p.watch(ctx) })
	t.OnResize(func(w, h int) { t.Post("window size", tea.WindowSizeMsg{Width: w, Height: h}) })
	defer t.OnResize(nil)

	final, err := p.tea.Run()
	close(p.done)
	p.port.end("") // where the program fell over, its reader has not seen the end yet
	if g, ok := final.(guard); ok {
		final = g.Model
	}
	return final, p.verdict(err)
}

// verdict is the error of a run that has ended with err.
func (p *program) verdict(err error) error {
	if failure := p.failure.Load(); failure != nil {
		err = *failure
	}
	if err == nil {
		return nil
	}
	p.term.restore()
	return &core.Error{Code: core.CodeInternal, Message: "The console has failed.", Err: err}
}

// options are ours; of the caller's those count that do not touch input, output and the end.
func (p *program) options(env []string, opts []tea.ProgramOption) []tea.ProgramOption {
	t := p.term
	env = append(env[:len(env):len(env)], "TERM="+t.name)
	size := t.Size()
	all := append([]tea.ProgramOption{tea.WithFPS(framesPerSecond), tea.WithColorProfile(colorprofile.Env(env))}, opts...)
	return append(all,
		tea.WithInput(&sieve{r: p.port}), tea.WithOutput(t.cooked), tea.WithEnvironment(env),
		tea.WithWindowSize(size.Width, size.Height),
		tea.WithoutSignalHandler(), // signals are the process's
		tea.WithFilter(p.filter))
}

// filter lets no message end the program before its reader has ended.
func (p *program) filter(_ tea.Model, msg tea.Msg) tea.Msg {
	switch msg := msg.(type) {
	case uv.UnknownApcEvent:
		return p.mark(string(msg))
	case lateQuit:
		return p.tooLate()
	case tea.QuitMsg, tea.InterruptMsg:
		p.quitting = true
		p.quit()
		return nil
	case tea.SuspendMsg: // would stop the server
		return nil
	}
	if p.quitting || p.fromMark(msg) {
		return nil
	}
	return msg
}

// fromMark tells the end of a paste that a mark closed, though none was open, from a real one.
func (p *program) fromMark(msg tea.Msg) bool {
	switch msg.(type) {
	case tea.PasteStartMsg:
		p.pasting = true
	case tea.PasteMsg:
		return !p.pasting
	case tea.PasteEndMsg:
		was := p.pasting
		p.pasting = false
		return !was
	}
	return false
}

// mark acts on a mark; any other such sequence is the client's and means nothing.
func (p *program) mark(event string) tea.Msg {
	switch event {
	case quitEvent:
		return tea.QuitMsg{}
	case execEvent:
		select {
		case p.execSeen <- struct{}{}:
		default:
		}
	}
	return nil
}

// quit asks for the end; it may be called from anywhere, more than once.
func (p *program) quit() {
	p.endOnce.Do(func() {
		close(p.ended) // first: see resume
		p.port.end(quitMark)
	})
}

// resume gives the input back to the program. Where the end was asked for meanwhile, its mark would be lost.
func (p *program) resume() {
	p.term.gate.use(p.port)
	select {
	case <-p.ended:
		p.port.end(quitMark)
	default:
	}
}

// watch ends the program with its context, and sees to it that it does end.
func (p *program) watch(ctx context.Context) {
	select {
	case <-p.done:
		return
	case <-p.ended:
	case <-ctx.Done():
		p.term.gate.close() // a shell that runs now ends with it, and then the program
		p.endOnce.Do(func() { close(p.ended) })
	}
	const patience = 250 * time.Millisecond
	tick := time.NewTicker(patience)
	defer tick.Stop()
	for {
		select {
		case <-p.done:
			return
		case <-tick.C:
			p.tea.Send(lateQuit{})
		}
	}
}

// tooLate ends a program without its mark. The reader must have read its end, and had a while to hand over the rest.
func (p *program) tooLate() tea.Msg {
	select {
	case <-p.port.drained():
		if p.late++; p.late > 1 {
			return tea.QuitMsg{}
		}
	default:
		p.late = 0
	}
	return nil
}

// guard is the model with its panics contained: the program quits in order, and the terminal is left as it was.
type guard struct {
	tea.Model
	p *program
}

// Init is the model's.
func (g guard) Init() (cmd tea.Cmd) {
	defer g.recover(&cmd)
	return g.p.contain(g.Model.Init())
}

// Update is the model's.
func (g guard) Update(msg tea.Msg) (next tea.Model, cmd tea.Cmd) {
	next = g
	defer g.recover(&cmd)
	model, cmd := g.Model.Update(msg)
	return guard{model, g.p}, g.p.contain(cmd)
}

// View is the model's; empty after a panic.
func (g guard) View() (v tea.View) {
	var cmd tea.Cmd
	defer g.recover(&cmd)
	return g.Model.View()
}

func (g guard) recover(cmd *tea.Cmd) {
	if r := recover(); r != nil {
		g.p.fail(r)
		*cmd = nil
	}
}

// fail ends the program after a panic.
func (p *program) fail(r any) {
	err := fmt.Errorf("panic: %v", r)
	if p.failure.CompareAndSwap(nil, &err) {
		p.term.logger.Error("panic in the console", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
	}
	p.quit()
}

// contain contains the panics of a command. Commands inside a batch or a sequence are contained by Bubble Tea, which
// ends the program less politely.
func (p *program) contain(cmd tea.Cmd) tea.Cmd {
	if cmd == nil {
		return nil
	}
	return func() (msg tea.Msg) {
		defer func() {
			if r := recover(); r != nil {
				p.fail(r)
			}
		}()
		return cmd()
	}
}

// errBusy is the answer to a second Exec.
var errBusy = errors.New("something else has the terminal")
