package core

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/google/uuid"
)

// survey is the first step under the lock: what an earlier crash left is settled, and what runs now is on record as a release,
// so that there is something to return to.
func (r *deployRun) survey(ctx context.Context) (string, error) {
	now, err := r.c.settle(ctx, r.row.Service, r.name)
	if err != nil {
		return "", err
	}
	r.c.deploys.closeRows(ctx, r.name, now) // records of this plane that were open because of it
	detail := r.c.ship.Locks.Holder(r.row.Service)
	if now.did != "" {
		detail = now.did
	}
	if now.serves == nil {
		return detail, nil
	}
	r.old, r.oldRan = now.serves, isUp(now.serves.State)
	from, err := r.c.releaseOf(ctx, r.stored, *r.old)
	if err != nil {
		return "", err
	}
	r.update(func(row *Deployment) {
		row.Old, row.From, row.FromSHA = r.old.ID, from.ID, from.Commit.SHA
	})
	return detail, nil
}

// isUp is true for the states of a container in which its process runs, or soon does again.
func isUp(state string) bool { return state == "running" || state == "restarting" || state == "paused" }

// fetch finds out what is to run: the commit, without building it yet.
func (r *deployRun) fetch(ctx context.Context) (string, error) {
	var commit Commit
	var words string
	var err error
	switch {
	case r.back != nil:
		commit, words = r.back.Commit, "release of "+r.back.At.UTC().Format("2006-01-02 15:04 UTC")
	case r.in.Same:
		commit, err = r.runningCommit()
		words = "the running image again"
	case r.in.Build != "":
		commit, err = r.builtCommit()
		words = "build " + r.in.Build
	case r.stored.Source == nil:
		return "", skipped("it is not built from a source")
	default:
		commit, err = r.headCommit(ctx)
	}
	if err != nil {
		return "", err
	}
	r.update(func(row *Deployment) { row.Commit = commit })
	if commit.SHA != "" {
		words = strings.TrimSpace(words + " " + commit.Short() + " " + SafeText(commit.Subject))
	}
	return words, nil
}

// runningCommit is the commit of the running container.
func (r *deployRun) runningCommit() (Commit, error) {
	if r.old == nil {
		return Commit{}, Errorf(CodeConflict, "%s has no container, so there is no running image to take again.", r.row.Service)
	}
	if from, ok := rowOf[Release](r.c, releasesTable, r.row.From); ok {
		return from.Commit, nil
	}
	return Commit{SHA: r.old.Labels[labelCommit]}, nil
}

// builtCommit is that of the build that was asked for.
func (r *deployRun) builtCommit() (Commit, error) {
	build, ok := rowOf[Build](r.c, buildsTable, r.in.Build)
	switch {
	case !ok:
		return Commit{}, Errorf(CodeNotFound, "There is no build %q.", SafeText(r.in.Build))
	case build.Service != r.row.Service:
		return Commit{}, Errorf(CodeInvalid, "Build %s is one of %s, not of %s.", build.ID, build.Service, r.row.Service)
	case build.State != BuildDone:
		return Commit{}, Errorf(CodeConflict, "Build %s is %s and made no image.", build.ID, build.State)
	}
	return build.Commit, nil
}

// headCommit pins the commit that the ref names now.
func (r *deployRun) headCommit(ctx context.Context) (Commit, error) {
	if r.c.ship.Git == nil {
		return Commit{}, Errorf(CodeUnavailable, "This control plane has no git, so it cannot fetch the source of %s.", r.row.Service)
	}
	src := *r.stored.Source
	if r.in.Ref != "" {
		src.Ref = r.in.Ref
	}
	return r.c.ship.Git.Fetch(ctx, r.row.Service, src, r.j.print)
}

// make builds the image, or finds the one that there is.
func (r *deployRun) make(ctx context.Context) (string, error) {
	image, build, words := "", Build{}, ""
	var err error
	switch {
	case r.back != nil:
		image, build.ID = r.back.Image, r.back.Build
	case r.in.Same:
		image, build.ID = r.old.ImageID, r.old.Labels[labelBuild]
	case r.in.Build != "":
		build, _ = rowOf[Build](r.c, buildsTable, r.in.Build)
		image = build.Image
	case r.stored.Source != nil:
		build, err = r.c.buildIn(ctx, r.j, BuildIn{ServiceIn: r.in.ServiceIn, Ref: r.snapshot().Commit.SHA, Fresh: r.in.Fresh})
		image, words = build.Image, "build "+build.ID
	default:
		image, words, err = r.pulled(ctx)
	}
	if err != nil {
		return "", err
	}
	if r.image, err = r.c.ship.Images.ImageDetail(ctx, image); err != nil {
		return "", r.noImage(image, err)
	}
	r.update(func(row *Deployment) { row.Build = build.ID })
	if err := r.define(ctx); err != nil {
		return "", err
	}
	if words == "" {
		return "", skipped("image " + ShortID(r.image.ID) + " is here")
	}
	return words + ", image " + ShortID(r.image.ID), nil
}

// noImage explains that an image is gone.
func (r *deployRun) noImage(image string, err error) error {
	if CodeOf(err) != CodeNotFound {
		return err
	}
	return Errorf(CodeNotFound, "The image %s is no longer on the engine. Deploy its commit instead: it is built anew.", ShortID(image))
}

// pulled finds the image that a definition names: the engine's own, else one from its registry.
func (r *deployRun) pulled(ctx context.Context) (image, words string, err error) {
	ref := r.stored.Image
	_, err = r.c.ship.Images.ImageDetail(ctx, ref)
	if err == nil && !r.in.Fresh {
		return ref, "", nil
	}
	if err != nil && CodeOf(err) != CodeNotFound {
		return "", "", err
	}
	if err := r.c.ship.Images.PullImage(ctx, ref, r.j.print); err != nil {
		return "", "", err
	}
	return ref, "pulled " + ref, nil
}

// define settles definition and env: those of the release for a rollback, else today's at the commit.
func (r *deployRun) define(ctx context.Context) error {
	row := r.snapshot()
	var version EnvVersion
	var err error
	switch {
	case r.back != nil:
		r.def = r.back.Definition
		r.env, version, err = r.c.envOf(*r.back)
	case row.Commit.SHA == "":
		r.def = r.stored.Definition
		r.env, version, err = r.c.envFor(row.Service, 0)
	default:
		if r.def, err = r.c.definitionAt(ctx, r.stored, row.Commit.SHA); err != nil {
			return err
		}
		r.env, version, err = r.c.envFor(row.Service, 0)
	}
	if err == nil { // the one at the commit may have a route where the store's has none
		err = r.c.canRoute(r.def)
	}
	if err != nil {
		return err
	}
	if r.back == nil {
		if err := r.c.envSafe(r.in); err != nil {
			return err
		}
	}
	r.def.Container = r.name
	r.twice = !stopFirst(r.def) || !r.oldRan
	r.next = Release{
		ID: uuid.Must(uuid.NewV7()).String(), Service: row.Service, Plane: r.c.charter.Name, Image: r.image.ID,
		Definition: r.def, EnvVersion: version.Version, EnvMark: markOf(version), Commit: row.Commit, Build: row.Build,
	}
	r.next.Tag = releaseTag(row.Service, r.next.ID)
	r.update(func(row *Deployment) { row.To, row.Env = r.next.ID, version.Version })
	return nil
}

// fullEnv is what a container gets: the definition's plain values, and the store's, which win.
func (r *deployRun) fullEnv() map[string]string {
	env := maps.Clone(r.def.Env)
	if env == nil {
		env = map[string]string{}
	}
	maps.Copy(env, r.env)
	return env
}

// stamp says which attempt makes the container.
func (r *deployRun) stamp() Stamp {
	return Stamp{Release: r.next.ID, Deployment: r.id, Commit: r.next.Commit.SHA, Build: r.next.Build, Env: r.next.EnvVersion}
}

// test looks at the image before anything is made of it, and runs its own test.
func (r *deployRun) test(ctx context.Context) (string, error) {
	if err := checkImage(r.image); err != nil {
		return "", err
	}
	words := strings.Trim(r.image.OS+"/"+r.image.Architecture, "/")
	if r.def.Kind == KindTraefik {
		said, err := r.rehearseTraefik(ctx)
		if err != nil {
			return "", err
		}
		words += ", " + said
	}
	if len(r.def.Test) == 0 {
		return words + ", it has no test of its own", nil
	}
	code, said, err := r.runTest(ctx)
	if err != nil {
		return "", err
	}
	if code != 0 {
		return "", Errorf(CodeConflict, "The image's own test (%s) ended with exit code %d; its last lines are in the record.", cutLine(strings.Join(r.def.Test, " ")), code)
	}
	if said != "" {
		said = ": " + said
	}
	return words + ", its test passes" + said, nil
}

// releaseTag is the tag that keeps a release's image on the engine. Repository names are in lower case.
func releaseTag(service, id string) string {
	return fmt.Sprintf("matrx/%s:release-%s", strings.ToLower(service), id[len(id)-12:])
}
