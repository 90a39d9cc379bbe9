package sshd

import (
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/codematrx/matrx-ship/core"
)

// allCommands are the commands and what is said in the same place: shell, which is the door's own and has nothing to
// run here, and help.
func allCommands() []command {
	return append(commands(),
		command{"shell", "SERVICE [COMMAND...]", "Open a shell in a service (needs ssh -t)", nil, nil},
		command{"help", "[COMMAND]", "Show this, or one command with its flags", nil, runHelp},
	)
}

// commandHelp is a command as help --json tells it.
type commandHelp struct {
	Name    string     `json:"name"`
	Args    string     `json:"args"`
	Summary string     `json:"summary"`
	Flags   []flagHelp `json:"flags,omitempty"` // only when one command was asked for
}

// flagHelp is one of its flags.
type flagHelp struct {
	Name  string `json:"name"`
	Usage string `json:"usage"`
}

// runHelp prints the list, or one command with its flags.
func runHelp(k *call) error {
	all := allCommands()
	if len(k.args) == 0 {
		list := make([]commandHelp, 0, len(all))
		for _, cmd := range all {
			list = append(list, commandHelp{Name: cmd.name, Args: cmd.args, Summary: cmd.summary})
		}
		return k.answer(list, func(w io.Writer) { printHelp(w, k.core, list) })
	}
	name, err := k.one("command")
	if err != nil {
		return err
	}
	for _, cmd := range all {
		if cmd.name == name {
			return k.answer(cmd.help(k), func(w io.Writer) { cmd.usage(cmd.call(k.ctx, k.core, w, k.errw), w) })
		}
	}
	return core.Errorf(core.CodeInvalid, "There is no command %q.", core.SafeText(name))
}

// help describes the command with its flags.
func (cmd command) help(k *call) commandHelp {
	h := commandHelp{Name: cmd.name, Args: cmd.args, Summary: cmd.summary}
	cmd.call(k.ctx, k.core, k.out, k.errw).flags.VisitAll(func(f *flag.Flag) {
		h.Flags = append(h.Flags, flagHelp{f.Name, f.Usage})
	})
	return h
}

func printHelp(w io.Writer, c *core.Core, list []commandHelp) {
	fmt.Fprintf(w, "%s of %s\n\nWithout a command, ssh opens the console. Commands:\n\n", c.Charter().Title, c.Server())
	for _, cmd := range list {
		fmt.Fprintf(w, "  %-34s %s\n", strings.TrimSpace(cmd.Name+" "+cmd.Args), cmd.Summary)
	}
	fmt.Fprint(w, "\nEvery command takes --json. Exit codes: 0 done, 1 failed, 2 wrong input, 3 not found, 4 forbidden,\n5 conflict, 6 no answer from something outside, 130 cancelled.\n")
}

// usage prints one command with its flags.
func (cmd command) usage(k *call, out io.Writer) {
	fmt.Fprintf(out, "%s\n\nUsage: %s [--json]\n", cmd.summary, strings.TrimSpace(cmd.name+" "+cmd.args))
	k.flags.VisitAll(func(f *flag.Flag) { fmt.Fprintf(out, "  --%-10s %s\n", f.Name, f.Usage) })
}
