package sshd

import (
	"fmt"
	"io"

	"github.com/codematrx/matrx-ship/core"
)

// runDefinitionRemove removes a service with its definition, or says what that would do.
func runDefinitionRemove(k *call, args []string) error {
	if len(args) != 1 {
		return core.Errorf(core.CodeInvalid, "Give exactly one service: definition remove SERVICE --confirm SERVICE. What it would do: definition remove SERVICE --plan")
	}
	service := core.ServiceIn{Service: args[0]}
	if k.opt.plan {
		plan, err := core.PlanRemoval.Run(k.ctx, k.core, core.RemovalIn{ServiceIn: service, KeepContainer: k.opt.keep})
		if err != nil {
			return err
		}
		return k.answer(plan, func(w io.Writer) { printRemoval(w, plan) })
	}
	job, err := core.RemoveDefinition.Run(k.ctx, k.core, core.RemoveDefinitionIn{
		ServiceIn: service, Confirm: core.Confirm{Confirm: k.opt.confirm}, KeepContainer: k.opt.keep,
	})
	if err != nil {
		return err
	}
	return k.await(job)
}

func printRemoval(w io.Writer, p core.RemovalPlan) {
	if !p.Begun.IsZero() {
		fmt.Fprintf(w, "▲ Its removal began at %s and did not come to its end: this finishes it.\n", stamp(p.Begun))
	}
	if p.Held != "" {
		fmt.Fprintln(w, "▲ Locked: "+core.SafeText(p.Held))
	}
	for _, text := range p.Warn {
		fmt.Fprintln(w, "▲ "+core.SafeText(text))
	}
	for _, text := range p.Blocked {
		fmt.Fprintln(w, "✗ "+core.SafeText(text))
	}
	for _, part := range []struct {
		head  string
		lines []string
	}{{"What goes:", p.Goes}, {"What stays:", p.Stays}} {
		fmt.Fprintln(w, part.head)
		for _, line := range part.lines {
			fmt.Fprintln(w, "  "+core.SafeText(line))
		}
	}
}
