//go:build integration

package docker

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
)

// running counts the processes of this machine that have the word in their command line.
func running(t *testing.T, word string) int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	check(t, err)
	n := 0
	for _, file := range files {
		if raw, err := os.ReadFile(file); err == nil && bytes.Contains(raw, []byte(word)) { // an error: it has ended
			n++
		}
	}
	return n
}

// runFrom is a context whose Dockerfile runs the guest.
func runFrom(image, words string) core.BuildSpec {
	return core.BuildSpec{Context: coretest.Archive(map[string]string{"Dockerfile": "FROM " + image + "\nRUN [\"/guest\", " + words + "]\n"}), Dockerfile: "Dockerfile", Fresh: true}
}

func TestACancelledBuildOfBuildKitHasEndedWhenTheCallReturns(t *testing.T) {
	r := newRig(t, newBuildKit(t).host)
	ctx, cancel := context.WithCancel(bounded(t, time.Minute))
	defer cancel()
	word := "working-" + filepath.Base(t.TempDir()) + strings.TrimPrefix(r.Name(t), prefix)
	before := 0
	_, err := r.d.BuildImage(ctx, runFrom(r.Guest(), `"say", "`+word+`"`), func(line string) {
		if line == word {
			before = running(t, word)
			cancel()
		}
	})
	if core.CodeOf(err) != core.CodeCanceled || before == 0 {
		t.Errorf("%d processes of the step ran; got %v", before, err)
	}
	if n := running(t, word); n != 0 {
		t.Errorf("%d processes of the step are left", n)
	}
}

func TestAnEngineThatHangsInABuildOfBuildKitIsLeftByItsCaller(t *testing.T) {
	e := newBuildKit(t)
	r := newRig(t, e.host)
	ctx, cancel := context.WithCancel(bounded(t, 2*time.Minute))
	defer cancel()
	word := "hung-" + strings.TrimPrefix(r.Name(t), prefix)
	var asked time.Time
	_, err := r.d.BuildImage(ctx, runFrom(r.Guest(), `"say", "`+word+`"`), func(line string) {
		if line == word {
			e.hang()
			asked = time.Now()
			cancel()
		}
	})
	if took := time.Since(asked); core.CodeOf(err) != core.CodeCanceled || took > actLimit+5*time.Second {
		t.Errorf("after %s: %v", took, err)
	}
	e.signal(syscall.SIGCONT)
	coretest.Wait(t, 30*time.Second, "the step has ended", func() bool { return running(t, word) == 0 })
}

func TestBuildKitTakesABaseImageFromARegistryThatWantsAToken(t *testing.T) {
	e := newBuildKit(t)
	r := newRig(t, e.host)
	image := newRegistry(t, e.cmd.Process.Pid, guestTar)
	var lines []string
	_, err := r.d.BuildImage(bounded(t, time.Minute), runFrom(image, `"print", "from afar"`), func(line string) { lines = append(lines, line) })
	check(t, err)
	if text := strings.Join(lines, "\n"); !strings.Contains(text, "\nfrom afar\n") {
		t.Errorf("output:\n%s", text)
	}
	spec := core.BuildSpec{Dockerfile: "Dockerfile", Context: coretest.Archive(map[string]string{"Dockerfile": "# syntax=127.0.0.1:1/frontend\nFROM " + r.Guest() + "\n"})}
	if _, err = r.d.BuildImage(bounded(t, time.Minute), spec, nil); core.CodeOf(err) != core.CodeUnavailable || !strings.Contains(core.MessageOf(err), "without that line") {
		t.Errorf("a frontend from nowhere: %v", err)
	}
}
