package core

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// The bounds of the history of builds.
const (
	defaultBuilds = 50  // listed
	maxBuilds     = 500 // listed
	keptBuilds    = 100 // of one service, whose rows and output are kept
	forgetEvery   = 5 * time.Second
	lastLayerWait = 15 * time.Second // after the end of a build, until the engine has surely ended it too
)

// Validate refuses a limit out of bounds.
func (in BuildsIn) Validate() error {
	if in.Limit < 0 || in.Limit > maxBuilds {
		return Errorf(CodeInvalid, "The limit is %d; give 0 to %d.", in.Limit, maxBuilds)
	}
	return nil
}

// listBuilds lists builds, newest first, and asks the engine which of their images there still are.
func listBuilds(ctx context.Context, c *Core, in BuildsIn) ([]Build, error) {
	list := slices.DeleteFunc(c.builds(), func(b Build) bool { return in.Service != "" && b.Service != in.Service })
	limit := in.Limit
	if limit == 0 {
		limit = defaultBuilds
	}
	list = list[:min(len(list), limit)]
	if c.docker == nil || len(list) == 0 {
		return list, nil
	}
	images, err := c.docker.Images(ctx)
	if err != nil { // an engine that does not answer keeps nobody from the history
		c.log.Debug("which images of builds there are is not known", "err", err)
		return list, nil
	}
	here := map[string]bool{}
	for _, image := range images {
		here[image.ID] = true
	}
	for i := range list {
		if list[i].State == BuildDone {
			list[i].Gone = !here[list[i].Image]
		}
	}
	return list, nil
}

// builds are all builds on record, newest first, without their definitions' text.
func (c *Core) builds() []Build {
	list := rowsOf[Build](c, buildsTable)
	for i := range list {
		list[i] = c.decided(list[i])
		list[i].Definition = ""
	}
	slices.SortStableFunc(list, func(x, y Build) int { return cmp.Or(y.Started.Compare(x.Started), cmp.Compare(y.ID, x.ID)) })
	return list
}

// decided is a build as it is: one of ours that is on record as running without a job that runs it has been interrupted.
func (c *Core) decided(b Build) Build {
	if b.State == BuildRunning && b.Plane == c.charter.Name && !c.jobs.runs(b.Job) {
		b.State, b.Ended, b.Message = BuildInterrupted, c.now().UTC(), "The control plane ended before the build did."
		b.Took = b.Ended.Sub(b.Started)
	}
	return b
}

// interruptBuilds decides the builds that the last process left running. It may be called again when the journal refused.
func (c *Core) interruptBuilds(ctx context.Context) error {
	var edits []edit
	for _, b := range all[Build](c.state, buildsTable) {
		if now := c.decided(b); now.State != b.State {
			edits = append(edits, edit{buildsTable, b.ID, now})
		}
	}
	if len(edits) == 0 {
		return nil
	}
	return c.commit(withRelief(WithActor(ctx, c.systemActor()), true), edits...)
}

// forgetImages takes away what builds that were not done may have left on the engine. It ends when nothing is left.
func (c *Core) forgetImages(ctx context.Context) {
	if c.ship.Images == nil {
		return
	}
	tick := time.NewTicker(forgetEvery)
	defer tick.Stop()
	for !c.forgetOnce(ctx) {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// forgetOnce tries once, and tells whether nothing is left.
func (c *Core) forgetOnce(ctx context.Context) bool {
	done := true
	for _, b := range all[Build](c.state, buildsTable) {
		if b.Gone || b.State == BuildDone || b.Plane != c.charter.Name || c.jobs.runs(b.Job) {
			continue
		}
		if b.Gone = b.State != BuildRunning && c.dropLeft(ctx, b); !b.Gone {
			done = false
			continue
		}
		if err := c.commit(WithActor(ctx, c.systemActor()), edit{buildsTable, b.ID, b}); err != nil {
			c.log.Debug("an image of a build is gone, which is not on record yet", "build", b.ID, "err", err)
			done = false
		}
	}
	return done
}

// dropLeft takes away what a build that was not done left on the engine, and tells whether nothing more is to come: an engine whose
// client has died may be making the last layer, which then has no name.
func (c *Core) dropLeft(ctx context.Context, b Build) bool {
	if !c.dropImage(ctx, b.Tag) {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, buildCleanWait)
	defer cancel()
	images, err := c.docker.Images(ctx)
	if err != nil {
		return false
	}
	for _, image := range images {
		if len(image.Tags) == 0 && image.UsedBy == 0 && image.Labels[labelBuild] == b.ID && !c.dropImage(ctx, image.ID) {
			return false
		}
	}
	return c.now().Sub(b.Ended) >= lastLayerWait
}

// oldBuilds are the rows of a service's builds that make room for more, whose output goes with them. A build whose image
// is there, or from which a release came, stays.
func (c *Core) oldBuilds(service string) []edit {
	needed := map[string]bool{}
	for _, r := range rowsOf[Release](c, releasesTable) {
		needed[r.Build] = true
	}
	var edits []edit
	kept := 0
	for _, b := range c.builds() {
		if b.Service != service || b.Plane != c.charter.Name {
			continue
		}
		if kept++; kept <= keptBuilds || b.State == BuildRunning || needed[b.ID] || b.State == BuildDone && !b.Gone {
			continue
		}
		if err := c.ship.Outputs.Remove(b.ID); err != nil {
			c.log.Warn("the output of an old build is still there", "build", b.ID, "err", err)
			continue
		}
		edits = append(edits, edit{buildsTable, b.ID, nil})
	}
	return edits
}
