//go:build e2e

package e2e

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// check holds the promises that show only at the end, and prints what was hit.
func (k *killCampaign) check() {
	k.t.Helper()
	k.t.Logf("%d kills, %d requests, %d lost; slowest decision %s after the restart; ends: %v", k.kills, k.load.asked.Load(), k.load.lost.Load(), k.slowest.Round(time.Millisecond), k.states)
	for _, step := range append(slices.Clone(killSteps), "before the record", "before the first step", "after the end") {
		k.t.Logf("%4d hits: %s", k.hits[step], step)
	}
	for _, step := range killSteps {
		if k.hits[step] == 0 {
			k.t.Errorf("the Manager never died in step %q", step)
		}
	}
	if k.load.asked.Load() == 0 || k.load.lost.Load() > 0 {
		k.t.Errorf("%d of %d requests lost: %v", k.load.lost.Load(), k.load.asked.Load(), k.load.words())
	}
	k.checkAudit()
	k.checkImages()
	if report := sshJSON[core.JournalReport](k.t, k.s, "audit", "--verify"); !report.OK {
		k.t.Errorf("the chain: %+v", report)
	}
	// What all this left works: one deployment to the end, and Traefik's own view of it.
	k.push("")
	d := k.s.ship(k.t, "deploy", k.app.name)
	if got := serverOf(k.t, k.s, k.app.name); len(got) != 1 || !strings.Contains(got[0], d.Alias) {
		k.t.Errorf("Traefik has %q, the deployment's container is %s", got, d.Alias)
	}
	if err := k.s.status(k.s.url(k.app.name, "/mark"), http.StatusOK); err != nil {
		k.t.Error(err)
	}
}

// checkAudit wants one outcome for each intent that the journal has.
func (k *killCampaign) checkAudit() {
	k.t.Helper()
	k.journal.read()
	deployments := 0
	for id, op := range k.journal.intents {
		if op == "deployment.start" || op == "deployment.rollback" {
			deployments++
		}
		if n := k.journal.outcomes[id]; n != 1 {
			k.t.Errorf("intent %s of %s has %d outcomes", id, op, n)
		}
	}
	k.t.Logf("%d intents in the audit, %d of them deployments and rollbacks", len(k.journal.intents), deployments)
	if deployments < k.kills/2 {
		k.t.Errorf("the audit has %d deployments after %d kills", deployments, k.kills)
	}
}

// checkImages wants no image of the app but those of builds that are done and of releases.
func (k *killCampaign) checkImages() {
	k.t.Helper()
	known := map[string]bool{core.CurrentImage(k.app.name): true}
	for _, b := range sshJSON[[]core.Build](k.t, k.s, "builds", k.app.name) {
		if b.State == core.BuildRunning {
			k.t.Errorf("build %s is still running", b.ID)
		}
		known[b.Tag] = b.State == core.BuildDone && !b.Gone
	}
	for _, r := range sshJSON[[]core.ReleaseView](k.t, k.s, "releases", k.app.name) {
		known[r.Tag] = true
	}
	eventually(k.t, decideTime, "no image that nobody knows", func() bool {
		for tag := range strings.FieldsSeq(docker(k.t, "images", "--filter", "reference=matrx/"+k.app.name, "--format", "{{.Repository}}:{{.Tag}}")) {
			if !known[tag] {
				k.t.Logf("image %s belongs to nothing", tag)
				return false
			}
		}
		return true
	})
	if left := docker(k.t, "images", "-q", "--filter", "dangling=true", "--filter", "label=com.matrx.service="+k.app.name); left != "" {
		k.t.Errorf("images without a name are left: %s", left)
	}
}
