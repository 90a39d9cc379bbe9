package tui

import (
	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

// place is a screen that a key, a command and the palette lead to.
type place struct {
	name string // of the command
	key  key.Binding
	make func(e *env) func(scope) Screen // its result is nil for Home
}

// placeList is every such screen, in order of the keys.
func placeList() []place {
	return []place{
		{"home", keys.home, func(*env) func(scope) Screen { return nil }},
		{"logs", keys.logs, func(e *env) func(scope) Screen { return newLogs(e.logServices()...) }},
		{"terminal", keys.terminal, func(*env) func(scope) Screen { return newTerminal }},
		{"infra", keys.infra, func(*env) func(scope) Screen { return newInfra }},
		{"jobs", keys.jobs, func(*env) func(scope) Screen { return newJobs }},
		{"audit", keys.audit, func(*env) func(scope) Screen { return newAudit("") }},
		{"access", keys.access, func(*env) func(scope) Screen { return newAccess }},
		{"diagnose", keys.diagnose, func(*env) func(scope) Screen { return newDiagnose }},
		{"settings", keys.settings, func(*env) func(scope) Screen { return newSettings }},
		{"docs", keys.docs, func(*env) func(scope) Screen { return newDocs("") }},
	}
}

// logServices is whose log the Logs screen opens on: the selected service, else the first there is.
func (e *env) logServices() []string {
	if e.selected != "" {
		return []string{e.selected}
	}
	if e.snap != nil && len(e.snap.Services) > 0 {
		return []string{e.snap.Services[0].Name}
	}
	return nil
}

// pressPlace goes to a screen by its digit.
func (a *App) pressPlace(msg tea.KeyPressMsg) (tea.Cmd, bool) {
	for _, p := range placeList() {
		if key.Matches(msg, p.key) {
			return a.goTo(p.make(a.env)), true
		}
	}
	return nil, false
}

// goBack leaves what the screen wants to leave first, then the screen; it is false on the first screen.
func (a *App) goBack() (tea.Cmd, bool) {
	if s, ok := a.screen().(backScreen); ok {
		if cmd, left := s.Back(); left {
			return cmd, true
		}
	}
	return nil, a.pop()
}

// pressService handles the keys that work on any list with a service under the cursor.
func (a *App) pressService(msg tea.KeyPressMsg) (tea.Cmd, bool) {
	s, ok := a.screen().(serviceScreen)
	if !ok || s.Service() == "" {
		return nil, false
	}
	name := s.Service()
	switch {
	case key.Matches(msg, keys.svcLogs):
		return a.openLogs(name), true
	case key.Matches(msg, keys.svcShell):
		return a.openShell(core.OpenShellIn{Service: name}), true
	case key.Matches(msg, keys.svcDescribe):
		return a.openOverview(name), true
	case key.Matches(msg, keys.svcRestart):
		return a.act(a.restartAction(name)), true
	}
	return nil, false
}

// openLogs shows a service's log, unless that is what is on the screen.
func (e *env) openLogs(names ...string) tea.Cmd {
	if s, ok := e.screen().(*logScreen); ok && len(names) == 1 && len(s.query.Services) == 1 && s.query.Services[0] == names[0] {
		return nil
	}
	return e.push(newLogs(names...))
}

// openOverview describes a service, unless that is what is on the screen.
func (e *env) openOverview(name string) tea.Cmd {
	if s, ok := e.screen().(*overview); ok && s.name == name {
		return nil
	}
	return e.push(newOverview(name))
}

// openShell leaves the console for a shell in a service's container.
func (e *env) openShell(in core.OpenShellIn) tea.Cmd {
	if e.shell == nil {
		e.say(noticeWarn, "A shell cannot be opened through this door. Use: ssh -t HOST shell "+in.Service)
		return nil
	}
	if s, ok := e.service(in.Service); ok && s.State != "running" {
		e.say(noticeWarn, in.Service+" does not run, so no shell can be opened in it. Start it first, or read its log with l.")
		return nil
	}
	in.Cols, in.Rows = e.width, e.height
	return e.shell(in)
}

// shellEnded says how a shell ended.
func (a *App) shellEnded(msg ShellEnded) tea.Cmd {
	if msg.Err != nil {
		a.sayError("Shell in "+msg.In.Service, msg.Err)
	} else {
		a.say(noticeDone, "The shell in "+msg.In.Service+" has ended. Its recording is under Terminal (3).")
	}
	return a.screen().Init()
}

// openFilter opens the line at the bottom for a filter.
func (a *App) openFilter() tea.Cmd {
	s, ok := a.screen().(filterScreen)
	if !ok {
		a.say(noticeInfo, "There is nothing to filter here.")
		return nil
	}
	before := s.Filter()
	a.prompt = &prompt{
		label: "/", in: newInput(before), live: func(text string) tea.Cmd {
			if _, slow := s.(slowFilter); slow {
				return nil
			}
			return s.SetFilter(text)
		},
		submit: s.SetFilter, cancel: func() tea.Cmd { return s.SetFilter(before) },
	}
	return nil
}

// slowFilter is a screen whose filter is applied when it is complete, not at each key.
type slowFilter interface{ SlowFilter() }
