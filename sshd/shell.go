package sshd

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/codematrx/matrx-ship/core"
)

// shell opens a shell as the whole session: ssh -t ... shell SERVICE [COMMAND...].
func (d *Door) shell(ctx context.Context, s *Session, argv []string) int {
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
		fmt.Fprintf(s.Stderr(), "shell: %s\n", core.SafeText(core.MessageOf(err)))
		return exitCodes[core.CodeOf(err)]
	}
	code, err := joinShell(ctx, sh, s, term.Raw(), term.OnResize)
	if err != nil {
		fmt.Fprintf(s.Stderr(), "shell: %s\n", core.SafeText(core.MessageOf(err)))
		return exitCodes[core.CodeOf(err)]
	}
	return code
}

// joinShell connects a shell with a terminal until the shell ends or the keys do, and closes it. It gives the shell's
// exit code. The reader of the keys ends with them: the caller's gate takes them away as soon as this returns.
func joinShell(ctx context.Context, sh *core.Shell, keys io.Reader, screen io.Writer, onResize func(func(width, height int))) (int, error) {
	onResize(func(width, height int) { _ = sh.Resize(ctx, width, height) }) // a size that arrives too late is of no use
	defer onResize(nil)
	typed := make(chan struct{})
	go func() { // ends with the keys, or with the write to a closed shell
		defer close(typed)
		_, _ = io.Copy(sh, keys) // either side's end is the end
	}()
	shown := make(chan error, 1)
	go func() {
		_, err := io.Copy(screen, sh)
		shown <- err
	}()
	var err error
	select {
	case err = <-shown: // the shell has ended
	case <-typed: // the user has gone
		err = errors.Join(sh.Close(), <-shown)
	case <-ctx.Done():
		err = errors.Join(sh.Close(), <-shown)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	code, codeErr := sh.ExitCode(context.WithoutCancel(ctx))
	return code, errors.Join(err, codeErr, sh.Close())
}
