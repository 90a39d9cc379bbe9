package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A build may not take the last of the disk: what runs writes there too, and so does the journal.
const (
	roomPart  = 0.05    // of the disk stays free
	roomMost  = 2 << 30 // bytes of it are enough
	roomEvery = 250 * time.Millisecond
)

// buildRoom is an error when a build may not go on because a disk is nearly full: that of MATRX_ROOT, or the engine's where it
// can be seen from here. What cannot be measured does not end a build.
func (c *Core) buildRoom(ctx context.Context) error {
	if c.disks == nil {
		return nil
	}
	for _, path := range []string{c.services.snapshot().Engine.Info.Root, c.cfg.Root} {
		if path == "" {
			continue
		}
		u, err := c.disks.FileSystem(ctx, path)
		if err != nil {
			continue
		}
		left, floor := u.Total-u.Used, min(int64(float64(u.Total)*roomPart), roomMost)
		if left < floor {
			return Errorf(CodeUnavailable, "The disk of %s is nearly full: %s left, and a build leaves %s free. Make room (prune, log-trim), or look at what the Dockerfiles that are built now write.",
				path, FormatBytes(left), FormatBytes(floor))
		}
		if share(u.InodesUsed, u.InodesTotal) >= inodesFull {
			return Errorf(CodeUnavailable, "The disk of %s has nearly no inodes left (%d of %d are used). Make room (prune), or look at how many files the Dockerfile writes.", path, u.InodesUsed, u.InodesTotal)
		}
	}
	return nil
}

// whileRoom does what writes to the engine's disk, and ends it when there is no room any more. What a build that was ended so
// had written goes, with all else that nobody uses: the engine keeps it otherwise to build on.
func (b *building) whileRoom(ctx context.Context, do func(context.Context) (string, error)) (string, error) {
	if err := b.c.buildRoom(ctx); err != nil {
		return "", err
	}
	own, cancel := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		tick := time.NewTicker(roomEvery)
		defer tick.Stop()
		for {
			select {
			case <-own.Done():
				return
			case <-tick.C:
				if err := b.c.buildRoom(own); err != nil {
					cancel(err)
					return
				}
			}
		}
	}()
	image, err := do(own)
	cancel(nil)
	<-watched
	if full := context.Cause(own); err != nil && ctx.Err() == nil && !errors.Is(full, context.Canceled) {
		b.makeRoom(ctx)
		return "", &Error{Code: CodeOf(full), Message: "The build was ended. " + MessageOf(full), Err: errors.Join(full, err)}
	}
	return image, err
}

// makeRoom removes what the build left on the engine's disk.
func (b *building) makeRoom(ctx context.Context) {
	if b.c.buildsBeside(b.row.ID) { // what they have built so far has no name yet either
		b.print("What the build had written stays until: prune. Another build is running, and may need what has no name yet.")
		return
	}
	pruned, err := b.c.docker.Prune(ctx)
	if err != nil {
		b.print("What the build had written is still there: " + MessageOf(err))
		return
	}
	b.c.services.disk.forget()
	b.print(fmt.Sprintf("Freed %s: images without a name and the build cache.", FormatBytes(pruned.Bytes)))
}

// buildsBeside tells whether another build runs, on either control plane.
func (c *Core) buildsBeside(id string) bool {
	return slices.ContainsFunc(rowsOf[Build](c, buildsTable), func(b Build) bool {
		return b.ID != id && b.State == BuildRunning && (b.Plane != c.charter.Name || c.jobs.runs(b.Job))
	})
}
