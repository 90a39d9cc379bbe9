package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/codematrx/matrx-ship/core"
)

const (
	tornSuffix = ".torn"
	maxTorn    = 16 // torn ends that are kept
)

// recover brings the journal to where it can be written: at start, and after every trouble. It changes nothing but the
// end of the last segment, behind the last whole append. Only the leader calls it.
func (j *Journal) recover(ctx context.Context) error {
	prepared := j.prepare()
	if core.CodeOf(prepared) == core.CodeConflict {
		return prepared
	}
	starting := !j.known
	if starting {
		// What can be read is read even when nothing can be written.
		if err := j.scan(ctx); err != nil {
			return errors.Join(prepared, err)
		}
	}
	if prepared != nil {
		return prepared
	}
	if starting {
		j.fillReserve(0) // finds what there is; it may be needed to repair the end
	}
	if err := j.openTail(starting); err != nil {
		return err
	}
	j.known = true
	if starting {
		if free, err := j.disk.Free(j.cfg.Dir); err == nil { // else the keeper comes back to it
			j.noteFree(free)
			j.fillReserve(free)
		}
	}
	return nil
}

// prepare makes sure of the directory, the lock and the identity.
func (j *Journal) prepare() error {
	if err := j.disk.MakeDir(j.cfg.Dir); err != nil {
		return fmt.Errorf("make the journal's directory: %w", err)
	}
	if err := j.takeLock(); err != nil {
		return err
	}
	return j.checkIdentity()
}

// scan reads all segments and finds the head: the end of the last whole append before the first damage.
func (j *Journal) scan(ctx context.Context) error {
	segs, limits, err := j.files()
	if err != nil {
		return err
	}
	segs, head, err := j.walkAll(ctx, segs, limits, func(*scanner, []byte) error { return nil })
	j.mu.Lock()
	defer j.mu.Unlock()
	j.segs, j.head, j.bytes = segs, head, 0
	for _, seg := range segs {
		j.bytes += seg.size
	}
	return err
}

// openTail opens the last segment for writing. Only what leads to the head stays in it. That is written again in place
// and synced: after a failed sync, also one in an earlier process, the page cache may hold bytes that the disk does not.
func (j *Journal) openTail(starting bool) error {
	seg, head := j.place()
	if seg.first == 0 {
		return nil // the first append begins the first segment
	}
	f, err := j.disk.Open(j.path(segmentName(seg.first)), os.O_RDWR)
	if err != nil {
		return fmt.Errorf("open the last segment: %w", err)
	}
	if err := j.settle(f, seg, head, starting); err != nil {
		return errors.Join(err, f.Close())
	}
	j.tail = f
	return nil
}

// settle makes the last segment end with the head, on the disk as well as in the page cache.
func (j *Journal) settle(f file, seg segment, head mark, starting bool) error {
	data, err := io.ReadAll(io.LimitReader(f, maxSegmentBytes+2*maxBatchBytes))
	if err != nil {
		return fmt.Errorf("read the last segment: %w", err)
	}
	data, rest, err := split(data, seg, head)
	if err != nil {
		return err
	}
	if len(rest) > 0 && starting { // what a failed append of this process left was never acknowledged
		if err := j.keepTorn(rest, head); err != nil {
			return fmt.Errorf("keep the torn end aside: %w", err)
		}
	}
	if err := f.Truncate(seg.size); err != nil {
		return fmt.Errorf("cut the torn end: %w", err)
	}
	if _, err := f.WriteAt(data, 0); err != nil {
		return fmt.Errorf("write the last segment again: %w", err)
	}
	if err := f.Datasync(); err != nil {
		return fmt.Errorf("sync the last segment: %w", err)
	}
	if err := j.disk.SyncDir(j.cfg.Dir); err != nil {
		return fmt.Errorf("sync the journal's directory: %w", err)
	}
	return nil
}

// split checks that data leads to the head, and gives what belongs to the journal and what is left behind it.
func split(data []byte, seg segment, head mark) (whole, rest []byte, _ error) {
	s := newScanner(segmentName(seg.first), bytes.NewReader(data), newChain(seg.first, seg.prev), true)
	for s.chain.seq < head.seq {
		if _, err := s.next(); errors.Is(err, io.EOF) {
			due := s.chain.seq + 1
			return nil, nil, &damage{s.name, int(due-seg.first) + 1, due, "a record that was acknowledged is missing"}
		} else if err != nil {
			return nil, nil, err
		}
	}
	if s.chain.hash != head.hash || s.off != seg.size {
		return nil, nil, &damage{s.name, max(s.line, 1), s.chain.seq, "it is not the record that was acknowledged"}
	}
	if seg.size == 0 {
		return nil, data, nil
	}
	if int64(len(data)) < seg.size { // the last newline alone was missing
		return append(data, '\n'), nil, nil
	}
	whole, rest = data[:seg.size], data[seg.size:]
	whole[seg.size-1] = '\n'
	return whole, rest, nil
}

// keepTorn writes the bytes that are about to be cut to a file of their own, and removes the oldest of such files.
func (j *Journal) keepTorn(rest []byte, head mark) error {
	name := fmt.Sprintf("%012d-%s%s", head.seq+1, j.cfg.Now().UTC().Format("20060102T150405.000000000"), tornSuffix)
	if err := j.writeFile(name, rest); err != nil {
		return err
	}
	entries, err := j.disk.List(j.cfg.Dir)
	if err != nil {
		return err
	}
	var torn []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), tornSuffix) {
			torn = append(torn, e.Name())
		}
	}
	for _, old := range torn[:max(len(torn)-maxTorn, 0)] {
		if err := j.disk.Remove(j.path(old)); err != nil {
			return err
		}
	}
	j.mu.Lock()
	j.torn = fmt.Sprintf("%d bytes after record %d were not a whole append; they were cut off and are kept in %s", len(rest), head.seq, name)
	j.mu.Unlock()
	return nil
}
