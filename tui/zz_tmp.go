package tui

import "github.com/codematrx/matrx-ship/core"

type logScreen struct {
	*overview
	query core.LogQuery
}

func tmp(s scope) Screen                            { return &overview{scope: s, name: "tmp"} }
func newLogs(...string) func(scope) Screen          { return tmp }
func newTerminal(s scope) Screen                    { return tmp(s) }
func newInfra(s scope) Screen                       { return tmp(s) }
func newJobs(s scope) Screen                        { return tmp(s) }
func newJob(core.Job) func(scope) Screen            { return tmp }
func newAudit(string) func(scope) Screen            { return tmp }
func newAccess(s scope) Screen                      { return tmp(s) }
func newDiagnose(s scope) Screen                    { return tmp(s) }
func newSettings(s scope) Screen                    { return tmp(s) }
func newDocs(string) func(scope) Screen             { return tmp }
func newLogSearch(core.LogQuery) func(scope) Screen { return tmp }
