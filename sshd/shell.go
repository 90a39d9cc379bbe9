package sshd

import (
	"context"
	"fmt"
	"io"

	"github.com/codematrx/matrx-ship/core"
)

// shell opens a shell as the whole session: ssh -t ... shell SERVICE [COMMAND...].
func (d *Door) shell(ctx context.Context, s *Session, argv []string, touch func()) int {
	term, ok := s.Term()
	if !ok || len(argv) == 0 {
		fmt.Fprintln(s.Stderr(), "Usage: ssh -t ... shell SERVICE [COMMAND...]; it needs a terminal, which -t asks for.")
		return ExitUsage
	}
	size := term.Size()
	sh, err := core.OpenShell(ctx, d.core, core.OpenShellIn{
		Service: argv[0], Command: argv[1:], Term: term.Name(), Cols: size.Width, Rows: size.Height,
	})
	if err != nil {
		return refuseShell(s, err)
	}
	code, err := joinShell(ctx, sh, touched{s, touch}, term.Raw(), term.OnResize)
	if err != nil {
		return refuseShell(s, err)
	}
	return code
}

// refuseShell says why there is no shell, or no longer one.
func refuseShell(s *Session, err error) int {
	fmt.Fprintf(s.Stderr(), "shell: %s\n", core.SafeText(core.MessageOf(err)))
	return exitCodes[core.CodeOf(err)]
}

// joinShell connects a shell with a terminal until the shell ends or ctx does, closes it, and gives its exit code.
// Keys that end do not end the shell: a client with an empty input still waits for the output. Whoever called it must
// end the keys when it returns: one goroutine reads them until then.
func joinShell(ctx context.Context, sh *core.Shell, keys io.Reader, screen io.Writer, onResize func(func(width, height int))) (int, error) {
	onResize(func(width, height int) { _ = sh.Resize(width, height) }) // a size for a shell that has ended is of no use
	defer onResize(nil)
	go func() { _, _ = io.Copy(sh, keys) }() // the end of either side is the end
	shown := make(chan error, 1)
	go func() {
		_, err := io.Copy(screen, sh)
		shown <- err
	}()
	select {
	case err := <-shown:
		closeErr := sh.Close()
		if err == nil {
			err = closeErr
		}
		return sh.ExitCode(), err
	case <-ctx.Done():
		err := sh.Close()
		<-shown // its error is that we closed it
		return sh.ExitCode(), err
	}
}

// touched notes when somebody types.
type touched struct {
	io.Reader
	touch func()
}

// Read passes on what was typed.
func (t touched) Read(p []byte) (int, error) {
	n, err := t.Reader.Read(p)
	if n > 0 {
		t.touch()
	}
	return n, err
}

// ending calls end when its reader ends.
type ending struct {
	io.Reader
	end func()
}

// Read passes on what was typed.
func (e ending) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p)
	if err != nil {
		e.end()
	}
	return n, err
}
