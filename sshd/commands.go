package sshd

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/codematrx/matrx-ship/core"
)

// The exit codes of commands; scripts rely on them.
const (
	ExitOK          = 0
	ExitFailed      = 1 // our fault, or one without a better code
	ExitUsage       = 2 // the input is wrong
	ExitNotFound    = 3
	ExitForbidden   = 4
	ExitConflict    = 5
	ExitUnavailable = 6 // something outside does not answer; try again
	ExitCanceled    = 130
)

// exitCodes is the one table from error code to exit code.
var exitCodes = map[core.Code]int{
	core.CodeInvalid: ExitUsage, core.CodeNotFound: ExitNotFound, core.CodeForbidden: ExitForbidden,
	core.CodeConflict: ExitConflict, core.CodeUnavailable: ExitUnavailable, core.CodeCanceled: ExitCanceled,
	core.CodeInternal: ExitFailed,
}

// command is one thing that can be said on the ssh command line.
type command struct {
	name    string
	args    string // usage after the name
	summary string
	flags   func(*call) // declares flags besides --json
	run     func(*call) error
}

// call is one run of a command.
type call struct {
	ctx   context.Context
	core  *core.Core
	in    io.Reader // nil when it is a terminal
	out   io.Writer
	errw  io.Writer
	flags *flag.FlagSet
	args  []string // positional
	json  bool
	opt   options
}

// options are the flags of all commands; each command declares the ones it has.
type options struct {
	confirm, since, until, grep, level, kind, instance, actor, op, target, outcome, role, key string
	follow, invert, verify, standard                                                          bool
	tail, limit                                                                               int
	grace, maxBytes, maxAge                                                                   string
	ref, build, state, by, service, log                                                       string
	same, fresh, plan, keep, envGone, reveal, test, rendered                                  bool
	base, version                                                                             int
	vars                                                                                      map[string]string
}

// commands is the one list, in the order of help.
func commands() []command {
	return slices.Concat(serviceCommands(), deployCommands(), buildCommands(), envCommands(), stateCommands(), logCommands(), auditCommands(), accessCommands(), jobCommands(), serverCommands())
}

// Names lists the commands in the order of help. A shell needs a terminal and is served by the Door itself.
func Names() []string {
	var names []string
	for _, c := range allCommands() {
		names = append(names, c.name)
	}
	return names
}

// IO is where a command reads and writes: results go to Out, everything else to Err.
type IO struct {
	In       io.Reader // nil when it is a terminal, which commands do not read
	Out, Err io.Writer
}

// Run runs one command line and returns its exit code. The actor rides in ctx; argv is not empty.
func Run(ctx context.Context, c *core.Core, argv []string, std IO) int {
	if len(argv) == 0 || argv[0] == "-h" || argv[0] == "--help" {
		argv = append([]string{"help"}, argv[min(1, len(argv)):]...)
	}
	for _, cmd := range allCommands() {
		if cmd.name == argv[0] && cmd.run != nil {
			return cmd.execute(ctx, c, argv[1:], std)
		}
	}
	fmt.Fprintf(std.Err, "There is no command %q; ssh ... help lists them.\n", core.SafeText(argv[0]))
	return ExitUsage
}

// execute parses the arguments, runs, and reports the error in the form that was asked for.
func (cmd command) execute(ctx context.Context, c *core.Core, argv []string, std IO) int {
	w := &failing{w: std.Out}
	k := cmd.call(ctx, c, w, std.Err)
	k.in = std.In
	err := k.parse(argv)
	if errors.Is(err, flag.ErrHelp) {
		cmd.usage(k, std.Out)
		return ExitOK
	}
	if err == nil {
		err = cmd.run(k)
	}
	if err == nil && w.err != nil {
		return ExitFailed // the reader has gone: nobody is left to be told
	}
	return k.report(cmd, err)
}

// call makes a run of the command, with its flags declared.
func (cmd command) call(ctx context.Context, c *core.Core, out, errw io.Writer) *call {
	k := &call{ctx: ctx, core: c, out: out, errw: errw, flags: flag.NewFlagSet(cmd.name, flag.ContinueOnError)}
	k.flags.SetOutput(io.Discard)
	k.flags.BoolVar(&k.json, "json", false, "answer as JSON")
	if cmd.flags != nil {
		cmd.flags(k)
	}
	return k
}

// parse takes flags and positional arguments in any order; after "--" nothing is a flag.
func (k *call) parse(argv []string) error {
	for {
		if err := k.flags.Parse(argv); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return err
			}
			return core.Errorf(core.CodeInvalid, "%s", strings.ReplaceAll(err.Error(), " -", " --"))
		}
		rest := k.flags.Args()
		if len(rest) == 0 {
			return nil
		}
		if took := len(argv) - len(rest); took > 0 && argv[took-1] == "--" {
			k.args = append(k.args, rest...)
			return nil
		}
		k.args, argv = append(k.args, rest[0]), rest[1:]
	}
}

// report writes the error and gives the exit code.
func (k *call) report(cmd command, err error) int {
	if err == nil {
		return ExitOK
	}
	code, message := core.CodeOf(err), core.SafeText(core.MessageOf(err))
	if k.json {
		raw, _ := json.Marshal(map[string]any{"error": map[string]string{"code": string(code), "message": message}}) // two strings: cannot fail
		fmt.Fprintf(k.errw, "%s\n", raw)
	} else {
		fmt.Fprintf(k.errw, "%s: %s\n", cmd.name, message)
	}
	return exitCodes[code]
}

// one gives the only positional argument.
func (k *call) one(what string) (string, error) {
	if len(k.args) != 1 {
		return "", core.Errorf(core.CodeInvalid, "Give exactly one %s.", what)
	}
	return k.args[0], nil
}

// none refuses positional arguments.
func (k *call) none() error {
	if len(k.args) > 0 {
		return core.Errorf(core.CodeInvalid, "%q is one argument too many.", k.args[0])
	}
	return nil
}

// answer prints a result: as JSON, or as text makes it.
func (k *call) answer(v any, text func(io.Writer)) error {
	if !k.json {
		text(k.out)
		return nil
	}
	e := json.NewEncoder(k.out)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return core.Errorf(core.CodeInternal, "The answer cannot be written: %w", err)
	}
	return nil
}

// line prints one item of a stream: as one line of JSON, or as text.
func (k *call) line(v any, text string) error {
	if k.json {
		raw, err := json.Marshal(v)
		if err != nil {
			return core.Errorf(core.CodeInternal, "The answer cannot be written: %w", err)
		}
		text = string(raw)
	}
	_, err := io.WriteString(k.out, text+"\n")
	return err
}

// failing remembers that the reader has gone, so that text need not check every line.
type failing struct {
	w   io.Writer
	err error
}

// Write passes on until the first error.
func (f *failing) Write(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	n, err := f.w.Write(p)
	f.err = err
	return n, err
}
