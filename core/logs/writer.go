package logs

import (
	"errors"
	"fmt"
	"os"
	"path"
	"time"

	"golang.org/x/sys/unix"

	"github.com/codematrx/matrx-ship/core"
)

// errLowSpace stops writing before the disk is full, because others need the rest.
var errLowSpace = errors.New("free space is below the limit")

// writeLoop writes what one service has until nothing is left. At most one runs for a service; all of its file work,
// which may be slow, happens outside the service's mutex.
func (s *service) writeLoop() {
	for {
		work, due := s.nextWork()
		if work == nil && due.IsZero() {
			return
		}
		if work == nil {
			s.pause(due)
			continue
		}
		err := work()
		if s.settle(err); err != nil && !s.pause(s.store.now().Add(s.store.cfg.Flush)) {
			s.abandon()
			return
		}
	}
}

// nextWork gives the next piece of work, or when there will be one. Without either the writer has ended.
func (s *service) nextWork() (work func() error, due time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.seal && s.open != nil && len(s.open.blocks) > 0:
		return s.closeSegment, due
	case len(s.frozen) > 0:
		return s.writeBlock, due
	case !s.dirty.IsZero():
		due = s.dirty.Add(s.store.cfg.Flush)
		if s.store.isClosed() || !s.store.now().Before(due) {
			return s.writeTail, due
		}
		return nil, due
	}
	s.seal, s.writing = false, false
	return nil, due
}

// pause waits until the time, or for something new to do; it is false when the store is being closed.
func (s *service) pause(until time.Time) bool {
	timer := time.NewTimer(max(until.Sub(s.store.now()), 0))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.wake:
		return true
	case <-s.store.ctx.Done():
		return false
	}
}

// settle records how the last piece of work went.
func (s *service) settle(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.trouble
	if s.trouble = ""; err != nil {
		s.trouble = fmt.Sprintf("%s: %v", s.name, err)
	}
	switch {
	case err != nil && was == "":
		s.store.log.Warn("logs not written", "service", s.name, "err", err)
	case err == nil && was != "":
		s.store.log.Info("logs written again", "service", s.name)
	}
	if err == nil {
		s.makeRoom()
	}
	close(s.space)
	s.space = make(chan struct{})
}

// abandon ends the writer of a store that is being closed while nothing can be written.
func (s *service) abandon() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing = false
}

// openFile opens the open segment for writing and cuts off what an unfinished write left.
func (s *service) openFile() error {
	if s.file != nil {
		return nil
	}
	if err := s.store.root.MkdirAll(s.name, 0o750); err != nil {
		return err
	}
	f, err := s.store.root.OpenFile(path.Join(s.name, openName), os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return err
	}
	size := int64(0)
	if s.open != nil {
		size = s.open.size
	}
	if err := f.Truncate(size); err != nil {
		return errors.Join(err, f.Close())
	}
	s.file = f
	return nil
}

// closeFile lets the file of a finished or broken segment go.
func (s *service) closeFile() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	return err
}

// writeBlock writes the oldest frozen block to the open segment.
func (s *service) writeBlock() error {
	s.mu.Lock()
	b, offset := s.frozen[0], int64(0)
	if s.open != nil {
		offset = s.open.size
	}
	s.mu.Unlock()
	if err := s.store.checkSpace(); err != nil {
		return err
	}
	if err := s.openFile(); err != nil {
		return fmt.Errorf("open segment: %w", err)
	}
	data, m := b.pack(s.store.enc, nil)
	if _, err := s.file.WriteAt(data, offset); err != nil {
		// The next attempt opens the file anew and cuts off what this one left.
		return fmt.Errorf("write segment: %w", errors.Join(err, s.closeFile()))
	}
	m.offset += offset
	s.mu.Lock()
	if s.open == nil {
		s.open = &segment{name: openName, opened: s.store.now()}
	}
	s.open.add(m, b.containers)
	s.frozen = append([]*rawBlock(nil), s.frozen[1:]...)
	s.addDisk(int64(len(data)))
	s.seal = s.seal || s.open.size >= s.store.segmentLimit()
	over := s.size
	s.mu.Unlock()
	s.store.keepIfOver(over)
	return s.removeTails(b.tails, int64(b.flushed))
}

// removeTails deletes tail files whose lines are in a block now. size is what they hold together.
func (s *service) removeTails(names []string, size int64) error {
	for _, name := range names {
		if err := s.store.root.Remove(path.Join(s.name, name)); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("remove tail: %w", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addDisk(-size)
	return nil
}

// writeTail brings the pending lines to the tail file, where a killed process does not lose them.
func (s *service) writeTail() error {
	s.mu.Lock()
	b, since := s.pending, s.dirty
	if b == nil { // frozen meanwhile
		s.dirty = time.Time{}
		s.mu.Unlock()
		return nil
	}
	text, flushed, name := b.text, b.flushed, tailName(b.firstSeq)
	s.mu.Unlock()
	if err := s.appendFile(path.Join(s.name, name), text[flushed:], int64(flushed)); err != nil {
		return fmt.Errorf("write tail: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if flushed == 0 {
		b.tails = append(b.tails, name)
	}
	b.flushed = len(text)
	s.addDisk(int64(len(text) - flushed))
	s.store.keepIfOver(s.size)
	if s.pending == b && s.dirty.Equal(since) {
		if s.dirty = (time.Time{}); len(b.text) > len(text) {
			s.dirty = s.store.now()
		}
	}
	return nil
}

// appendFile writes data at an offset, which repairs what an earlier attempt may have left.
func (s *service) appendFile(name string, data []byte, offset int64) error {
	if err := s.store.checkSpace(); err != nil {
		return err
	}
	if err := s.store.root.MkdirAll(s.name, 0o750); err != nil {
		return err
	}
	f, err := s.store.root.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o640)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, offset)
	return errors.Join(err, f.Close())
}

// closeSegment ends the open segment with its index and gives it its name; it never changes again.
func (s *service) closeSegment() error {
	if err := s.openFile(); err != nil {
		return fmt.Errorf("open segment: %w", err)
	}
	s.mu.Lock()
	g := s.open
	s.mu.Unlock()
	index, name := g.index(), g.closedName()
	_, err := s.file.WriteAt(index, g.size)
	if err == nil {
		err = s.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("close segment: %w", errors.Join(err, s.closeFile()))
	}
	if err := s.closeFile(); err != nil {
		return fmt.Errorf("close segment: %w", err)
	}
	if err := s.rename(g, name); err != nil {
		return fmt.Errorf("close segment: %w", err)
	}
	s.mu.Lock()
	g.blocks = nil
	g.size += int64(len(index))
	s.addDisk(int64(len(index)))
	s.closed, s.open, s.seal = append(s.closed, g), nil, false
	over := s.size
	s.mu.Unlock()
	s.store.keepIfOver(over)
	return nil
}

// rename gives a segment another name, on disk and for readers at once.
func (s *service) rename(g *segment, name string) error {
	s.names.Lock()
	defer s.names.Unlock()
	if err := s.store.root.Rename(path.Join(s.name, g.name), path.Join(s.name, name)); err != nil {
		return err
	}
	g.name = name
	return nil
}

// checkSpace keeps the logs from taking the last of a disk that the journal lives on, too.
func (st *Store) checkSpace() error {
	if st.cfg.MinFree <= 0 {
		return nil
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(st.dir.Fd()), &fs); err != nil {
		return fmt.Errorf("ask for free space: %w", err)
	}
	if free := int64(fs.Bavail) * int64(fs.Bsize); free < st.cfg.MinFree {
		return core.Errorf(core.CodeUnavailable, "%w: %d of %d MiB are left; trim logs or images", errLowSpace, free>>20, st.cfg.MinFree>>20)
	}
	return nil
}
