//go:build integration

package git_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/docker"
)

func TestARealEngineBuildsTheCommittedFolder(t *testing.T) {
	r := newRepo(t)
	r.write("app/Dockerfile", "FROM scratch\nCOPY . /\nCMD [\"/run\"]\n")
	r.write("app/deep/"+strings.Repeat("long-", 30)+"/"+strings.Repeat("name-", 20)+"/é", "x")
	r.write("app/.dockerignore", "secret\n")
	r.write("app/secret", "hunter2")
	r.link("app/up", "deep")
	sha := r.commit("one")
	g := r.reader()
	fetched(t, g, r.source())
	engine, err := docker.Open(docker.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	tar, err := g.Context(t.Context(), "web", sha, "app")
	if err != nil {
		t.Fatal(err)
	}
	tag := fmt.Sprintf("matrx/git-test:%d", time.Now().UnixNano())
	var lines []string
	id, err := engine.BuildImage(t.Context(), core.BuildSpec{Context: tar, Dockerfile: "Dockerfile", Tag: tag, Labels: map[string]string{"com.matrx.commit": sha}}, func(line string) { lines = append(lines, line) })
	if closed := tar.Close(); err != nil || closed != nil {
		t.Fatalf("%v, %v\n%s", err, closed, strings.Join(lines, "\n"))
	}
	image, err := engine.ImageDetail(t.Context(), tag)
	gone := engine.RemoveImage(t.Context(), tag)
	if err != nil || gone != nil || image.ID != id || image.Labels["com.matrx.commit"] != sha {
		t.Fatalf("got %+v, %v, %v", image, err, gone)
	}
}
