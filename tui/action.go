package tui

import (
	"context"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

// action is one operation on one target, ready to be confirmed and run.
type action struct {
	info   core.Info
	target string   // as the confirmation asks for it; not safe to draw
	effect []string // what it will do exactly, in sentences
	run    func(ctx context.Context, confirm string) (outcome, error)
}

// outcome is what an action has to tell, and where the console goes with it.
type outcome struct {
	text string
	then func(scope) Screen // nil stays
	over Screen             // gives way to then, when it is still on top; nil stays under it
}

// actionDone is the end of an action; it reaches the frame also when the screen it began on is gone.
type actionDone struct {
	action action
	out    outcome
	err    error
}

// id tells actions under way apart.
func (a action) id() string { return a.info.Name + " " + a.target }

// label is how messages call it: "Restart a service: ship-demo".
func (a action) label() string {
	if a.target == "" {
		return a.info.Summary
	}
	return a.info.Summary + ": " + a.target
}

// act runs an action after the confirmation that its risk asks for.
func (e *env) act(a action) tea.Cmd {
	if !e.may(a.info) {
		return nil
	}
	if e.running[a.id()] {
		e.say(noticeWarn, a.label()+" is under way already.")
		return nil
	}
	if a.info.Risk == core.Read {
		return e.begin(a, "")
	}
	return e.over(newConfirm(e, a))
}

// may reports whether the operator's role is enough for an operation, and says so when it is not, in the words of the
// operation's own door. What asks for more than a key asks it first: nobody fills in a form to be refused at its end.
func (e *env) may(info core.Info) bool {
	if e.actor.Role >= info.Role {
		return true
	}
	e.say(noticeWarn, info.Name+" needs the role "+info.Role.String()+"; "+e.actor.Name+" is "+e.actor.Role.String()+".")
	return false
}

// askFor opens a form whose end is an operation, when the operator may do that.
func (e *env) askFor(info core.Info, form func() overlay) tea.Cmd {
	if !e.may(info) {
		return nil
	}
	return e.over(form())
}

// actionLimit is how long an action may take: longer than a stop with the longest grace and the look at its effect, which
// the operations bound themselves.
const actionLimit = 15 * time.Minute

// begin runs an action. It goes on when the operator's connection breaks: a restart must not stop half way.
func (e *env) begin(a action, confirm string) tea.Cmd {
	e.running[a.id()] = true
	e.say(noticeBusy, a.label()+" …")
	done := make(chan actionDone, 1)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(e.ctx), actionLimit)
	e.wg.Go(func() {
		defer cancel()
		done <- runAction(ctx, a, confirm)
	})
	return func() tea.Msg { return <-done }
}

// runAction runs an action and makes an error of a panic.
func runAction(ctx context.Context, a action, confirm string) (done actionDone) {
	defer func() {
		if p := recover(); p != nil {
			done = actionDone{action: a, err: panicked(p)}
		}
	}()
	out, err := a.run(ctx, confirm)
	return actionDone{a, out, err}
}

// finish tells how an action ended and lets the screen look again.
func (a *App) finish(msg actionDone) tea.Cmd {
	delete(a.running, msg.action.id())
	if msg.err != nil {
		a.sayError(msg.action.label(), msg.err)
		return a.screen().Init()
	}
	text := msg.out.text
	if text == "" {
		text = msg.action.label() + ": done."
	}
	a.say(noticeDone, text)
	if msg.out.then != nil {
		if msg.out.over != nil && a.screen() == msg.out.over {
			a.pop()
		}
		return a.push(msg.out.then)
	}
	return a.screen().Init()
}

// doneAction makes an action of an operation that answers with Done.
func doneAction[In any](v verb[In, core.Done], target string, in func(confirm string) In, effect ...string) action {
	return action{v.info, target, effect, func(ctx context.Context, confirm string) (outcome, error) {
		done, err := v.run(ctx, in(confirm))
		return outcome{text: done.Message}, err
	}}
}

// jobAction makes an action of an operation that answers with a job, and shows the job.
func jobAction[In any](v verb[In, core.Job], target string, in func(confirm string) In, effect ...string) action {
	return action{v.info, target, effect, func(ctx context.Context, confirm string) (outcome, error) {
		job, err := v.run(ctx, in(confirm))
		return outcome{text: "Job " + job.ID + " has begun: " + v.info.Summary + ".", then: newJob(job)}, err
	}}
}

func (e *env) startAction(name string) action {
	return doneAction(e.src.start, name, func(string) core.ServiceIn { return core.ServiceIn{Service: name} },
		"Starts "+e.containerOf(name)+" and waits until its health check passes.")
}

func (e *env) restartAction(name string) action {
	return doneAction(e.src.restart, name, stopIn(name),
		append([]string{"Stops " + e.containerOf(name) + " with its own stop signal and grace, starts it again and waits until its health check passes."}, e.consequences(name)...)...)
}

func (e *env) stopAction(name string) action {
	return doneAction(e.src.stop, name, stopIn(name),
		append([]string{"Stops " + e.containerOf(name) + ". It stays stopped until somebody starts it; its data stays."}, e.consequences(name)...)...)
}

func (e *env) recreateAction(name string) action {
	return jobAction(e.src.recreate, name, stopIn(name),
		append([]string{"Makes " + e.containerOf(name) + " anew from the same image and configuration, as a job. The old container is put back when the new one does not run.",
			"What was written inside the container outside its volumes is lost."}, e.consequences(name)...)...)
}

func (e *env) removeAction(name string) action {
	return doneAction(e.src.remove, name, func(confirm string) core.RemoveServiceIn {
		return core.RemoveServiceIn{ServiceIn: core.ServiceIn{Service: name}, Confirm: core.Confirm{Confirm: confirm}}
	}, append([]string{"Stops and removes " + e.containerOf(name) + ". Volumes, image and collected logs stay; what was written inside the container is lost."},
		e.consequences(name)...)...)
}

func stopIn(name string) func(string) core.StopServiceIn {
	return func(string) core.StopServiceIn {
		return core.StopServiceIn{ServiceIn: core.ServiceIn{Service: name}}
	}
}

// containerOf names a service's container for a confirmation.
func (e *env) containerOf(name string) string {
	s, ok := e.service(name)
	if !ok || s.ID == "" {
		return "the container of " + name
	}
	image := s.Image
	if strings.HasPrefix(image, "sha256:") {
		image = "image " + core.ShortID(image)
	}
	return "container " + core.ShortID(s.ID) + " (" + image + ")"
}

// consequences says what else will notice when a service is away.
func (e *env) consequences(name string) []string {
	s, ok := e.service(name)
	if !ok {
		return nil
	}
	var out []string
	if s.Self {
		out = append(out, "This is the control plane you are in: it refuses to do this to itself; "+e.charter.Sibling+" can.")
	}
	switch s.Kind {
	case core.KindTraefik:
		out = append(out, "Every route goes through it: nothing is reachable from outside until it is back.")
	case core.KindShipDB:
		out = append(out, "The instance "+s.Instance+" uses this database: its requests fail until it is back.")
	case core.KindPostgres:
		out = append(out, "Every service that uses this database loses its connections.")
	}
	if s.Route != "" && s.Kind != core.KindTraefik {
		out = append(out, strings.TrimSuffix(s.Route, "/")+" does not answer meanwhile.")
	}
	return out
}
