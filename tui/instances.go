package tui

import (
	"slices"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

// instance is a Ship app with its database.
type instance struct {
	name    string
	app, db *core.Service // nil: there is none
	last    *core.Deployment
}

// service is the app, else the database.
func (i *instance) service() string {
	if i.app != nil {
		return i.app.Name
	}
	return i.db.Name
}

// instances lists the Ship instances: how app and database do, what runs, and how the last deployment ended.
type instances struct {
	scope
	rows[instance]
	ticker
	last map[string]core.Deployment // by service
	err  error
}

func newInstances(s scope) Screen {
	i := &instances{scope: s, rows: newRows(func(i *instance) string { return i.name }, func(i *instance) []string {
		return []string{i.name, i.service()}
	})}
	i.fill()
	return i
}

// Title is the breadcrumb.
func (i *instances) Title() string { return "Instances" }

// Service is the app under the cursor.
func (i *instances) Service() string {
	if one := i.current(); one != nil {
		return one.service()
	}
	return ""
}

// Copy is the address under the cursor.
func (i *instances) Copy() string {
	one := i.current()
	if one == nil || one.app == nil {
		return i.Service()
	}
	return one.app.Route
}

// Keys are those of this screen.
func (i *instances) Keys() []key.Binding { return []key.Binding{keys.open, keys.removeAll} }

// Init asks for the newest deployments; the rest comes with snapshots.
func (i *instances) Init() tea.Cmd {
	return ask(i.scope, i.src.deployments, core.DeploymentsIn{Limit: deploymentsShown})
}

// Return looks again.
func (i *instances) Return() tea.Cmd { return i.Init() }

// Update takes an answer, a newer state or a key in.
func (i *instances) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case result[[]core.Deployment]:
		i.takeLast(msg)
		return i.again(i.id, 10*time.Second)
	case tickMsg:
		if i.due(msg) {
			return i.Init()
		}
	case snapshotMsg:
		i.fill()
	case tea.KeyPressMsg:
		switch name := i.Service(); {
		case name == "":
		case key.Matches(msg, keys.open):
			return i.openOverview(name)
		case key.Matches(msg, keys.removeAll):
			return i.openPage("remove-definition "+name, newRemoval(name))
		}
		i.moveIn(msg)
	}
	return nil
}

func (i *instances) takeLast(r result[[]core.Deployment]) {
	i.err = r.err
	if r.err != nil {
		return
	}
	i.last = map[string]core.Deployment{}
	for _, d := range slices.Backward(r.val) { // newest first: the newest stays
		i.last[d.Service] = d
	}
	i.fill()
}

// fill puts apps and databases together.
func (i *instances) fill() {
	if i.snap == nil {
		return
	}
	var all []instance
	at := map[string]int{}
	for n := range i.snap.Services {
		s := &i.snap.Services[n]
		if s.Instance == "" || s.Kind != core.KindShip && s.Kind != core.KindShipDB {
			continue
		}
		k, known := at[s.Instance]
		if !known {
			k = len(all)
			at[s.Instance] = k
			all = append(all, instance{name: s.Instance})
		}
		if s.Kind == core.KindShip {
			all[k].app = s
		} else {
			all[k].db = s
		}
		if d, ok := i.last[s.Name]; ok && s.Kind == core.KindShip {
			all[k].last = &d
		}
	}
	i.set(all)
}

// instanceColumns are never written.
var instanceColumns = []column{{title: "", min: 1, max: 1}, {title: "INSTANCE", min: 10, max: 20, tight: true, eager: true}, {title: "APP", min: 11, max: 11}, {title: "DATABASE", min: 11, max: 11}, {title: "LAST DEPLOYMENT", min: 18, max: 34, eager: true}, {title: "COMMIT", min: 12, max: 12}, {title: "DOMAIN", min: 14, max: 40, drop: 1}, {title: "RELEASE", min: 10, max: 16, drop: 2}}

// View draws the screen.
func (i *instances) View(w, h int) string {
	if i.snap == nil {
		return loadingView(i.st, w, h, "Looking for instances …")
	}
	if len(i.all) == 0 {
		return emptyView(i.st, w, h, look{"◇", "", i.st.dim}, "No Ship instance on this server yet", "An instance is an app with its own database; it appears here as soon as the engine has its containers.")
	}
	var lines []string
	if i.err != nil {
		lines = append(lines, i.st.warn.draw(cut(" ▲ The last deployments cannot be shown: "+safe(core.MessageOf(i.err)), w)))
	}
	return joinLines(append(lines, i.draw(i.st, w, h-len(lines), instanceColumns, true, i.cells)...), h)
}

func (i *instances) cells(one *instance) []value {
	st := i.st
	worst, domain := i.healthOf(one.app), "-"
	if db := i.healthOf(one.db); one.db != nil && (one.app == nil || one.db.Health.State.Rank() < one.app.Health.State.Rank()) {
		worst = db
	}
	if one.app != nil && one.app.Route != "" {
		domain = strings.TrimPrefix(one.app.Route, "https://")
	}
	app, db := i.healthOf(one.app), i.healthOf(one.db)
	last, lastStyle, commit, release := "none so far", st.dim, "-", "-"
	if d := one.last; d != nil {
		l := st.deployment(d.State)
		last, lastStyle = l.glyph+" "+l.word+" "+ago(i.now(), d.Started)+" by "+safe(d.By.Name), l.style
		if d.State == core.DeployDone {
			commit, release = commitWord(d.Commit), blank(shortID(d.To))
		} else {
			commit, release = shortSHA(d.FromSHA), blank(shortID(d.From))
		}
	}
	return []value{
		{worst.glyph, worst.style}, {safe(one.name), st.text}, {app.glyph + " " + app.word, app.style}, {db.glyph + " " + db.word, db.style}, {last, lastStyle},
		{commit, st.accent}, {safe(domain), st.dim}, {release, st.dim},
	}
}

// healthOf is how a service looks, and one that is not there.
func (i *instances) healthOf(s *core.Service) look {
	if s == nil {
		return look{"?", "none", i.st.warn}
	}
	l := i.st.health(s.Health.State)
	l.word = healthWord(s)
	return l
}
