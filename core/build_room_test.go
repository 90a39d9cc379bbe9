package core_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// shrinking is a disk that is full when it is told so.
type shrinking struct {
	full   atomic.Bool
	inodes bool // it is full of files, not of bytes
}

// FileSystem measures the disk of MATRX_ROOT; the engine's cannot be seen.
func (s *shrinking) FileSystem(_ context.Context, path string) (core.FileSystem, error) {
	switch {
	case strings.HasPrefix(path, "/var/lib/docker"):
		return core.FileSystem{}, core.Errorf(core.CodeNotFound, "%s does not exist here.", path)
	case s.full.Load() && s.inodes:
		return core.FileSystem{Used: 1, Total: 100 << 30, InodesUsed: 96, InodesTotal: 100}, nil
	case s.full.Load():
		return core.FileSystem{Used: 99 << 30, Total: 100 << 30, InodesTotal: 100}, nil
	}
	return core.FileSystem{Used: 97 << 30, Total: 100 << 30, InodesTotal: 100}, nil
}

func TestABuildThatFillsTheDiskIsEndedAndMakesRoom(t *testing.T) {
	for name, disk := range map[string]*shrinking{"bytes": {}, "files": {inodes: true}} {
		t.Run(name, func(t *testing.T) {
			y := newYard(t, func(y *yard) { y.disks = disk })
			y.push("one", dockerfile(`RUN ["/guest", "say", "filling"]`))
			job := y.start(core.BuildIn{})
			y.wait(10*time.Second, "the build runs", func() bool { return y.engine.Building() == 1 })
			disk.full.Store(true)
			if ended := y.ended(job); ended.State != core.JobFailed {
				t.Errorf("the job is %s", ended.State)
			}
			b := y.builds()[0]
			if b.State != core.BuildFailed || !strings.HasPrefix(b.Message, "The build was ended. The disk of "+y.root) || !strings.Contains(b.Message, "Make room") || !b.Gone {
				t.Errorf("%s: %s", b.State, b.Message)
			}
			if text := y.output(b.ID); !strings.Contains(text, "Freed ") {
				t.Errorf("output:\n%s", text)
			}
			if n := y.engine.Building(); n != 0 {
				t.Errorf("%d builds are left", n)
			}
			if again := y.ended(y.start(core.BuildIn{})); again.State != core.JobFailed || !strings.Contains(y.builds()[0].Message, "The disk of ") || strings.Contains(y.output(y.builds()[0].ID), "Step 1") {
				t.Errorf("on a full disk: %s, %s", again.State, y.builds()[0].Message)
			}
			disk.full.Store(false)
			y.push("two", dockerfile())
			if again := y.ended(y.start(core.BuildIn{})); again.State != core.JobDone {
				t.Errorf("with room: %s: %s", again.State, y.builds()[0].Message)
			}
		})
	}
}
