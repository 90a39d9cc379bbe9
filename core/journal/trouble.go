package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// kind says what may end a trouble.
type kind int

const (
	kindDisk  kind = iota + 1 // the disk refuses: tried again and again
	kindFull                  // no room: tried again when there is some; the reserve helps
	kindFinal                 // only a person, or a restart, can help
)

// errStalled is a disk that did not answer within Config.Stall.
var errStalled = errors.New("the disk does not answer")

// errBehind is a journal that could not be read at start and can be now: whoever replayed it then misses records, and
// must not write on top of them.
var errBehind = errors.New("it holds records that were not read at start")

// trouble is why the journal does not take appends.
type trouble struct {
	kind  kind
	text  string // for the operator: what is wrong and what to do
	cause error
	since time.Time
}

// error is what an append gets.
func (t *trouble) error() error {
	return &core.Error{Code: core.CodeUnavailable, Message: t.text, Err: t.cause}
}

// isDamaged says whether the error comes from a damaged file.
func isDamaged(err error) bool {
	var d *damage
	return errors.As(err, &d)
}

// newTrouble makes the trouble that an error means.
func (j *Journal) newTrouble(err error) *trouble {
	t := &trouble{kind: kindDisk, cause: err, since: j.cfg.Now().UTC()}
	var d *damage
	switch {
	case errors.As(err, &d):
		t.kind = kindFinal
		t.text = fmt.Sprintf("The journal in %s is damaged: %s. It can be read up to there and takes no more. "+
			"Restore the file from a copy and restart.", j.cfg.Dir, d)
	case errors.Is(err, errBehind):
		t.kind = kindFinal
		t.text = fmt.Sprintf("The journal in %s could not be read at start. Now it can, and holds records that this process "+
			"does not know. Restart to take them in.", j.cfg.Dir)
	case isFull(err):
		t.kind = kindFull
		t.text = fmt.Sprintf("The journal is read-only because its disk is full (%s). Free disk space: prune images, trim logs, "+
			"stop what writes. Such relief operations still work, and the journal opens again by itself.", err)
	default:
		t.text = fmt.Sprintf("The journal is read-only because its disk fails (%s). It opens again by itself when the disk works.", err)
	}
	return t
}

// fail puts the journal into trouble and gives the error for the callers. The tail is given up: what the kernel holds of
// it is not to be trusted until reopen has cut it and written it again.
func (j *Journal) fail(err error) error {
	if j.tail != nil {
		err = errors.Join(err, j.tail.Close())
		j.tail = nil
	}
	j.mu.Lock()
	t := j.newTrouble(err)
	if j.trouble != nil {
		t.since = j.trouble.since
	}
	j.trouble = t
	j.mu.Unlock()
	j.callKeeper()
	return t.error()
}

// callKeeper makes the keeper look soon.
func (j *Journal) callKeeper() {
	select {
	case j.kick <- struct{}{}:
	default:
	}
}

// troubled is the error of the trouble there is, if any.
func (j *Journal) troubled() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.trouble == nil {
		return nil
	}
	return j.trouble.error()
}

// reopen is recover for a journal in trouble; when it works the trouble is over. Only the leader calls it.
func (j *Journal) reopen(ctx context.Context) error {
	unread := !j.known
	if err := j.recover(ctx); err != nil {
		return j.fail(err)
	}
	if _, head := j.place(); unread && head.seq != j.shown {
		return j.fail(errBehind)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.trouble = nil
	return nil
}

// keep is the journal's own goroutine: it tries to end a trouble, watches the free space and fills up the reserve.
func (j *Journal) keep() {
	wait := j.cfg.Probe
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-j.ctx.Done():
			return
		case <-j.kick:
			wait = j.cfg.Probe
		case <-timer.C:
			if j.tend() {
				wait = tendEvery
			} else {
				wait = min(max(2*wait, j.cfg.Probe), maxProbeWait)
			}
		}
		timer.Reset(wait)
	}
}

// tend does what is due and says whether all is well.
func (j *Journal) tend() bool {
	j.mu.Lock()
	t, reserve := j.trouble, j.reserve
	j.mu.Unlock()
	if t != nil && t.kind == kindFinal {
		return true // nothing to try
	}
	free, err := j.disk.Free(j.cfg.Dir)
	if err != nil && (t == nil || t.kind != kindDisk) {
		return false // the next append will say so
	}
	low := err == nil && j.noteFree(free) != nil
	if t == nil && (reserve >= j.cfg.Reserve || low) {
		return !low
	}
	if t != nil && t.kind == kindFull && (low || free < minRoom) {
		return false
	}
	if j.acquire(j.ctx) != nil {
		return false // closing
	}
	defer j.pass()
	if j.troubled() != nil && j.reopen(j.ctx) != nil {
		return false
	}
	j.fillReserve(free)
	return true
}
