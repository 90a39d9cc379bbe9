package docker

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// progress reads an answer of the engine.
func progress(t *testing.T, answer string) (lines []string, id string, err error) {
	t.Helper()
	out := func(line string) { lines = append(lines, line) }
	id, err = readProgress(t.Context(), io.NopCloser(strings.NewReader(answer)), "build", out, newBuildSteps(out).take)
	return lines, id, err
}

func TestPiecesOfABuildsOutputBecomeLines(t *testing.T) {
	lines, id, err := progress(t, `{"stream":"Step 1/2 : FROM x\n"}`+"\r\n"+`{"stream":"one "}`+"\n"+`{"stream":"line\r\n\nlast"}`+
		`
{"aux":{"ID":"sha256:abc"}}
{"status":"Pulling","id":"layer"}
{"status":"Downloading","id":"layer","progressDetail":{"current":1,"total":2}}
`)
	want := []string{"Step 1/2 : FROM x", "one line", "", "last", "layer: Pulling"}
	if err != nil || id != "sha256:abc" || !slices.Equal(lines, want) {
		t.Errorf("got %q, %q, %v", lines, id, err)
	}
}

func TestALineWithoutEndIsGivenInPieces(t *testing.T) {
	long := strings.Repeat("x", 3*outputLine+5)
	lines, _, err := progress(t, `{"stream":"`+long[:outputLine/2]+`"}`+"\n"+`{"stream":"`+long[outputLine/2:]+`"}`)
	if err != nil || len(lines) != 4 || strings.Join(lines, "") != long {
		t.Errorf("%d lines, %v", len(lines), err)
	}
	for _, line := range lines {
		if len(line) > outputLine {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
}

func TestAnErrorInTheOutputIsTheError(t *testing.T) {
	lines, _, err := progress(t, `{"stream":"before"}`+"\n"+`{"errorDetail":{"code":3,"message":"The command '/x' returned a non-zero code: 3"},"error":"The command"}`)
	if core.CodeOf(err) != core.CodeInvalid || !strings.Contains(core.MessageOf(err), "non-zero code: 3") || !slices.Equal(lines, []string{"before"}) {
		t.Errorf("%q, %v", lines, err)
	}
	_, _, err = progress(t, `{"errorDetail":{"message":"write /x: no space left on device"}}`)
	if core.CodeOf(outward(err)) != core.CodeUnavailable {
		t.Errorf("a full disk: %v", err)
	}
}

func TestAMessageBeyondItsBoundAndOneThatCannotBeReadEndTheBuild(t *testing.T) {
	if _, _, err := progress(t, `{"stream":"`+strings.Repeat("x", messageLimit)+`"}`); err == nil {
		t.Error("a huge message passed")
	}
	if _, _, err := progress(t, "<html>"); core.CodeOf(err) != core.CodeInternal {
		t.Errorf("got %v", err)
	}
}

func TestAHungEngineKeepsNoBuildWaiting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "engine.sock")
	standIn(t, path, func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
	})
	d, err := Open(Config{Host: "unix://" + path})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	begin := time.Now()
	_, err = d.BuildImage(t.Context(), core.BuildSpec{Context: strings.NewReader("")}, nil)
	if core.CodeOf(err) != core.CodeUnavailable || time.Since(begin) > readLimit+2*time.Second {
		t.Errorf("after %s: %v", time.Since(begin), err)
	}
}

func TestAnEngineThatEndsABuildInTheMiddleIsUnavailable(t *testing.T) {
	for name, answer := range map[string]string{"without a result": `{"stream":"Step 1/2\n"}`, "with its connection": ""} {
		path := filepath.Join(t.TempDir(), "engine.sock")
		standIn(t, path, func(w http.ResponseWriter, r *http.Request) {
			if pong(w, r, "1.41") {
				return
			}
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				t.Error(err)
			}
			if answer == "" {
				panic(http.ErrAbortHandler)
			}
			_, _ = fmt.Fprintln(w, answer)
		})
		d, err := Open(Config{Host: "unix://" + path})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.BuildImage(t.Context(), core.BuildSpec{Context: strings.NewReader("x")}, nil); core.CodeOf(err) != core.CodeUnavailable {
			t.Errorf("%s: %v", name, err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestOnlyAContainersIDIsWatchedForInABuildsOutput(t *testing.T) {
	var w stepWatch
	for _, line := range []string{" ---> Running in nobody", " ---> Running in ../../secrets", " ---> Running in 0123456789ab"} {
		w.line(line)
	}
	if w.running() != "0123456789ab" {
		t.Errorf("watches %q", w.running())
	}
	w.line("Removing intermediate container 0123456789ab")
	if w.running() != "" {
		t.Errorf("still watches %q", w.running())
	}
}
