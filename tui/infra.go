package tui

import (
	"strconv"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

// infraPane is one pane of the Infrastructure screen: a table of strings made of what core answered.
type infraPane struct {
	title, none string
	cols        []column
	fill        func(*infra) []infraRow
}

// infraRow is one row of any pane.
type infraRow struct {
	name    string // of the thing; a service's in the panes of services
	cells   []value
	service bool
}

// infra shows what the engine and Traefik hold besides services, and the services that others stand on.
type infra struct {
	scope
	loaded
	rows[infraRow]
	data core.Infrastructure
	pane int
}

func newInfra(s scope) Screen {
	return &infra{scope: s, rows: newRows(func(r *infraRow) string { return r.name }, func(r *infraRow) []string {
		texts := make([]string, len(r.cells))
		for i, c := range r.cells {
			texts[i] = c.text
		}
		return texts
	})}
}

// Title is the breadcrumb.
func (i *infra) Title() string { return "Infrastructure" }

// Service is the one under the cursor, in the panes of services.
func (i *infra) Service() string {
	if r := i.current(); r != nil && r.service {
		return r.name
	}
	return ""
}

// Copy is the name of what is under the cursor.
func (i *infra) Copy() string {
	if r := i.current(); r != nil {
		return r.name
	}
	return ""
}

// Keys are those of this screen.
func (i *infra) Keys() []key.Binding {
	return []key.Binding{keys.pane, keys.paneBack, keys.open, keys.prune}
}

// Init asks the engine and Traefik.
func (i *infra) Init() tea.Cmd { return ask(i.scope, i.src.infra, struct{}{}) }

// Update takes an answer, a newer state or a key in.
func (i *infra) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case result[core.Infrastructure]:
		if i.loaded.take(msg.err) {
			i.data = msg.val
			i.fill()
		}
	case snapshotMsg, themeMsg:
		if i.ok {
			i.fill()
		}
	case tea.KeyPressMsg:
		return i.press(msg)
	}
	return nil
}

func (i *infra) press(msg tea.KeyPressMsg) tea.Cmd {
	n := len(infraPanes())
	switch {
	case key.Matches(msg, keys.pane):
		i.show((i.pane + 1) % n)
	case key.Matches(msg, keys.paneBack):
		i.show((i.pane + n - 1) % n)
	case key.Matches(msg, keys.open):
		if name := i.Service(); name != "" {
			return i.openOverview(name)
		}
	case key.Matches(msg, keys.prune):
		return i.act(i.pruneAction())
	default:
		i.moveIn(msg)
	}
	return nil
}

func (i *infra) pruneAction() action {
	d := i.data.Disk
	return jobAction(i.src.prune, "", func(string) struct{} { return struct{}{} },
		"Removes images without a name that no container uses, and the build cache ("+core.FormatBytes(d.BuildCache)+"), as a job.",
		"Named images, containers and volumes stay.")
}

// show goes to a pane.
func (i *infra) show(pane int) {
	i.pane, i.list, i.text = pane, list{}, ""
	i.fill()
}

func (i *infra) fill() { i.set(infraPanes()[i.pane].fill(i)) }

// View draws the screen.
func (i *infra) View(w, h int) string {
	return i.frame(i.st, w, h, "Infrastructure", func(h int) []string {
		lines := []string{i.tabs(w), i.engineLine(w)}
		for _, p := range i.data.Problems {
			lines = append(lines, i.st.warn.draw(cut(" ▲ "+safe(p), w)))
		}
		lines = append(lines, "")
		pane := infraPanes()[i.pane]
		if len(i.all) == 0 {
			return append(lines, i.st.dim.draw(cut("   "+pane.none, w)))
		}
		return append(lines, i.draw(i.st, w, h-len(lines), pane.cols, true, func(r *infraRow) []value { return r.cells })...)
	})
}

// tabs names the panes.
func (i *infra) tabs(w int) string {
	var parts []string
	for n, p := range infraPanes() {
		if n == i.pane {
			parts = append(parts, i.st.buttonOn.draw(" "+p.title+" "))
		} else {
			parts = append(parts, i.st.dim.draw(" "+p.title+" "))
		}
	}
	return cut(" "+strings.Join(parts, " "), w)
}

// engineLine says which engine and Traefik answer.
func (i *infra) engineLine(w int) string {
	e := i.data.Engine
	text := "engine " + blank(e.Version) + " (API " + blank(e.API) + "), " + blank(e.Driver) + ", cgroup v" + blank(e.Cgroup) + ", " + blank(e.Kernel)
	if i.data.Traefik != "" {
		text += " · Traefik " + i.data.Traefik
	}
	return i.st.dim.draw(cut(" "+safe(text), w))
}

// infraPanes lists the panes in their order.
func infraPanes() []infraPane {
	serviceCols := []column{{title: "", min: 1, max: 1}, {title: "SERVICE", min: 18, max: 28, tight: true}, {title: "HEALTH", min: 9, max: 9}, {title: "WHY", min: 14, max: 40}, {title: "CPU", min: 5, max: 5, right: true}, {title: "MEMORY", min: 8, max: 8, right: true}, {title: "IMAGE", min: 12, drop: 1}}
	return []infraPane{
		{"Routes", "Traefik has no route, or its API does not answer.", []column{{title: "", min: 1, max: 1}, {title: "HOST", min: 20, max: 40, tight: true}, {title: "TLS", min: 3, max: 3}, {title: "SERVER", min: 20, max: 40}, {title: "ROUTER", min: 14, max: 30, drop: 2}, {title: "TROUBLE", min: 8, drop: 1}}, (*infra).routes},
		{"Postgres", "No database runs on this server.", serviceCols, kinds(core.KindPostgres, core.KindShipDB)},
		{"Agents", "No agent or MCP server runs on this server.", serviceCols, kinds(core.KindAgent, core.KindMCP)},
		{"Networks", "The engine has no network.", []column{{title: "NETWORK", min: 18, max: 30}, {title: "DRIVER", min: 8, max: 16}, {title: "SUBNET", min: 18, max: 20}, {title: "CONTAINERS", min: 14}}, (*infra).networks},
		{"Volumes", "The engine has no volume.", []column{{title: "VOLUME", min: 22, max: 40}, {title: "DRIVER", min: 7, max: 7}, {title: "SIZE", min: 8, max: 8, right: true}, {title: "USED BY", min: 7, max: 7, right: true}, {title: "CREATED", min: 19, max: 19, drop: 2}, {title: "PATH", min: 10, drop: 1}}, (*infra).volumes},
		{"Images", "The engine has no image.", []column{{title: "IMAGE", min: 24, max: 50}, {title: "ID", min: 12, max: 12}, {title: "SIZE", min: 8, max: 8, right: true}, {title: "USED BY", min: 7, max: 7, right: true}, {title: "CREATED", min: 19, max: 19, drop: 1}}, (*infra).images},
		{"Disk", "The engine's disk usage is not measured.", []column{{title: "WHAT", min: 16, max: 20}, {title: "SIZE", min: 9, max: 9, right: true}, {title: "NOT USED", min: 9, max: 9, right: true}, {title: "", min: 12, max: 30}, {title: "WHAT TO DO", min: 10, drop: 1}}, (*infra).disk},
	}
}

func (i *infra) routes() []infraRow {
	var out []infraRow
	for _, r := range i.data.Routes {
		l := i.st.check(core.CheckOK)
		switch r.Status {
		case "enabled":
		case "warning":
			l = i.st.check(core.CheckWarn)
		default:
			l = i.st.check(core.CheckFail)
		}
		tls := "no"
		if r.TLS {
			tls = "yes"
		}
		host := strings.Join(r.Hosts, ", ")
		if host == "" {
			host = r.Rule
		}
		out = append(out, infraRow{name: r.Name, cells: []value{
			{l.glyph, l.style}, {safe(host), i.st.text}, {tls, i.st.dim}, {safe(blank(strings.Join(r.Servers, ", "))), i.st.text},
			{safe(r.Name), i.st.dim}, {safe(strings.Join(r.Errors, "; ")), i.st.bad},
		}})
	}
	return out
}

// kinds makes the pane of the services of some kinds.
func kinds(of ...core.Kind) func(*infra) []infraRow {
	return func(i *infra) []infraRow {
		var out []infraRow
		if i.snap == nil {
			return nil
		}
		for _, s := range i.snap.Services {
			for _, k := range of {
				if s.Kind == k {
					l := i.st.health(s.Health.State)
					out = append(out, infraRow{s.Name, []value{
						{l.glyph, l.style}, {safe(s.Name), i.st.text}, {healthWord(&s), l.style}, {safe(s.Health.Detail), i.st.dim},
						{cores(s.Usage.CPU), i.st.text}, {core.FormatBytes(s.Usage.Memory), i.st.text}, {safe(s.Image), i.st.dim},
					}, true})
				}
			}
		}
		return out
	}
}

func (i *infra) networks() []infraRow {
	var out []infraRow
	for _, n := range i.data.Networks {
		driver := n.Driver
		if n.Internal {
			driver += " internal"
		}
		out = append(out, infraRow{name: n.Name, cells: []value{
			{safe(n.Name), i.st.text}, {safe(driver), i.st.dim}, {safe(strings.Join(n.Subnets, ", ")), i.st.dim},
			{safe(blank(strings.Join(n.Containers, ", "))), i.st.text},
		}})
	}
	return out
}

// measured is a size or a count that may not be measured yet.
func measured(n int64, format func(int64) string) string {
	if n < 0 {
		return "?"
	}
	return format(n)
}

func (i *infra) volumes() []infraRow {
	var out []infraRow
	for _, v := range i.data.Volumes {
		style := i.st.text
		if v.UsedBy == 0 {
			style = i.st.warn
		}
		out = append(out, infraRow{name: v.Name, cells: []value{
			{safe(v.Name), i.st.text}, {safe(v.Driver), i.st.dim}, {measured(v.Size, core.FormatBytes), i.st.text},
			{measured(int64(v.UsedBy), number), style}, {stamp(v.Created), i.st.dim}, {safe(v.Path), i.st.dim},
		}})
	}
	return out
}

func (i *infra) images() []infraRow {
	var out []infraRow
	for _, img := range i.data.Images {
		name, style := strings.Join(img.Tags, ", "), i.st.text
		if name == "" {
			name, style = "no name", i.st.warn
		}
		out = append(out, infraRow{name: blank(name + " " + core.ShortID(img.ID)), cells: []value{
			{safe(name), style}, {safe(core.ShortID(img.ID)), i.st.dim}, {core.FormatBytes(img.Size), i.st.text},
			{strconv.Itoa(img.UsedBy), i.st.text}, {stamp(img.Created), i.st.dim},
		}})
	}
	return out
}

func (i *infra) disk() []infraRow {
	d := i.data.Disk
	if d.At.IsZero() {
		return nil
	}
	most := max(d.Images, d.Containers, d.Volumes, d.BuildCache)
	row := func(what string, size, unused int64, do string) infraRow {
		return infraRow{name: what, cells: []value{
			{what, i.st.text}, {core.FormatBytes(size), i.st.text}, {measured(unused, core.FormatBytes), i.st.warn},
			{gauge(size, most, 12), i.st.accent}, {do, i.st.dim},
		}}
	}
	return []infraRow{
		row("images", d.Images, d.ImagesUnused, "P removes those without a name"),
		row("containers", d.Containers, -1, "what containers wrote outside volumes"),
		row("volumes", d.Volumes, d.VolumesUnused, "never removed by a prune"),
		row("build cache", d.BuildCache, d.BuildCache, "P removes it"),
	}
}
