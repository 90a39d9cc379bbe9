package tui

import (
	"fmt"
	"strconv"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

// overview is everything about one service on one page, and the actions on it. What changes comes from snapshots;
// what only an inspection knows is loaded when the container is another one.
type overview struct {
	scope
	scroller
	ticker
	name   string
	detail *core.ServiceDetail
	err    error // of the last load
	loaded string
	audit  []core.AuditEvent
	runs   runs
	page   int
}

// newOverview makes the page of a service.
func newOverview(name string) func(scope) Screen {
	return func(s scope) Screen { return &overview{scope: s, name: name} }
}

// Title is the breadcrumb.
func (o *overview) Title() string { return o.name }

// Service is the one that is described.
func (o *overview) Service() string { return o.name }

// Copy is the container's id, else the name.
func (o *overview) Copy() string {
	if s, ok := o.current(); ok && s.ID != "" {
		return s.ID
	}
	return o.name
}

// Init inspects the service and reads what was done to it.
func (o *overview) Init() tea.Cmd {
	if s, ok := o.service(o.name); ok {
		o.loaded = s.ID + s.State
	}
	return tea.Batch(ask(o.scope, o.src.show, core.ServiceIn{Service: o.name}),
		ask(o.scope, o.src.audit, core.ListAuditIn{Target: o.name, Limit: 8}), o.runs.load(o.scope, o.name))
}

// Return looks again: what was done on the screen above may show here.
func (o *overview) Return() tea.Cmd { return o.Init() }

// Keys are the actions on the service.
func (o *overview) Keys() []key.Binding {
	first, then := keys.stop, keys.start
	if s, ok := o.current(); ok && s.State != "running" {
		first, then = then, first
	}
	return []key.Binding{
		keys.svcDeploy, keys.svcRollback, keys.svcRestart, keys.svcLogs, keys.svcShell, keys.svcChanges, first, keys.svcBuilds, keys.svcEnv, keys.svcRoute,
		keys.lastDeploy, keys.recreate, keys.remove, keys.removeAll, keys.recordings, then,
	}
}

// Update takes an answer, a newer state or a key in.
func (o *overview) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case result[core.ServiceDetail]:
		o.take(msg)
	case result[[]core.AuditEvent]:
		if msg.err == nil {
			o.audit = msg.val
		}
	case snapshotMsg:
		if s, ok := o.service(o.name); ok && s.ID+s.State != o.loaded {
			return o.Init()
		}
	case tea.KeyPressMsg:
		return o.press(msg)
	case tickMsg:
		if o.due(msg) {
			return ask(o.scope, o.src.deployments, core.DeploymentsIn{Service: o.name, Limit: 1})
		}
	case result[[]core.Deployment]:
		return o.takeLast(msg)
	default:
		o.runs.update(msg)
	}
	return nil
}

// take keeps the old inspection when a new one fails.
func (o *overview) take(r result[core.ServiceDetail]) {
	o.err = r.err
	if r.err == nil {
		o.detail = &r.val
	}
}

func (o *overview) press(msg tea.KeyPressMsg) tea.Cmd {
	switch {
	case key.Matches(msg, keys.start):
		return o.act(o.startAction(o.name))
	case key.Matches(msg, keys.stop):
		return o.act(o.stopAction(o.name))
	case key.Matches(msg, keys.recreate):
		return o.act(o.recreateAction(o.name))
	case key.Matches(msg, keys.remove):
		return o.act(o.removeAction(o.name))
	case key.Matches(msg, keys.removeAll):
		return o.openPage("remove-definition "+o.name, newRemoval(o.name))
	case key.Matches(msg, keys.recordings):
		return o.push(newTerminal)
	case key.Matches(msg, keys.lastDeploy) && len(o.runs.last.val) > 0:
		return o.push(newDeployment(o.runs.last.val[0]))
	}
	o.move(msg, o.page)
	return nil
}

// current is the newest that is known: the snapshot's, else the inspection's.
func (o *overview) current() (core.Service, bool) {
	if s, ok := o.service(o.name); ok {
		return s, true
	}
	if o.detail != nil {
		return o.detail.Service, true
	}
	return core.Service{}, false
}

// View draws the screen.
func (o *overview) View(w, h int) string {
	s, ok := o.current()
	switch {
	case !ok && o.err != nil:
		return errorView(o.st, w, h, safe(o.name)+" cannot be shown", o.err)
	case !ok:
		return loadingView(o.st, w, h, "Looking at "+safe(o.name)+" …")
	}
	head := o.verdict(&s, w)
	if o.snap != nil && !o.snap.Engine.Up {
		head = append(head, o.st.bad.draw(cut(" ✗ The engine does not answer: this is the state of "+clock(o.snap.Engine.Seen)+" UTC.", w)))
	}
	if o.err != nil {
		head = append(head, staleLine(o.st, w, o.err))
	}
	head = append(head, "")
	o.page = max(h-len(head)-1, 1)
	body := o.part(o.sheet(&s, w), h-len(head))
	return strings.Join(append(head, body...), "\n")
}

// verdict is the line that matters most: how the service does, and what to do when it does not.
func (o *overview) verdict(s *core.Service, w int) []string {
	l := o.st.health(s.Health.State)
	line := " " + l.style.draw(l.glyph+" "+healthText(s)) + o.st.dim.draw("  "+o.since(s))
	lines := []string{cut(line, w)}
	if o.snap == nil {
		return lines
	}
	for _, f := range o.snap.Faults {
		if f.Service == s.Name {
			lines = append(lines, cut(o.st.dim.draw("   → ")+o.st.text.draw(safe(f.Do)), w))
			break
		}
	}
	return lines
}

// since says since when the verdict holds.
func (o *overview) since(s *core.Service) string {
	if s.Health.Since.IsZero() {
		return ""
	}
	return "for " + core.FormatAge(o.now().Sub(s.Health.Since))
}

// sheet is the whole page: two columns where there is room.
func (o *overview) sheet(s *core.Service, w int) []string {
	left := [][]string{o.facts(s), o.health(s), o.places(s)}
	right := [][]string{o.usage(s, max(w/2-38, 12)), o.mounts(), o.variables(), o.history()}
	runs := joined(w-1, o.runsLines())
	if w < 100 {
		right[0] = o.usage(s, w-42)
		return append(runs, joined(w-1, append([][]string{left[0], right[0]}, append(left[1:], right[1:]...)...)...)...)
	}
	half := w / 2
	return append(runs, beside(joined(half-2, left...), joined(w-half-1, right...), half)...)
}

// joined puts blocks under each other, cut to w cells.
func joined(w int, blocks ...[]string) []string {
	var out []string
	for _, b := range blocks {
		if len(b) == 0 {
			continue
		}
		for _, line := range b {
			out = append(out, cut(" "+line, w))
		}
		out = append(out, "")
	}
	return out
}

// fact is one line of a block.
func (o *overview) fact(name, text string) string {
	return o.st.dim.draw(fit(name, 11)) + " " + o.st.text.draw(safe(blank(text)))
}

func (o *overview) facts(s *core.Service) []string {
	lines := []string{
		o.st.title.draw("Service"),
		o.fact("kind", string(s.Kind)+", layer "+strconv.Itoa(s.Layer)+", looked after by "+s.Home),
		o.fact("image", s.Image),
		o.fact("image id", core.ShortID(s.ImageID)),
		o.fact("container", blank(core.ShortID(s.ID))+" "+s.State),
		o.fact("started", stamp(s.Started)+", up "+uptime(s, o.now())),
		o.fact("restarts", strconv.Itoa(s.Restarts)),
	}
	if s.State != "running" && !s.Finished.IsZero() {
		lines = append(lines, o.fact("ended", stamp(s.Finished)+" with "+strconv.Itoa(s.ExitCode)))
	}
	if s.Instance != "" {
		lines = append(lines, o.fact("instance", s.Instance))
	}
	d := o.inspected()
	if d == nil {
		return lines
	}
	lines = append(lines, o.fact("command", strings.Join(d.Command, " ")), o.fact("user", d.User), o.fact("restart", d.RestartPolicy),
		o.fact("limits", limits(d)))
	if d.OOMKilled {
		lines = append(lines, o.st.bad.draw("✗ was killed because it ran out of memory"))
	}
	if d.Error != "" {
		lines = append(lines, o.st.bad.draw("✗ "+safe(d.Error)))
	}
	return lines
}

// inspected is what the inspection found; nil when there is none.
func (o *overview) inspected() *core.ContainerDetail {
	if o.detail == nil {
		return nil
	}
	return o.detail.Detail
}

// limits are a container's bounds in words.
func limits(d *core.ContainerDetail) string {
	parts := []string{"no memory limit"}
	if d.MemoryLimit > 0 {
		parts[0] = core.FormatBytes(d.MemoryLimit)
	}
	if d.CPULimit > 0 {
		parts = append(parts, cores(d.CPULimit)+" cores")
	}
	if d.PidsLimit > 0 {
		parts = append(parts, plural(int(d.PidsLimit), "process", "processes"))
	}
	if d.ReadOnly {
		parts = append(parts, "read-only")
	}
	if d.Privileged {
		parts = append(parts, "PRIVILEGED")
	}
	return strings.Join(parts, ", ")
}

func (o *overview) health(s *core.Service) []string {
	lines := []string{o.st.title.draw("Health"), o.fact("probe", s.Health.Probe)}
	last := "never"
	if !s.Health.Checked.IsZero() {
		last = ago(o.now(), s.Health.Checked) + ", took " + fmt.Sprintf("%d ms", s.Health.Took.Milliseconds())
	}
	lines = append(lines, o.fact("last", last), o.fact("found", s.Health.Detail))
	if s.Health.Failing > 0 {
		lines = append(lines, o.fact("failing", plural(s.Health.Failing, "time", "times")+" in a row"))
	}
	img := s.Health.Image
	if img == nil {
		return append(lines, o.fact("image's own", "none"))
	}
	own := img.Status
	if img.Failing > 0 {
		own += ", failing " + strconv.Itoa(img.Failing) + " in a row"
	}
	return append(lines, o.fact("image's own", own), o.fact("", cut(safe(img.Last), 120)))
}

// usage draws the four lines of what a service uses.
func (o *overview) usage(s *core.Service, w int) []string {
	lines := []string{o.st.title.draw("Usage")}
	u := s.Usage
	if u.At.IsZero() {
		return append(lines, o.st.dim.draw("Nothing is measured while it does not run."))
	}
	w = min(max(w, 8), 60)
	line := func(name string, of func(core.UsagePoint) float64, top float64, style style, text string) string {
		return o.st.dim.draw(fit(name, 6)) + " " + style.draw(spark(u.History, w, top, of)) + " " + o.st.text.draw(text)
	}
	mem := core.FormatBytes(u.Memory)
	if u.MemoryLimit > 0 {
		mem += " of " + core.FormatBytes(u.MemoryLimit)
	}
	return append(lines,
		line("cpu", cpuOf, 0, o.st.accent, cores(u.CPU)+" cores"),
		line("memory", memOf, float64(u.MemoryLimit), o.st.info, mem),
		line("net", netOf, 0, o.st.ok, "↓"+perSecond(u.NetRx)+" ↑"+perSecond(u.NetTx)),
		line("disk", diskOf, 0, o.st.warn, "r "+perSecond(u.DiskRead)+" w "+perSecond(u.DiskWrite)),
		o.st.dim.draw("pids   ")+o.st.text.draw(strconv.FormatInt(u.Pids, 10)))
}

// places is where the service can be reached.
func (o *overview) places(s *core.Service) []string {
	lines := []string{o.st.title.draw("Reached by"), o.fact("route", s.Route)}
	for _, p := range s.Ports {
		text := strconv.Itoa(p.Container) + "/" + p.Protocol
		if p.Host > 0 {
			text = p.Address + ":" + strconv.Itoa(p.Host) + " → " + text
		}
		lines = append(lines, o.fact("port", text))
	}
	if d := o.inspected(); d != nil && len(d.Networks) > 0 {
		for _, n := range d.Networks {
			lines = append(lines, o.fact("network", strings.TrimSpace(n.Network+" "+n.Address+" "+strings.Join(n.Aliases, ", "))))
		}
		return lines
	}
	return append(lines, o.fact("networks", strings.Join(s.Networks, ", ")))
}

func (o *overview) mounts() []string {
	d := o.inspected()
	if d == nil {
		if o.detail != nil && o.detail.Note != "" {
			return []string{o.st.title.draw("Container"), o.st.warn.draw("▲ " + safe(o.detail.Note))}
		}
		return nil
	}
	lines := []string{o.st.title.draw("Mounts")}
	for _, m := range d.Mounts {
		from := m.Source
		if m.Name != "" {
			from = m.Name
		}
		mode := ""
		if m.ReadOnly {
			mode = " read-only"
		}
		lines = append(lines, o.st.text.draw(safe(m.Target))+o.st.dim.draw(" ← "+safe(m.Type+" "+from)+mode))
	}
	if len(d.Mounts) == 0 {
		lines = append(lines, o.st.dim.draw("none: what it writes is lost with its container"))
	}
	return lines
}

// variables names the variables; their values are secrets.
func (o *overview) variables() []string {
	d := o.inspected()
	if d == nil || len(d.EnvNames) == 0 {
		return nil
	}
	lines := []string{o.st.title.draw("Environment") + o.st.dim.draw(" (names only)")}
	for _, line := range wrap(safe(strings.Join(d.EnvNames, "  ")), 54, 12) {
		lines = append(lines, o.st.text.draw(line))
	}
	return lines
}

// history is what was done to the service lately.
func (o *overview) history() []string {
	if len(o.audit) == 0 {
		return []string{o.st.title.draw("Audit"), o.st.dim.draw("Nothing was done to it through the control plane.")}
	}
	lines := []string{o.st.title.draw("Audit")}
	for _, e := range o.audit {
		l := o.st.outcome(e.Outcome)
		lines = append(lines, l.style.draw(l.glyph)+" "+o.st.dim.draw(e.At.UTC().Format("01-02 15:04"))+" "+
			o.st.text.draw(safe(e.Op))+o.st.dim.draw(" by "+safe(e.Actor.Name)+" "+l.word))
	}
	return lines
}
