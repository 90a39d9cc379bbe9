package sshd

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// buildLook is how long the log of a build that still runs is read when it is not to be followed.
const buildLook = time.Second

func buildCommands() []command {
	return []command{
		{"changes", "SERVICE", "Show commits, definition and env that are not deployed yet", nil, runChanges},
		{"build", "SERVICE", "Build an image from the source", func(k *call) {
			k.flags.StringVar(&k.opt.ref, "ref", "", "this commit, branch or tag instead of the definition's")
			k.flags.BoolVar(&k.opt.fresh, "fresh", false, "without the cache")
			k.flags.BoolVar(&k.opt.follow, "follow", false, "show what it does until it ends; ctrl-C leaves it running")
		}, runBuild},
		{"builds", "[SERVICE]", "List builds, newest first, or print the log of one", func(k *call) {
			k.flags.StringVar(&k.opt.log, "log", "", "print the log of this build")
			k.flags.BoolVar(&k.opt.follow, "follow", false, "with --log: go on until the build ends")
			k.flags.IntVar(&k.opt.limit, "limit", 0, "how many; 50 unless said")
		}, runBuilds},
	}
}

func runChanges(k *call) error {
	name, err := k.one("service")
	if err != nil {
		return err
	}
	ch, err := core.ListChanges.Run(k.ctx, k.core, core.ServiceIn{Service: name})
	if err != nil {
		return err
	}
	return k.answer(ch, func(w io.Writer) { printChanges(w, ch) })
}

func printChanges(w io.Writer, ch core.Changes) {
	running := "an unknown commit"
	if ch.Known {
		running = core.SafeText(core.Commit{SHA: ch.Running}.Short())
	}
	fmt.Fprintf(w, "%s runs %s; the head is%s. %s\n", core.SafeText(ch.Service), running, commitWords(ch.Head), core.SafeText(ch.Need))
	if ch.Note != "" {
		fmt.Fprintln(w, "▲ "+core.SafeText(ch.Note))
	}
	fmt.Fprintln(w)
	if len(ch.Commits) > 0 {
		t := table{head: []string{"COMMIT", "WHEN", "AUTHOR", "SUBJECT", "FILES"}}
		for _, c := range ch.Commits {
			t.add(c.Short(), stamp(c.At), c.Author, c.Subject, fmt.Sprint(len(c.Files)))
		}
		t.print(w, "")
		if ch.More {
			fmt.Fprintln(w, "and more")
		}
		fmt.Fprintln(w)
	}
	printItems(w, ch.Items, "Nothing else differs.")
}

func runBuild(k *call) error {
	name, err := k.one("service")
	if err != nil {
		return err
	}
	job, err := core.StartBuild.Run(k.ctx, k.core, core.BuildIn{ServiceIn: core.ServiceIn{Service: name}, Ref: k.opt.ref, Fresh: k.opt.fresh})
	if err != nil {
		return err
	}
	if k.opt.follow {
		if err := k.await(job); k.ctx.Err() != nil {
			return k.left(err, "The build", "job "+job.ID)
		} else {
			return err
		}
	}
	return k.answer(job, func(w io.Writer) {
		fmt.Fprintf(w, "Started: job %s.\nFollow it: job %s --follow\nCancel it: job-cancel %s\n", job.ID, job.ID, job.ID)
	})
}

func runBuilds(k *call) error {
	if k.opt.log != "" {
		return runBuildLog(k)
	}
	in := core.BuildsIn{Limit: k.opt.limit}
	if len(k.args) > 0 {
		name, err := k.one("service")
		if err != nil {
			return err
		}
		in.Service = name
	}
	list, err := core.ListBuilds.Run(k.ctx, k.core, in)
	if err != nil {
		return err
	}
	return k.answer(notNil(list), func(w io.Writer) {
		t := table{head: []string{"BUILD", "SERVICE", "STATE", "COMMIT", "SUBJECT", "BY", "STARTED", "TOOK", "SIZE", "MESSAGE"}}
		for _, b := range list {
			size := "-"
			if b.Size > 0 {
				size = core.FormatBytes(b.Size)
			}
			state := string(b.State)
			if b.Gone {
				state += ", image gone"
			}
			t.add(b.ID, b.Service, state, b.Commit.Short(), b.Commit.Subject, b.By.Name, stamp(b.Started), short(b.Took), size, b.Message)
		}
		t.print(w, "Nothing has been built.")
	})
}

// runBuildLog prints the log of a build: all of it, or of one that still runs what there is.
func runBuildLog(k *call) error {
	if err := k.none(); err != nil {
		return err
	}
	ctx := k.ctx
	if !k.opt.follow {
		running, err := k.isBuilding(k.opt.log)
		if err != nil {
			return err
		}
		if running {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, buildLook)
			defer cancel()
		}
	}
	for line, err := range core.FollowBuild.Run(ctx, k.core, core.BuildLogIn{Build: k.opt.log}) {
		switch {
		case err != nil && ctx.Err() != nil && k.ctx.Err() == nil:
			return nil // that is what there is now
		case err != nil:
			return k.left(err, "The build", "builds --log "+k.opt.log)
		}
		if err := k.line(line, core.SafeText(line.Text)); err != nil {
			return err
		}
	}
	return nil
}

// isBuilding tells whether a build still runs.
func (k *call) isBuilding(id string) (bool, error) {
	list, err := core.ListBuilds.Run(k.ctx, k.core, core.BuildsIn{})
	if err != nil {
		return false, err
	}
	for _, b := range list {
		if b.ID == id {
			return b.State == core.BuildRunning, nil
		}
	}
	return false, nil
}
