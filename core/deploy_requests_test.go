package core_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/codematrx/matrx-ship/core"
)

func TestWhatAServiceUsuallyAnswersIsNoLossWhileItIsExchanged(t *testing.T) {
	for _, tc := range []struct {
		path          string
		before, after int
		lost          bool
	}{
		{"/", 200, 200, false}, {"/", 404, 404, false}, {"/", 404, 200, false}, {"/", 200, 302, false}, {"/", 200, 401, false}, {"/", 200, 404, true},
		{"/", 404, 502, true}, {"/", 502, 502, true}, {"/", 0, 404, true}, {"/healthz", 401, 401, false}, {"/healthz", 200, 401, true}, {"/healthz", 404, 404, false},
		{"/healthz", 503, 503, true},
	} {
		t.Run(fmt.Sprintf("%s %d then %d", tc.path, tc.before, tc.after), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := newDeployRig(t, func(r *deployRig) { r.def.Health.Path = tc.path })
				var asked atomic.Int64
				r.ship.Through.OnProbe(func(core.RouteProbe) (int, error) {
					if asked.Add(1) > 1 {
						return tc.after, nil
					}
					if tc.before == 0 {
						return 0, errProbe
					}
					return tc.before, nil
				})
				r.push("version 2", "v2")
				d := r.deploy(core.DeployIn{})
				if d.State != core.DeployDone || d.Asked < 10 {
					t.Fatalf("%s: %s, %d asked", d.State, d.Result, d.Asked)
				}
				if lost := d.Lost > 0; lost != tc.lost {
					t.Errorf("%d of %d lost", d.Lost, d.Asked)
				}
			})
		})
	}
}
