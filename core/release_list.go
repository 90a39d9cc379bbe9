package core

import (
	"context"
	"slices"
)

// Undone is what every rollback says beforehand: the note of each release that can be returned to begins with it.
const Undone = "A rollback brings back image, definition and env. It does not undo data: what was written to databases and volumes since, and migrations that ran, stay."

// listReleases lists the releases of a service, newest first, each with what a rollback to it would change.
func listReleases(ctx context.Context, c *Core, in ServiceIn) ([]ReleaseView, error) {
	releases := c.releasesOf(in.Service)
	svc, detail, err := c.services.find(in.Service)
	if _, undefined := c.definitionOf(in.Service); err != nil && undefined != nil && len(releases) == 0 {
		return nil, err
	}
	running, known := runningRelease(releases, detail.Container)
	here, problem := c.imagesHere(ctx)
	views := make([]ReleaseView, 0, len(releases))
	for _, rel := range releases {
		v := ReleaseView{Release: rel, Running: known && rel.ID == running.ID && !svc.Missing, ImageHere: here[rel.Image], Note: problem}
		v.ImageGone = problem == "" && !v.ImageHere
		_, version, err := c.envOf(rel)
		v.EnvHere = err == nil
		switch {
		case v.Running:
		case err != nil:
			v.Note = "Its env cannot be read: " + MessageOf(err)
		case v.ImageGone:
			v.Note = "Its image is no longer on the engine: deploy its commit instead."
		default:
			v.Note = joinWords(Undone, rel.Unsure, problem)
		}
		if known && !v.Running {
			v.Diff = c.diffReleases(in.Service, running, rel, version)
		}
		views = append(views, v)
	}
	return views, nil
}

// joinWords joins sentences that are there.
func joinWords(parts ...string) string {
	text := ""
	for _, part := range parts {
		if part != "" && text != "" {
			text += " "
		}
		text += part
	}
	return text
}

// imagesHere are the ids of the images on the engine, or why they are not known.
func (c *Core) imagesHere(ctx context.Context) (map[string]bool, string) {
	ctx, cancel := context.WithTimeout(ctx, engineWait)
	defer cancel()
	list, err := c.docker.Images(ctx)
	if err != nil {
		return nil, "Whether its image is here is not known: " + MessageOf(err)
	}
	here := make(map[string]bool, len(list))
	for _, image := range list {
		here[image.ID] = true
	}
	return here, ""
}

// diffReleases names what differs from one release to another. version is the env of the other one.
func (c *Core) diffReleases(service string, from, to Release, version EnvVersion) []ChangeItem {
	var items []ChangeItem
	if from.Commit.SHA != to.Commit.SHA {
		items = append(items, ChangeItem{ChangeCommit, "commit " + commitWords(from) + " to " + commitWords(to), NeedsDeploy})
	}
	if from.Image != to.Image {
		items = append(items, ChangeItem{ChangeImage, "image " + ShortID(from.Image) + " to " + ShortID(to.Image), NeedsDeploy})
	}
	items = append(items, diffDefinitions(from.Definition, to.Definition)...)
	if from.EnvVersion != to.EnvVersion || from.EnvMark != to.EnvMark {
		if _, before, err := c.envOf(from); err == nil {
			items = append(items, diffEnv(before, version)...)
		}
	}
	return slices.Clip(items)
}

// commitWords name a release's commit. One that is not known is never called by a SHA.
func commitWords(rel Release) string {
	if rel.Commit.SHA == "" {
		return "unknown"
	}
	return rel.Commit.Short()
}
