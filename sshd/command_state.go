package sshd

import (
	"fmt"
	"io"
	"strings"

	"github.com/codematrx/matrx-ship/core"
)

func stateCommands() []command {
	return []command{
		{"routes", "[SERVICE]", "Show what Traefik really routes, and probe it", nil, runRoutes},
		{"definition", "[SERVICE] | set | remove SERVICE", "List definitions, show one, set one from a compose file on standard input, or remove a service with its definition", func(k *call) {
			k.flags.StringVar(&k.opt.confirm, "confirm", "", "with remove: the service's name again; without it nothing is removed")
			k.flags.BoolVar(&k.opt.keep, "keep-container", false, "with remove: what runs goes on as it is")
			k.flags.BoolVar(&k.opt.plan, "plan", false, "with remove: only say what goes and what stays")
			k.flags.BoolVar(&k.opt.rendered, "rendered", false, "as it lies in the service's folder, with every value filled in")
			k.flags.IntVar(&k.opt.base, "base", 0, "with set: change nothing unless this is the newest version")
			k.flags.Func("var", "with set: fill in a variable, NAME=VALUE; may be given again", k.variable)
		}, runDefinition},
		{"adopt", "[SERVICE...]", "Take over what runs already, without a restart", func(k *call) {
			k.flags.BoolVar(&k.opt.plan, "plan", false, "only say what could be taken over")
		}, runAdopt},
		{"alerts", "", "List alerts, newest first", func(k *call) {
			k.flags.BoolVar(&k.opt.test, "test", false, "send a test alert to every address")
		}, runAlerts},
	}
}

// variable takes NAME=VALUE.
func (k *call) variable(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return fmt.Errorf("give NAME=VALUE")
	}
	if k.opt.vars == nil {
		k.opt.vars = map[string]string{}
	}
	k.opt.vars[name] = value
	return nil
}

func runRoutes(k *call) error {
	in := core.RoutesIn{}
	if len(k.args) > 0 {
		name, err := k.one("service")
		if err != nil {
			return err
		}
		in.Service = name
	}
	view, err := core.ListRoutes.Run(k.ctx, k.core, in)
	if err != nil {
		return err
	}
	view.Routes, view.Others = notNil(view.Routes), notNil(view.Others)
	return k.answer(view, func(w io.Writer) { printRoutes(w, view, in.Service != "") })
}

func printRoutes(w io.Writer, view core.RoutingView, one bool) {
	if view.Problem != "" {
		fmt.Fprintf(w, "✗ %s\n\n", core.SafeText(view.Problem))
	}
	t := table{head: []string{"", "SERVICE", "DOMAINS", "LEADS TO", "PROBE", "CERTIFICATE", "VERDICT"}}
	for _, r := range view.Routes {
		glyph := "✗"
		if r.OK {
			glyph = "●"
		}
		expires := "-"
		if !r.Expires.IsZero() {
			expires = "until " + r.Expires.UTC().Format("2006-01-02")
		}
		t.add(glyph, r.Service, strings.Join(r.Domains, ", "), strings.Join(r.Servers, ", "), r.Probe, expires, r.Verdict)
	}
	t.print(w, "No service has a route.")
	for _, r := range view.Routes {
		if one || !r.OK && r.Do != "" {
			fmt.Fprintln(w)
			printRoute(w, r)
		}
	}
	if !one && len(view.Others) > 0 {
		fmt.Fprintln(w)
		others := table{head: []string{"OTHER ROUTER", "RULE", "SERVICE", "STATUS"}}
		for _, r := range view.Others {
			others.add(r.Name, r.Rule, r.Service, r.Status)
		}
		others.print(w, "")
	}
}

// printRoute prints what belongs to one route.
func printRoute(w io.Writer, r core.RouteView) {
	t := table{head: []string{r.Service, r.Verdict}}
	for _, row := range [][2]string{
		{"labels ask for", r.Wanted}, {"Traefik has", r.Rule}, {"router", strings.TrimSpace(r.Router + " " + r.Status)}, {"entry points", strings.Join(r.Entrypoints, ", ")},
		{"middlewares", strings.Join(r.Middlewares, ", ")}, {"service", r.Backend}, {"servers", strings.Join(r.Servers, ", ")}, {"our file says", r.Switch},
		{"certificate", r.Issuer}, {"errors", strings.Join(r.Errors, "; ")}, {"do", r.Do},
	} {
		if row[1] != "" {
			t.add(row[0], row[1])
		}
	}
	t.head[0], t.head[1] = core.SafeText(t.head[0]), core.SafeText(t.head[1])
	t.print(w, "")
}

func runDefinition(k *call) error {
	if len(k.args) == 0 {
		return listDefinitions(k)
	}
	if k.args[0] == "remove" {
		return runDefinitionRemove(k, k.args[1:])
	}
	name, err := k.one("service, or set, or remove and a service")
	if err != nil {
		return err
	}
	if name == "set" {
		return setDefinition(k)
	}
	view, err := core.ShowDefinition.Run(k.ctx, k.core, core.ServiceIn{Service: name})
	if err != nil {
		return err
	}
	return k.answer(view, func(w io.Writer) {
		text := view.Editable
		if k.opt.rendered {
			text = view.Rendered
		}
		printText(w, text)
	})
}

// printText prints a file, line by line made safe.
func printText(w io.Writer, text string) {
	for line := range strings.Lines(text) {
		fmt.Fprintln(w, core.SafeText(strings.TrimRight(line, "\r\n")))
	}
}

func listDefinitions(k *call) error {
	list, err := core.ListDefinitions.Run(k.ctx, k.core, struct{}{})
	if err != nil {
		return err
	}
	return k.answer(notNil(list), func(w io.Writer) {
		t := table{head: []string{"SERVICE", "KIND", "VERSION", "WHEN", "BY", "FROM"}}
		for _, d := range list {
			from := d.Image
			if d.Source != nil {
				from = d.Source.Repo + " " + d.Source.Ref
			}
			if d.Adopted {
				from += " (adopted)"
			}
			t.add(d.Service, string(d.Kind), fmt.Sprint(d.Version), stamp(d.At), d.By, from)
		}
		t.print(w, "There are no definitions: adopt takes over what runs.")
	})
}

func setDefinition(k *call) error {
	text, err := k.input("a compose file with one service")
	if err != nil {
		return err
	}
	view, err := core.SetDefinition.Run(k.ctx, k.core, core.DefinitionIn{Text: text, Vars: k.opt.vars, Version: k.opt.base})
	if err != nil {
		return err
	}
	return k.answer(view, func(w io.Writer) {
		fmt.Fprintf(w, "The definition of %s is version %d now. It runs with the next deployment: changes %s\n", core.SafeText(view.Service), view.Version, core.SafeText(view.Service))
	})
}

func runAdopt(k *call) error {
	op := core.Adopt
	if k.opt.plan {
		op = core.PlanAdopt
	}
	plan, err := op.Run(k.ctx, k.core, core.AdoptIn{Services: k.args})
	if err != nil {
		return err
	}
	plan.Items = notNil(plan.Items)
	return k.answer(plan, func(w io.Writer) {
		t := table{head: []string{"SERVICE", "KIND", "CONTAINER", "FOUND BY", "ENV", "STATE"}}
		for _, item := range plan.Items {
			t.add(item.Service, string(item.Kind), item.Container, item.Found, fmt.Sprint(len(item.EnvNames), " names"), adoptState(item))
		}
		t.print(w, "There is nothing to take over.")
		for _, item := range plan.Items {
			for _, text := range item.Differs {
				fmt.Fprintf(w, "▲ %s: its first deployment changes %s\n", core.SafeText(item.Service), core.SafeText(text))
			}
		}
	})
}

// adoptState says whether something is, can be, or cannot be taken over.
func adoptState(item core.AdoptItem) string {
	switch {
	case len(item.Problems) > 0:
		return "cannot be: " + strings.Join(item.Problems, "; ")
	case item.Adopted:
		return "taken over"
	default:
		return "can be taken over"
	}
}

func runAlerts(k *call) error {
	if err := k.none(); err != nil {
		return err
	}
	if k.opt.test {
		return k.done(core.TestAlert.Run(k.ctx, k.core, struct{}{}))
	}
	view, err := core.ListAlerts.Run(k.ctx, k.core, struct{}{})
	if err != nil {
		return err
	}
	view.Targets, view.Alerts = notNil(view.Targets), notNil(view.Alerts)
	return k.answer(view, func(w io.Writer) { printAlerts(w, view) })
}

func printAlerts(w io.Writer, view core.AlertsView) {
	if len(view.Targets) == 0 {
		fmt.Fprint(w, "▲ Nobody is told: MATRX_ALERT_URLS is not set.\n\n")
	} else {
		fmt.Fprintf(w, "Alerts go to: %s\n\n", core.SafeText(strings.Join(view.Targets, ", ")))
	}
	t := table{head: []string{"", "SINCE", "OVER", "SERVICE", "CAUSE", "WHAT", "SENT"}}
	for _, x := range view.Alerts {
		glyph, sent := "✗", "yes"
		if !x.Over.IsZero() {
			glyph = "●"
		}
		if !x.Sent {
			sent = "not yet: " + x.Problem
		}
		t.add(glyph, stamp(x.At), stamp(x.Over), x.Service, x.Cause, x.Title, sent)
	}
	t.print(w, "There were no alerts.")
}
