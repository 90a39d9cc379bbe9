//go:build integration

package docker

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
)

// The storm of a step, and the bound that it meets in these tests.
const (
	stormSize  = 1500
	stormBound = 200
)

// newBound makes a control group with a bound on processes, as make up does for builds, and gives its name for an engine.
func newBound(t *testing.T) (parent, dir string) {
	t.Helper()
	parent = "/" + prefix + filepath.Base(t.TempDir()) + fmt.Sprint(os.Getpid())
	dir = "/sys/fs/cgroup/pids" + parent
	check(t, os.Mkdir(dir, 0o755))
	t.Cleanup(func() { // the engine makes the group in the other hierarchies too, and BuildKit one below it
		for _, pattern := range []string{"/*", ""} {
			groups, err := filepath.Glob("/sys/fs/cgroup/*" + parent + pattern)
			check(t, err)
			for _, group := range groups {
				if info, err := os.Stat(group); err == nil && info.IsDir() {
					check(t, os.Remove(group))
				}
			}
		}
	})
	check(t, os.WriteFile(filepath.Join(dir, "pids.max"), []byte(fmt.Sprint(stormBound)), 0o644))
	return parent, dir
}

func TestAStepThatForksWithoutEndMeetsTheBoundAndIsGoneWhenCancelled(t *testing.T) {
	for name, buildKit := range map[string]string{"classic": "false", "BuildKit": "true"} {
		t.Run(name, func(t *testing.T) {
			parent, dir := newBound(t)
			flags := []string{builderIs(t, buildKit), "--bip=10.218.0.1/24"}
			if buildKit == "true" { // it takes no group with a request, only the engine's own
				flags = append(flags, "--cgroup-parent="+parent)
			}
			r := newRig(t, newEngine(t, flags...).host)
			r.d.cfg.BuildCgroup = parent
			ctx, cancel := context.WithCancel(bounded(t, time.Minute))
			defer cancel()
			word := "storming-" + strings.TrimPrefix(r.Name(t), prefix)
			before, answered := 0, time.Duration(0)
			_, err := r.d.BuildImage(ctx, runFrom(r.Guest(), fmt.Sprintf(`"storm", "%d", "%s"`, stormSize, word)), func(line string) {
				if !strings.HasPrefix(line, fmt.Sprintf("storm of %d got ", stormSize)) {
					return
				}
				before = running(t, word)
				now, err := os.ReadFile(filepath.Join(dir, "pids.current"))
				check(t, err)
				t.Logf("%s; the group has %s", line, strings.TrimSpace(string(now)))
				asked := time.Now()
				_, err = r.d.Containers(bounded(t, 5*time.Second))
				check(t, err)
				answered = time.Since(asked)
				cancel()
			})
			if core.CodeOf(err) != core.CodeCanceled {
				t.Errorf("got %v", err)
			}
			if before < 50 || before > stormBound {
				t.Errorf("%d processes of the step ran, the bound is %d", before, stormBound)
			}
			if answered > 2*time.Second {
				t.Errorf("the engine answered after %s", answered)
			}
			coretest.Wait(t, 10*time.Second, "the processes of the step have ended", func() bool { return running(t, word) == 0 })
		})
	}
}
