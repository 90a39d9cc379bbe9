package core

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
)

// keep tags the image of the new release, lets go of images that no release in reach and no container needs, and writes the
// service's folder. What cannot be done here is said and does not undo a deployment: the new version serves.
func (r *deployRun) keep(ctx context.Context) (string, error) {
	var problems []string
	if err := r.c.ship.Images.TagImage(ctx, r.next.Image, r.next.Tag); err != nil {
		problems = append(problems, "the image has no tag that keeps it: "+MessageOf(err))
	}
	if r.def.Source != nil { // what the rendered docker-compose.yml names
		if err := r.c.ship.Images.TagImage(ctx, r.next.Image, CurrentImage(r.row.Service)); err != nil {
			problems = append(problems, "docker compose cannot start it by hand: "+MessageOf(err))
		}
	}
	gone, kept, err := r.c.prune(ctx, r.row.Service, r.def.Keep, r.next)
	if err != nil {
		problems = append(problems, "not every old image could be removed: "+MessageOf(err))
	}
	if err := r.c.writeFolder(ctx, r.def, r.env); err != nil {
		problems = append(problems, "the service's folder is not up to date: "+MessageOf(err))
	}
	for _, problem := range problems {
		r.c.log.Warn("after a deployment", "service", r.row.Service, "problem", problem)
	}
	return strings.Join(append([]string{fmt.Sprintf("%d kept, %d removed", kept, gone)}, problems...), "; "), nil
}

// prune removes the tags of releases and builds of a service that are out of reach. The newest images stay, as many as the definition
// or the setting says, and whatever a container on the engine was made from.
func (c *Core) prune(ctx context.Context, service string, most int, newest Release) (gone, kept int, err error) {
	most = max(1, cmp.Or(most, int(c.setting(settingImagesKeep))))
	releases := append([]Release{newest}, c.releasesOf(service)...)
	inReach := newestImages(releases, most)
	needed, err := c.neededImages(ctx, inReach)
	if err != nil {
		return 0, 0, err
	}
	tags := map[string]bool{}
	for _, rel := range releases[len(inReach):] {
		if !needed[rel.Image] {
			tags[rel.Tag] = true
		}
	}
	builds := c.idleBuilds(service, inReach, needed)
	for _, b := range builds {
		tags[b.Tag] = true
	}
	removed, err := c.untag(ctx, tags)
	if err != nil {
		return removed, len(needed), err
	}
	return removed, len(inReach), c.noteGone(ctx, builds)
}

// newestImages are the newest releases with so many images between them: the same one may be deployed again and again.
func newestImages(releases []Release, most int) []Release {
	images := map[string]bool{}
	for i, rel := range releases {
		if images[rel.Image] = true; len(images) > most {
			return releases[:i]
		}
	}
	return releases
}

// neededImages are those of releases in reach, and of every container.
func (c *Core) neededImages(ctx context.Context, releases []Release) (map[string]bool, error) {
	needed := map[string]bool{}
	for _, rel := range releases {
		needed[rel.Image] = true
	}
	list, err := c.docker.Containers(ctx)
	if err != nil {
		return nil, err
	}
	for _, container := range list {
		needed[container.ImageID] = true
	}
	return needed, nil
}

// idleBuilds are builds whose image nobody needs and that are older than every release in reach: what was built lately may be
// deployed yet.
func (c *Core) idleBuilds(service string, inReach []Release, needed map[string]bool) []Build {
	oldest := inReach[len(inReach)-1]
	return slices.DeleteFunc(rowsOf[Build](c, buildsTable), func(b Build) bool {
		old := !oldest.At.IsZero() && b.Started.Before(oldest.At)
		return b.Service != service || b.State != BuildDone || b.Gone || b.Tag == "" || needed[b.Image] || !old
	})
}

// untag removes tags. One that is gone already, or whose image is used after all, counts as done.
func (c *Core) untag(ctx context.Context, tags map[string]bool) (removed int, err error) {
	for tag := range tags {
		switch err := c.ship.Images.RemoveImage(ctx, tag); CodeOf(err) {
		case "":
			removed++
		case CodeNotFound, CodeConflict:
		default:
			return removed, err
		}
	}
	return removed, nil
}

// noteGone marks this plane's own builds whose image is no longer on the engine.
func (c *Core) noteGone(ctx context.Context, builds []Build) error {
	var edits []edit
	for _, b := range builds {
		if b.Plane == c.charter.Name {
			b.Gone = true
			edits = append(edits, edit{buildsTable, b.ID, b})
		}
	}
	if len(edits) == 0 {
		return nil
	}
	return c.commit(ctx, edits...)
}
