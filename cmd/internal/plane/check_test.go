package plane

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/journal"
)

// checked runs check with an environment and gives the exit code and what it said.
func checked(t *testing.T, env map[string]string) (int, string) {
	t.Helper()
	var out, errs bytes.Buffer
	code := check(core.ManagerCharter(), nil, func(name string) string { return env[name] }, &out, &errs)
	if (code == 0) != (errs.Len() == 0) || strings.Count(out.String()+errs.String(), "\n") != 1 {
		t.Errorf("exit %d, said %q, complained %q", code, out.String(), errs.String())
	}
	return code, out.String() + errs.String()
}

// liveJournal is the journal of a Manager that runs on a server of this folder.
func liveJournal(t *testing.T, root string) *journal.Journal {
	t.Helper()
	dir := filepath.Join(root, core.ManagerCharter().DataDir, "journal")
	j, err := journal.Open(t.Context(), journal.Config{Dir: dir, Writer: "manager", Server: "local", Reserve: -1, MinFree: -1, SegmentRecords: 50})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return j
}

// defined is a record that makes a definition.
func defined(t *testing.T, service string) core.Record {
	t.Helper()
	raw, err := json.Marshal(core.DefinitionVersion{Definition: core.Definition{Service: service}, Version: 1})
	if err != nil {
		t.Fatal(err)
	}
	return core.Record{Table: "definitions", Key: service, Ver: 1, Op: core.RecordPut, Body: raw, Actor: "ann"}
}

func TestCheckReplaysTheJournalOfTheRunningPlaneBesideIt(t *testing.T) {
	root := t.TempDir()
	j := liveJournal(t, root)
	write := func(from, to int) {
		for i := from; i < to; i++ {
			if _, err := j.Append(t.Context(), defined(t, fmt.Sprint("app-", i))); err != nil {
				t.Error(err)
				return
			}
		}
	}
	write(0, 10)
	done := make(chan struct{})
	go func() { defer close(done); write(10, 400) }()
	for going := true; going; {
		select {
		case <-done:
			going = false
		default:
		}
		if code, said := checked(t, map[string]string{"MATRX_ROOT": root}); code != 0 || !strings.Contains(said, "the journal is whole to record ") {
			t.Fatalf("exit %d: %s", code, said)
		}
	}
	_, said := checked(t, map[string]string{"MATRX_ROOT": root})
	if !strings.Contains(said, "record 400 in 8 files: its 400 records replay, with definitions of 400 services") {
		t.Error(said)
	}
	write(400, 401) // the writer never noticed
	if h := j.Head(); h.Seq != 401 || !h.Writable {
		t.Errorf("%+v", h)
	}
}

func TestCheckFailsForAJournalThatThisProgramCannotTakeOver(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil func(t *testing.T, dir string)
		env   map[string]string
		says  string
	}{
		"of another server": {env: map[string]string{"MATRX_SERVER_NAME": "other"}, says: "belongs to"},
		"of another format": {spoil: func(t *testing.T, dir string) {
			spoil(t, filepath.Join(dir, "identity.json"), `"format":1`, `"format":9`)
		}, says: "its format is 9"},
		"damaged": {spoil: func(t *testing.T, dir string) {
			spoil(t, filepath.Join(dir, "000000000001.jsonl"), "app-1", "app-7")
		}, says: "line 2"},
		"with an audit that it cannot read": {env: map[string]string{"odd": "yes"}, says: "audit record 3 cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			j := liveJournal(t, root)
			recs := []core.Record{defined(t, "app-0"), defined(t, "app-1")}
			if tc.env["odd"] != "" {
				recs = append(recs, core.Record{Table: "audit", Key: "x", Op: core.RecordNote, Body: json.RawMessage(`{"phase":7}`), Actor: "ann"})
			}
			if _, err := j.Append(t.Context(), recs...); err != nil {
				t.Fatal(err)
			}
			if tc.spoil != nil {
				tc.spoil(t, filepath.Join(root, core.ManagerCharter().DataDir, "journal"))
			}
			env := map[string]string{"MATRX_ROOT": root, "MATRX_SERVER_NAME": tc.env["MATRX_SERVER_NAME"]}
			if code, said := checked(t, env); code != 1 || !strings.Contains(said, tc.says) {
				t.Errorf("exit %d: %s", code, said)
			}
		})
	}
}

// spoil replaces a text of a file.
func spoil(t *testing.T, path, old, new string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err == nil && !strings.Contains(string(raw), old) {
		t.Fatalf("%s has no %q", path, old)
	}
	if err == nil {
		err = os.WriteFile(path, []byte(strings.Replace(string(raw), old, new, 1)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestCheckFindsWhatABrokenEnvironmentWouldBreak(t *testing.T) {
	for name, value := range map[string]string{
		"MATRX_SSH_ADDR": "nonsense", "MATRX_ROOT": "srv", "MATRX_LOG_MAX_AGE": "soon", "MATRX_SHELL_ROLE": "king",
		"MATRX_AGE_IDENTITIES": "AGE-SECRET-KEY-1BROKEN", "DOCKER_HOST": "nowhere", "TRAEFIK_API_URL": "traefik", "MATRX_ADMIN_KEYS": "ssh-ed25519 AAAAbroken ann",
		"MATRX_GIT_TOKEN_FILE": "/nowhere/token",
	} {
		env := map[string]string{"MATRX_ROOT": t.TempDir()}
		env[name] = value
		code, said := checked(t, env)
		if code != 1 || !strings.Contains(said, name) || !strings.Contains(said, "cannot take over") {
			t.Errorf("%s: exit %d: %s", name, code, said)
		}
		if strings.Contains(said, "BROKEN") || strings.Contains(said, "AAAAbroken") {
			t.Errorf("it shows what may be a secret: %s", said)
		}
	}
}

func TestCheckSaysWhatItDidNotSeeAndWhatThePlaneWouldLiveWith(t *testing.T) {
	root := t.TempDir()
	if code, said := checked(t, map[string]string{"MATRX_ROOT": root}); code != 0 || !strings.Contains(said, "is not here, so the journal was not looked at") {
		t.Errorf("without a data folder: exit %d: %s", code, said)
	}
	if err := os.MkdirAll(filepath.Join(root, core.ManagerCharter().DataDir), 0o700); err != nil {
		t.Fatal(err)
	}
	code, said := checked(t, map[string]string{"MATRX_ROOT": root, "MATRX_ALERT_URLS": "pigeon://x:secret@loft", "MATRX_SSH_CA": "no key"})
	if code != 0 || !strings.Contains(said, "there is no journal yet") || !strings.Contains(said, "MATRX_ALERT_URLS: line 1") || !strings.Contains(said, "MATRX_SSH_CA: line 1") {
		t.Errorf("exit %d: %s", code, said)
	}
	if strings.Contains(said, "secret") {
		t.Errorf("it shows a secret: %s", said)
	}
	if left, err := os.ReadDir(filepath.Join(root, core.ManagerCharter().DataDir)); err != nil || len(left) != 0 {
		t.Errorf("it made %v, %v", left, err)
	}
}
