package core_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
)

// yard is a plane with what building and deploying needs, and a service "web" that is built from a repository.
type yard struct {
	*planeRig
	ship coretest.Ship
	def  core.Definition
}

// newYard opens a plane that knows the definition, after prepare has changed what it is made of.
func newYard(t testing.TB, prepare func(*yard)) *yard {
	t.Helper()
	y := &yard{def: core.Definition{Service: "web", Container: "web", Kind: core.KindCustom, Layer: core.LayerApps, Restart: "unless-stopped",
		Health: core.HealthRule{How: core.ProbeSkip, Reason: "a test"},
		Source: &core.Source{Repo: "https://example.com/web.git", Ref: "main", Context: ".", Dockerfile: "Dockerfile"}}}
	y.planeRig = newPlane(t, func(r *planeRig) {
		y.planeRig, y.ship = r, coretest.NewShip(r.engine)
		r.ship = y.ship.Parts(nil)
		if prepare != nil {
			prepare(y)
		}
		y.put("definitions", "web", core.DefinitionVersion{Definition: y.def, Version: 1, At: time.Now(), By: "ann"})
	})
	return y
}

// put writes a row into the journal before the plane opens.
func (y *yard) put(table, key string, row any) {
	y.t.Helper()
	raw, err := json.Marshal(row)
	if err != nil {
		y.t.Fatal(err)
	}
	if _, err := y.journal.Append(y.t.Context(), core.Record{Table: table, Key: key, Op: core.RecordPut, Ver: 1, Body: raw}); err != nil {
		y.t.Fatal(err)
	}
}

// reopen ends the plane and starts another on the same journal and engine.
func (y *yard) reopen() {
	y.t.Helper()
	if err := y.core.Close(); err != nil {
		y.t.Fatal(err)
	}
	c, err := core.Open(y.t.Context(), y.parts())
	if err != nil {
		y.t.Fatal(err)
	}
	y.t.Cleanup(func() {
		if err := c.Close(); err != nil {
			y.t.Error(err)
		}
	})
	y.core = c
}

// push commits files to the repository.
func (y *yard) push(subject string, files map[string]string) core.Commit {
	return y.ship.Git.Push("web", "main", subject, files)
}

// dockerfile is a repository with nothing else in it.
func dockerfile(lines ...string) map[string]string {
	return map[string]string{"Dockerfile": strings.Join(append([]string{"FROM scratch"}, lines...), "\n") + "\n"}
}

// ended waits until a job has ended.
func (y *yard) ended(job core.Job) core.Job {
	y.t.Helper()
	var last core.Job
	for j, err := range core.FollowJob.Run(y.as(core.RoleViewer), y.core, core.JobIn{ID: job.ID}) {
		if err != nil {
			y.t.Fatal(err)
		}
		last = j
	}
	return last
}

// start begins a build of web.
func (y *yard) start(in core.BuildIn) core.Job {
	y.t.Helper()
	in.Service = "web"
	job, err := core.StartBuild.Run(y.as(core.RoleOperator), y.core, in)
	if err != nil {
		y.t.Fatal(err)
	}
	return job
}

// builds is the history of web.
func (y *yard) builds() []core.Build {
	y.t.Helper()
	list, err := core.ListBuilds.Run(y.as(core.RoleViewer), y.core, core.BuildsIn{Service: "web"})
	if err != nil {
		y.t.Fatal(err)
	}
	return list
}

// output is all that a build said.
func (y *yard) output(build string) string {
	y.t.Helper()
	var b strings.Builder
	for line, err := range core.FollowBuild.Run(y.as(core.RoleViewer), y.core, core.BuildLogIn{Build: build}) {
		if err != nil {
			y.t.Fatal(err)
		}
		b.WriteString(line.Text + "\n")
	}
	return b.String()
}

// refused fails unless an error has the code and says the words.
func refused(t testing.TB, err error, code core.Code, words ...string) {
	t.Helper()
	if core.CodeOf(err) != code {
		t.Fatalf("got %q (%v), want %q", core.CodeOf(err), err, code)
	}
	for _, word := range words {
		if !strings.Contains(core.MessageOf(err), word) {
			t.Fatalf("the message %q does not say %q", core.MessageOf(err), word)
		}
	}
}

func TestABuildMakesALabelledImageOfTheCommitAndIsRemembered(t *testing.T) {
	y := newYard(t, nil)
	commit := y.push("first", dockerfile("LABEL maintainer=ann"))
	job := y.ended(y.start(core.BuildIn{}))
	if job.State != core.JobDone || !strings.Contains(job.Result, commit.Short()) {
		t.Fatalf("the job: %+v", job)
	}
	list := y.builds()
	if len(list) != 1 {
		t.Fatalf("%d builds", len(list))
	}
	b := list[0]
	if b.State != core.BuildDone || b.Commit.SHA != commit.SHA || b.Commit.Subject != "first" || b.By.Name != "ann" || b.Job != job.ID || b.Plane != core.ManagerName || b.Gone || b.Took < 0 || b.Ended.IsZero() {
		t.Fatalf("got %+v", b)
	}
	image, err := y.engine.ImageDetail(t.Context(), b.Tag)
	if err != nil || image.ID != b.Image || b.Digest == "" {
		t.Fatalf("the image: %+v, %v", image, err)
	}
	for name, want := range map[string]string{"com.matrx.service": "", "com.matrx.built-for": "web", "com.matrx.commit": commit.SHA, "com.matrx.build": b.ID, "maintainer": "ann"} {
		if image.Labels[name] != want {
			t.Errorf("label %s is %q", name, image.Labels[name])
		}
	}
	if _, err := time.Parse(time.RFC3339, image.Labels["com.matrx.built"]); err != nil {
		t.Error(err)
	}
	output := y.output(b.ID)
	for _, line := range []string{"fetched " + commit.Short(), "first", "Step 1/2 : FROM scratch", "Successfully built"} {
		if !strings.Contains(output, line) || !strings.Contains(strings.Join(job.Output, "\n"), line) {
			t.Errorf("%q is not in the output %q or not in the job's", line, output)
		}
	}
	y.reopen()
	if again := y.builds(); len(again) != 1 || again[0].Tag != b.Tag {
		t.Fatalf("after a restart: %+v", again)
	}
	if err := y.engine.RemoveImage(t.Context(), b.Tag); err != nil {
		t.Fatal(err)
	}
	if !y.builds()[0].Gone {
		t.Fatal("the image is gone and the history does not say so")
	}
}

func TestABuildThatFailsSaysWhyAndLeavesNoImage(t *testing.T) {
	for name, tc := range map[string]struct {
		files   map[string]string
		prepare func(*yard)
		says    string
	}{
		"failing Dockerfile":   {dockerfile("FAIL no such package"), nil, "no such package"},
		"no Dockerfile":        {map[string]string{"README": "x"}, nil, "There is no file Dockerfile"},
		"baked labels":         {dockerfile("LABEL traefik.enable=true"), nil, "label traefik.enable"},
		"other architecture":   {dockerfile("ARCH s390x"), nil, "for s390x"},
		"unreachable":          {dockerfile(), func(y *yard) { y.ship.Git.Fail("Fetch", core.Errorf(core.CodeUnavailable, "It does not answer.")) }, "does not answer"},
		"engine gone":          {dockerfile(), func(y *yard) { y.engine.Fail("BuildImage", core.Errorf(core.CodeUnavailable, "No engine.")) }, "No engine."},
		"image cannot be read": {dockerfile(), func(y *yard) { y.engine.Fail("ImageDetail", core.Errorf(core.CodeUnavailable, "No inspect.")) }, "No inspect."},
	} {
		t.Run(name, func(t *testing.T) {
			y := newYard(t, nil)
			y.push("first", tc.files)
			if tc.prepare != nil {
				tc.prepare(y)
			}
			job := y.ended(y.start(core.BuildIn{}))
			y.engine.Fail("ImageDetail", nil)
			b := y.builds()[0]
			if job.State != core.JobFailed || b.State != core.BuildFailed || !strings.Contains(b.Message, tc.says) || !strings.Contains(job.Result, tc.says) {
				t.Fatalf("job %s %q, build %s %q", job.State, job.Result, b.State, b.Message)
			}
			if _, err := y.engine.ImageDetail(t.Context(), b.Tag); core.CodeOf(err) != core.CodeNotFound {
				t.Fatalf("an image is left: %v", err)
			}
			if out := y.output(b.ID); !strings.Contains(out, "failed: ") {
				t.Fatalf("the output does not end with the reason: %q", out)
			}
		})
	}
}

func TestABuildIsRefusedBeforeItBegins(t *testing.T) {
	for name, tc := range map[string]struct {
		prepare func(*yard)
		in      core.BuildIn
		role    core.Role
		code    core.Code
		says    string
	}{
		"viewer":         {nil, core.BuildIn{}, core.RoleViewer, core.CodeForbidden, "operator"},
		"option":         {nil, core.BuildIn{Ref: "--upload-pack=x"}, core.RoleOperator, core.CodeInvalid, "dash"},
		"secret":         {func(y *yard) { y.def.Source.Args = map[string]string{"NPM_TOKEN": "hunter2"} }, core.BuildIn{}, core.RoleOperator, core.CodeInvalid, "NPM_TOKEN"},
		"credential":     {func(y *yard) { y.def.Source.Repo = "https://hunter2@example.com/a" }, core.BuildIn{}, core.RoleOperator, core.CodeInvalid, "MATRX_GIT_TOKEN"},
		"folder outside": {func(y *yard) { y.def.Source.Context = "../x" }, core.BuildIn{}, core.RoleOperator, core.CodeInvalid, "out of the repository"},
		"file outside":   {func(y *yard) { y.def.Source.Dockerfile = "/etc/x" }, core.BuildIn{}, core.RoleOperator, core.CodeInvalid, "out of the repository"},
		"no source":      {func(y *yard) { y.def.Source, y.def.Image = nil, "web:1" }, core.BuildIn{}, core.RoleOperator, core.CodeConflict, "names no source"},
		"no git":         {func(y *yard) { y.planeRig.ship.Git = nil }, core.BuildIn{}, core.RoleOperator, core.CodeUnavailable, "no git"},
	} {
		t.Run(name, func(t *testing.T) {
			y := newYard(t, tc.prepare)
			y.push("first", dockerfile())
			tc.in.Service = "web"
			_, err := core.StartBuild.Run(y.as(tc.role), y.core, tc.in)
			refused(t, err, tc.code, tc.says)
			if strings.Contains(err.Error(), "hunter2") {
				t.Fatalf("the secret is in %q", err)
			}
			if n := len(y.builds()); n != 0 {
				t.Fatalf("%d builds are on record", n)
			}
		})
	}
}

func TestACancelledBuildStopsTheEngineAndIsRememberedAsCancelled(t *testing.T) {
	y := newYard(t, nil)
	y.push("first", dockerfile("SLEEP 1h"))
	job := y.start(core.BuildIn{})
	y.wait(5*time.Second, "the build", func() bool { return y.engine.Building() == 1 })
	_, err := core.StartBuild.Run(y.as(core.RoleOperator), y.core, core.BuildIn{ServiceIn: core.ServiceIn{Service: "web"}})
	refused(t, err, core.CodeConflict, job.ID)
	if _, err := core.CancelJob.Run(y.as(core.RoleOperator), y.core, core.JobIn{ID: job.ID}); err != nil {
		t.Fatal(err)
	}
	if b := y.builds()[0]; b.State != core.BuildCanceled || y.engine.Building() != 0 || !b.Gone {
		t.Fatalf("got %+v, %d run", b, y.engine.Building())
	}
}

func TestABuildThatThePlaneEndedIsDecidedAsInterrupted(t *testing.T) {
	y := newYard(t, nil)
	y.push("first", dockerfile("SLEEP 1h"))
	y.start(core.BuildIn{})
	y.wait(5*time.Second, "the build", func() bool { return y.engine.Building() == 1 })
	y.reopen()
	if b := y.builds()[0]; b.State != core.BuildInterrupted || b.Ended.IsZero() {
		t.Fatalf("got %+v", b)
	}
}

func TestAnImageThatABuildLeftWithoutANameGoesEvenWhenTheEngineEndsItLate(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		left := core.Build{ID: "0190c5a0-0000-7000-8000-0123456789ab", Service: "web", Plane: core.ManagerName, State: core.BuildRunning,
			Started: time.Now().Add(-time.Minute), Tag: "matrx/web:0123456789ab", Job: "gone"}
		y := newYard(t, func(y *yard) { y.put("builds", left.ID, left) })
		y.wait(5*time.Second, "its decision", func() bool { return y.builds()[0].State == core.BuildInterrupted })
		synctest.Wait() // it has been looked for once
		nameless := "sha256:" + strings.Repeat("b", 64)
		other := "sha256:" + strings.Repeat("c", 64)
		y.engine.AddImage(core.Image{ID: nameless, Labels: map[string]string{"com.matrx.build": left.ID}})
		y.engine.AddImage(core.Image{ID: other, Labels: map[string]string{"com.matrx.build": "another"}})
		y.wait(time.Minute, "nothing to be left", func() bool { return y.builds()[0].Gone })
		if _, err := y.engine.ImageDetail(t.Context(), nameless); core.CodeOf(err) != core.CodeNotFound {
			t.Errorf("the image of the build: %v", err)
		}
		if _, err := y.engine.ImageDetail(t.Context(), other); err != nil {
			t.Errorf("the image of another build: %v", err)
		}
	})
}

func TestABuildThatACrashLeftRunningIsDecidedAtStartAndItsImageGoes(t *testing.T) {
	left := core.Build{ID: "0190c5a0-0000-7000-8000-0123456789ab", Service: "web", Plane: core.ManagerName, State: core.BuildRunning,
		Started: time.Now().Add(-time.Minute), Tag: "matrx/web:0123456789ab", Job: "gone"}
	other := left
	other.ID, other.Plane = "0190c5a0-0000-7000-8000-ffffffffffff", core.DeployName
	y := newYard(t, func(y *yard) {
		y.put("builds", left.ID, left)
		y.put("builds", other.ID, other)
		y.engine.AddImage(core.Image{ID: "sha256:" + strings.Repeat("a", 64), Tags: []string{left.Tag}})
	})
	states := map[string]core.BuildState{}
	for _, b := range y.builds() {
		states[b.Plane] = b.State
	}
	if states[core.ManagerName] != core.BuildInterrupted || states[core.DeployName] != core.BuildRunning {
		t.Fatalf("got %v", states)
	}
	y.wait(5*time.Second, "the image to go", func() bool {
		_, err := y.engine.ImageDetail(t.Context(), left.Tag)
		return core.CodeOf(err) == core.CodeNotFound
	})
}

func TestTheOutputOfABuildIsFollowedWhileItComes(t *testing.T) {
	y := newYard(t, nil)
	y.push("first", dockerfile("hello", "SLEEP 1h"))
	job := y.start(core.BuildIn{})
	y.wait(5*time.Second, "the build", func() bool { return y.engine.Building() == 1 })
	b := y.builds()[0]
	ctx, cancel := context.WithTimeout(y.as(core.RoleViewer), 10*time.Second)
	defer cancel()
	var last string
	for line, err := range core.FollowBuild.Run(ctx, y.core, core.BuildLogIn{Build: b.ID}) {
		if err != nil {
			t.Fatal(err)
		}
		if last = line.Text; strings.Contains(last, "SLEEP") {
			go func() {
				_, err := core.CancelJob.Run(y.as(core.RoleOperator), y.core, core.JobIn{ID: job.ID})
				if err != nil {
					t.Error(err)
				}
			}()
		}
	}
	if last != "canceled: Cancelled." {
		t.Fatalf("it ended with %q", last)
	}
	for _, err := range core.FollowBuild.Run(y.as(core.RoleViewer), y.core, core.BuildLogIn{Build: "nothing"}) {
		refused(t, err, core.CodeNotFound, "no build")
	}
}

func TestAnOutputThatCannotBeKeptDoesNotHoldTheBuildUp(t *testing.T) {
	y := newYard(t, nil)
	y.push("first", dockerfile())
	y.ship.Outputs.Fail("Write", errors.New("disk full"))
	job := y.ended(y.start(core.BuildIn{}))
	if b := y.builds()[0]; job.State != core.JobDone || b.State != core.BuildDone || !strings.Contains(b.Message, "not kept whole") {
		t.Fatalf("job %s, build %s %q", job.State, b.State, b.Message)
	}
}

func TestABuildThatTheJournalCannotTakeDoesNotBegin(t *testing.T) {
	y := newYard(t, nil)
	y.push("first", dockerfile())
	y.journal.Break("disk full", true)
	_, err := core.StartBuild.Run(y.as(core.RoleOperator), y.core, core.BuildIn{ServiceIn: core.ServiceIn{Service: "web"}})
	refused(t, err, core.CodeUnavailable)
	if y.engine.Calls("BuildImage") != 0 {
		t.Fatal("it was built all the same")
	}
}

func TestTheHistoryOfBuildsIsBoundedAndKeepsWhatHasAnImage(t *testing.T) {
	y := newYard(t, func(y *yard) {
		for i := range 130 {
			b := core.Build{ID: fmt.Sprintf("0180c5a0-0000-7000-8000-%012d", i), Service: "web", Plane: core.ManagerName, State: core.BuildFailed, Gone: true,
				Started: time.Now().Add(time.Duration(i-1000) * time.Minute)}
			if i == 0 {
				b.State, b.Gone = core.BuildDone, false
			}
			y.put("builds", b.ID, b)
		}
	})
	y.push("first", dockerfile())
	y.ended(y.start(core.BuildIn{}))
	list, err := core.ListBuilds.Run(y.as(core.RoleViewer), y.core, core.BuildsIn{Service: "web", Limit: 500})
	if err != nil || len(list) != 101 || list[0].State != core.BuildDone || list[100].State != core.BuildDone {
		t.Fatalf("%d builds, %v", len(list), err)
	}
}
