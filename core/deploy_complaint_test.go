package core

import "testing"

func TestOnlyWhatIsWrongWithTraefiksOwnConfigurationIsAComplaint(t *testing.T) {
	for line, want := range map[string]string{
		`{"level":"error","providerName":"file","error":"bad.yml: yaml: line 1","message":"Error while building configuration"}`: "Error while building configuration: bad.yml: yaml: line 1",
		`{"level":"error","error":"field not found, node: x","message":"Command error"}`:                                         "Command error: field not found, node: x",
		`{"level":"error","providerName":"docker","error":"Cannot connect","message":"Provider error"}`:                          "",
		`{"level":"error","providerName":"letsencrypt.acme","error":"no network","message":"Unable to obtain"}`:                  "",
		`{"level":"error","routerName":"web@file","error":"the service does not exist"}`:                                         "",
		`{"level":"warn","message":"careful"}`:                                                                                   "",
		`{"level":"info","message":"Starting provider *file.Provider"}`:                                                          "",
		"2026-11-22 INF Starting":                           "",
		"2026-11-22 ERR Error while building configuration": "2026-11-22 ERR Error while building configuration",
	} {
		if got := complaint(line); got != want {
			t.Errorf("%s: %q", line, got)
		}
	}
}
