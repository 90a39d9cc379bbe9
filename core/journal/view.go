package journal

import (
	"context"
	"errors"
	"io/fs"
	"iter"

	"github.com/codematrx/matrx-ship/core"
)

// viewTries is how often a view reads a journal that looks damaged: its writer may be replacing the end of it right now.
const viewTries = 3

// View is a journal as it lay on the disk at one moment. Nothing of it is locked, opened for writing or changed, so that it can
// be had beside the process that writes the journal, and from a disk that is mounted read-only.
type View struct{ j *Journal }

// OpenView reads the journal in cfg.Dir to the end of its last whole append. Without a journal there it is CodeNotFound, for one
// of another owner CodeConflict, and for one that cannot be read or is damaged CodeUnavailable with the place.
func OpenView(ctx context.Context, cfg Config) (*View, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	j := &Journal{cfg: cfg, disk: cfg.disk}
	err = j.readIdentity()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, core.Errorf(core.CodeNotFound, "There is no journal in %s.", cfg.Dir)
	}
	if err != nil {
		return nil, unavailable(err)
	}
	var damaged *damage
	for range viewTries {
		if err = j.scan(ctx); !errors.As(err, &damaged) {
			break
		}
	}
	if err != nil {
		return nil, unavailable(err)
	}
	return &View{j}, nil
}

// Head is the end of the view.
func (v *View) Head() core.JournalHead {
	h := v.j.Head()
	h.Writable = false
	return h
}

// Replay yields the entries of the view from seq on.
func (v *View) Replay(ctx context.Context, from uint64) iter.Seq2[core.Entry, error] {
	return v.j.Replay(ctx, from)
}
