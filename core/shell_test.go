package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// openShell opens a shell as an operator; it is closed at the end of the test.
func openShell(t testing.TB, c *Core, in OpenShellIn) *Shell {
	t.Helper()
	in.Service = "ship-demo"
	s, err := OpenShell(as(t, RoleOperator), c, in)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// readUntil reads output until it holds the words.
func readUntil(t testing.TB, s io.Reader, words string) string {
	t.Helper()
	var all strings.Builder
	buf := make([]byte, 4096)
	for !strings.Contains(all.String(), words) {
		n, err := s.Read(buf)
		all.Write(buf[:n])
		if err != nil {
			t.Fatalf("after %q: %v", all.String(), err)
		}
	}
	return all.String()
}

// readAll reads output to its end.
func readAll(s io.Reader) (string, error) {
	out, err := io.ReadAll(s)
	return string(out), err
}

func send(t testing.TB, s io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(s, text); err != nil {
		t.Fatal(err)
	}
}

// finished waits until a shell is over and returns its recording.
func finished(t testing.TB, c *Core, s *Shell) Recording {
	t.Helper()
	select {
	case <-s.Done():
	case <-time.After(20 * time.Second):
		t.Fatal("the shell does not end")
	}
	for _, rec := range must2(ListRecordings.Run(as(t, RoleOperator), c, struct{}{}))(t) {
		if rec.ID == s.ID() {
			return rec
		}
	}
	t.Fatal("the recording is not listed")
	return Recording{}
}

// replay reads a recording: its output, and its resizes.
func replay(t testing.TB, c *Core, id string) (output, sizes string) {
	t.Helper()
	for event, err := range ReadRecording.Run(as(t, RoleOperator), c, RecordingIn{id}) {
		switch {
		case err != nil:
			t.Fatal(err)
		case event.Kind == "o":
			output += event.Data
		case event.Kind == "r":
			sizes += event.Data + " "
		}
	}
	return output, sizes
}

func TestAShellRunsResizesExitsAndItsRecordingReplays(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	s := openShell(t, c, OpenShellIn{Cols: 100, Rows: 30, Term: "xterm-kitty", Command: []string{"sh"}})
	seen := readUntil(t, s, "ready> ")
	send(t, s, "stty size; echo $TERM; printf 'é%s\\n' end\n")
	seen += readUntil(t, s, "éend")
	if !strings.Contains(seen, "30 100") || !strings.Contains(seen, "xterm-kitty") {
		t.Fatalf("got %q", seen)
	}
	open := must2(ListRecordings.Run(as(t, RoleOperator), c, struct{}{}))(t)
	if len(open) != 1 || !open[0].Open || open[0].Size == 0 || open[0].By.Name != "operator" {
		t.Fatalf("while it runs: %+v", open)
	}
	if err := s.Resize(120, 40); err != nil {
		t.Fatal(err)
	}
	send(t, s, "stty size; stty -echo; echo quiet$((1+1)); read secret\n")
	seen += readUntil(t, s, "quiet2")
	if !strings.Contains(seen, "40 120") {
		t.Fatalf("the new size does not show: %q", seen)
	}
	send(t, s, "hunter2\nexit 7\n")
	rest, err := readAll(s)
	if seen += rest; err != nil || s.ExitCode() != 7 {
		t.Fatalf("it ended with %v and code %d", err, s.ExitCode())
	}
	rec := finished(t, c, s)
	if rec.Open || rec.ExitCode != 7 || rec.Took <= 0 || rec.Size == 0 {
		t.Fatalf("afterwards: %+v", rec)
	}
	output, sizes := replay(t, c, s.ID())
	if output != seen || sizes != "100x30 120x40 " {
		t.Fatalf("the recording has sizes %q and output\n%q\nseen was\n%q", sizes, output, seen)
	}
	raw := string(must2(os.ReadFile(filepath.Join(w.cfg.Data(w.charter), rec.File)))(t))
	if strings.Contains(raw, "hunter2") {
		t.Fatal("what was typed without an echo is in the recording")
	}
	var header map[string]any
	first, _, _ := strings.Cut(raw, "\n")
	if json.Unmarshal([]byte(first), &header) != nil || header["title"] != "ship-demo" || header["version"] != 2.0 {
		t.Fatalf("the header is %s", first)
	}
	eventually(t, "the outcome", func() bool { return strings.Join(auditOf(t, c, opShellOpen), "|") == "operator ship-demo ok" })
	events := must2(ListAudit.Run(as(t, RoleViewer), c, ListAuditIn{Op: opShellOpen}))(t)
	if !strings.Contains(events[0].Message, "Exit code 7") || !strings.Contains(events[0].Message, s.ID()) {
		t.Fatalf("the outcome says %q", events[0].Message)
	}
	if got := auditOf(t, c, opRecordingRead); strings.Join(got, "|") != "operator "+s.ID()+" ok" {
		t.Fatalf("the replay is audited as %q", got)
	}
}

func TestTheProcessesOfAShellEndWithItsConnection(t *testing.T) {
	for name, end := range map[string]func(*Core, *Shell, context.CancelFunc){
		"connection": func(_ *Core, _ *Shell, drop context.CancelFunc) { drop() },
		"close":      func(_ *Core, s *Shell, _ context.CancelFunc) { _ = s.Close() },
		"plane":      func(c *Core, _ *Shell, _ context.CancelFunc) { c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c := w.open(t)
			ctx, drop := context.WithCancel(as(t, RoleOperator))
			defer drop()
			s := must2(OpenShell(ctx, c, OpenShellIn{Service: "ship-demo", Command: []string{"sh"}}))(t)
			readUntil(t, s, "ready> ")
			send(t, s, "trap '' HUP; sleep 1000 & sleep 1001 & echo started; wait\n")
			readUntil(t, s, "\r\nstarted")
			eventually(t, "three processes", func() bool { return len(marked(s.ID())) >= 3 })
			end(c, s, drop)
			rec := finished(t, c, s)
			if left := marked(s.ID()); len(left) > 0 {
				t.Fatalf("processes %v live on", left)
			}
			if rec.Open || rec.ExitCode != -1 || s.ExitCode() != -1 {
				t.Fatalf("got %+v", rec)
			}
			if _, err := s.Read(make([]byte, 10)); CodeOf(err) != CodeCanceled {
				t.Fatalf("reading it afterwards gives %v", err)
			}
			if _, err := s.Write([]byte("x")); CodeOf(err) != CodeCanceled {
				t.Fatalf("writing it afterwards gives %v", err)
			}
			eventually(t, "the outcome", func() bool { return strings.Join(auditOf(t, c, opShellOpen), "|") == "operator ship-demo canceled" })
		})
	}
}

func TestWhatAShellLeavesInTheBackgroundEndsWithIt(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	s := openShell(t, c, OpenShellIn{Command: []string{"sh"}})
	send(t, s, "trap '' HUP; sleep 1000 & exit 0\n")
	if _, err := readAll(s); err != nil {
		t.Fatal(err)
	}
	finished(t, c, s)
	if left := marked(s.ID()); len(left) > 0 {
		t.Fatalf("processes %v live on", left)
	}
}

func TestWithoutACommandTheBestShellOfTheContainerOpens(t *testing.T) {
	for name, tc := range map[string]struct {
		missing []string
		show    string
	}{"bash": {nil, "bash"}, "no bash": {[]string{"bash"}, "sh"}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.engine.missing = tc.missing
			c := w.open(t)
			s := openShell(t, c, OpenShellIn{})
			send(t, s, "echo this=$0.\n")
			seen := readUntil(t, s, "this="+tc.show+".")
			if strings.Contains(seen, "OCI") {
				t.Fatalf("the refusal of the engine shows: %q", seen)
			}
		})
	}
	w := newWorld(t)
	w.engine.missing = []string{"bash", "sh"}
	c := w.open(t)
	_, err := OpenShell(as(t, RoleOperator), c, OpenShellIn{Service: "ship-demo"})
	wantCode(t, err, CodeConflict, "neither bash nor sh")
	if list := must2(ListRecordings.Run(as(t, RoleOperator), c, struct{}{}))(t); len(list) != 0 {
		t.Fatalf("a shell that did not open is listed: %+v", list)
	}
	files := must2(os.ReadDir(filepath.Join(w.cfg.Data(w.charter), recordingsFolder)))(t)
	if len(files) != 0 {
		t.Fatalf("a shell that did not open left %v", files)
	}
}

func TestACommandThatIsNotThereShowsWhatTheEngineSays(t *testing.T) {
	w := newWorld(t)
	w.engine.missing = []string{"psql"}
	c := w.open(t)
	s := openShell(t, c, OpenShellIn{Command: []string{"psql"}})
	out, err := readAll(s)
	if err != nil || !strings.Contains(out, "executable file not found") || s.ExitCode() != 126 {
		t.Fatalf("got %q, %v, code %d", out, err, s.ExitCode())
	}
}

func TestAShellIsRefusedBeforeAnythingRuns(t *testing.T) {
	for name, tc := range map[string]struct {
		role  Role
		cfg   string
		in    OpenShellIn
		spoil func(*world)
		code  Code
		says  string
	}{
		"viewer":                       {RoleViewer, "operator", OpenShellIn{Service: "ship-demo"}, nil, CodeForbidden, "operator"},
		"operator, by the environment": {RoleOperator, "admin", OpenShellIn{Service: "ship-demo"}, nil, CodeForbidden, "admin"},
		"no service":                   {RoleOperator, "operator", OpenShellIn{}, nil, CodeInvalid, "Which service"},
		"unknown service":              {RoleOperator, "operator", OpenShellIn{Service: "ship-x"}, nil, CodeNotFound, "ship-x"},
		"stopped service":              {RoleOperator, "operator", OpenShellIn{Service: "ship-down"}, nil, CodeConflict, "does not run"},
		"NUL in the command":           {RoleOperator, "operator", OpenShellIn{Service: "ship-demo", Command: []string{"a\x00b"}}, nil, CodeInvalid, "NUL"},
		"a long command":               {RoleOperator, "operator", OpenShellIn{Service: "ship-demo", Command: []string{strings.Repeat("x", 20_000)}}, nil, CodeInvalid, "too long"},
		"a hostile user":               {RoleOperator, "operator", OpenShellIn{Service: "ship-demo", User: "root; rm"}, nil, CodeInvalid, "user"},
		"journal in trouble":           {RoleOperator, "operator", OpenShellIn{Service: "ship-demo"}, func(w *world) { w.journal.set(func() { w.journal.full = true }) }, CodeUnavailable, "Nothing was done"},
		"no place to record":           {RoleOperator, "operator", OpenShellIn{Service: "ship-demo"}, func(w *world) { write(t, filepath.Join(w.cfg.Data(w.charter), recordingsFolder), "in the way", 0o600) }, CodeUnavailable, "recording cannot be written"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.cfg.ShellRole = tc.cfg
			c := w.open(t)
			if tc.spoil != nil {
				tc.spoil(w)
			}
			_, err := OpenShell(as(t, tc.role), c, tc.in)
			wantCode(t, err, tc.code, tc.says)
			w.journal.set(func() { w.journal.full = false })
			if got := auditOf(t, c, opShellOpen); tc.says != "Nothing was done" && (len(got) != 1 || !strings.HasSuffix(got[0], string(tc.code))) {
				t.Fatalf("audit: %q", got)
			}
			if len(c.shells.live) > 0 {
				t.Fatal("it is on the list of running shells")
			}
		})
	}
	w := newWorld(t)
	_, err := OpenShell(t.Context(), w.open(t), OpenShellIn{Service: "ship-demo"})
	wantCode(t, err, CodeForbidden, "Nobody")
}

func TestTheReplayOfARecordingAsksForTheRoleOfShells(t *testing.T) {
	w := newWorld(t)
	w.cfg.ShellRole = "admin"
	c := w.open(t)
	for _, err := range ReadRecording.Run(as(t, RoleOperator), c, RecordingIn{newShellID()}) {
		wantCode(t, err, CodeForbidden, "admin")
	}
	for _, err := range ReadRecording.Run(as(t, RoleAdmin), c, RecordingIn{newShellID()}) {
		wantCode(t, err, CodeNotFound)
	}
	for _, err := range ReadRecording.Run(as(t, RoleAdmin), c, RecordingIn{"../../etc/passwd"}) {
		wantCode(t, err, CodeInvalid)
	}
}

func TestAShellWhoseRecordingReachesItsBoundEnds(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	must2(SetSetting.Run(as(t, RoleAdmin), c, SetSettingIn{settingCastEachBytes, "64KiB"}))(t)
	s := openShell(t, c, OpenShellIn{Command: []string{"sh", "-c", "while :; do echo 0123456789012345678901234567890123456789; done"}})
	out, err := readAll(s)
	wantCode(t, err, CodeUnavailable, "The shell is ended", "64.0 KiB")
	rec := finished(t, c, s)
	if rec.Size > 64<<10 || len(marked(s.ID())) > 0 {
		t.Fatalf("the recording has %d bytes, processes %v", rec.Size, marked(s.ID()))
	}
	if output, _ := replay(t, c, s.ID()); output != out {
		t.Fatalf("%d bytes were shown and %d recorded", len(out), len(output))
	}
	eventually(t, "the outcome", func() bool { return strings.Join(auditOf(t, c, opShellOpen), "|") == "operator ship-demo unavailable" })
}

func TestAShellEndsWhenTheDiskOfItsRecordingIsFull(t *testing.T) {
	w := newWorld(t)
	w.cfg.DataDir = filepath.Join(w.root, "data")
	mountTmpfs(t, w.cfg.DataDir, "256k")
	c := w.open(t)
	s := openShell(t, c, OpenShellIn{Command: []string{"sh", "-c", "trap '' HUP; while :; do echo 0123456789012345678901234567890123456789; done"}})
	out, err := readAll(s)
	wantCode(t, err, CodeUnavailable, "The shell is ended", "no space left on device")
	finished(t, c, s)
	if left := marked(s.ID()); len(left) > 0 {
		t.Fatalf("processes %v live on", left)
	}
	output, _ := replay(t, c, s.ID())
	if len(output) < 100<<10 || output != out {
		t.Fatalf("%d bytes were shown and %d recorded", len(out), len(output))
	}
	_, err = OpenShell(as(t, RoleOperator), c, OpenShellIn{Service: "ship-demo", Command: []string{"sh"}})
	wantCode(t, err, CodeUnavailable, "no space left on device")
}

func TestAShellEndsWhenItsRecordingTurnsReadOnly(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	s := openShell(t, c, OpenShellIn{Command: []string{"sh"}})
	readUntil(t, s, "ready> ")
	s.cast.mu.Lock()
	s.cast.file = failing{s.cast.file, syscall.EROFS}
	s.cast.mu.Unlock()
	if err := s.Resize(90, 20); CodeOf(err) != CodeUnavailable || !strings.Contains(MessageOf(err), "read-only") {
		t.Fatalf("a resize that is not recorded gives %v", err)
	}
	_, err := readAll(s)
	wantCode(t, err, CodeUnavailable, "read-only")
	finished(t, c, s)
}

// failing is a file that cannot be written.
type failing struct {
	io.WriteCloser
	err error
}

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// mountTmpfs puts a small disk at a folder.
func mountTmpfs(t testing.TB, folder, size string) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size="+size); err != nil {
		t.Fatalf("mount a tmpfs (the tests run as root): %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(folder, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

func TestAShellThatTheLastProcessLeftIsEndedAtTheNextStart(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	s := openShell(t, c, OpenShellIn{Command: []string{"sh"}})
	readUntil(t, s, "ready> ")
	crashed := w.open(t) // the same journal, while the first process never says goodbye
	eventually(t, "the process is ended", func() bool { return len(marked(s.ID())) == 0 })
	eventually(t, "the recording is closed", func() bool {
		row, _, _ := get[recordingRow](crashed.state, recordingsTable, s.ID())
		return !row.Open && !row.Left && row.Size > 0 && row.ExitCode == -1
	})
	if got := auditOf(t, crashed, opShellOpen); strings.Join(got, "|") != "operator ship-demo interrupted" {
		t.Fatalf("audit: %q", got)
	}
	if output, _ := replay(t, crashed, s.ID()); !strings.Contains(output, "ready> ") {
		t.Fatalf("it replays as %q", output)
	}
}

func TestProcessesThatCouldNotBeEndedAreEndedLater(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	w.engine.set(func() { w.engine.killFails = Errorf(CodeUnavailable, "The engine does not answer.") })
	s := openShell(t, c, OpenShellIn{Command: []string{"sh", "-c", "trap '' HUP; while :; do sleep 1; done"}})
	eventually(t, "the process", func() bool { return len(marked(s.ID())) > 0 })
	_ = s.Close()
	eventually(t, "the outcome", func() bool {
		events := must2(ListAudit.Run(as(t, RoleViewer), c, ListAuditIn{Op: opShellOpen}))(t)
		return len(events) == 1 && strings.Contains(events[0].Message, "may still run")
	})
	w.engine.set(func() { w.engine.killFails = nil })
	c.shells.endLeft(t.Context())
	if left := marked(s.ID()); len(left) > 0 {
		t.Fatalf("processes %v live on", left)
	}
	if row, _, _ := get[recordingRow](c.state, recordingsTable, s.ID()); row.Left {
		t.Fatal("it counts as left still")
	}
}

func TestLookingForProcessesThatAreLeftIsCheapWithManyRecordings(t *testing.T) {
	w := newWorld(t)
	for i := range 5000 {
		row := recordingRow{Container: "c1", Recording: Recording{ID: fmt.Sprint("old-", i), Service: "ship-demo", Started: time.Now()}}
		rec := Record{Table: recordingsTable, Key: row.ID, Ver: 1, Op: RecordPut, Body: must2(json.Marshal(row))(t)}
		must2(w.journal.Append(t.Context(), rec))(t)
	}
	c := w.open(t)
	c.shells.endLeft(t.Context())
	if n := testing.AllocsPerRun(20, func() { c.shells.endLeft(t.Context()) }); n > 100 {
		t.Errorf("a look at 5000 recordings of which none changed made %.0f allocations", n)
	}
	left := recordingRow{Container: "c1", Left: true, Recording: Recording{ID: "left", Service: "ship-demo", Started: time.Now()}}
	if err := c.commit(as(t, RoleAdmin), edit{recordingsTable, left.ID, left}); err != nil {
		t.Fatal(err)
	}
	c.shells.endLeft(t.Context())
	if row, _, _ := get[recordingRow](c.state, recordingsTable, left.ID); row.Left {
		t.Error("a row that changed was not looked at")
	}
}

func TestTheAuditNamesTheProgramOfAShellAndNotItsArguments(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	s := openShell(t, c, OpenShellIn{Command: []string{"sh", "-c", "exit 0", "hunter2"}})
	if _, err := readAll(s); err != nil {
		t.Fatal(err)
	}
	finished(t, c, s)
	events := must2(ListAudit.Run(as(t, RoleViewer), c, ListAuditIn{Op: opShellOpen}))(t)
	if text := w.journal.text(t); strings.Contains(text, "hunter2") || strings.Contains(text, "exit 0") {
		t.Errorf("the journal holds the arguments: %s", text)
	}
	if input := string(events[0].Input); !strings.Contains(input, `["sh","and 3 further arguments"]`) {
		t.Errorf("the audit's input is %s", input)
	}
}

func TestAContainerThatIsGoneHasNoProcessesLeft(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	w.engine.set(func() { w.engine.killFails = Errorf(CodeNotFound, "gone") })
	if err := c.shells.kill(t.Context(), "c1", "x"); err != nil {
		t.Fatal(err)
	}
	w.engine.set(func() { w.engine.killFails = Errorf(CodeConflict, "paused") })
	wantCode(t, c.shells.kill(t.Context(), "c1", "x"), CodeConflict)
}

func TestShellsAreBounded(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	c.shells.mu.Lock()
	for i := range maxShells {
		c.shells.live[fmt.Sprint(i)] = &Shell{}
	}
	c.shells.mu.Unlock()
	_, err := OpenShell(as(t, RoleOperator), c, OpenShellIn{Service: "ship-demo"})
	wantCode(t, err, CodeUnavailable, "100 shells")
	c.shells.mu.Lock()
	clear(c.shells.live)
	c.shells.mu.Unlock()
}

func TestASizeThatCannotBeDrawnIsClamped(t *testing.T) {
	for in, want := range map[[2]int][2]int{{0, 0}: {80, 24}, {-1, 5}: {80, 24}, {3000, 2000}: {500, 200}, {1, 1}: {1, 1}} {
		if cols, rows := clampSize(in[0], in[1]); [2]int{cols, rows} != want {
			t.Errorf("%v became %dx%d", in, cols, rows)
		}
	}
}

func TestAnOutputThatBreaksOffIsNotAnExit(t *testing.T) {
	if err := brokenStream(io.EOF); err != nil {
		t.Fatal(err)
	}
	wantCode(t, brokenStream(errors.New("reset")), CodeUnavailable, "broke off")
}
