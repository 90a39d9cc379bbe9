package core

import "testing"

func TestARollbackToWhatWasAdoptedHasTheEnvThatTheAdoptionTookIn(t *testing.T) {
	c, ctx := envCore(t)
	if _, err := c.importEnv(ctx, "s", map[string]string{"A": "1"}); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		labels map[string]string
		want   int
	}{
		"no label":               {nil, 1},
		"made by apply":          {map[string]string{labelEnv: "0"}, 1},
		"deployed without env":   {map[string]string{labelEnv: "0", labelDeployment: "d"}, 0},
		"deployed with an env":   {map[string]string{labelEnv: "3", labelDeployment: "d"}, 3},
		"kept by a later apply":  {map[string]string{labelEnv: "3"}, 3},
		"a label that is no one": {map[string]string{labelEnv: "x"}, 1},
	} {
		if got := c.envOfContainer("s", ContainerDetail{Container: Container{Labels: tc.labels}}); got != tc.want {
			t.Errorf("%s: version %d", name, got)
		}
	}
	if got := c.envOfContainer("other", ContainerDetail{}); got != 0 {
		t.Errorf("without an env: version %d", got)
	}
}
