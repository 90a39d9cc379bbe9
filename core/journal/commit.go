package journal

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// errGivenUp is the outcome of a write that ended after its callers had been told that it failed.
var errGivenUp = errors.New("the disk answered too late")

// commit makes the leader's request durable, and with it those that wait, and answers them.
func (j *Journal) commit(r *request) {
	batch := j.take(r)
	watch := j.watch()
	defer watch.Stop()
	admitted, refused := j.admit(batch)
	for _, r := range batch {
		r.out = outcome{err: refused}
	}
	if len(admitted) > 0 {
		if err := j.write(admitted); isFull(err) {
			j.writeRelief(reliefOf(admitted), err)
		}
	}
	j.answer(batch)
}

// admit picks what may be written now; the error is for the others. With room enough there are no others.
func (j *Journal) admit(batch []*request) ([]*request, error) {
	free, err := j.disk.Free(j.cfg.Dir)
	if err != nil {
		return nil, core.Errorf(core.CodeUnavailable, "The journal cannot see how much disk is free: %w", err)
	}
	low, trouble := j.noteFree(free), j.troubled()
	if low == nil && trouble == nil {
		return batch, nil
	}
	relief := reliefOf(batch)
	if len(relief) > 0 && free < roomFor(relief) {
		j.makeRoom(relief)
	}
	if trouble == nil {
		return relief, low.error()
	}
	if len(relief) == 0 || !isFull(trouble) {
		return nil, trouble
	}
	err = j.reopen(j.ctx)
	for isFull(err) && j.makeRoom(relief) {
		err = j.reopen(j.ctx)
	}
	if err != nil {
		return nil, err
	}
	return relief, trouble
}

// writeRelief writes relief requests on a disk that was just found full, with more and more of the reserve.
func (j *Journal) writeRelief(relief []*request, err error) {
	for len(relief) > 0 && isFull(err) && j.makeRoom(relief) {
		if err = j.reopen(j.ctx); err == nil {
			err = j.write(relief)
		}
	}
}

// write encodes the requests, writes and syncs them, and moves the head. An error puts the journal into trouble.
func (j *Journal) write(batch []*request) error {
	entries, err := j.tryWrite(batch)
	if err != nil {
		err = j.fail(err)
	}
	for i, r := range batch {
		r.out = outcome{err: err}
		if err == nil {
			r.out = outcome{entries: entries[i]}
		}
	}
	return err
}

func (j *Journal) tryWrite(batch []*request) ([][]core.Entry, error) {
	var size, records int64
	for _, r := range batch {
		size, records = size+r.size, records+int64(len(r.drafts))
	}
	fresh, err := j.rotate(size, records)
	if err != nil {
		return nil, err
	}
	seg, head := j.place()
	next, entries := j.encode(batch, seg, head)
	if err := j.store(head.off, fresh); err != nil {
		return nil, err
	}
	if !j.advance(seg, next, records) {
		return nil, errGivenUp
	}
	return entries, nil
}

// rotate makes sure that tail is the segment to write to.
func (j *Journal) rotate(size, records int64) (fresh bool, _ error) {
	seg, head := j.place()
	full := seg.records > 0 && (seg.size+size > j.cfg.SegmentBytes || seg.records+records > j.cfg.SegmentRecords)
	if j.tail != nil && !full {
		return false, nil
	}
	// A file of that name can only hold what a failed append left.
	f, err := j.disk.Open(j.path(segmentName(head.seq+1)), os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return false, fmt.Errorf("begin a segment: %w", err)
	}
	old := j.tail
	j.tail = f
	j.mu.Lock()
	j.head.off, j.head.records = 0, 0
	j.segs = append(j.segs, segment{first: head.seq + 1, prev: head.hash})
	j.mu.Unlock()
	if old == nil {
		return true, nil
	}
	if err := old.Close(); err != nil {
		return false, fmt.Errorf("end a segment: %w", err)
	}
	return true, nil
}

// place gives the last segment and the head.
func (j *Journal) place() (segment, mark) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.segs) == 0 {
		return segment{}, j.head
	}
	return j.segs[len(j.segs)-1], j.head
}

// encode fills buf with the lines of the batch and gives the place behind them and the entries of each request.
func (j *Journal) encode(batch []*request, seg segment, head mark) (mark, [][]core.Entry) {
	if j.sum == nil {
		j.sum = sha256.New()
	}
	c := chain{seq: head.seq, hash: head.hash, sum: j.sum}
	s := stamp{epoch: j.cfg.Epoch, at: j.cfg.Now().UTC().Round(0)}
	entries, buf, first := make([][]core.Entry, len(batch)), j.buf[:0], seg.records == 0
	for i, r := range batch {
		entries[i] = make([]core.Entry, len(r.drafts))
		for k, d := range r.drafts {
			buf, entries[i][k] = c.add(buf, d, s, len(r.drafts)-1-k, first)
			first = false
		}
	}
	j.buf = buf
	return mark{off: head.off + int64(len(buf)), seq: c.seq, hash: c.hash}, entries
}

// store writes buf at the end of the tail and syncs it. A failed sync is never tried again: what it left in the page
// cache may not be on the disk, and a second sync would say that it is.
func (j *Journal) store(off int64, fresh bool) error {
	if _, err := j.tail.WriteAt(j.buf, off); err != nil {
		return fmt.Errorf("write to the journal: %w", err)
	}
	if err := j.tail.Datasync(); err != nil {
		return fmt.Errorf("sync the journal: %w", err)
	}
	if fresh {
		if err := j.disk.SyncDir(j.cfg.Dir); err != nil {
			return fmt.Errorf("sync the journal's directory: %w", err)
		}
	}
	if cap(j.buf) > 1<<20 {
		j.buf = nil // a rare long record does not keep its memory
	}
	return nil
}

// advance makes what was stored the head. It is false when the watchdog has given the write up.
func (j *Journal) advance(seg segment, next mark, records int64) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.givenUp {
		return false
	}
	last := &j.segs[len(j.segs)-1]
	j.bytes += next.off - last.size
	last.size, last.records = next.off, seg.records+records
	next.records = last.records
	j.head = next
	j.inflight = nil // too late for the watchdog
	return true
}

// answer ends the requests of a batch that the watchdog has not ended, and wakes their callers. The leader, first of
// the batch, does not wait.
func (j *Journal) answer(batch []*request) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.inflight, j.givenUp = nil, false
	for i, r := range batch {
		if r.answered {
			continue
		}
		r.entries, r.err, r.answered = r.out.entries, r.out.err, true
		if i > 0 {
			r.wake <- false
		}
	}
}

// watch gives the write up when the disk does not answer: everybody but the leader, who is in the disk's hands, gets an
// error at once, and so does whoever comes later.
func (j *Journal) watch() *time.Timer {
	j.mu.Lock()
	mine := j.commits
	j.mu.Unlock()
	return time.AfterFunc(j.cfg.Stall, func() { j.giveUp(mine) })
}

// giveUp is what the watchdog of a write does.
func (j *Journal) giveUp(commit uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.commits != commit || j.inflight == nil {
		return
	}
	j.trouble, j.givenUp = j.newTrouble(errStalled), true
	waiting := j.queue
	j.queue = nil
	for _, r := range waiting {
		if len(r.drafts) == 0 { // it does not write; it goes on waiting for the lead
			j.queue = append(j.queue, r)
			continue
		}
		j.queued -= r.size
		r.err, r.answered = j.trouble.error(), true
		r.wake <- false
	}
	for _, r := range j.inflight[1:] {
		r.err, r.answered = j.trouble.error(), true
		r.wake <- false
	}
}

// path is a name in the journal's directory.
func (j *Journal) path(name string) string { return filepath.Join(j.cfg.Dir, name) }

// reliefOf picks the requests that may use the reserve.
func reliefOf(batch []*request) []*request {
	var relief []*request
	for _, r := range batch {
		if r.relief {
			relief = append(relief, r)
		}
	}
	return relief
}
