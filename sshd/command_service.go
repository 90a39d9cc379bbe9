package sshd

import (
	"fmt"
	"io"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

func serviceCommands() []command {
	grace := func(k *call) {
		k.flags.StringVar(&k.opt.grace, "grace", "", "how long it may take to end, such as 30s")
	}
	return []command{
		{"status", "", "Show what is wrong, and every service with its health", nil, runStatus},
		{"services", "", "List services", func(k *call) {
			k.flags.StringVar(&k.opt.kind, "kind", "", "only this kind: ship, ship-db, traefik, ...")
			k.flags.StringVar(&k.opt.instance, "instance", "", "only this instance")
		}, runServices},
		{"show", "SERVICE", "Describe a service", nil, runShow},
		{"start", "SERVICE", "Start a service", nil, runStart},
		{"stop", "SERVICE", "Stop a service", grace, runStop},
		{"restart", "SERVICE", "Restart a service and wait until it is healthy", grace, runRestart},
		{"recreate", "SERVICE", "Make a service's container anew from its own configuration", grace, runRecreate},
		{"remove", "SERVICE", "Remove a service's container; its volumes stay", func(k *call) {
			k.flags.StringVar(&k.opt.confirm, "confirm", "", "the service's name again: without it nothing is removed")
		}, runRemove},
	}
}

func runStatus(k *call) error {
	if err := k.none(); err != nil {
		return err
	}
	st, err := core.GetStatus.Run(k.ctx, k.core, struct{}{})
	if err != nil {
		return err
	}
	return k.answer(st, func(w io.Writer) { printStatus(w, st, time.Now()) })
}

func printStatus(w io.Writer, st core.Status, now time.Time) {
	fmt.Fprintf(w, "%s  %s %s  up %s\n", st.Server, st.Plane, st.Version, core.FormatAge(now.Sub(st.Started)))
	if !st.Engine.Up {
		fmt.Fprintf(w, "✗ %s What follows is %s old.\n", core.SafeText(st.Engine.Problem), core.FormatAge(now.Sub(st.Engine.Seen)))
	}
	if !st.Journal.Writable {
		fmt.Fprintf(w, "✗ The journal takes no records: %s\n", core.SafeText(st.Journal.Trouble))
	}
	fmt.Fprintln(w)
	if len(st.Faults) == 0 {
		fmt.Fprintln(w, "● No faults.")
	}
	for _, f := range st.Faults {
		glyph := "▲"
		if f.Severity == core.Critical {
			glyph = "✗"
		}
		fmt.Fprintf(w, "%s %s  %s (%s)\n  %s\n", glyph, f.Severity, core.SafeText(f.What), core.FormatAge(now.Sub(f.Since)), core.SafeText(f.Do))
	}
	fmt.Fprintln(w)
	printServices(w, st.Services, now)
}

func printServices(w io.Writer, services []core.Service, now time.Time) {
	t := table{head: []string{"SERVICE", "KIND", "HEALTH", "DETAIL", "UPTIME", "RESTARTS", "CPU", "MEMORY", "ROUTE"}}
	for _, s := range services {
		up := "-"
		if d := s.Uptime(now); d > 0 {
			up = core.FormatAge(d)
		}
		cpu, mem := "-", "-"
		if !s.Usage.At.IsZero() {
			cpu, mem = fmt.Sprintf("%.1f%%", s.Usage.CPU*100), core.FormatBytes(s.Usage.Memory)
		}
		t.add(s.Name, string(s.Kind), string(s.Health.State), s.Health.Detail, up, fmt.Sprint(s.Restarts), cpu, mem, s.Route)
	}
	t.print(w, "There are no services.")
}

func runServices(k *call) error {
	if err := k.none(); err != nil {
		return err
	}
	list, err := core.ListServices.Run(k.ctx, k.core, core.ListServicesIn{Kind: core.Kind(k.opt.kind), Instance: k.opt.instance})
	if err != nil {
		return err
	}
	return k.answer(notNil(list), func(w io.Writer) { printServices(w, list, time.Now()) })
}

func runShow(k *call) error {
	name, err := k.one("service")
	if err != nil {
		return err
	}
	d, err := core.ShowService.Run(k.ctx, k.core, core.ServiceIn{Service: name})
	if err != nil {
		return err
	}
	return k.answer(d, func(w io.Writer) { printService(w, d, time.Now()) })
}

func printService(w io.Writer, d core.ServiceDetail, now time.Time) {
	t := table{head: []string{"SERVICE", d.Name}}
	t.add("kind", string(d.Kind))
	t.add("health", string(d.Health.State)+": "+d.Health.Detail)
	t.add("probe", d.Health.Probe)
	t.add("container", core.ShortID(d.ID)+" "+d.State)
	t.add("image", d.Image+" "+core.ShortID(d.ImageID))
	t.add("uptime", core.FormatAge(d.Uptime(now)))
	t.add("restarts", fmt.Sprint(d.Restarts))
	t.add("route", d.Route)
	t.add("looked after by", d.Home)
	if d.Detail != nil {
		for _, m := range d.Detail.Mounts {
			t.add("mount", m.Target+" <- "+m.Type+" "+m.Name+m.Source)
		}
		for _, name := range d.Detail.EnvNames {
			t.add("env", name)
		}
	}
	if d.Note != "" {
		t.add("note", d.Note)
	}
	t.print(w, "")
}

// done prints the answer of a change.
func (k *call) done(d core.Done, err error) error {
	if err != nil {
		return err
	}
	return k.answer(d, func(w io.Writer) { fmt.Fprintln(w, core.SafeText(d.Message)) })
}

func runStart(k *call) error {
	name, err := k.one("service")
	if err != nil {
		return err
	}
	return k.done(core.StartService.Run(k.ctx, k.core, core.ServiceIn{Service: name}))
}

// stopIn reads what stop, restart and recreate take.
func (k *call) stopIn() (core.StopServiceIn, error) {
	name, err := k.one("service")
	if err != nil {
		return core.StopServiceIn{}, err
	}
	in := core.StopServiceIn{ServiceIn: core.ServiceIn{Service: name}}
	if k.opt.grace != "" {
		in.Grace, err = core.ParseAge(k.opt.grace)
	}
	return in, err
}

func runStop(k *call) error {
	in, err := k.stopIn()
	if err != nil {
		return err
	}
	return k.done(core.StopService.Run(k.ctx, k.core, in))
}

func runRestart(k *call) error {
	in, err := k.stopIn()
	if err != nil {
		return err
	}
	return k.done(core.RestartService.Run(k.ctx, k.core, in))
}

func runRecreate(k *call) error {
	in, err := k.stopIn()
	if err != nil {
		return err
	}
	job, err := core.RecreateService.Run(k.ctx, k.core, in)
	if err != nil {
		return err
	}
	return k.await(job)
}

func runRemove(k *call) error {
	name, err := k.one("service")
	if err != nil {
		return err
	}
	in := core.RemoveServiceIn{ServiceIn: core.ServiceIn{Service: name}, Confirm: core.Confirm{Confirm: k.opt.confirm}}
	return k.done(core.RemoveService.Run(k.ctx, k.core, in))
}

// notNil makes an empty list print as [] and not as null.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
