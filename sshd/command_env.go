package sshd

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/codematrx/matrx-ship/core"
)

// maxStdin bounds what a command reads, in bytes.
const maxStdin = 2 << 20

// valuesByInput is said to whoever writes a value on the command line.
const valuesByInput = "Values come by standard input alone: a command line stays in the history of your shell and shows in the list of processes. " +
	"Give a .env text (env set SERVICE < file) or one value (env set SERVICE NAME < file)."

func envCommands() []command {
	return []command{{"env", "SERVICE | set SERVICE [NAME] | unset SERVICE NAME... | undo SERVICE VERSION", "Show the env of a service, masked, or change it", func(k *call) {
		k.flags.BoolVar(&k.opt.reveal, "reveal", false, "show the values; this is audited")
		k.flags.IntVar(&k.opt.version, "version", 0, "with --reveal: this version instead of the newest")
		k.flags.IntVar(&k.opt.base, "base", 0, "change nothing unless this is the newest version")
	}, runEnv}}
}

func runEnv(k *call) error {
	verb := ""
	if len(k.args) > 1 {
		verb = k.args[0]
	}
	switch verb {
	case "set":
		return runEnvSet(k, k.args[1], k.args[2:])
	case "unset":
		return k.changeEnv(core.SetEnvIn{ServiceIn: core.ServiceIn{Service: k.args[1]}, Remove: k.args[2:], Base: k.opt.base})
	case "undo":
		return runEnvUndo(k, k.args[1], k.args[2:])
	}
	name, err := k.one("service (or set, unset or undo, and then a service)")
	if err != nil {
		return err
	}
	if k.opt.reveal {
		return runEnvReveal(k, name)
	}
	view, err := core.ShowEnv.Run(k.ctx, k.core, core.ServiceIn{Service: name})
	if err != nil {
		return err
	}
	return k.answer(view, func(w io.Writer) { printEnv(w, view) })
}

func printEnv(w io.Writer, v core.EnvView) {
	switch {
	case v.Version == 0:
		fmt.Fprintf(w, "%s has no env in the store.\n", core.SafeText(v.Service))
	default:
		fmt.Fprintf(w, "%s: version %d by %s at %s, key %s. %s\n", core.SafeText(v.Service), v.Version, core.SafeText(v.By), stamp(v.At), core.SafeText(v.KeyID), runningWords(v))
	}
	if v.Problem != "" {
		fmt.Fprintln(w, "✗ "+core.SafeText(v.Problem))
	}
	fmt.Fprintln(w)
	t := table{head: []string{"NAME", "VALUE", ""}}
	for _, n := range v.Names {
		changed := ""
		if n.Changed {
			changed = "changed since it was deployed"
		}
		t.add(n.Name, "***", changed)
	}
	for _, n := range v.Definition {
		t.add(n.Name, n.Value, "from the definition")
	}
	t.print(w, "There are no variables.")
	if len(v.History) == 0 {
		return
	}
	fmt.Fprintln(w)
	history := table{head: []string{"VERSION", "WHEN", "BY", "WHAT"}}
	for _, h := range v.History {
		history.add(fmt.Sprint(h.Version), stamp(h.At), h.By, h.Note)
	}
	history.print(w, "")
}

// runningWords say which version the container was made with.
func runningWords(v core.EnvView) string {
	switch {
	case v.Running == v.Version:
		return "It is the one that runs."
	case v.Running < 0:
		return "Which version runs is not known."
	default:
		return fmt.Sprintf("▲ Version %d runs: deploy %s", v.Running, core.SafeText(v.Service))
	}
}

func runEnvReveal(k *call, name string) error {
	values, err := core.RevealEnv.Run(k.ctx, k.core, core.RevealEnvIn{ServiceIn: core.ServiceIn{Service: name}, Version: k.opt.version})
	if err != nil {
		return err
	}
	return k.answer(values, func(w io.Writer) {
		for _, name := range slices.Sorted(maps.Keys(values.Values)) {
			value := values.Values[name]
			if strings.ContainsAny(value, "\n\r") {
				value = strconv.Quote(value)
			}
			fmt.Fprintln(w, name+"="+core.SafeText(value))
		}
	})
}

func runEnvSet(k *call, service string, names []string) error {
	for _, name := range names {
		if strings.Contains(name, "=") {
			return core.Errorf(core.CodeInvalid, "%s", valuesByInput)
		}
	}
	if len(names) > 1 {
		return core.Errorf(core.CodeInvalid, "Give one NAME, whose value comes by standard input, or none, and a .env text there.")
	}
	text, err := k.input("a value or a .env text")
	if err != nil {
		return err
	}
	in := core.SetEnvIn{ServiceIn: core.ServiceIn{Service: service}, Base: k.opt.base}
	if len(names) == 1 {
		value := strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
		in.Set = map[string]core.Secret{strings.TrimSuffix(names[0], "-"): core.Secret(value)}
	} else {
		in.Paste = core.Secret(text)
	}
	return k.changeEnv(in)
}

// input reads all of the standard input.
func (k *call) input(what string) (string, error) {
	if k.in == nil {
		return "", core.Errorf(core.CodeInvalid, "Give %s by standard input, and no terminal (no -t).", what)
	}
	raw, err := io.ReadAll(io.LimitReader(k.in, maxStdin+1))
	switch {
	case err != nil:
		return "", core.Errorf(core.CodeCanceled, "The input ended before its time.")
	case len(raw) > maxStdin:
		return "", core.Errorf(core.CodeInvalid, "The input has more than %s.", core.FormatBytes(maxStdin))
	case len(raw) == 0:
		return "", core.Errorf(core.CodeInvalid, "The standard input is empty: give %s there.", what)
	}
	return string(raw), nil
}

func (k *call) changeEnv(in core.SetEnvIn) error {
	view, err := core.SetEnv.Run(k.ctx, k.core, in)
	return k.changedEnv(view, err)
}

// changedEnv prints an env after a change.
func (k *call) changedEnv(view core.EnvView, err error) error {
	if err != nil {
		return err
	}
	return k.answer(view, func(w io.Writer) {
		fmt.Fprintf(w, "The env of %s is version %d now. %s\n", core.SafeText(view.Service), view.Version, runningWords(view))
	})
}

func runEnvUndo(k *call, service string, args []string) error {
	if len(args) != 1 {
		return core.Errorf(core.CodeInvalid, "Give the version to return to: env %s lists them.", service)
	}
	version, err := strconv.Atoi(args[0])
	if err != nil {
		return core.Errorf(core.CodeInvalid, "%q is not a version: they are numbers from 1.", args[0])
	}
	view, err := core.UndoEnv.Run(k.ctx, k.core, core.UndoEnvIn{ServiceIn: core.ServiceIn{Service: service}, Version: version})
	return k.changedEnv(view, err)
}
