package core

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"time"

	"github.com/google/uuid"
)

const (
	buildKind      = "build.start" // the kind of its job
	buildCleanWait = 30 * time.Second
)

// Validate refuses an empty name, and a ref that is none.
func (in BuildIn) Validate() error {
	if err := in.ServiceIn.Validate(); err != nil || in.Ref == "" {
		return err
	}
	_, err := ParseRef(in.Ref)
	return err
}

// startBuild builds an image as a job.
func startBuild(ctx context.Context, c *Core, in BuildIn) (Job, error) {
	if _, _, err := c.planBuild(in); err != nil {
		return Job{}, err
	}
	return c.jobs.start(ctx, buildKind, in.Service, func(ctx context.Context, j *jobRun) error {
		b, err := c.buildIn(ctx, j, in)
		if err == nil {
			j.result(fmt.Sprintf("Build %s of commit %s is the image %s. Deploy it: deploy %s", shortBuild(b.ID), b.Commit.Short(), b.Tag, b.Service))
		}
		return err
	})
}

// planBuild gives the newest definition of a service with the source that is to be built, and refuses what cannot be.
func (c *Core) planBuild(in BuildIn) (DefinitionVersion, Source, error) {
	dv, err := c.definitionOf(in.Service)
	if err != nil {
		return dv, Source{}, err
	}
	switch {
	case c.ship.Git == nil, c.ship.Images == nil, c.ship.Outputs == nil:
		return dv, Source{}, Errorf(CodeUnavailable, "This control plane has no git or no engine to build with.")
	case dv.Source == nil:
		return dv, Source{}, Errorf(CodeConflict, "%s is not built here: its definition names no source, but the image %s.", dv.Service, shortText(dv.Image))
	}
	src := *dv.Source
	if in.Ref != "" {
		src.Ref = in.Ref
	}
	return dv, src, checkSource(src)
}

// checkSource refuses a source that cannot be built from.
func checkSource(src Source) error {
	if _, err := ParseRepo(src.Repo); err != nil {
		return err
	}
	if _, err := ParseRef(src.Ref); err != nil {
		return err
	}
	for _, p := range []string{src.Context, src.Dockerfile, src.Definition} {
		if _, err := ParseFolder(p); err != nil {
			return err
		}
	}
	return checkBuildArgs(src.Args)
}

// building is a build under way. It belongs to its job.
type building struct {
	c    *Core
	j    *jobRun
	src  Source
	dv   DefinitionVersion
	row  Build
	out  io.WriteCloser
	lost error // why the output is not kept
}

// buildIn builds an image as a part of the job j and records the build.
func (c *Core) buildIn(ctx context.Context, j *jobRun, in BuildIn) (Build, error) {
	dv, src, err := c.planBuild(in)
	if err != nil {
		return Build{}, err
	}
	job := j.snapshot()
	b := &building{c: c, j: j, src: src, dv: dv, row: Build{
		ID: uuid.Must(uuid.NewV7()).String(), Service: dv.Service, Plane: c.charter.Name, By: ActorFrom(ctx), State: BuildRunning,
		Ref: src.Ref, Fresh: in.Fresh, Started: c.now().UTC(), Job: job.ID,
	}}
	b.row.Tag = buildTag(b.row.Service, b.row.ID)
	if err := b.save(ctx); err != nil {
		return Build{}, err
	}
	b.out, b.lost = c.ship.Outputs.Create(b.row.ID)
	return b.end(ctx, b.run(ctx))
}

// save puts the build on record as it is now.
func (b *building) save(ctx context.Context) error {
	return b.c.commit(ctx, edit{buildsTable, b.row.ID, b.row})
}

// print shows a line in the job and keeps it with the build. An output that cannot be kept does not hold the build up;
// the build says so at its end.
func (b *building) print(line string) {
	line = cutLine(line)
	b.j.print(line)
	if b.lost == nil {
		_, b.lost = io.WriteString(b.out, line+"\n")
	}
}

// run does the steps of a build.
func (b *building) run(ctx context.Context) error {
	b.j.step("Fetch the source")
	commit, err := b.c.ship.Git.Fetch(ctx, b.row.Service, b.src, b.print)
	if err != nil {
		return err
	}
	b.row.Commit = commit
	b.row.Commit.Files = nil // they are the mirror's to tell
	if err := b.readDefinition(ctx); err != nil {
		return err
	}
	if err := b.save(ctx); err != nil {
		return err
	}
	b.j.step("Build " + commit.Short())
	b.print(fmt.Sprintf("commit %s by %s: %s", commit.SHA, commit.Author, commit.Subject))
	image, err := b.build(ctx)
	if err != nil {
		return err
	}
	b.j.step("Check the image")
	detail, err := b.c.ship.Images.ImageDetail(ctx, image)
	if err != nil {
		return err
	}
	if err := checkImage(detail); err != nil {
		return err
	}
	b.row.Image, b.row.Size, b.row.Digest = image, detail.Size, image
	if len(detail.Digests) > 0 {
		b.row.Digest = detail.Digests[0]
	}
	return nil
}

// readDefinition takes the source as the commit itself describes it, where the definition is deployed with the code.
func (b *building) readDefinition(ctx context.Context) error {
	if b.src.Definition == "" {
		return nil
	}
	text, err := b.c.ship.Git.File(ctx, b.row.Service, b.row.Commit.SHA, path.Clean(b.src.Definition))
	if err != nil {
		return err
	}
	if len(text) > maxDefinitionText {
		return Errorf(CodeInvalid, "%s has %s; %s are the most.", b.src.Definition, FormatBytes(int64(len(text))), FormatBytes(maxDefinitionText))
	}
	d, err := b.c.definitionAt(ctx, b.dv, b.row.Commit.SHA)
	if err != nil {
		return err
	}
	if d.Source == nil {
		return Errorf(CodeInvalid, "%s at commit %s names no source to build from.", b.src.Definition, b.row.Commit.Short())
	}
	b.row.Definition = string(text)
	b.src.Context, b.src.Dockerfile, b.src.Args = d.Source.Context, d.Source.Dockerfile, d.Source.Args
	return checkSource(b.src)
}

// build gives the folder to the engine.
func (b *building) build(ctx context.Context) (string, error) {
	folder, err := ParseFolder(b.src.Context)
	if err != nil {
		return "", err
	}
	dockerfile := b.src.Dockerfile
	if dockerfile == "" {
		dockerfile = "Dockerfile"
	}
	if dockerfile, err = ParseFolder(dockerfile); err != nil {
		return "", err
	}
	if _, err := b.c.ship.Git.File(ctx, b.row.Service, b.row.Commit.SHA, path.Join(folder, dockerfile)); err != nil {
		return "", err
	}
	tar, err := b.c.ship.Git.Context(ctx, b.row.Service, b.row.Commit.SHA, folder)
	if err != nil {
		return "", err
	}
	spec := BuildSpec{Context: tar, Dockerfile: dockerfile, Args: withCommit(b.src.Args, b.row.Commit.SHA), Labels: imageLabels(b.row, b.c.now()), Tag: b.row.Tag,
		Fresh: b.row.Fresh, Memory: b.c.buildMemory()}
	image, err := b.whileRoom(ctx, func(ctx context.Context) (string, error) { return b.c.ship.Images.BuildImage(ctx, spec, b.print) })
	return image, errors.Join(err, tar.Close())
}

// argCommit is the build argument by which a Dockerfile may learn the commit: the context is an archive, which has no
// repository to ask.
const argCommit = "MATRX_COMMIT"

// withCommit adds the commit to the arguments of a definition.
func withCommit(args map[string]string, sha string) map[string]string {
	all := map[string]string{argCommit: sha}
	maps.Copy(all, args)
	return all
}

// buildMemory bounds each step of a build to three quarters of the server's memory, so that what runs goes on running.
func (c *Core) buildMemory() int64 { return c.services.snapshot().Engine.Info.Memory / 4 * 3 }

// end decides the build and records it. What is not done leaves no image behind.
func (b *building) end(ctx context.Context, err error) (Build, error) {
	switch {
	case err == nil:
		b.row.State = BuildDone
	case b.j.stopping():
		b.row.State, b.row.Message = BuildCanceled, "Cancelled."
	case ctx.Err() != nil:
		b.row.State, b.row.Message = BuildInterrupted, "The control plane was stopped while it ran."
	default:
		b.row.State, b.row.Message = BuildFailed, cutLine(MessageOf(err))
	}
	if err != nil {
		b.print(string(b.row.State) + ": " + b.row.Message)
		b.row.Gone = b.c.dropImage(context.WithoutCancel(ctx), b.row.Tag)
	}
	b.row.Ended = b.c.now().UTC()
	b.row.Took = b.row.Ended.Sub(b.row.Started)
	b.closeOutput()
	saved := b.c.commit(ctx, append(b.c.oldBuilds(b.row.Service), edit{buildsTable, b.row.ID, b.row})...)
	return b.row, errors.Join(err, saved)
}

// closeOutput ends the output, and says where it was not kept.
func (b *building) closeOutput() {
	if b.out != nil {
		b.lost = errors.Join(b.lost, b.out.Close())
	}
	if b.lost == nil {
		return
	}
	b.c.log.Error("the output of a build is not kept whole", "build", b.row.ID, "err", b.lost)
	if b.row.Message == "" {
		b.row.Message = "Its output is not kept whole: " + cutLine(MessageOf(b.lost))
	}
}

// dropImage takes the tag of a build that is not used away, and tells whether it is gone for certain. What is left is
// looked for again at the next start.
func (c *Core) dropImage(ctx context.Context, tag string) bool {
	ctx, cancel := context.WithTimeout(ctx, buildCleanWait)
	defer cancel()
	err := c.ship.Images.RemoveImage(ctx, tag)
	return err == nil || CodeOf(err) == CodeNotFound
}
