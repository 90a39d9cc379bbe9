package tui

import (
	"slices"
	"time"

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

// placeList is every such screen, the most used first.
func placeList() []place {
	return []place{
		{"home", keys.home, func(*env) func(scope) Screen { return nil }},
		{"logs", keys.logs, func(e *env) func(scope) Screen { return newLogs(e.logServices()...) }},
		{"deployments", keys.deployments, func(*env) func(scope) Screen { return newDeployments("") }},
		{"instances", keys.instances, func(*env) func(scope) Screen { return newInstances }},
		{"alerts", keys.alerts, func(*env) func(scope) Screen { return newAlerts }},
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
	left := a.pop()
	if s, ok := a.screen().(returnScreen); left && ok {
		return s.Return(), true
	}
	return nil, left
}

// returnScreen looks again when the screen above it has been left.
type returnScreen interface{ Return() tea.Cmd }

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
	return a.pressShip(msg, name)
}

// pressShip handles the keys that build, deploy and configure a service.
func (a *App) pressShip(msg tea.KeyPressMsg, name string) (tea.Cmd, bool) {
	switch {
	case key.Matches(msg, keys.svcDeploy):
		in := core.DeployIn{ServiceIn: core.ServiceIn{Service: name}}
		if s, ok := a.screen().(deploysScreen); ok {
			in = s.Deploys()
		}
		return a.openDeploy(in), true
	case key.Matches(msg, keys.svcRollback):
		return a.openPage("rollback "+name, newRollback(name)), true
	case key.Matches(msg, keys.svcBuilds):
		return a.openPage("builds "+name, newBuilds(name)), true
	case key.Matches(msg, keys.svcChanges):
		return a.openPage("changes "+name, newChanges(name)), true
	case key.Matches(msg, keys.svcEnv):
		return a.openPage("env "+name, newEnvScreen(name)), true
	case key.Matches(msg, keys.svcRoute):
		return a.openPage("routing", newRouting(name)), true
	}
	return nil, false
}

// deploysScreen has something of its own to deploy: a build, a commit.
type deploysScreen interface{ Deploys() core.DeployIn }

// pageScreen is a screen that is not put on top of itself.
type pageScreen interface{ page() string }

// openPage opens a screen, unless it is what is on the screen.
func (e *env) openPage(page string, make func(scope) Screen) tea.Cmd {
	if s, ok := e.screen().(pageScreen); ok && s.page() == page {
		return nil
	}
	return e.push(make)
}

// openDeploy plans a deployment.
func (e *env) openDeploy(in core.DeployIn) tea.Cmd {
	if s, ok := e.screen().(*deployScreen); ok && s.in == in {
		return nil
	}
	return e.push(newDeploy(in))
}

// openLogs shows the log of services. On the Logs screen it is that one which changes, so that esc leads back at once.
func (e *env) openLogs(names ...string) tea.Cmd {
	s, ok := e.screen().(*logScreen)
	if !ok {
		return e.push(newLogs(names...))
	}
	if slices.Equal(s.query.Services, names) {
		return nil
	}
	s.query.Services, s.query.Since, s.query.Until, s.query.Tail, s.span = names, time.Time{}, time.Time{}, logTail, ""
	return s.reload()
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
	if !e.may(core.ShellInfo()) {
		return nil
	}
	if s, ok := e.service(in.Service); ok && s.State != "running" {
		e.say(noticeWarn, in.Service+" does not run, so no shell can be opened in it. Start it first, or read its log with l.")
		return nil
	}
	in.Cols, in.Rows = e.width, e.height
	e.say(noticeBusy, "Opening a shell in "+in.Service+" …")
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
