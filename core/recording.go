package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/uuid"
)

// The bounds and the place of recordings.
const (
	recordingsTable  = "recordings"
	recordingsFolder = "recordings" // below the data folder
	maxRecordings    = 10_000
)

// recordingRow is a row of the table "recordings".
type recordingRow struct {
	Recording
	Container string `json:"container"` // full id
	Left      bool   `json:"left"`      // its processes have not been seen to be gone yet
}

// castFile is the name of a recording's file.
func castFile(id string) string { return id + ".cast" }

// openFolder opens the folder of recordings; what is opened through it cannot lie elsewhere.
func (sh *shells) openFolder() (*os.Root, error) {
	folder := filepath.Join(sh.c.cfg.Data(sh.c.charter), recordingsFolder)
	if !filepath.IsAbs(folder) {
		return nil, errors.New("MATRX_ROOT is not an absolute path")
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	return os.OpenRoot(folder)
}

// createCast makes the file of a new recording.
func (sh *shells) createCast(id string) (*os.File, error) {
	root, err := sh.openFolder()
	if err != nil {
		return nil, err
	}
	file, err := root.OpenFile(castFile(id), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	return file, errors.Join(err, root.Close())
}

// recordings lists every recording, newest first; one that runs has the size it has now.
func (sh *shells) recordings() []recordingRow {
	rows := all[recordingRow](sh.c.state, recordingsTable)
	slices.SortFunc(rows, func(x, y recordingRow) int { return cmp.Compare(y.ID, x.ID) }) // ids follow the time
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for i := range rows {
		s := sh.live[rows[i].ID]
		rows[i].Open = s != nil
		if s != nil {
			rows[i].Size, rows[i].Took = s.cast.length(), sh.c.now().Sub(rows[i].Started)
		}
	}
	return rows
}

func listRecordings(_ context.Context, c *Core, _ struct{}) ([]Recording, error) {
	list := []Recording{}
	for _, row := range c.shells.recordings() {
		list = append(list, row.Recording)
	}
	return list, nil
}

// Validate checks that the id can be one.
func (in RecordingIn) Validate() error {
	if id, err := uuid.Parse(in.ID); err != nil || id.String() != in.ID {
		return Errorf(CodeInvalid, "%q is not the id of a recording; recording.list shows them.", SafeText(in.ID))
	}
	return nil
}

func readRecording(ctx context.Context, c *Core, in RecordingIn) iter.Seq2[CastEvent, error] {
	return func(yield func(CastEvent, error) bool) {
		file, err := c.shells.openCast(in.ID)
		if err != nil {
			yield(CastEvent{}, err)
			return
		}
		defer file.Close() // it was only read
		for event, err := range readCast(file) {
			if ctx.Err() != nil || !yield(event, err) {
				return
			}
		}
	}
}

// openCast opens the file of a known recording.
func (sh *shells) openCast(id string) (*os.File, error) {
	if _, _, ok := get[recordingRow](sh.c.state, recordingsTable, id); !ok {
		return nil, Errorf(CodeNotFound, "There is no recording %q.", SafeText(id))
	}
	root, err := sh.openFolder()
	if err != nil {
		return nil, Errorf(CodeUnavailable, "The recordings cannot be reached: %w.", castCause(err))
	}
	file, err := root.Open(castFile(id))
	if err != nil {
		err = Errorf(CodeUnavailable, "The file of the recording cannot be opened: %w.", castCause(err))
	}
	if cerr := root.Close(); cerr != nil && err == nil {
		err = errors.Join(cerr, file.Close())
	}
	return file, err
}

// tidy removes recordings that are beyond the bounds of age, size and number, oldest first, and rows whose file is gone.
func (sh *shells) tidy(ctx context.Context) error {
	rows := sh.recordings()
	age, bytes := time.Duration(sh.c.setting(settingCastAge)), sh.c.setting(settingCastBytes)
	var edits []edit
	var problems []error
	for i, row := range rows { // newest first
		bytes -= row.Size
		old := sh.c.now().Sub(row.Started) > age
		if row.Open || row.Left || !old && bytes >= 0 && i < maxRecordings {
			continue
		}
		if err := sh.removeCast(row.ID); err != nil {
			problems = append(problems, err)
			continue
		}
		sh.c.log.Info("recording removed", "recording", row.ID, "service", row.Service, "started", row.Started)
		edits = append(edits, edit{recordingsTable, row.ID, nil})
	}
	if len(edits) > 0 {
		problems = append(problems, sh.c.commit(WithActor(ctx, sh.c.systemActor()), edits...))
	}
	return errors.Join(problems...)
}

// removeCast removes a file; one that is gone already is fine.
func (sh *shells) removeCast(id string) error {
	root, err := sh.openFolder()
	if err != nil {
		return err
	}
	err = root.Remove(castFile(id))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err = errors.Join(err, root.Close()); err != nil {
		return fmt.Errorf("remove recording %s: %w", id, err)
	}
	return nil
}
