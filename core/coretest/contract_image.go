package coretest

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// TestImages is the contract of core.ImageStore. open gives the engine under test; it is called once for each story.
func TestImages(t *testing.T, open func(t testing.TB) Rig) {
	for _, story := range []struct {
		name string
		run  func(*testing.T, Rig)
	}{
		{"a build gives its output, and an image with labels, name and command", testBuild},
		{"a Dockerfile that fails is the error, and leaves neither image nor container", testBuildFails},
		{"a context without the Dockerfile is invalid", testBuildNoDockerfile},
		{"a context over its bound is refused", testBuildTooLarge},
		{"a context that breaks off is the error", testBuildBroken},
		{"a cancelled build ends and leaves no container", testBuildCanceled},
		{"a name moves to another image", testTag},
		{"an image goes with its last name, and not while a container has it", testRemoveImage},
		{"an image that no registry gives is an error", testPullNothing},
	} {
		t.Run(story.name, func(t *testing.T) { story.run(t, open(t)) })
	}
}

// dockerfile is a build's context with these lines after the guest.
func dockerfile(r Rig, lines ...string) io.Reader {
	return Archive(map[string]string{"ops/Dockerfile": "FROM " + r.Guest() + "\n" + strings.Join(lines, "\n") + "\n"})
}

func testBuild(t *testing.T, r Rig) {
	ctx, tag := t.Context(), r.Name(t)+":1"
	var lines []string
	begin := time.Now().Add(-time.Second)
	id, err := r.Images().BuildImage(ctx, core.BuildSpec{
		Context: dockerfile(r, `LABEL own=yes`, `EXPOSE 8080`, `RUN ["/guest", "print", "hello from the build"]`, `CMD ["exit", "5"]`), Dockerfile: "ops/Dockerfile",
		Labels: map[string]string{"com.matrx.commit": "c1"}, Tag: tag, Memory: 64 << 20, Fresh: true,
	}, func(line string) { lines = append(lines, line) })
	must(t, err)
	if !slices.Contains(lines, "hello from the build") || slices.ContainsFunc(lines, func(s string) bool { return strings.Contains(s, "\n") }) {
		t.Errorf("output %q", lines)
	}
	img, err := r.Images().ImageDetail(ctx, tag)
	must(t, err)
	if img.ID != id || !slices.Equal(img.Tags, []string{tag}) || img.Labels["com.matrx.commit"] != "c1" || img.Labels["own"] != "yes" {
		t.Errorf("image %+v", img)
	}
	if img.OS != "linux" || img.Architecture == "" || img.Size <= 0 || img.UsedBy != 0 || img.Created.Before(begin) || !slices.Equal(img.Ports, []core.Port{{Container: 8080, Protocol: "tcp"}}) {
		t.Errorf("image %+v", img)
	}
	made, err := r.Maker().CreateContainer(ctx, core.ContainerSpec{Name: strings.TrimSuffix(tag, ":1"), Image: id, Alone: true})
	must(t, err)
	must(t, r.Docker().Start(ctx, made))
	code, err := r.Maker().WaitContainer(ctx, made)
	must(t, err)
	if code != 5 {
		t.Errorf("exit code %d", code)
	}
	if img, err = r.Images().ImageDetail(ctx, id); err != nil || img.UsedBy != 1 {
		t.Errorf("used by %d, %v", img.UsedBy, err)
	}
}

// builders counts the containers that are made of the guest image: those in which a build's steps run.
func builders(t testing.TB, r Rig) int {
	t.Helper()
	img, err := r.Images().ImageDetail(t.Context(), r.Guest())
	must(t, err)
	return img.UsedBy
}

func testBuildFails(t *testing.T, r Rig) {
	ctx, tag := t.Context(), r.Name(t)+":1"
	_, err := r.Images().BuildImage(ctx, core.BuildSpec{Context: dockerfile(r, `RUN ["/guest", "exit", "3"]`), Dockerfile: "ops/Dockerfile", Tag: tag}, nil)
	wantCode(t, err, core.CodeInvalid)
	if text := core.MessageOf(err); !strings.Contains(text, "/guest exit 3") || !strings.Contains(text, "code: 3") {
		t.Errorf("said %q", text)
	}
	_, err = r.Images().ImageDetail(ctx, tag)
	wantCode(t, err, core.CodeNotFound)
	if n := builders(t, r); n != 0 {
		t.Errorf("%d containers are left", n)
	}
}

func testBuildNoDockerfile(t *testing.T, r Rig) {
	_, err := r.Images().BuildImage(t.Context(), core.BuildSpec{Context: dockerfile(r), Dockerfile: "other/Dockerfile"}, nil)
	wantCode(t, err, core.CodeInvalid)
	if !strings.Contains(core.MessageOf(err), "other/Dockerfile") {
		t.Errorf("said %q", core.MessageOf(err))
	}
}

func testBuildTooLarge(t *testing.T, r Rig) {
	big := Archive(map[string]string{"big": strings.Repeat("x", 2<<20), "Dockerfile": "FROM " + r.Guest() + "\n"})
	_, err := r.Images().BuildImage(t.Context(), core.BuildSpec{Context: big, Dockerfile: "Dockerfile", MaxBytes: 1 << 20}, nil)
	wantCode(t, err, core.CodeInvalid)
	if !strings.Contains(core.MessageOf(err), "too large") {
		t.Errorf("said %q", core.MessageOf(err))
	}
}

func testBuildBroken(t *testing.T, r Rig) {
	cause := core.Errorf(core.CodeUnavailable, "The repository broke off.")
	broken := io.MultiReader(io.LimitReader(dockerfile(r), 700), iotest.ErrReader(cause))
	_, err := r.Images().BuildImage(t.Context(), core.BuildSpec{Context: broken, Dockerfile: "ops/Dockerfile"}, nil)
	if !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
}

func testBuildCanceled(t *testing.T, r Rig) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	begin := time.Now()
	_, err := r.Images().BuildImage(ctx, core.BuildSpec{Context: dockerfile(r, `RUN ["/guest", "say", "working"]`), Dockerfile: "ops/Dockerfile", Fresh: true}, func(line string) {
		if line == "working" { // it runs
			cancel()
		}
	})
	wantCode(t, err, core.CodeCanceled)
	if took := time.Since(begin); took > 30*time.Second {
		t.Errorf("took %s", took)
	}
	if n := builders(t, r); n != 0 {
		t.Errorf("%d containers are left", n)
	}
}

func testTag(t *testing.T, r Rig) {
	ctx, tag := t.Context(), r.Name(t)+":1"
	first, err := r.Images().ImageDetail(ctx, r.Guest())
	must(t, err)
	second, err := r.Images().BuildImage(ctx, core.BuildSpec{Context: dockerfile(r, "LABEL n="+tag), Dockerfile: "ops/Dockerfile", Tag: tag}, nil)
	must(t, err)
	must(t, r.Images().TagImage(ctx, second, strings.TrimSuffix(tag, "1")+"2"))
	must(t, r.Images().TagImage(ctx, first.ID, tag))
	if img, err := r.Images().ImageDetail(ctx, tag); err != nil || img.ID != first.ID {
		t.Errorf("%s is %s, %v", tag, img.ID, err)
	}
	wantCode(t, r.Images().TagImage(ctx, "nobody/nothing:1", tag), core.CodeNotFound)
}

func testRemoveImage(t *testing.T, r Rig) {
	ctx, name := t.Context(), r.Name(t)
	id, err := r.Images().BuildImage(ctx, core.BuildSpec{Context: dockerfile(r, "LABEL n="+name, `CMD ["sleep"]`), Dockerfile: "ops/Dockerfile", Tag: name + ":1"}, nil)
	must(t, err)
	must(t, r.Images().TagImage(ctx, id, name+":2"))
	made, err := r.Maker().CreateContainer(ctx, core.ContainerSpec{Name: name, Image: id, Alone: true})
	must(t, err)
	must(t, r.Images().RemoveImage(ctx, name+":1"))
	wantCode(t, r.Images().RemoveImage(ctx, name+":2"), core.CodeConflict)
	wantCode(t, r.Images().RemoveImage(ctx, name+":1"), core.CodeNotFound)
	if _, err := r.Images().ImageDetail(ctx, name+":2"); err != nil {
		t.Error(err)
	}
	must(t, r.Docker().Remove(ctx, made, time.Second))
	must(t, r.Images().RemoveImage(ctx, name+":2"))
	_, err = r.Images().ImageDetail(ctx, id)
	wantCode(t, err, core.CodeNotFound)
}

func testPullNothing(t *testing.T, r Rig) {
	err := r.Images().PullImage(t.Context(), "127.0.0.1:1/nobody/nothing:1", nil)
	if code := core.CodeOf(err); code != core.CodeUnavailable && code != core.CodeNotFound {
		t.Errorf("got %v (%s)", err, code)
	}
}
