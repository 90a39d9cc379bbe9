package core_test

import (
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

func TestAnImageCannotSayOfWhichCommitOrReleaseItsContainerIs(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		claimed := map[string]string{
			"com.matrx.commit": strings.Repeat("a", 40), "com.matrx.build": "b1", "com.matrx.built": "2026-01-02T03:04:05Z",
			"com.matrx.instance": "acme", "com.docker.compose.version": "2", "maintainer": "ann",
		}
		r := newDeployRig(t, func(r *deployRig) {
			r.def.Source, r.def.Image = nil, "shop:1"
			r.engine.AddImage(core.Image{Tags: []string{"shop:1"}, Labels: claimed})
		})
		d := r.deploy(core.DeployIn{})
		if d.State != core.DeployDone {
			t.Fatalf("%s: %s", d.State, d.Result)
		}
		labels := r.one().Labels
		for name := range claimed {
			if got := labels[name]; (got == "") != (name != "maintainer") {
				t.Errorf("%s is %q", name, got)
			}
		}
		if labels["com.matrx.service"] != "web" || labels["com.matrx.deployment"] != d.ID {
			t.Errorf("%v", labels)
		}
		if now := r.releases()[0]; now.Commit.SHA != "" || now.Build != "" {
			t.Errorf("the release is of commit %q, build %q", now.Commit.SHA, now.Build)
		}
		r.become("web", core.Healthy, 30*time.Second)
	})
}
