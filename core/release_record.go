package core

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// releasesOf are the releases of a service that have run, newest first.
// Those of a service of the same name that was removed are none of them: a rollback would bring back another service.
func (c *Core) releasesOf(service string) []Release {
	defined, _ := c.definitionOf(service)
	list := slices.DeleteFunc(rowsOf[Release](c, releasesTable), func(rel Release) bool {
		return rel.Service != service || rel.At.IsZero() || !rel.At.After(defined.Since)
	})
	slices.SortStableFunc(list, func(a, b Release) int { return b.At.Compare(a.At) })
	return list
}

// lastRelease is the newest release of a service.
func (c *Core) lastRelease(service string) (Release, bool) {
	list := c.releasesOf(service)
	if len(list) == 0 {
		return Release{}, false
	}
	return list[0], true
}

// runningRelease is the release that a container is, among those of its service.
func runningRelease(releases []Release, d Container) (Release, bool) {
	label := d.Labels[labelRelease]
	for _, rel := range releases { // newest first
		if label != "" && rel.ID == label || label == "" && rel.Image == d.ImageID && rel.Unsure != "" {
			return rel, true
		}
	}
	return Release{}, false
}

// releaseOf gives the release that the running container is. One that was not made by a deployment, or whose release is not on
// record, is recorded now and its image kept, so that there is something to return to.
func (c *Core) releaseOf(ctx context.Context, stored DefinitionVersion, d ContainerDetail) (Release, error) {
	if rel, ok := runningRelease(c.releasesOf(stored.Service), d.Container); ok {
		return rel, nil
	}
	rel := Release{
		ID: uuid.Must(uuid.NewV7()).String(), Service: stored.Service, Plane: c.charter.Name, At: d.Created.UTC(), Image: d.ImageID,
		Definition: stored.Definition, EnvVersion: c.envOfContainer(stored.Service, d), Commit: Commit{SHA: d.Labels[labelCommit]},
		Build: d.Labels[labelBuild], Unsure: "It was recorded from a container that no deployment on record had made.",
	}
	if id := d.Labels[labelRelease]; id != "" {
		if _, taken := rowOf[Release](c, releasesTable, id); !taken && len(id) >= 12 && validName(id) {
			rel.ID = id
		}
	}
	rel.Definition.Container = stored.Container
	if hash := d.Labels[labelDefinition]; hash != rel.Definition.Hash() {
		rel.Unsure += " The definition it was made from is not known: the one of the store, version " + strconv.Itoa(stored.Version) + ", stands for it."
	}
	rel.Tag = releaseTag(stored.Service, rel.ID)
	if err := c.ship.Images.TagImage(ctx, rel.Image, rel.Tag); err != nil {
		return Release{}, Errorf(CodeOf(err), "The running image cannot be kept, so nothing was done: there would be no way back. %w", err)
	}
	return rel, c.commit(ctx, edit{releasesTable, rel.ID, rel})
}

// envOfContainer is the version of the env that a container was made with. One that no deployment had made has what its last
// adoption took in, whatever its label says.
func (c *Core) envOfContainer(service string, d ContainerDetail) int {
	n, err := strconv.Atoi(d.Labels[labelEnv])
	if err == nil && n > 0 {
		return n
	}
	for _, v := range slices.Backward(c.envVersions(service)) {
		if d.Labels[labelDeployment] == "" && strings.HasPrefix(v.Note, adoptedNote) {
			return v.Version
		}
	}
	return 0
}

// same is true for releases that make equal containers: the same was deployed again.
func (rel Release) same(other Release) bool {
	return rel.Image == other.Image && rel.EnvVersion == other.EnvVersion && (rel.EnvMark == other.EnvMark || rel.EnvMark == "" || other.EnvMark == "") && rel.Definition.Hash() == other.Definition.Hash()
}

// releaseToReturnTo finds the release that a rollback names: by its id, or the newest one that differs from the running one.
func (c *Core) releaseToReturnTo(in RollbackIn) (Release, error) {
	releases := c.releasesOf(in.Service)
	if in.Release != "" {
		for _, rel := range releases {
			if rel.ID == in.Release {
				return rel, nil
			}
		}
		return Release{}, Errorf(CodeNotFound, "%s has no release %q; releases %s lists them.", in.Service, SafeText(in.Release), in.Service)
	}
	_, detail, err := c.services.find(in.Service)
	if err != nil && CodeOf(err) != CodeNotFound {
		return Release{}, err
	}
	running, ok := runningRelease(releases, detail.Container)
	for _, rel := range releases {
		if !ok || rel.At.Before(running.At) && !rel.same(running) {
			return rel, nil
		}
	}
	return Release{}, Errorf(CodeConflict, "%s has no earlier release to return to.", in.Service)
}
