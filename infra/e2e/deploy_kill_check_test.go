//go:build e2e

package e2e

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// check holds the promises that show only at the end, and prints what was hit.
func (k *killCampaign) check() {
	k.t.Helper()
	k.t.Logf("%s died %d times while it deployed %s: slowest decision %s after the restart; ends: %v", k.plane, k.kills, k.service, k.slowest.Round(time.Millisecond), k.states)
	k.t.Logf("%d requests, %d lost, none answered for at most %s", k.load.asked.Load(), k.load.lost.Load(), k.load.longest().Round(time.Millisecond))
	for _, step := range append(slices.Clone(k.steps), "before the record", "before the first step", "after the end") {
		k.t.Logf("%4d hits: %s", k.hits[step], step)
	}
	for _, step := range k.steps {
		if k.hits[step] == 0 {
			k.t.Errorf("%s never died in step %q", k.plane, step)
		}
	}
	if k.load.asked.Load() == 0 || k.twice && k.load.lost.Load() > 0 {
		k.t.Errorf("%d of %d requests lost: %v", k.load.lost.Load(), k.load.asked.Load(), k.load.words())
	}
	k.checkAudit()
	k.checkImages()
	if report := answer[core.JournalReport](k, "audit", "--verify"); !report.OK {
		k.t.Errorf("the chain: %+v", report)
	}
	// What all this left works: one deployment to the end, and Traefik's own view of it.
	if k.restore != nil {
		k.restore()
	} else {
		k.next(false)
	}
	d := k.ship()
	if got := serverOf(k.t, k.s, k.service); len(got) != 1 || !strings.Contains(got[0], d.Alias) {
		k.t.Errorf("Traefik has %q, the deployment's container is %s", got, d.Alias)
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

// checkImages wants no image of the service but those that were there before, those of builds that are done and of releases.
func (k *killCampaign) checkImages() {
	k.t.Helper()
	known := maps.Clone(k.images)
	known[core.CurrentImage(k.service)] = true
	for _, b := range answer[[]core.Build](k, "builds", k.service, "--limit", "500") {
		if b.State == core.BuildRunning {
			k.t.Errorf("build %s is still running", b.ID)
		}
		known[b.Tag] = b.State == core.BuildDone && !b.Gone
	}
	for _, r := range answer[[]core.ReleaseView](k, "releases", k.service) {
		known[r.Tag] = true
	}
	eventually(k.t, decideTime, "no image that nobody knows", func() bool {
		for tag := range k.tags() {
			if !known[tag] {
				k.t.Logf("image %s belongs to nothing", tag)
				return false
			}
		}
		return true
	})
}

// tags are the images that the engine has of the service, and the ids of those without a name.
func (k *killCampaign) tags() map[string]bool {
	k.t.Helper()
	tags := map[string]bool{}
	for tag := range strings.FieldsSeq(docker(k.t, "images", "--filter", "reference=matrx/"+k.service, "--format", "{{.Repository}}:{{.Tag}}")) {
		tags[tag] = true
	}
	for id := range strings.FieldsSeq(docker(k.t, "images", "-q", "--filter", "dangling=true", "--filter", "label=com.matrx.built-for="+k.service)) {
		tags[id] = true
	}
	return tags
}
