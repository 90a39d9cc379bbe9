package core

import "testing"

func TestAContainerThatRunsAgainIsNotSaidToHaveExitedWithTheCodeOfOneThatRuns(t *testing.T) {
	for _, c := range []struct {
		state                  string
		restarts, before, code int
		want                   string
	}{
		{"exited", 0, 0, 3, "exited with 3"},
		{"exited", 2, 2, 3, "exited with 3"},
		{"running", 1, 0, 0, "ended and was restarted 1 times"},
		{"restarting", 3, 1, 3, "ended and was restarted 2 times, and exited with 3"},
	} {
		d := ContainerDetail{Container: Container{State: c.state}, Restarts: c.restarts, ExitCode: c.code}
		if got := endedWords(d, c.before); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}
