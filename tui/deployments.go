package tui

import (
	"slices"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

// deploymentsShown is how many are asked for.
const deploymentsShown = 200

// deployments lists the deployments of all services, newest first, or of those that a filter leaves.
type deployments struct {
	scope
	loaded
	rows[core.Deployment]
	ticker
	query core.DeploymentsIn
}

// newDeployments lists the deployments of a service; without a name those of all.
func newDeployments(service string) func(scope) Screen {
	return func(s scope) Screen {
		return &deployments{
			scope: s, query: core.DeploymentsIn{Service: service, Limit: deploymentsShown},
			rows: newRows(func(d *core.Deployment) string { return d.ID }, func(d *core.Deployment) []string {
				return []string{d.Service, string(d.State), kindWord(*d), d.By.Name, d.Commit.SHA, d.FromSHA, d.Commit.Subject, d.Result, d.ID}
			}),
		}
	}
}

func (d *deployments) page() string { return "deployments " + d.query.Service }

// Title is the breadcrumb.
func (d *deployments) Title() string {
	if d.query.Service != "" {
		return "Deployments of " + d.query.Service
	}
	return "Deployments"
}

// Service is that of the deployment under the cursor.
func (d *deployments) Service() string {
	if one := d.current(); one != nil {
		return one.Service
	}
	return d.query.Service
}

// Copy is the id of the deployment under the cursor.
func (d *deployments) Copy() string {
	if one := d.current(); one != nil {
		return one.ID
	}
	return ""
}

// Keys are those of this screen.
func (d *deployments) Keys() []key.Binding {
	return []key.Binding{keys.open, keys.filters, keys.cancelDeploy}
}

// Init lists them.
func (d *deployments) Init() tea.Cmd { return ask(d.scope, d.src.deployments, d.query) }

// Return looks again.
func (d *deployments) Return() tea.Cmd { return d.Init() }

// Update takes an answer or a key in.
func (d *deployments) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case result[[]core.Deployment]:
		return d.takeList(msg)
	case tickMsg:
		if d.due(msg) {
			return d.Init()
		}
	case tea.KeyPressMsg:
		return d.press(msg)
	}
	return nil
}

// takeList shows the list, and looks again: soon while one runs, now and then for those that others begin.
func (d *deployments) takeList(r result[[]core.Deployment]) tea.Cmd {
	if d.loaded.take(r.err) {
		d.set(r.val)
	}
	for _, one := range d.all {
		if one.State == core.DeployRunning {
			return d.again(d.id, time.Second)
		}
	}
	return d.again(d.id, 10*time.Second)
}

func (d *deployments) press(msg tea.KeyPressMsg) tea.Cmd {
	one := d.current()
	switch {
	case key.Matches(msg, keys.filters):
		return d.over(d.filterForm())
	case one != nil && key.Matches(msg, keys.open):
		return d.push(newDeployment(*one))
	case one != nil && key.Matches(msg, keys.cancelDeploy):
		return d.cancelDeployment(*one)
	}
	d.moveIn(msg)
	return nil
}

// filterForm narrows what is asked for.
func (d *deployments) filterForm() overlay {
	states := []string{"any", string(core.DeployRunning), string(core.DeployDone), string(core.DeployFailed), string(core.DeployCanceled), string(core.DeployInterrupted)}
	state := "any"
	if d.query.State != "" {
		state = string(d.query.State)
	}
	return newForm(d.env, "Which deployments", func(v []string) (tea.Cmd, error) {
		if v[0] != "" && !slices.Contains(d.serviceNames(), v[0]) {
			return nil, core.Errorf(core.CodeNotFound, "There is no service %s.", v[0])
		}
		d.query.Service, d.query.State, d.query.By = v[0], core.DeployState(strings.TrimPrefix(v[1], "any")), v[2]
		d.set(nil)
		d.loaded = loaded{}
		return d.Init(), nil
	}, textField("service", "Empty: all.", d.query.Service), choiceField("state", "", state, states...), textField("who", "Who began it. Empty: anybody.", d.query.By))
}

// deploymentColumns are never written.
var deploymentColumns = []column{{title: "", min: 1, max: 1}, {title: "STATE", min: 11, max: 11, tight: true}, {title: "SERVICE", min: 12, max: 24, eager: true}, {title: "FROM → TO", min: 17, max: 27}, {title: "LOST", min: 4, max: 12, right: true}, {title: "TOOK", min: 6, max: 6, right: true}, {title: "AGE", min: 6, max: 6, right: true}, {title: "WHAT", min: 8, max: 8, drop: 1}, {title: "BY", min: 6, max: 12, drop: 2}, {title: "RESULT", min: 14, drop: 3}}

// View draws the screen.
func (d *deployments) View(w, h int) string {
	return d.frame(d.st, w, h, "Deployments", func(h int) []string {
		lines := d.head(w)
		if len(d.all) == 0 {
			what, do := "Nothing has been deployed yet", "Select a service and press D: what a deployment would do is shown first."
			if len(lines) > 0 {
				what, do = "No deployment is like that", "f changes what is listed."
			}
			return append(lines, strings.Split(emptyView(d.st, w, h-len(lines), look{"◇", "", d.st.dim}, what, do), "\n")...)
		}
		return append(lines, d.draw(d.st, w, h-len(lines), deploymentColumns, true, d.cells)...)
	})
}

// head says what the list is narrowed to.
func (d *deployments) head(w int) []string {
	var parts []string
	if d.query.Service != "" {
		parts = append(parts, "of "+safe(d.query.Service))
	}
	if d.query.State != "" {
		parts = append(parts, string(d.query.State))
	}
	if d.query.By != "" {
		parts = append(parts, "by "+safe(d.query.By))
	}
	if len(parts) == 0 {
		return nil
	}
	return []string{cut(" "+d.st.dim.draw("only ")+d.st.accent.draw(strings.Join(parts, " · "))+d.st.dim.draw("  f changes it"), w), ""}
}

func (d *deployments) cells(one *core.Deployment) []value {
	st, l := d.st, d.st.deployment(one.State)
	lost, lostStyle := "-", st.dim
	switch {
	case one.Lost > 0:
		lost, lostStyle = number(int64(one.Lost))+"/"+number(int64(one.Asked)), st.bad
	case one.Asked > 0:
		lost, lostStyle = "0", st.ok
	}
	return []value{
		{l.glyph, l.style}, {l.word, l.style}, {safe(one.Service), st.text}, {short7(one.FromSHA) + " → " + short7(one.Commit.SHA), st.accent}, {lost, lostStyle},
		{lasted(d.now(), one.Started, one.Took, one.State == core.DeployRunning), st.text}, {core.FormatAge(d.now().Sub(one.Started)), st.dim},
		{safe(one.Kind), st.dim}, {safe(one.By.Name), st.dim}, {safe(one.Result), st.dim},
	}
}

// short7 is a commit in the width of a narrow column.
func short7(sha string) string {
	if sha == "" {
		return "unknown"
	}
	return safe(sha[:min(len(sha), 7)])
}
