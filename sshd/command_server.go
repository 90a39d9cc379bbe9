package sshd

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

func serverCommands() []command {
	return []command{
		{"diagnose", "", "Check everything and say what to do", nil, runDiagnose},
		{"infra", "", "Show networks, volumes, images, routes and disk", nil, runInfra},
		{"prune", "", "Remove dangling images and build cache", nil, runPrune},
		{"recordings", "", "List recorded shells, newest first", nil, runRecordings},
		{"replay", "RECORDING", "Print a recorded shell; --json gives its asciicast events", nil, runReplay},
		{"settings", "[NAME [VALUE]]", "List settings, show one, or change it", func(k *call) {
			k.flags.BoolVar(&k.opt.standard, "default", false, "return the named setting to its default")
		}, runSettings},
		{"docs", "[PAGE]", "List the handbook's pages, or print one", func(k *call) {
			k.flags.StringVar(&k.opt.grep, "grep", "", "search the handbook")
		}, runDocs},
		{"op", "NAME [JSON]", "Run any operation with JSON input, as the API does", nil, runOp},
	}
}

func runDiagnose(k *call) error {
	if err := k.none(); err != nil {
		return err
	}
	failed := 0
	for check, err := range core.Diagnose.Run(k.ctx, k.core, struct{}{}) {
		if err != nil {
			return err
		}
		if check.State == core.CheckFail {
			failed++
		}
		if err := k.line(check, checkText(check)); err != nil {
			return err
		}
	}
	if failed > 0 {
		return core.Errorf(core.CodeConflict, "%d checks failed.", failed)
	}
	return nil
}

func checkText(c core.Check) string {
	text := fmt.Sprintf("%-7s %-12s %s: %s", c.State, c.Area, core.SafeText(c.Name), core.SafeText(c.Found))
	if c.Do != "" {
		text += "\n        -> " + core.SafeText(c.Do)
	}
	return text
}

func runInfra(k *call) error {
	if err := k.none(); err != nil {
		return err
	}
	in, err := core.ShowInfra.Run(k.ctx, k.core, struct{}{})
	if err != nil {
		return err
	}
	return k.answer(in, func(w io.Writer) { printInfra(w, in) })
}

func printInfra(w io.Writer, in core.Infrastructure) {
	fmt.Fprintf(w, "engine %s, API %s, %s; Traefik %s\n\n", core.SafeText(in.Engine.Version), core.SafeText(in.Engine.API),
		core.SafeText(in.Engine.OS), core.SafeText(in.Traefik))
	routes := table{head: []string{"ROUTE", "RULE", "SERVICE", "SERVERS", "STATUS"}}
	for _, r := range in.Routes {
		routes.add(r.Name, r.Rule, r.Service, strings.Join(r.Servers, ", "), r.Status)
	}
	routes.print(w, "Traefik has no routes.")
	fmt.Fprintln(w)
	networks := table{head: []string{"NETWORK", "DRIVER", "SUBNETS", "CONTAINERS"}}
	for _, n := range in.Networks {
		networks.add(n.Name, n.Driver, strings.Join(n.Subnets, ", "), strings.Join(n.Containers, ", "))
	}
	networks.print(w, "There are no networks.")
	fmt.Fprintln(w)
	volumes := table{head: []string{"VOLUME", "SIZE", "USED BY"}}
	for _, v := range in.Volumes {
		volumes.add(v.Name, core.FormatBytes(v.Size), fmt.Sprint(v.UsedBy))
	}
	volumes.print(w, "There are no volumes.")
	fmt.Fprintln(w)
	images := table{head: []string{"IMAGE", "ID", "SIZE", "USED BY"}}
	for _, i := range in.Images {
		images.add(strings.Join(i.Tags, ", "), core.ShortID(i.ID), core.FormatBytes(i.Size), fmt.Sprint(i.UsedBy))
	}
	images.print(w, "There are no images.")
	fmt.Fprintf(w, "\ndisk: images %s (%s unused), containers %s, volumes %s (%s unused), build cache %s\n", core.FormatBytes(in.Disk.Images),
		core.FormatBytes(in.Disk.ImagesUnused), core.FormatBytes(in.Disk.Containers), core.FormatBytes(in.Disk.Volumes),
		core.FormatBytes(in.Disk.VolumesUnused), core.FormatBytes(in.Disk.BuildCache))
	for _, p := range in.Problems {
		fmt.Fprintf(w, "▲ %s\n", core.SafeText(p))
	}
}

func runPrune(k *call) error {
	if err := k.none(); err != nil {
		return err
	}
	job, err := core.PruneDisk.Run(k.ctx, k.core, struct{}{})
	if err != nil {
		return err
	}
	return k.await(job)
}

func runRecordings(k *call) error {
	if err := k.none(); err != nil {
		return err
	}
	list, err := core.ListRecordings.Run(k.ctx, k.core, struct{}{})
	if err != nil {
		return err
	}
	return k.answer(notNil(list), func(w io.Writer) {
		t := table{head: []string{"RECORDING", "SERVICE", "BY", "STARTED", "TOOK", "SIZE", "EXIT"}}
		for _, r := range list {
			exit := fmt.Sprint(r.ExitCode)
			if r.Open {
				exit = "open"
			}
			t.add(r.ID, r.Service, r.By.Name, stamp(r.Started), r.Took.Round(time.Second).String(), core.FormatBytes(r.Size), exit)
		}
		t.print(w, "No shell has been recorded.")
	})
}

// runReplay prints a recording's output as it was, control sequences and all: it is the terminal's own picture. For a
// program it prints the events.
func runReplay(k *call) error {
	id, err := k.one("recording")
	if err != nil {
		return err
	}
	for event, err := range core.ReadRecording.Run(k.ctx, k.core, core.RecordingIn{ID: id}) {
		switch {
		case err != nil:
			return err
		case k.json:
			err = k.line([]any{event.At.Seconds(), event.Kind, event.Data}, "")
		case event.Kind == "o":
			_, err = io.WriteString(k.out, event.Data)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func runSettings(k *call) error {
	switch {
	case len(k.args) == 1 && k.opt.standard:
		return k.setSetting(k.args[0], "")
	case len(k.args) == 2 && !k.opt.standard:
		return k.setSetting(k.args[0], k.args[1])
	case len(k.args) > 1 || k.opt.standard:
		return core.Errorf(core.CodeInvalid, "Give nothing to list settings, a NAME to show one, NAME VALUE to change it, or NAME --default.")
	}
	list, err := core.ListSettings.Run(k.ctx, k.core, struct{}{})
	if err != nil {
		return err
	}
	if len(k.args) == 1 {
		list = slices.DeleteFunc(list, func(s core.Setting) bool { return s.Name != k.args[0] })
		if len(list) == 0 {
			return core.Errorf(core.CodeNotFound, "There is no setting %q; settings lists them.", k.args[0])
		}
	}
	return k.answer(notNil(list), func(w io.Writer) {
		t := table{head: []string{"SETTING", "VALUE", "DEFAULT", "WHAT"}}
		for _, s := range list {
			t.add(s.Name, s.Value, s.Default, s.Summary)
		}
		t.print(w, "There are no settings.")
	})
}

// setSetting gives a setting a value; an empty one is its default.
func (k *call) setSetting(name, value string) error {
	s, err := core.SetSetting.Run(k.ctx, k.core, core.SetSettingIn{Name: name, Value: value})
	if err != nil {
		return err
	}
	return k.answer(s, func(w io.Writer) { fmt.Fprintf(w, "%s is %s now.\n", s.Name, core.SafeText(s.Value)) })
}

func runDocs(k *call) error {
	if k.opt.grep != "" {
		return searchDocs(k)
	}
	if len(k.args) == 0 {
		return listDocs(k)
	}
	name, err := k.one("page")
	if err != nil {
		return err
	}
	doc, err := core.ShowDoc.Run(k.ctx, k.core, core.DocIn{Name: name})
	if err != nil {
		return err
	}
	return k.answer(doc, func(w io.Writer) { fmt.Fprintln(w, doc.Text) })
}

func listDocs(k *call) error {
	list, err := core.ListDocs.Run(k.ctx, k.core, struct{}{})
	if err != nil {
		return err
	}
	return k.answer(notNil(list), func(w io.Writer) {
		t := table{head: []string{"PAGE", "TITLE"}}
		for _, d := range list {
			t.add(d.Name, d.Title)
		}
		t.print(w, "The handbook is empty.")
	})
}

func searchDocs(k *call) error {
	hits, err := core.SearchDocs.Run(k.ctx, k.core, core.SearchDocsIn{Text: k.opt.grep})
	if err != nil {
		return err
	}
	return k.answer(notNil(hits), func(w io.Writer) {
		t := table{head: []string{"PAGE", "LINE", "TEXT"}}
		for _, h := range hits {
			t.add(h.Name, fmt.Sprint(h.Line), h.Text)
		}
		t.print(w, "The handbook does not mention it.")
	})
}

// runOp is the generic door: every operation by name, JSON in, JSON out. A stream prints one JSON line an item.
func runOp(k *call) error {
	if len(k.args) < 1 || len(k.args) > 2 {
		return core.Errorf(core.CodeInvalid, "Give an operation's name and its input as one JSON argument.")
	}
	var raw json.RawMessage
	if len(k.args) == 2 {
		raw = json.RawMessage(k.args[1])
	}
	for _, op := range core.Ops() {
		if info := op.Info(); info.Name == k.args[0] {
			k.json = true
			return k.callOp(op, raw)
		}
	}
	return core.Errorf(core.CodeNotFound, "There is no operation %q.", k.args[0])
}

func (k *call) callOp(op core.AnyOp, raw json.RawMessage) error {
	if !op.Info().Streams {
		out, err := op.Call(k.ctx, k.core, raw)
		if err != nil {
			return err
		}
		return k.answer(out, nil)
	}
	stream, err := op.Stream(k.ctx, k.core, raw)
	if err != nil {
		return err
	}
	for item, err := range stream {
		if err != nil {
			return err
		}
		if err := k.line(item, ""); err != nil {
			return err
		}
	}
	return nil
}
