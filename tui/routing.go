package tui

import (
	"context"
	"iter"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

// routeRow is a route of a service of ours, or a router that is none of ours.
type routeRow struct {
	name  string
	view  *core.RouteView
	other *core.Route
}

// texts is what the filter looks at.
func (r *routeRow) texts() []string {
	if r.other != nil {
		return append([]string{r.other.Name, r.other.Rule, r.other.Service}, r.other.Hosts...)
	}
	return append([]string{r.view.Service, r.view.Verdict, r.view.Rule, r.view.Backend, r.view.Probe}, r.view.Domains...)
}

// routing shows for each route whether it works, and beside each other what the labels ask for, what Traefik has, where our
// file leads, and what a request through Traefik came to.
type routing struct {
	scope
	loaded
	rows[routeRow]
	ticker
	name  string // of the service that the cursor begins on
	data  core.RoutingView
	at    time.Time // of the answer
	moved bool
	feed  *feed[core.RoutingView]
}

// routingRetry is the time until a stream that broke is opened again.
const routingRetry = 5 * time.Second

// newRouting shows all routes, with the cursor on a service's.
func newRouting(service string) func(scope) Screen {
	return func(s scope) Screen {
		if service == "" {
			service = s.selected
		}
		return &routing{scope: s, name: service, rows: newRows(func(r *routeRow) string { return r.name }, (*routeRow).texts)}
	}
}

func (r *routing) page() string { return "routing" }

// Title is the breadcrumb.
func (r *routing) Title() string { return "Routing" }

// Service is the one under the cursor.
func (r *routing) Service() string {
	if one := r.current(); one != nil && one.view != nil {
		return one.view.Service
	}
	if r.ok {
		return ""
	}
	return r.name
}

// Copy is the address under the cursor.
func (r *routing) Copy() string {
	switch one := r.current(); {
	case one == nil:
		return ""
	case one.other != nil:
		return one.other.Name
	case len(one.view.Domains) > 0:
		return "https://" + one.view.Domains[0]
	default:
		return one.view.Service
	}
}

// Keys are those of this screen.
func (r *routing) Keys() []key.Binding { return []key.Binding{keys.open} }

// Init asks Traefik and probes every route, again and again while the screen is open.
func (r *routing) Init() tea.Cmd {
	if r.feed != nil {
		r.feed.stop()
	}
	r.feed = follow(r.scope, func(ctx context.Context) iter.Seq2[core.RoutingView, error] {
		return r.src.routing.open(ctx, core.RoutesIn{})
	})
	return r.feed.next()
}

// takeBatch takes the newest look in. A stream that broke is opened again after a while.
func (r *routing) takeBatch(b batch[core.RoutingView]) tea.Cmd {
	if b.from != r.feed {
		return nil
	}
	if n := len(b.items); n > 0 && r.take(nil) {
		r.data, r.at = b.items[n-1], r.now()
		r.fill()
	}
	if !b.done {
		return r.feed.next()
	}
	if b.err != nil {
		r.take(b.err)
	}
	return r.again(r.id, routingRetry)
}

// Update takes an answer or a key in.
func (r *routing) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case batch[core.RoutingView]:
		return r.takeBatch(msg)
	case tickMsg:
		if r.due(msg) {
			return r.Init()
		}
	case tea.KeyPressMsg:
		if name := r.Service(); name != "" && key.Matches(msg, keys.open) {
			return r.openOverview(name)
		}
		r.moved = r.moveIn(msg) || r.moved
	}
	return nil
}

func (r *routing) fill() {
	all := make([]routeRow, 0, len(r.data.Routes)+len(r.data.Others))
	for i := range r.data.Routes {
		all = append(all, routeRow{name: r.data.Routes[i].Service, view: &r.data.Routes[i]})
	}
	for i := range r.data.Others {
		all = append(all, routeRow{name: "router " + r.data.Others[i].Name, other: &r.data.Others[i]})
	}
	r.set(all)
	for i := range r.shown {
		if !r.moved && r.shown[i].name == r.name {
			r.list.at = i
		}
	}
}

// routeColumns are never written.
var routeColumns = []column{{title: "", min: 1, max: 1}, {title: "SERVICE", min: 14, max: 24, tight: true, eager: true}, {title: "VERDICT", min: 24}, {title: "PROBE", min: 12, max: 20}, {title: "CERT", min: 6, max: 8, right: true}, {title: "DOMAIN", min: 20, max: 40, drop: 1}}

// View draws the screen.
func (r *routing) View(w, h int) string {
	return r.frame(r.st, w, h, "Routing", func(h int) []string {
		lines := r.head(w)
		if len(r.rows.all) == 0 {
			return append(lines, strings.Split(emptyView(r.st, w, h-len(lines), look{"◇", "", r.st.dim}, "No service is routed",
				"A route comes with a service's definition: its domain and its port."), "\n")...)
		}
		detail := r.detail(w)
		top := max(min(len(r.shown)+1, h-len(lines)-len(detail)), 3)
		lines = append(lines, block(r.draw(r.st, w, top, routeColumns, true, r.cells), top)...)
		return append(lines, detail...)
	})
}

// head says whether Traefik answers, and counts.
func (r *routing) head(w int) []string {
	st, bad := r.st, 0
	for _, v := range r.data.Routes {
		if !v.OK {
			bad++
		}
	}
	traefik := st.bad.draw("✗ Traefik does not answer")
	if r.data.Traefik != "" {
		traefik = st.ok.draw("● Traefik " + safe(r.data.Traefik))
	}
	count := st.ok.draw("● " + plural(len(r.data.Routes), "route works", "routes work"))
	if bad > 0 {
		count = st.bad.draw("✗ " + plural(bad, "route does not work", "routes do not work") + " of " + number(int64(len(r.data.Routes))))
	}
	if len(r.data.Routes) == 0 {
		count = st.dim.draw("no routes of ours")
	}
	lines := []string{cut(" "+traefik+"  "+count+st.dim.draw("  asked "+ago(r.now(), r.at)+", follows"), w)}
	if r.data.Problem != "" {
		lines = append(lines, marked(st.bad, "✗", r.data.Problem, w)...)
	}
	return append(lines, "")
}

func (r *routing) cells(one *routeRow) []value {
	st := r.st
	if o := one.other; o != nil {
		return []value{{"·", st.dim}, {safe(o.Name), st.dim}, {"belongs to no service of ours", st.dim}, {safe(blank(o.Status)), st.dim}, {"", st.dim}, {safe(strings.Join(o.Hosts, ", ")), st.dim}}
	}
	v, l := one.view, st.route(one.view.OK)
	return []value{
		{l.glyph, l.style}, {safe(v.Service), st.text}, {safe(v.Verdict), l.style}, {safe(blank(v.Probe)), st.dim}, r.expiry(v),
		{safe(strings.Join(v.Domains, ", ")), st.dim},
	}
}

// expiry is how long the certificate holds.
func (r *routing) expiry(v *core.RouteView) value {
	if v.Expires.IsZero() {
		return value{"-", r.st.dim}
	}
	left := v.Expires.Sub(r.now())
	switch {
	case left <= 0:
		return value{"over", r.st.bad}
	case left < 14*24*time.Hour:
		return value{core.FormatAge(left), r.st.warn}
	default:
		return value{core.FormatAge(left), r.st.dim}
	}
}

// detail sets side by side what is asked for and what is.
func (r *routing) detail(w int) []string {
	one, st := r.current(), r.st
	lines := []string{st.faint.draw(strings.Repeat("─", w))}
	fact := func(name, text string, style style) {
		lines = append(lines, cut(" "+st.dim.draw(fit(name, 14))+style.draw(safe(blank(text))), w))
	}
	switch {
	case one == nil:
		return lines
	case one.other != nil:
		o := one.other
		fact("router", o.Name, st.text)
		fact("rule", o.Rule, st.text)
		fact("leads to", strings.TrimSpace(o.Service+" "+strings.Join(o.Servers, ", ")), st.text)
		fact("trouble", strings.Join(o.Errors, "; "), st.warn)
		return lines
	}
	v, l := one.view, st.route(one.view.OK)
	lines = append(lines, marked(l.style, l.glyph, v.Verdict, w)...)
	if v.Do != "" {
		lines = append(lines, marked(st.accent, "→", v.Do, w)...)
	}
	fact("labels ask", v.Wanted, st.text)
	fact("Traefik has", strings.TrimSpace(v.Rule+" "+inBrackets(v.Router, v.Status)), st.text)
	fact("leads to", strings.TrimSpace(v.Backend+" "+strings.Join(v.Servers, ", ")), st.text)
	fact("our file says", v.Switch, st.text)
	fact("probe", v.Probe, st.text)
	fact("TLS", r.tls(v), st.text)
	fact("enters by", strings.TrimSpace(strings.Join(v.Entrypoints, ", ")+" "+inBrackets(v.Middlewares...)), st.text)
	if len(v.Errors) > 0 {
		fact("Traefik says", strings.Join(v.Errors, "; "), st.bad)
	}
	return lines
}

// inBrackets is what there is of some words, in brackets.
func inBrackets(words ...string) string {
	var out []string
	for _, word := range words {
		if word != "" {
			out = append(out, word)
		}
	}
	if len(out) == 0 {
		return ""
	}
	return "(" + strings.Join(out, ", ") + ")"
}

// tls says what is known of the certificate.
func (r *routing) tls(v *core.RouteView) string {
	switch {
	case !v.TLS:
		return "none"
	case v.Expires.IsZero():
		return "yes; its certificate is not known"
	default:
		return "until " + stamp(v.Expires) + ", by " + blank(v.Issuer)
	}
}
