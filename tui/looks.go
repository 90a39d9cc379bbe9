package tui

import "github.com/codematrx/matrx-ship/core"

// deployment is how the state of a deployment looks.
func (st *styles) deployment(s core.DeployState) look { return st.job(string(s)) }

// build is how the state of a build looks.
func (st *styles) build(s core.BuildState) look { return st.job(string(s)) }

// step is how the state of a step of a deployment looks.
func (st *styles) step(state string) look {
	switch state {
	case "running":
		return look{"◐", "running", st.accent}
	case "done":
		return look{"●", "done", st.ok}
	case "failed":
		return look{"✗", "failed", st.bad}
	case "skipped":
		return look{"◇", "skipped", st.dim}
	case "":
		return look{"·", "to come", st.dim}
	default:
		return look{"?", safe(state), st.warn}
	}
}

// need is how what a change needs looks.
func (st *styles) need(need string) look {
	switch need {
	case core.NeedsBuild:
		return look{"▲", "needs build", st.warn}
	case core.NeedsDeploy:
		return look{"◆", "needs deploy", st.accent}
	case core.NeedsNone, "":
		return look{"●", "nothing", st.dim}
	default:
		return look{"?", safe(need), st.warn}
	}
}

// route is how the verdict on a route looks.
func (st *styles) route(ok bool) look {
	if ok {
		return look{"●", "works", st.ok}
	}
	return look{"✗", "does not work", st.bad}
}
