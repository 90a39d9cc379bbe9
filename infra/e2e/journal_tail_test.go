//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/codematrx/matrx-ship/core"
)

// journalTail reads a control plane's journal as it grows, from outside: what a killed process had on record is known to the byte.
type journalTail struct {
	t        testing.TB
	dir      string
	file     *os.File
	part     []byte // of a line that is not whole yet
	idle     int    // reads in a row without anything new
	rows     map[string]core.Deployment
	newest   string // id of the deployment whose row was written last
	intents  map[string]string
	outcomes map[string]int
}

// looksForSegment is how many reads without anything new come before the next segment is looked for.
const looksForSegment = 200

// tailJournal begins at the end of the Manager's journal.
func tailJournal(t testing.TB, s stack) *journalTail {
	t.Helper()
	return tailJournalIn(t, filepath.Join(s.Root, "apps/server-manager/data/journal"))
}

// tailJournalIn begins at the end of the journal in a folder.
func tailJournalIn(t testing.TB, dir string) *journalTail {
	t.Helper()
	j := &journalTail{
		t: t, dir: dir,
		rows: map[string]core.Deployment{}, intents: map[string]string{}, outcomes: map[string]int{},
	}
	j.openNewest()
	if _, err := j.file.Seek(0, io.SeekEnd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.file.Close() })
	return j
}

// segments are the files of the journal, oldest first.
func (j *journalTail) segments() []string {
	list, err := filepath.Glob(filepath.Join(j.dir, "*.jsonl"))
	if err != nil || len(list) == 0 {
		j.t.Fatalf("no journal in %s: %v", j.dir, err)
	}
	return list
}

func (j *journalTail) openNewest() {
	list := j.segments()
	f, err := os.Open(list[len(list)-1])
	if err != nil {
		j.t.Fatal(err)
	}
	j.file = f
}

// read takes in what was written since.
func (j *journalTail) read() {
	buf := make([]byte, 64<<10)
	for {
		n, err := j.file.Read(buf)
		j.take(buf[:n])
		switch {
		case errors.Is(err, io.EOF):
			if j.idle++; j.idle < looksForSegment || !j.nextSegment() {
				return
			}
		case err != nil:
			j.t.Fatal(err)
		default:
			j.idle = 0
		}
	}
}

// nextSegment goes on in the next file, when there is one.
func (j *journalTail) nextSegment() bool {
	j.idle = 0
	for _, path := range j.segments() {
		if path > j.file.Name() {
			_ = j.file.Close()
			f, err := os.Open(path)
			if err != nil {
				j.t.Fatal(err)
			}
			j.file, j.part = f, nil
			return true
		}
	}
	return false
}

// take splits what was read into lines. A line that a killed process did not finish is cut off by the next one, so that a
// file may get shorter: what does not parse is left out.
func (j *journalTail) take(chunk []byte) {
	j.part = append(j.part, chunk...)
	for {
		line, rest, whole := bytes.Cut(j.part, []byte("\n"))
		if !whole {
			return
		}
		j.record(line)
		j.part = rest
	}
}

// record takes in one line: a checksum, a space, and the record.
func (j *journalTail) record(line []byte) {
	_, text, _ := bytes.Cut(line, []byte(" "))
	var rec struct {
		Table string          `json:"tbl"`
		Key   string          `json:"key"`
		Op    string          `json:"op"`
		Body  json.RawMessage `json:"body"`
	}
	if json.Unmarshal(text, &rec) != nil {
		return
	}
	switch rec.Table {
	case "deployments":
		var row core.Deployment
		if rec.Op == core.RecordPut && json.Unmarshal(rec.Body, &row) == nil {
			j.rows[row.ID], j.newest = row, row.ID
		}
	case "audit":
		var body struct{ Phase, Op string }
		if json.Unmarshal(rec.Body, &body) != nil {
			return
		}
		if body.Phase == "intent" {
			j.intents[rec.Key] = body.Op
		} else {
			j.outcomes[rec.Key]++
		}
	}
}

// step is the step in which the newest deployment is, as it is on record.
func (j *journalTail) step() string {
	row, ok := j.rows[j.newest]
	switch {
	case !ok:
		return "before the record"
	case row.State != core.DeployRunning:
		return "after the end"
	case len(row.Steps) == 0:
		return "before the first step"
	}
	return row.Steps[len(row.Steps)-1].Name
}
