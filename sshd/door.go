package sshd

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/tui"
)

// Door serves sessions: the console, a command, or a shell.
type Door struct {
	core *core.Core
	log  *slog.Logger
}

// NewDoor makes the handler of a Server over a control plane.
func NewDoor(c *core.Core, log *slog.Logger) *Door { return &Door{c, log} }

// Handle serves one session. Its actor is whoever's key signed; it is a live session of the control plane for as long
// as it lasts, so that it is seen and can be ended.
func (d *Door) Handle(s *Session) int {
	argv := opWords(s.raw, s.Command())
	actor := actorOf(s)
	ctx := core.WithRequest(core.WithActor(s.Context(), actor), s.ID())
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	live, err := d.core.OpenSession(ctx, actor, what(argv), s.End)
	if err != nil {
		fmt.Fprintln(s.Stderr(), core.MessageOf(err))
		return exitCodes[core.CodeOf(err)]
	}
	defer live.Close()
	switch {
	case len(argv) == 0:
		return d.console(ctx, s, actor, live.Touch)
	case argv[0] == "shell":
		return d.shell(ctx, s, argv[1:], live.Touch)
	default:
		return d.command(ctx, s, argv)
	}
}

// command runs one command. With a terminal there is no input to read but ctrl-C, which ends the command and nothing that
// it started.
func (d *Door) command(ctx context.Context, s *Session, argv []string) int {
	if _, ok := s.Term(); !ok {
		return Run(ctx, d.core, argv, IO{In: s, Out: s, Err: s.Stderr()})
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // ends with the terminal, which ends with the session
		for key := make([]byte, 1); ; {
			if _, err := s.Read(key); err != nil || key[0] == ctrlC {
				cancel()
				return
			}
		}
	}()
	return Run(ctx, d.core, argv, IO{Out: s, Err: s.Stderr()})
}

// ctrlC is what a terminal in raw mode sends for it.
const ctrlC = 3

// opWords gives the JSON of `op NAME JSON` as it came: the client has taken the user's quotes away already, and the
// quotes that are left belong to the JSON.
func opWords(raw string, argv []string) []string {
	name, rest, _ := strings.Cut(strings.TrimSpace(raw), " ")
	verb, input, _ := strings.Cut(strings.TrimSpace(rest), " ")
	if input = strings.TrimSpace(input); name == "op" && strings.HasPrefix(input, "{") {
		return []string{name, verb, input}
	}
	return argv
}

// actorOf is who acts in this session.
func actorOf(s *Session) core.Actor {
	id := s.Identity()
	return core.Actor{
		Name: id.Name, Kind: core.ActorPerson, Role: id.Role, Door: core.DoorSSH, Address: s.RemoteAddr().String(),
		Fingerprint: id.Fingerprint, KeySource: id.Source, Session: s.ID(), Client: s.ClientVersion(),
	}
}

// what says in a few words what a session is for. Arguments stay out: they may hold what is nobody's business.
func what(argv []string) string {
	switch {
	case len(argv) == 0:
		return "console"
	case argv[0] == "shell" && len(argv) > 1:
		return "shell " + cleanName(argv[1])
	default:
		return "command " + cleanName(argv[0])
	}
}

// console runs the terminal UI.
func (d *Door) console(ctx context.Context, s *Session, actor core.Actor, touch func()) int {
	term, ok := s.Term()
	if !ok {
		fmt.Fprintln(s.Stderr(), "The console needs a terminal: ssh -t. For a command without one: ssh ... help")
		return ExitFailed
	}
	if err := term.Usable(); err != nil {
		fmt.Fprintf(s.Stderr(), "%s Commands work: ssh ... help\n", core.MessageOf(err))
		return ExitFailed
	}
	app := tui.New(tui.Options{
		Context: ctx, Core: d.core, Actor: actor,
		Shell: func(in core.OpenShellIn) tea.Cmd { return d.shellCmd(ctx, term, in, touch) },
	})
	defer app.Close()
	if _, err := RunProgram(s, attentive{app, touch}); err != nil && s.Context().Err() == nil {
		d.log.Error("console", "session", s.ID(), "err", err)
		return ExitFailed
	}
	return ExitOK
}

// attentive notes when somebody presses a key.
type attentive struct {
	tea.Model
	touch func()
}

// Update passes every message on.
func (m attentive) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	if _, ok := msg.(tea.KeyPressMsg); ok {
		m.touch()
	}
	next, cmd := m.Model.Update(msg)
	return attentive{next, m.touch}, cmd
}

// announced opens a shell, and says so on the empty screen while that takes its time.
func (d *Door) announced(ctx context.Context, screen io.Writer, in core.OpenShellIn) (*core.Shell, error) {
	const clearLine = "\r\x1b[K"
	if _, err := io.WriteString(screen, clearLine+"Opening a shell in "+core.SafeText(in.Service)+" …"); err != nil {
		return nil, fmt.Errorf("write to the terminal: %w", err)
	}
	sh, err := core.OpenShell(ctx, d.core, in)
	_, _ = io.WriteString(screen, clearLine) // a terminal that is gone ends the shell by its keys
	return sh, err
}

// shellCmd suspends the console for a shell.
func (d *Door) shellCmd(ctx context.Context, term *Term, in core.OpenShellIn, touch func()) tea.Cmd {
	return term.Exec(func(keys io.Reader, screen io.Writer, onResize func(func(width, height int))) error {
		size := term.Size()
		in.Cols, in.Rows, in.Term = size.Width, size.Height, term.Name()
		sh, err := d.announced(ctx, screen, in)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithCancel(ctx) // the keys end when the console does, and the shell with them
		defer cancel()
		_, err = joinShell(ctx, sh, ending{touched{keys, touch}, cancel}, screen, onResize)
		return err
	}, func(err error) tea.Msg { return tui.ShellEnded{In: in, Err: err} })
}
