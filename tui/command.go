package tui

import (
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

// prompt is the line at the bottom while something is typed into it: a command or a filter.
type prompt struct {
	label    string
	in       input
	live     func(text string) tea.Cmd // at each change; may be nil
	complete func(text string) []string
	submit   func(text string) tea.Cmd
	cancel   func() tea.Cmd // may be nil
	matches  []string       // of the completion that tab walks through
	match    int
}

// changed follows a change of the text.
func (p *prompt) changed() tea.Cmd {
	p.matches = nil
	if p.live == nil {
		return nil
	}
	return p.live(p.in.value())
}

// offers are the completions of what is typed.
func (p *prompt) offers() []string {
	if p.matches != nil {
		return p.matches
	}
	if p.complete == nil {
		return nil
	}
	return p.complete(p.in.value())
}

// tab takes the next completion.
func (p *prompt) tab(step int) {
	if p.matches == nil {
		p.matches, p.match = p.offers(), -1
		if step < 0 {
			p.match = 0
		}
	}
	if n := len(p.matches); n > 0 {
		p.match = (p.match + step + n) % n
		p.in.set(p.matches[p.match])
	}
}

// pressPrompt hands a key to the line at the bottom.
func (a *App) pressPrompt(msg tea.KeyPressMsg) tea.Cmd {
	p := a.prompt
	switch msg.String() {
	case "esc":
		a.prompt = nil
		if p.cancel != nil {
			return p.cancel()
		}
	case "enter":
		a.prompt = nil
		return p.submit(p.in.value())
	case "tab":
		p.tab(1)
	case "shift+tab":
		p.tab(-1)
	case "backspace":
		if p.in.value() == "" {
			a.prompt = nil
			return nil
		}
		p.in.update(msg)
		return p.changed()
	default:
		if p.in.update(msg) {
			return p.changed()
		}
	}
	return nil
}

// openCommand opens the command line.
func (a *App) openCommand(text string) tea.Cmd {
	a.prompt = &prompt{label: ":", in: newInput(text), complete: a.completions, submit: a.runCommand}
	return nil
}

// command is one word of the command line.
type command struct {
	name, args, note string
	arg              func(e *env) []string // completions of its argument
	run              func(e *env, arg string, rest []string) tea.Cmd
	needs            bool // an argument; without one the selected service is meant
}

// serviceVerbs are the commands on a service; the palette offers them too.
func serviceVerbs() []command {
	verb := func(name, note string, run func(e *env, service string, rest []string) tea.Cmd) command {
		return command{name, "SERVICE", note, (*env).serviceNames, run, true}
	}
	page := func(name string, of func(string) func(scope) Screen) func(*env, string, []string) tea.Cmd {
		return func(e *env, service string, _ []string) tea.Cmd { return e.openPage(name+" "+service, of(service)) }
	}
	act := func(of func(*env, string) action) func(*env, string, []string) tea.Cmd {
		return func(e *env, service string, _ []string) tea.Cmd { return e.act(of(e, service)) }
	}
	return []command{
		verb("describe", "what a service is and how it does", func(e *env, s string, _ []string) tea.Cmd { return e.openOverview(s) }),
		verb("logs", "its log; more names are merged", func(e *env, s string, rest []string) tea.Cmd { return e.openLogs(append([]string{s}, rest...)...) }),
		verb("shell", "a shell in its container, or the command that follows", func(e *env, s string, rest []string) tea.Cmd {
			return e.openShell(core.OpenShellIn{Service: s, Command: rest})
		}),
		verb("deploy", "what a deployment would do, and start it; a commit or branch may follow", func(e *env, s string, rest []string) tea.Cmd {
			return e.openDeploy(core.DeployIn{ServiceIn: core.ServiceIn{Service: s}, Ref: strings.Join(rest, " ")})
		}),
		verb("rollback", "its releases, and the way back to one", page("rollback", newRollback)),
		verb("changes", "what a deployment would change", page("changes", newChanges)),
		verb("builds", "its builds and their output", page("builds", newBuilds)),
		verb("env", "its variables, masked, and their versions", page("env", newEnvScreen)),
		verb("adopt", "take over what runs, without a restart", act((*env).adoptAction)),
		verb("history", "its deployments", page("deployments", newDeployments)),
		{"routes", "SERVICE", "what Traefik really routes", (*env).serviceNames, func(e *env, s string, _ []string) tea.Cmd { return e.openPage("routing", newRouting(s)) }, false},
		verb("restart", "stop and start its container", act((*env).restartAction)),
		verb("start", "start its container", act((*env).startAction)),
		verb("stop", "stop its container", act((*env).stopAction)),
		verb("recreate", "make its container anew", act((*env).recreateAction)),
		verb("remove", "remove its container", act((*env).removeAction)),
		verb("remove-definition", "what its removal with its definition does, and do it", page("remove-definition", newRemoval)),
	}
}

// commands is the whole command line, in the order of the help.
func commands() []command {
	all := serviceVerbs()
	for _, p := range placeList() {
		all = append(all, command{name: p.name, note: "the screen " + p.key.Help().Desc, run: func(e *env, _ string, _ []string) tea.Cmd {
			return e.goTo(p.make(e))
		}})
	}
	return append(all,
		command{name: "search", args: "PATTERN", note: "search every collected log, newest first", run: func(e *env, arg string, rest []string) tea.Cmd {
			return e.push(newLogSearch(core.LogQuery{Match: strings.Join(append([]string{arg}, rest...), " ")}))
		}},
		command{name: "doc", args: "PAGE", note: "a page of the handbook", arg: (*env).docNames, run: func(e *env, arg string, _ []string) tea.Cmd { return e.push(newDocs(arg)) }},
		command{name: "theme", args: "NAME", note: "auto, dark, light, high-contrast or mono", arg: func(*env) []string { return Themes() }, run: setTheme},
		command{name: "mouse", note: "mouse on or off", run: func(*env, string, []string) tea.Cmd { return func() tea.Msg { return mouseMsg{} } }},
		command{name: "messages", note: "what the console has said", run: func(e *env, _ string, _ []string) tea.Cmd { return e.over(newMessages(e)) }},
		command{name: "help", note: "keys and commands", run: func(e *env, _ string, _ []string) tea.Cmd { return e.over(newHelp(e)) }},
		command{name: "quit", note: "leave the console", run: func(*env, string, []string) tea.Cmd { return tea.Quit }},
	)
}

func setTheme(e *env, name string, _ []string) tea.Cmd {
	for _, known := range Themes() {
		if name == known {
			return func() tea.Msg { return themeMsg{name} }
		}
	}
	e.say(noticeWarn, "There is no theme "+name+"; there are "+strings.Join(Themes(), ", ")+".")
	return nil
}

func (e *env) serviceNames() []string {
	if e.snap == nil {
		return nil
	}
	names := make([]string, len(e.snap.Services))
	for i, s := range e.snap.Services {
		names[i] = s.Name
	}
	return names
}

func (e *env) docNames() []string {
	names := make([]string, len(e.docs))
	for i, d := range e.docs {
		names[i] = d.Name
	}
	return names
}

// completions are the whole lines that what is typed may become.
func (a *App) completions(text string) []string {
	word, last, hasArg := strings.Cut(strings.TrimLeft(text, " "), " ")
	if c, ok := findCommand(word); ok && hasArg {
		word = c.name // a beginning that only one has is its name
	}
	var out []string
	for _, c := range commands() {
		switch {
		case !hasArg && strings.HasPrefix(c.name, word):
			out = append(out, c.name)
		case hasArg && c.name == word && c.arg != nil:
			before, begun := "", last
			if i := strings.LastIndexByte(last, ' '); i >= 0 {
				before, begun = last[:i+1], last[i+1:]
			}
			for _, name := range c.arg(a.env) {
				if strings.HasPrefix(name, begun) {
					out = append(out, word+" "+before+name)
				}
			}
		}
	}
	return out
}

// runCommand runs a line. A name may be shortened while it stays the only one.
func (a *App) runCommand(line string) tea.Cmd {
	words := strings.Fields(line)
	if len(words) == 0 {
		return nil
	}
	c, ok := findCommand(words[0])
	if !ok {
		a.say(noticeWarn, "There is no command "+words[0]+". ? lists them.")
		return nil
	}
	arg, rest := "", words[1:]
	if len(rest) > 0 {
		arg, rest = rest[0], rest[1:]
	}
	if c.needs && arg == "" {
		arg = a.selected
	}
	if c.needs && arg == "" {
		a.say(noticeWarn, "Which service? Write :"+c.name+" SERVICE.")
		return nil
	}
	return c.run(a.env, arg, rest)
}

// findCommand finds a command by its name, or by a beginning that only one has. q is quit.
func findCommand(word string) (command, bool) {
	if word == "q" || word == "q!" || word == "exit" {
		word = "quit"
	}
	var found []command
	for _, c := range commands() {
		if c.name == word {
			return c, true
		}
		if strings.HasPrefix(c.name, word) && (len(found) == 0 || found[0].name != c.name) {
			found = append(found, c)
		}
	}
	if len(found) == 1 {
		return found[0], true
	}
	return command{}, false
}

// promptHints are the keys of the line at the bottom.
func promptHints() []key.Binding {
	return []key.Binding{bind("enter", "run", "enter"), keys.complete, bind("esc", "leave", "esc")}
}
