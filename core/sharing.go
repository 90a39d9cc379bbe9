package core

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

const (
	shareEvery   = time.Second            // between two looks at the other plane's file
	shareGap     = 250 * time.Millisecond // between two of ours, so that a deployment's steps make few
	shareCheck   = 5 * time.Second        // between two looks whether our file is still there
	maxShareFile = 64 << 20               // bytes
)

// sharedFile is what one control plane lets the other one read. It is derived from its journal; what is secret in it is
// encrypted as it is in the journal.
type sharedFile struct {
	About  string                                `json:"about"`
	Writer string                                `json:"writer"`
	Tables map[string]map[string]json.RawMessage `json:"tables"`
}

const aboutSharedFile = "Derived state: a control plane renders this file from its journal after each change. Edits are lost."

// sharedRow is a row of the other plane.
type sharedRow struct {
	body json.RawMessage
	at   time.Time
}

// sharing publishes this plane's rows and holds those of the other one.
type sharing struct {
	c       *Core
	own     string // path of our file; empty when there is no root folder
	other   string
	written []byte      // what own was last given
	wrote   os.FileInfo // of own then

	mu      sync.Mutex // guards everything below
	theirs  map[string]map[string]sharedRow
	seen    fileMark // of the file that theirs was read from
	reading string   // why theirs may be out of date
	writing string   // why ours may be
}

// fileMark tells a file's versions apart without reading it.
type fileMark struct {
	at   time.Time
	size int64
	file os.FileInfo
}

// newSharing reads what the other plane left, so that the first answer is complete.
func newSharing(c *Core) *sharing {
	s := &sharing{c: c}
	if filepath.IsAbs(c.cfg.Root) {
		sibling := ManagerCharter().Writer
		if c.charter.Writer == sibling {
			sibling = DeployCharter().Writer
		}
		s.own = filepath.Join(c.cfg.Root, "state", c.charter.Writer+".json")
		s.other = filepath.Join(c.cfg.Root, "state", sibling+".json")
		s.look()
	}
	return s
}

// run publishes after each change and reads what the other plane publishes, until ctx ends.
func (s *sharing) run(ctx context.Context) {
	if s.own == "" {
		return
	}
	changed := signal()
	var writing sync.WaitGroup // a disk that hangs must not keep us from reading
	writing.Go(func() { s.keepPublishing(ctx, changed) })
	writing.Go(func() {
		stream, leave := s.c.state.rows.Join(ctx)
		defer leave()
		for range stream {
			ring(changed)
		}
	})
	defer writing.Wait()
	tick := time.NewTicker(shareEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.look()
		}
	}
}

// keepPublishing writes our file when a shared table changed, and again when it could not be written or was touched.
func (s *sharing) keepPublishing(ctx context.Context, changed <-chan struct{}) {
	counts, due := map[string]uint64{}, true
	check := time.NewTicker(shareCheck)
	defer check.Stop()
	for {
		for _, table := range sharedTables {
			if n := s.c.state.changes(table); n != counts[table] {
				counts[table], due = n, true
			}
		}
		if due {
			due = s.publish() != nil
		}
		if !rest(ctx, shareGap, nil) {
			return
		}
		if due {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-check.C:
			due = s.touched()
		}
	}
}

// touched is true when our file is no longer the one that was written, and forgets that it was.
func (s *sharing) touched() bool {
	info, err := os.Stat(s.own)
	if err == nil && s.wrote != nil && os.SameFile(info, s.wrote) && info.Size() == s.wrote.Size() && info.ModTime().Equal(s.wrote.ModTime()) {
		return false
	}
	s.written = nil
	return true
}

// publish writes our file.
func (s *sharing) publish() error {
	file := sharedFile{About: aboutSharedFile, Writer: s.c.charter.Writer, Tables: map[string]map[string]json.RawMessage{}}
	for _, table := range sharedTables {
		file.Tables[table] = publishedRows(s.c, table)
	}
	raw, err := json.Marshal(file)
	if err == nil && len(raw) > maxShareFile {
		err = fmt.Errorf("they have %s, %s are the most", FormatBytes(int64(len(raw))), FormatBytes(maxShareFile))
	}
	if err == nil && !bytes.Equal(raw, s.written) {
		if err = replaceFile(s.own, raw); err == nil {
			s.written = raw
			s.wrote, err = os.Stat(s.own)
		}
	}
	trouble := ""
	if err != nil {
		trouble = fmt.Sprintf("What was deployed here could not be shared with the %s (%v): it still knows the older state.", s.c.charter.SiblingTitle(), err)
	}
	s.tell(&s.writing, trouble)
	return err
}

// look reads the other plane's file when it changed. A damaged one leaves the last good rows in force.
func (s *sharing) look() {
	info, err := os.Stat(s.other)
	if errors.Is(err, fs.ErrNotExist) { // the other plane never ran here, or is about to render it again
		s.tell(&s.reading, "")
		return
	}
	s.mu.Lock()
	same := err == nil && s.seen.file != nil && os.SameFile(info, s.seen.file) && info.ModTime().Equal(s.seen.at) && info.Size() == s.seen.size
	s.mu.Unlock()
	if same {
		return
	}
	var rows map[string]map[string]sharedRow
	if err == nil {
		rows, err = readSharedRows(s.other)
	}
	if err != nil {
		s.tell(&s.reading, fmt.Sprintf("The state that the %s shares cannot be read (%v): what was read before stays in force.", s.c.charter.SiblingTitle(), err))
		return
	}
	s.mu.Lock()
	s.theirs, s.seen = rows, fileMark{info.ModTime(), info.Size(), info}
	s.mu.Unlock()
	s.tell(&s.reading, "")
	s.c.state.rows.Publish("") // whoever watches rows looks again
}

// readSharedRows reads a plane's file and refuses one that is damaged anywhere.
func readSharedRows(path string) (map[string]map[string]sharedRow, error) {
	raw, err := readOwnFile(path, maxShareFile)
	if err != nil {
		return nil, err
	}
	var file sharedFile
	if err := json.Unmarshal(raw, &file); err != nil {
		return nil, fmt.Errorf("it is damaged: %w", err)
	}
	if file.Tables == nil {
		return nil, errors.New("it is damaged: it has no tables")
	}
	tables := map[string]map[string]sharedRow{}
	for _, table := range sharedTables {
		rows := make(map[string]sharedRow, len(file.Tables[table]))
		for key, body := range file.Tables[table] {
			rows[key] = sharedRow{body, rowTime(body)}
		}
		tables[table] = rows
	}
	return tables, nil
}

// rows are the other plane's rows of a table. The map is shared and never written again. A nil sharing has none.
func (s *sharing) rows(table string) map[string]sharedRow {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.theirs[table]
}

// tell notes why one of the files may be out of date; an empty text ends it.
func (s *sharing) tell(place *string, trouble string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if *place != trouble && trouble != "" {
		s.c.log.Error("state is not shared", "trouble", trouble)
	}
	*place = trouble
}

// troubles are what keeps the planes from seeing the same, in words.
func (s *sharing) troubles() []string {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc([]string{s.reading, s.writing}, func(text string) bool { return text == "" })
}
