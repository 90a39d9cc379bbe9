package core_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/git"
)

// commitTo commits a file to a repository and gives the SHA.
func commitTo(t testing.TB, dir, name, text, subject string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	var out []byte
	for _, args := range [][]string{{"init", "--quiet", "--initial-branch=main"}, {"add", "--all"}, {"commit", "--quiet", "-m", subject}, {"rev-parse", "HEAD"}} {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = dir
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=a@example.com",
			"GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=a@example.com"}
		var err error
		if out, err = cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	return strings.TrimSpace(string(out))
}

func TestAChangeInARealRepositoryIsSeenBuiltAndThenNeedsADeployment(t *testing.T) {
	var source, base string
	y := newYard(t, func(y *yard) {
		source = filepath.Join(y.root, "projects", "web")
		base = commitTo(t, source, "app/Dockerfile", "FROM scratch\nLABEL maintainer=ada\n", "base")
		y.def.Source.Repo, y.def.Source.Context = "file://"+source, "app"
		y.planeRig.ship.Git = git.New(git.Config{Root: y.root})
		y.runWeb("sha256:old", map[string]string{"com.matrx.commit": base, "com.matrx.definition": y.def.Hash()})
	})
	if c := y.changes(); len(c.Commits) != 0 { // the mirror learns what runs
		t.Fatalf("got %+v", c)
	}
	head := commitTo(t, source, "app/Dockerfile", "FROM scratch\nLABEL maintainer=bob\n", "the line \x1b[31mchanged")
	c := y.changes()
	if want := []string{head[:12] + " the line changed | needs build"}; !c.Known || !slices.Equal(items(c, core.ChangeCommit), want) {
		t.Fatalf("got %+v", c)
	}
	job := y.ended(y.start(core.BuildIn{}))
	b := y.builds()[0]
	if job.State != core.JobDone || b.Commit.SHA != head || b.Commit.Author != "Ada" {
		t.Fatalf("job %+v, build %+v", job, b)
	}
	image, err := y.engine.ImageDetail(t.Context(), b.Tag)
	if err != nil || image.Labels["maintainer"] != "bob" || image.Labels["com.matrx.commit"] != head {
		t.Fatalf("the image: %+v, %v", image, err)
	}
	if c := y.changes(); c.Need != core.NeedsDeploy {
		t.Fatalf("got %+v", c)
	}
	y.ended(y.start(core.BuildIn{Ref: base}))
	if older := y.builds()[0]; older.Commit.SHA != base || older.State != core.BuildDone {
		t.Fatalf("an older commit: %+v", older)
	}
}
