package tui

import (
	"context"
	"strings"

	"github.com/codematrx/matrx-ship/core"
)

// adoptAction takes over what runs under a service's name.
func (e *env) adoptAction(name string) action {
	return action{e.src.adopt.info, name, []string{
		"Makes a definition of " + e.containerOf(name) + " as it runs now, and keeps its variables encrypted as the first version of its env.",
		"Nothing is restarted. From then on it can be deployed and rolled back from here.",
	}, func(ctx context.Context, _ string) (outcome, error) {
		plan, err := e.src.adopt.run(ctx, core.AdoptIn{Services: []string{name}})
		if err != nil {
			return outcome{}, err
		}
		return outcome{text: adopted(name, plan)}, nil
	}}
}

// adopted says what came of an adoption.
func adopted(name string, plan core.AdoptPlan) string {
	for _, item := range plan.Items {
		switch {
		case item.Service != name:
		case len(item.Problems) > 0:
			return name + " was not taken over: " + strings.Join(item.Problems, " ")
		case len(item.Differs) > 0:
			return name + " is taken over. Its first deployment changes: " + strings.Join(item.Differs, ", ")
		default:
			return name + " is taken over; it was not restarted."
		}
	}
	return "Nothing that could be taken over runs as " + name + "."
}

// unmanaged is a screen of a service that has no definition yet, and what to do about it.
func (e *env) unmanaged(name string, err error, w, h int) string {
	return emptyView(e.st, w, h, look{"◇", "", e.st.warn}, safe(name)+" is not managed yet", safe(core.MessageOf(err)),
		"From here: :adopt "+safe(name)+" takes it over as it runs, without a restart.")
}
