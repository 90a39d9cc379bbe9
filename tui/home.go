package tui

import (
	"strconv"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/codematrx/matrx-ship/core"
)

// home is the first screen: what is wrong and what to do, then every service, then the server itself. It lives on
// snapshots and needs no key.
type home struct {
	scope
	filtered
	rows     []core.Service
	list     list
	faults   list
	want     []int // cells that columns could use
	onFaults bool  // the pane that the keys move in
}

func newHome(s scope) Screen {
	h := &home{scope: s}
	h.take()
	return h
}

// Title is the breadcrumb.
func (h *home) Title() string { return "Home" }

// Init has nothing to load: snapshots arrive by themselves.
func (h *home) Init() tea.Cmd { return nil }

// Service is the one under the cursor.
func (h *home) Service() string {
	if h.onFaults {
		if faults := h.faultList(); h.faults.at < len(faults) {
			return faults[h.faults.at].Service
		}
		return ""
	}
	if h.list.at < len(h.rows) {
		return h.rows[h.list.at].Name
	}
	return ""
}

// Copy is the name of the service, or what is wrong.
func (h *home) Copy() string {
	if faults := h.faultList(); h.onFaults && h.faults.at < len(faults) {
		return faults[h.faults.at].What
	}
	return h.Service()
}

// SetFilter narrows the services.
func (h *home) SetFilter(text string) tea.Cmd {
	h.text, h.onFaults = text, false
	h.take()
	return nil
}

// Back leaves the filter, then the faults.
func (h *home) Back() (tea.Cmd, bool) {
	if h.clear() {
		h.take()
		return nil, true
	}
	was := h.onFaults
	h.onFaults = false
	return nil, was
}

// Keys are those of this screen.
func (h *home) Keys() []key.Binding {
	all := []key.Binding{keys.open}
	if s, ok := h.service(h.Service()); ok && s.State != "running" {
		all = append(all, keys.start) // what it needs comes first
	}
	return append(append(all, onService()...), keys.pane, keys.stop, keys.start)
}

// Update takes an answer, a newer state or a key in.
func (h *home) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case snapshotMsg:
		h.take()
	case tea.KeyPressMsg:
		return h.press(msg)
	}
	return nil
}

func (h *home) press(msg tea.KeyPressMsg) tea.Cmd {
	switch {
	case key.Matches(msg, keys.pane, keys.paneBack):
		h.onFaults = !h.onFaults && len(h.faultList()) > 0
	case key.Matches(msg, keys.open):
		if name := h.Service(); name != "" {
			return h.openOverview(name)
		}
		if h.onFaults {
			return h.goTo(newDiagnose)
		}
	case key.Matches(msg, keys.start) && h.Service() != "":
		return h.act(h.startAction(h.Service()))
	case key.Matches(msg, keys.stop) && h.Service() != "":
		return h.act(h.stopAction(h.Service()))
	case h.onFaults:
		h.faults.move(msg, len(h.faultList()))
	default:
		h.list.move(msg, len(h.rows))
	}
	return nil
}

func (h *home) faultList() []core.Fault {
	if h.snap == nil {
		return nil
	}
	return h.snap.Faults
}

// take makes the rows of the newest snapshot. The cursor follows its service, also to another row.
func (h *home) take() {
	if h.snap == nil {
		return
	}
	under := h.selected
	if h.list.at < len(h.rows) {
		under = h.rows[h.list.at].Name
	}
	h.rows = h.rows[:0:0]
	h.want = make([]int, len(homeColumns))
	for _, s := range h.snap.Services {
		if h.keeps(s.Name, string(s.Kind), string(s.Health.State), s.Instance, s.Image, s.Route) {
			h.rows = append(h.rows, s)
			h.want[colName] = max(h.want[colName], width(safe(s.Name)))
			h.want[colDetail] = max(h.want[colDetail], width(safe(s.Health.Detail)))
		}
	}
	h.list.keep(under, len(h.rows), func(i int) string { return h.rows[i].Name })
	h.faults.clamp(len(h.snap.Faults))
	h.onFaults = h.onFaults && len(h.snap.Faults) > 0
}

// View draws the screen.
func (h *home) View(w, rows int) string {
	switch {
	case h.snap == nil && h.snapErr != nil:
		return errorView(h.st, w, rows, "The state of the server cannot be shown", h.snapErr)
	case h.snap == nil:
		return loadingView(h.st, w, rows, "Looking at the server …")
	}
	lines := h.staleLines(w)
	lines = append(lines, h.faultLines(w, rows)...)
	foot := h.hostLine(w)
	lines = append(lines, h.table(w, rows-len(lines)-1)...)
	return strings.Join(append(block(lines, rows-1), foot), "\n")
}

// staleLines say that the state is old, and why.
func (h *home) staleLines(w int) []string {
	e := h.snap.Engine
	switch {
	case !e.Up:
		why := e.Problem
		if why == "" {
			why = "The engine does not answer."
		}
		return []string{h.st.bad.draw(cut(" ✗ Shown is the state of "+clock(e.Seen)+" UTC, "+core.FormatAge(h.age())+" old. "+safe(why), w))}
	case h.snapErr != nil:
		return []string{staleLine(h.st, w, h.snapErr)}
	}
	return nil
}

// faultLines are the faults, each with what to do, in at most a third of the screen.
func (h *home) faultLines(w, rows int) []string {
	faults := h.faultList()
	if len(faults) == 0 {
		return nil
	}
	each := 2
	if rows < 16 {
		each = 1
	}
	room := max(rows/3/each, 2)
	shown := min(len(faults), room)
	from, to := h.faults.window(len(faults), shown)
	var lines []string
	for i := from; i < to; i++ {
		lines = append(lines, h.fault(faults[i], w, each, h.onFaults && i == h.faults.at)...)
	}
	if left := len(faults) - shown; left > 0 {
		lines = append(lines, h.st.dim.draw(cut("   and "+plural(left, "more fault", "more faults")+": tab moves among them, 8 diagnoses", w)))
	}
	return append(lines, "")
}

// fault draws one fault.
func (h *home) fault(f core.Fault, w, each int, selected bool) []string {
	l := h.st.severity(f.Severity)
	mark, back := " ", ""
	if selected {
		mark, back = h.st.selBar.draw("▌"), h.st.sel.on
	}
	since := core.FormatAge(h.now().Sub(f.Since))
	first := mark + back + l.style.draw(l.glyph+" ") + back + h.st.bold.draw(fit(safe(f.What), w-5-len(since))) + back + h.st.dim.draw(" "+since+" ")
	if each == 1 {
		return []string{first}
	}
	return []string{first, h.st.dim.draw("   → ") + h.st.text.draw(cut(safe(f.Do), w-6))}
}

// The columns of the table of services.
const (
	colState = iota
	colName
	colHealth
	colDetail
	colKind
	colUp
	colRestarts
	colCPU
	colCPULine
	colMem
	colMemLine
	colRoute
)

// homeColumns is never written.
var homeColumns = []column{
	colState:    {title: "", min: 1, max: 1},
	colName:     {title: "SERVICE", min: 16, max: 24, tight: true},
	colHealth:   {title: "HEALTH", min: 9, max: 9},
	colDetail:   {title: "WHY", min: 15, max: 60, eager: true},
	colKind:     {title: "KIND", min: 8, max: 8, drop: 5},
	colUp:       {title: "UP", min: 6, max: 6, right: true},
	colRestarts: {title: "RST", min: 3, max: 3, right: true, drop: 2},
	colCPU:      {title: "CPU", min: 5, max: 5, right: true},
	colCPULine:  {title: "", min: 6, max: 12, drop: 6, tight: true},
	colMem:      {title: "MEMORY", min: 8, max: 8, right: true},
	colMemLine:  {title: "", min: 6, max: 12, drop: 8, tight: true},
	colRoute:    {title: "ROUTE", min: 14, drop: 9},
}

// table draws the services.
func (h *home) table(w, rows int) []string {
	if len(h.rows) == 0 {
		return h.noServices(w, rows)
	}
	g := layout(homeColumns, w, h.want)
	lines := []string{g.head(h.st, w)}
	from, to := h.list.window(len(h.rows), max(rows-1, 1))
	now := h.now()
	for i := from; i < to; i++ {
		lines = append(lines, g.row(h.st, w, h.cells(g, &h.rows[i], now), i == h.list.at && !h.onFaults))
	}
	return lines
}

// noServices says why the table is empty.
func (h *home) noServices(w, rows int) []string {
	if h.text != "" {
		return []string{h.st.dim.draw(cut("   No service matches "+safe(h.text)+". esc clears the filter.", w))}
	}
	text := emptyView(h.st, w, max(rows, 1), look{"◇", "", h.st.dim}, "No service on this server yet",
		"A service appears here by itself as soon as the engine has its container. The handbook (0) says how to start one.")
	return strings.Split(text, "\n")
}

// cells are one service's row.
func (h *home) cells(g grid, s *core.Service, now time.Time) []value {
	st, l := h.st, h.st.health(s.Health.State)
	restarts := st.dim
	if s.Restarts > 0 {
		restarts = st.warn
	}
	name := st.text
	if s.Name == h.charter.Name {
		name = st.accent
	}
	v := []value{
		colState: {l.glyph, l.style}, colName: {safe(s.Name), name}, colHealth: {healthWord(s), l.style},
		colDetail: {safe(s.Health.Detail), st.dim}, colKind: {safe(string(s.Kind)), st.dim}, colUp: {uptime(s, now), st.text}, colRestarts: {strconv.Itoa(s.Restarts), restarts},
		colCPU: {"-", st.dim}, colCPULine: {"", st.accent}, colMem: {"-", st.dim}, colMemLine: {"", st.info},
		colRoute: {safe(strings.TrimPrefix(s.Route, "https://")), st.dim},
	}
	if s.State == "running" && !s.Usage.At.IsZero() {
		v[colCPU] = value{cores(s.Usage.CPU), st.text}
		v[colMem] = value{core.FormatBytes(s.Usage.Memory), st.text}
		if g.shows(colCPULine) {
			v[colCPULine].text = spark(s.Usage.History, g.widths[colCPULine], 0, cpuOf)
		}
		if g.shows(colMemLine) {
			v[colMemLine].text = spark(s.Usage.History, g.widths[colMemLine], float64(s.Usage.MemoryLimit), memOf)
		}
	}
	return v
}

// healthWord is the word of a service's state.
func healthWord(s *core.Service) string {
	if s.Missing {
		return "missing"
	}
	return safe(string(s.Health.State))
}

// healthText is the word and what it rests on.
func healthText(s *core.Service) string {
	return strings.TrimSpace(healthWord(s) + " " + safe(s.Health.Detail))
}

// uptime is how long a service has run.
func uptime(s *core.Service, now time.Time) string {
	if up := s.Uptime(now); up > 0 {
		return core.FormatAge(up)
	}
	return "-"
}

// hostLine is the server's own load.
func (h *home) hostLine(w int) string {
	st, u := h.st, h.snap.Host
	if u.At.IsZero() {
		return st.dim.draw(cut(" The server's own load is not measured yet.", w))
	}
	gw := 10
	if w < 100 {
		gw = 5
	}
	part := func(name, graph, text string, style style) string {
		return st.dim.draw(name+" ") + style.draw(graph) + " " + st.text.draw(text)
	}
	return fitting(w, []string{
		part("cpu", spark(u.History, gw, float64(u.CPUs), cpuOf), cores(u.CPU)+" of "+strconv.Itoa(u.CPUs), st.accent),
		st.dim.draw("load ") + st.text.draw(cores(u.Load1)),
		part("mem", gauge(u.Memory, u.MemoryTotal, gw), core.FormatBytes(u.Memory)+" "+percent(u.Memory, u.MemoryTotal), st.fill(u.Memory, u.MemoryTotal)),
		part("disk", gauge(u.Disk, u.DiskTotal, gw), core.FormatBytes(u.Disk)+" "+percent(u.Disk, u.DiskTotal), st.fill(u.Disk, u.DiskTotal)),
		st.dim.draw(plural(len(h.snap.Services), "service", "services")),
	})
}

// fitting puts as many parts into a line as fit whole.
func fitting(w int, parts []string) string {
	line := ""
	for _, p := range parts {
		if ansi.StringWidth(line)+ansi.StringWidth(p)+2 > w {
			break
		}
		if line != "" {
			line += " "
		}
		line += " " + p
	}
	return line
}

// fill is the colour of something that is filling up.
func (st *styles) fill(v, total int64) style {
	switch {
	case total <= 0:
		return st.dim
	case v*100 >= total*95:
		return st.bad
	case v*100 >= total*85:
		return st.warn
	default:
		return st.ok
	}
}
