package coretest

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// readLogs collects fragments until the stream ends or n have come; n 0 means all.
func readLogs(ctx context.Context, t testing.TB, d core.Docker, id string, since time.Time, follow bool, n int) []core.RawLog {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	var got []core.RawLog
	for l, err := range d.ContainerLogs(ctx, id, since, follow) {
		must(t, err)
		l.Text = []byte(string(l.Text)) // valid only until the next
		if got = append(got, l); len(got) == n {
			break
		}
	}
	return got
}

// waitLogs reads until n fragments are there.
func waitLogs(t testing.TB, d core.Docker, id string, n int) []core.RawLog {
	t.Helper()
	got := readLogs(t.Context(), t, d, id, time.Time{}, true, n)
	if len(got) != n {
		t.Fatalf("%d fragments, want %d", len(got), n)
	}
	return got
}

func testLogs(t *testing.T, r Rig) {
	begin := time.Now().Add(-time.Second)
	id, _ := r.Run(t, Guest{Args: []string{"say", "one", "two", "", "three"}})
	got := waitLogs(t, r.Docker(), id, 4)
	for i, want := range []string{"one", "two", "", "three"} {
		if string(got[i].Text) != want || got[i].Stream != "stdout" || got[i].Partial || got[i].At.Before(begin) {
			t.Errorf("line %d: %q %+v", i, got[i].Text, got[i])
		}
	}
	other, _ := r.Run(t, Guest{Args: []string{"say", "2:oops"}})
	if got := waitLogs(t, r.Docker(), other, 1)[0]; string(got.Text) != "oops" || got.Stream != "stderr" {
		t.Errorf("%q on %s", got.Text, got.Stream)
	}
}

func testLogsSince(t *testing.T, r Rig) {
	id, _ := r.Run(t, Guest{Args: []string{"say", "one", "two", "three"}})
	all := waitLogs(t, r.Docker(), id, 3)
	some := readLogs(t.Context(), t, r.Docker(), id, all[1].At, false, 0)
	if all[1].At.After(all[0].At) && (len(some) != 2 || string(some[0].Text) != "two") {
		t.Errorf("since the second line: %d lines", len(some))
	}
	if none := readLogs(t.Context(), t, r.Docker(), id, all[2].At.Add(1), false, 0); len(none) != 0 {
		t.Errorf("a nanosecond after the last line: %d lines", len(none))
	}
}

func testLogsLong(t *testing.T, r Rig) {
	id, _ := r.Run(t, Guest{Args: []string{"long", "40000"}})
	checkLong(t, waitLogs(t, r.Docker(), id, 3))
}

func checkLong(t *testing.T, got []core.RawLog) {
	t.Helper()
	total := 0
	for i, l := range got {
		total += len(l.Text)
		if len(l.Text) > fragment || l.Partial != (i < len(got)-1) {
			t.Errorf("fragment %d has %d bytes, partial %v", i, len(l.Text), l.Partial)
		}
		if strings.Trim(string(l.Text), "x") != "" {
			t.Errorf("fragment %d holds something else", i)
		}
	}
	if total != 40000 {
		t.Errorf("%d bytes, want 40000", total)
	}
}

func testLogsTTY(t *testing.T, r Rig) {
	id, _ := r.Run(t, Guest{Args: []string{"say", "one", "two"}, TTY: true})
	got := waitLogs(t, r.Docker(), id, 2)
	if string(got[0].Text) != "one" || string(got[1].Text) != "two" || got[0].Stream != "stdout" || got[0].At.IsZero() {
		t.Errorf("%q %q %+v", got[0].Text, got[1].Text, got[0])
	}
	long, _ := r.Run(t, Guest{Args: []string{"long", "40000"}, TTY: true})
	checkLong(t, waitLogs(t, r.Docker(), long, 3))
}

func testLogsFollow(t *testing.T, r Rig) {
	d := r.Docker()
	id, _ := r.Run(t, Guest{Args: []string{"say", "hello"}})
	waitLogs(t, d, id, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	n := 0
	for l, err := range d.ContainerLogs(ctx, id, time.Time{}, true) {
		must(t, err)
		switch n++; n {
		case 1:
			must(t, d.Restart(ctx, id, 5*time.Second))
		default: // of the next run
			if n > 2 || string(l.Text) != "hello" {
				t.Errorf("line %d before the container ended: %q", n, l.Text)
			}
		}
	}
	if ctx.Err() != nil {
		t.Fatal("the stream did not end with the container")
	}
	if all := waitLogs(t, d, id, 2); string(all[1].Text) != "hello" {
		t.Errorf("after the restart %q", all[1].Text)
	}
}

func testExec(t *testing.T, r Rig) {
	d, ctx := r.Docker(), t.Context()
	id, _ := r.Run(t, Guest{Args: []string{"sleep"}})
	x, err := d.Exec(ctx, id, core.ExecSpec{Command: r.Exec("cat")})
	must(t, err)
	defer x.Close()
	_, err = io.WriteString(x, "one\ntwo\n")
	must(t, err)
	must(t, x.CloseWrite())
	out, err := io.ReadAll(x)
	must(t, err)
	if string(out) != "one\ntwo\n" {
		t.Errorf("got %q", out)
	}
	code, err := x.ExitCode(ctx)
	must(t, err)
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	failing, err := d.Exec(ctx, id, core.ExecSpec{Command: r.Exec("exit", "5")})
	must(t, err)
	defer failing.Close()
	_, err = io.Copy(io.Discard, failing)
	must(t, err)
	if code, err := failing.ExitCode(ctx); code != 5 || err != nil {
		t.Errorf("exit code %d, %v", code, err)
	}
}

func testExecResize(t *testing.T, r Rig) {
	d, ctx := r.Docker(), t.Context()
	id, _ := r.Run(t, Guest{Args: []string{"sleep"}})
	x, err := d.Exec(ctx, id, core.ExecSpec{Command: r.Exec("size"), TTY: true, Cols: 100, Rows: 30, Marker: "size"})
	must(t, err)
	defer x.Close()
	sizes := bufio.NewScanner(x)
	expect := func(want string) {
		t.Helper()
		for sizes.Scan() {
			if strings.TrimSpace(sizes.Text()) == want {
				return
			}
		}
		t.Fatalf("never %q: %v", want, sizes.Err())
	}
	expect("100 30")
	must(t, x.Resize(ctx, 120, 40))
	expect("120 40")
	_, err = d.KillExec(ctx, id, "size", time.Second)
	must(t, err)
}

func testKillExec(t *testing.T, r Rig) {
	d, ctx := r.Docker(), t.Context()
	id, _ := r.Run(t, Guest{Args: []string{"sleep"}})
	mine, err := d.Exec(ctx, id, core.ExecSpec{Command: r.Exec("sleep"), TTY: true, Marker: "mine-1"})
	must(t, err)
	other, err := d.Exec(ctx, id, core.ExecSpec{Command: r.Exec("cat"), Marker: "other-1"})
	must(t, err)
	defer other.Close()
	must(t, mine.Close()) // the client dies
	n, err := d.KillExec(ctx, id, "mine-1", 2*time.Second)
	must(t, err)
	if n != 1 {
		t.Errorf("%d processes ended, want 1", n)
	}
	if n, err := d.KillExec(ctx, id, "mine-1", 2*time.Second); n != 0 || err != nil {
		t.Errorf("again: %d, %v", n, err)
	}
	_, err = io.WriteString(other, "still here\n")
	must(t, err)
	line, err := bufio.NewReader(other).ReadString('\n')
	must(t, err)
	if line != "still here\n" {
		t.Errorf("the other process says %q", line)
	}
	waitState(t, d, id, "running")
}

func testExecStopped(t *testing.T, r Rig) {
	d, ctx := r.Docker(), t.Context()
	id, _ := r.Run(t, Guest{Args: []string{"exit", "0"}})
	waitState(t, d, id, "exited")
	_, err := d.Exec(ctx, id, core.ExecSpec{Command: r.Exec("cat")})
	wantCode(t, err, core.CodeConflict)
	if n, err := d.KillExec(ctx, id, "gone", time.Second); n != 0 || err != nil {
		t.Errorf("KillExec in a stopped container: %d, %v", n, err)
	}
}
