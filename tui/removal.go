package tui

import (
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

// removal shows what the removal of a service with its definition takes away and what stays, before it is asked for.
type removal struct {
	scope
	loaded
	scroller
	in   core.RemovalIn
	plan core.RemovalPlan
	room int // lines drawn last
}

// newRemoval plans the removal of a service.
func newRemoval(service string) func(scope) Screen {
	return func(s scope) Screen {
		return &removal{scope: s, in: core.RemovalIn{ServiceIn: core.ServiceIn{Service: service}}}
	}
}

func (r *removal) page() string { return "remove-definition " + r.in.Service }

// Title is the breadcrumb.
func (r *removal) Title() string { return "Remove " + r.in.Service }

// Service is the one that is to go.
func (r *removal) Service() string { return r.in.Service }

// Copy is the plan as text.
func (r *removal) Copy() string {
	return "goes: " + strings.Join(r.plan.Goes, ", ") + "\nstays: " + strings.Join(r.plan.Stays, ", ")
}

// Keys are those of this screen.
func (r *removal) Keys() []key.Binding { return []key.Binding{keys.goRemove, keys.keepIt} }

// Init makes the plan.
func (r *removal) Init() tea.Cmd { return ask(r.scope, r.src.removal, r.in) }

// Return looks again.
func (r *removal) Return() tea.Cmd { return r.Init() }

// Update takes an answer or a key in.
func (r *removal) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case result[core.RemovalPlan]:
		if r.take(msg.err) {
			r.plan = msg.val
		}
	case tea.KeyPressMsg:
		return r.press(msg)
	}
	return nil
}

func (r *removal) press(msg tea.KeyPressMsg) tea.Cmd {
	switch {
	case key.Matches(msg, keys.keepIt):
		r.in.KeepContainer = !r.in.KeepContainer
		return r.Init()
	case key.Matches(msg, keys.goRemove):
		return r.begin()
	}
	r.move(msg, max(r.room-1, 1))
	return nil
}

// begin asks for the name, once the plan of what is asked for is there.
func (r *removal) begin() tea.Cmd {
	switch {
	case !r.ok || r.err != nil || r.plan.KeepContainer != r.in.KeepContainer:
		return nil
	case len(r.plan.Blocked) > 0:
		r.say(noticeWarn, r.plan.Blocked[0])
		return nil
	}
	in := r.in
	return r.act(jobAction(r.src.rmDefinition, in.Service, func(confirm string) core.RemoveDefinitionIn {
		return core.RemoveDefinitionIn{ServiceIn: in.ServiceIn, Confirm: core.Confirm{Confirm: confirm}, KeepContainer: in.KeepContainer}
	}, "What goes: "+strings.Join(r.plan.Goes, ", ")+".", "What stays: "+strings.Join(r.plan.Stays, ", ")+"."))
}

// View draws the screen.
func (r *removal) View(w, h int) string {
	if !r.ok && core.CodeOf(r.err) == core.CodeNotFound {
		return r.unmanaged(r.in.Service, r.err, w, h)
	}
	return r.frame(r.st, w, h, "What the removal of "+safe(r.in.Service)+" does", func(h int) []string {
		r.room = h
		return r.part(r.lines(w), h)
	})
}

// lines are the whole plan.
func (r *removal) lines(w int) []string {
	st := r.st
	what := "Its container goes as well; space keeps it."
	if r.plan.KeepContainer {
		what = "Its container goes on as it is; space removes it as well."
	}
	lines := []string{cut(" "+st.title.draw("Remove "+safe(r.plan.Service)+" with its definition")+"  "+st.dim.draw(what), w), ""}
	if !r.plan.Begun.IsZero() {
		lines = append(lines, marked(st.warn, "▲", "This was begun "+ago(r.now(), r.plan.Begun)+" and did not come to its end: doing it again finishes it.", w)...)
	}
	if r.plan.Held != "" {
		lines = append(lines, marked(st.warn, "▲", "Locked: "+r.plan.Held, w)...)
	}
	for _, text := range r.plan.Warn {
		lines = append(lines, marked(st.warn, "▲", text, w)...)
	}
	for _, text := range r.plan.Blocked {
		lines = append(lines, marked(st.bad, "✗", text, w)...)
	}
	for _, part := range []struct {
		head, mark string
		style      style
		list       []string
	}{{"What goes", "✗", st.bad, r.plan.Goes}, {"What stays", "●", st.ok, r.plan.Stays}} {
		lines = append(lines, "", " "+st.title.draw(part.head))
		for _, text := range part.list {
			lines = append(lines, marked(part.style, part.mark, text, w)...)
		}
	}
	return append(lines, "", cut(" "+st.dim.draw("Data is never taken: volumes, folders and backups stay until somebody removes them."), w))
}
