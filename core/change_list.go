package core

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	changeFetch   = 20 * time.Second // for the repository to answer somebody who looks
	maxChanges    = 50               // commits listed
	commitFileCut = 200              // files told of a commit; with so many there may be more
)

// listChanges compares what runs with what a deployment would make run. What cannot be compared is said in the note, and
// does not hide the rest.
func listChanges(ctx context.Context, c *Core, in ServiceIn) (Changes, error) {
	dv, err := c.definitionOf(in.Service)
	if err != nil {
		return Changes{}, err
	}
	d := &changing{c: c, ctx: ctx, dv: dv, next: dv.Definition, out: Changes{Service: dv.Service, Commits: []Commit{}, Items: []ChangeItem{}}}
	d.running()
	switch {
	case dv.Source == nil:
	case d.svc.ID != "":
		d.commits()
	case d.head():
		d.add(ChangeCommit, d.buildNeed(), "%s is at %s: %s", dv.Source.Ref, d.out.Head.Short(), d.out.Head.Subject)
	}
	d.definition()
	d.env()
	d.image()
	d.out.Note = strings.Join(d.notes, " ")
	d.out.Need = mostNeeded(d.out.Items)
	return d.out, nil
}

// changing is one comparison.
type changing struct {
	c      *Core
	ctx    context.Context
	dv     DefinitionVersion
	next   Definition // that a deployment would use
	svc    Service
	labels map[string]string // of the running container
	notes  []string
	out    Changes
}

// note adds a sentence.
func (d *changing) note(format string, args ...any) {
	d.notes = append(d.notes, fmt.Sprintf(format, args...))
}

// add notes a difference.
func (d *changing) add(kind, need, format string, args ...any) {
	d.out.Items = append(d.out.Items, ChangeItem{kind, cutLine(SafeText(fmt.Sprintf(format, args...))), need})
}

// running finds the container, and which commit it says it was built from.
func (d *changing) running() {
	svc, detail, err := d.c.services.find(d.dv.Service)
	if err != nil || svc.Missing {
		d.note("%s has no container: a deployment makes the first one.", d.dv.Service)
		d.add(ChangeDefinition, NeedsDeploy, "%s does not run yet", d.dv.Service)
		return
	}
	d.svc, d.labels = svc, detail.Labels
	d.out.Running = d.labels[labelCommit]
	if d.out.Running != "" || d.c.ship.Images == nil {
		return
	}
	image, err := d.c.ship.Images.ImageDetail(d.ctx, svc.ImageID)
	if err != nil {
		d.note("Where the running image comes from cannot be read: %s", MessageOf(err))
		return
	}
	d.out.Running = image.Labels[labelCommit]
}

// head asks the repository what the ref names now. When it does not answer, the last known head counts.
func (d *changing) head() bool {
	if d.c.ship.Git == nil {
		d.note("This control plane has no git, so commits are not compared.")
		return false
	}
	ctx, cancel := context.WithTimeout(d.ctx, changeFetch)
	defer cancel()
	head, err := d.c.ship.Git.Fetch(ctx, d.dv.Service, *d.dv.Source, nil)
	d.out.Head = head
	switch {
	case err == nil:
		return true
	case head.SHA == "":
		d.note("The repository could not be asked: %s", MessageOf(err))
		return false
	default:
		d.note("The repository could not be asked, so this is its last known state: %s", MessageOf(err))
		return true
	}
}

// commits lists what the head has and the running commit has not.
func (d *changing) commits() {
	if !d.head() {
		d.out.Running = d.cleanRunning()
		return
	}
	head := d.out.Head
	if d.out.Running = d.cleanRunning(); d.out.Running == "" || !d.inRepository() {
		d.note("Which commit runs is not known, so its commits are not compared with those of %s.", d.dv.Source.Ref)
		d.add(ChangeCommit, d.buildNeed(), "an unknown build runs; %s is at %s: %s", d.dv.Source.Ref, head.Short(), head.Subject)
		return
	}
	d.out.Known = true
	if d.out.Running == head.SHA {
		return
	}
	list, err := d.c.ship.Git.Log(d.ctx, d.dv.Service, d.out.Running, head.SHA, maxChanges+1)
	if err != nil {
		d.note("The commits cannot be listed: %s", MessageOf(err))
		d.add(ChangeCommit, d.buildNeed(), "%s to %s: %s", shortSHA(d.out.Running), head.Short(), head.Subject)
		return
	}
	d.out.More = len(list) > maxChanges
	d.out.Commits = list[:min(len(list), maxChanges)]
	d.behind(head)
	need := d.buildNeed()
	for _, commit := range d.out.Commits {
		if touches(commit, *d.dv.Source) {
			d.add(ChangeCommit, need, "%s %s", commit.Short(), commit.Subject)
		} else {
			d.add(ChangeCommit, NeedsNone, "%s %s (outside of %s)", commit.Short(), commit.Subject, d.dv.Source.Context)
		}
	}
	if d.out.More {
		d.add(ChangeCommit, need, "and more commits before these")
	}
}

// cleanRunning is the running commit when it names one; a dirty or unknown build is not called by a SHA.
func (d *changing) cleanRunning() string {
	sha, err := ParseSHA(d.out.Running)
	if err != nil && d.out.Running != "" {
		d.note("What runs was built from %q, which is not a clean commit.", shortText(d.out.Running))
	}
	return sha
}

// inRepository is true when the mirror has the running commit.
func (d *changing) inRepository() bool {
	_, err := d.c.ship.Git.Commit(d.ctx, d.dv.Service, d.out.Running)
	if err != nil {
		d.note("The commit %s that runs is not in the repository: %s", shortSHA(d.out.Running), MessageOf(err))
	}
	return err == nil
}

// behind says when the running commit is not one that the head comes from: after a rollback of the branch, or a forced push.
func (d *changing) behind(head Commit) {
	gone, err := d.c.ship.Git.Log(d.ctx, d.dv.Service, head.SHA, d.out.Running, maxChanges+1)
	switch {
	case err != nil:
		d.note("Whether %s comes from what runs cannot be told: %s", head.Short(), MessageOf(err))
	case len(gone) > 0:
		count := strconv.Itoa(len(gone))
		if len(gone) > maxChanges {
			count = fmt.Sprintf("more than %d", maxChanges)
		}
		d.note("%s no longer has what runs: %s commits of it would be taken back, the newest %s.", d.dv.Source.Ref, count, gone[0].Short())
		if !touchesAny(d.out.Commits, *d.dv.Source) {
			d.add(ChangeCommit, d.buildNeed(), "back to %s %s", head.Short(), head.Subject)
		}
	}
}

// buildNeed is what the head needs: an image of it may have been built before.
func (d *changing) buildNeed() string {
	for _, b := range rowsOf[Build](d.c, buildsTable) {
		if b.Service == d.dv.Service && b.State == BuildDone && !b.Gone && b.Commit.SHA == d.out.Head.SHA {
			return NeedsDeploy
		}
	}
	return NeedsBuild
}

// touchesAny is true when any of the commits touches what is built.
func touchesAny(list []Commit, src Source) bool {
	return slices.ContainsFunc(list, func(c Commit) bool { return touches(c, src) })
}

// touches is true when a commit changed something in the folder that is built, or may have.
func touches(c Commit, src Source) bool {
	folder := path.Clean(src.Context)
	if src.Context == "" || folder == "." || len(c.Files) >= commitFileCut {
		return true
	}
	dockerfile := path.Join(folder, src.Dockerfile)
	for _, file := range c.Files {
		if strings.HasPrefix(file, folder+"/") || file == folder || file == dockerfile {
			return true
		}
	}
	return false
}

// shortSHA is a commit as people write it.
func shortSHA(sha string) string { return Commit{SHA: sha}.Short() }

// needRank orders needs, the least first.
var needRank = [...]string{NeedsNone, NeedsDeploy, NeedsBuild}

// mostNeeded is the most that any of the items needs.
func mostNeeded(items []ChangeItem) string {
	most := 0
	for _, item := range items {
		most = max(most, slices.Index(needRank[:], item.Need))
	}
	return needRank[most]
}
