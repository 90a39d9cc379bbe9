package logs

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	tailPrefix = "tail-"
	tailExt    = ".log"
)

// scan walks a file block by block and gives the segment up to the first byte that is not sound, and whether the file
// ends there or with an index.
func scan(f io.ReaderAt, size int64) (g *segment, whole bool, err error) {
	g = &segment{}
	var head, frame []byte
	for g.size < size {
		magic, content, err := readFrame(f, g.size, head)
		if err != nil {
			return g, false, ignoreTorn(err)
		}
		if magic == indexMagic {
			return g, g.size+frameHead+int64(len(content)) == size, nil
		}
		head = content
		m, marks, err := parseHead(content)
		if err != nil {
			return g, false, ignoreTorn(err)
		}
		m.offset = g.size + frameHead + int64(len(content))
		frame = slices.Grow(frame[:0], int(m.packed))[:m.packed]
		if _, err := f.ReadAt(frame, m.offset); err != nil || checksum(frame) != m.sum {
			return g, false, ignoreEOF(err)
		}
		g.add(m, marks)
	}
	return g, true, nil
}

// readFrame reads the skippable frame at offset.
func readFrame(f io.ReaderAt, offset int64, buf []byte) (magic uint32, content []byte, err error) {
	var head [frameHead]byte
	if _, err := f.ReadAt(head[:], offset); err != nil {
		return 0, nil, tornAtEnd(err)
	}
	magic = binary.LittleEndian.Uint32(head[:])
	n := binary.LittleEndian.Uint32(head[4:])
	if magic != blockMagic && magic != indexMagic || n > maxIndex || magic == blockMagic && n > maxHead {
		return 0, nil, errTorn
	}
	content = slices.Grow(buf[:0], int(n))[:n]
	if _, err := f.ReadAt(content, offset+frameHead); err != nil {
		return 0, nil, tornAtEnd(err)
	}
	return magic, content, nil
}

// parseHead reads the description of a block.
func parseHead(content []byte) (blockMeta, []mark, error) {
	payload, err := framePayload(content)
	if err != nil {
		return blockMeta{}, nil, err
	}
	m, err := readMeta(payload)
	if err != nil {
		return blockMeta{}, nil, err
	}
	marks, _, err := readMarks(payload[blockFixed:])
	return m, marks, err
}

// tornAtEnd turns the end of the file into a torn block.
func tornAtEnd(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errTorn
	}
	return err
}

func ignoreTorn(err error) error {
	if err == errTorn {
		return nil
	}
	return err
}

func ignoreEOF(err error) error {
	if err == nil {
		return nil
	}
	return ignoreTorn(tornAtEnd(err))
}

// load finds what the disk holds for the service and repairs what a killed process left.
func (s *service) load() error {
	dir, err := s.store.root.Open(s.name)
	if err != nil {
		return fmt.Errorf("open logs of %s: %w", s.name, err)
	}
	names, err := dir.Readdirnames(-1)
	if err = cmp.Or(err, dir.Close()); err != nil {
		return fmt.Errorf("list logs of %s: %w", s.name, err)
	}
	slices.Sort(names)
	for _, name := range names {
		if name != openName && strings.HasSuffix(name, closedExt) {
			err = cmp.Or(err, s.loadClosed(name))
		}
	}
	slices.SortFunc(s.closed, func(a, b *segment) int { return cmp.Compare(a.first, b.first) })
	if slices.Contains(names, openName) {
		err = cmp.Or(err, s.loadOpen())
	}
	if s.next = 1; len(s.closed) > 0 {
		s.next = s.closed[len(s.closed)-1].end
	}
	if s.open != nil {
		s.next = max(s.next, s.open.end)
	}
	for _, name := range names {
		if strings.HasPrefix(name, tailPrefix) {
			err = cmp.Or(err, s.loadTail(name))
		}
	}
	return err
}

// loadClosed reads the index of a closed segment. One without a sound index is read up to its damage.
func (s *service) loadClosed(name string) error {
	f, err := s.store.root.Open(path.Join(s.name, name))
	if err != nil {
		return fmt.Errorf("open log segment: %w", err)
	}
	defer f.Close() // only read: nothing can be lost
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("open log segment: %w", err)
	}
	g, err := readIndex(f, info.Size())
	if err == nil {
		g.blocks = nil // read again when needed: the sum of all would be large
	} else if g, _, err = scan(f, info.Size()); err != nil {
		return fmt.Errorf("read log segment %s of %s: %w", name, s.name, err)
	} else {
		g.damage = fmt.Sprintf("segment %s is damaged after %d of %d bytes", name, g.size, info.Size())
		g.size = info.Size()
		s.store.log.Warn("log segment damaged", "service", s.name, "segment", name, "good_lines", g.lines)
	}
	g.name = name
	s.closed = append(s.closed, g)
	s.addDisk(g.size)
	return nil
}

// loadOpen takes the open segment up again and cuts off what was not written to its end.
func (s *service) loadOpen() error {
	f, err := s.store.root.Open(path.Join(s.name, openName))
	if err != nil {
		return fmt.Errorf("open log segment: %w", err)
	}
	defer f.Close() // only read: nothing can be lost
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("open log segment: %w", err)
	}
	g, _, err := scan(f, info.Size())
	if err != nil {
		return fmt.Errorf("repair log segment of %s: %w", s.name, err)
	}
	g.name, g.opened = openName, time.Unix(0, g.min)
	s.open = g
	s.addDisk(g.size)
	if cut := info.Size() - g.size; cut > 0 {
		// What is cut off may be an index: then the segment was being closed, and it is written again.
		s.store.log.Info("log segment repaired", "service", s.name, "cut_bytes", cut, "lines", g.lines)
		if err := s.openFile(); err != nil { // a full or read-only disk: reading still works, writing tries again
			s.store.log.Warn("log segment not repaired on disk", "service", s.name, "err", err)
		}
	}
	return nil
}

// loadTail takes the lines of a tail file that are in no block yet; they become a block of their own.
func (s *service) loadTail(name string) error {
	first, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimPrefix(name, tailPrefix), tailExt), 10, 64)
	if err != nil {
		return nil // not one of our names: not our file
	}
	file := path.Join(s.name, name)
	text, err := readAtMost(s.store.root, file, maxBlock)
	if err != nil {
		return fmt.Errorf("read log tail: %w", err)
	}
	b := &rawBlock{tails: []string{name}}
	b.firstSeq = max(first, s.next)
	seq := first
	for line := range bytes.Lines(text[:bytes.LastIndexByte(text, '\n')+1]) {
		e, err := parseLine(line[:len(line)-1])
		if err == nil && seq >= s.next {
			e.container = string(e.id)
			b.add(&s.clock, e, Level(e.text))
		}
		seq++
	}
	s.addDisk(int64(len(text)))
	if b.lines == 0 {
		return s.removeTails(b.tails, int64(len(text)))
	}
	b.flushed = len(text)
	s.frozen = append(s.frozen, b)
	s.next = b.end()
	return nil
}

// readAtMost reads the beginning of a file.
func readAtMost(root *os.Root, name string, limit int64) ([]byte, error) {
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read: nothing can be lost
	return io.ReadAll(io.LimitReader(f, limit))
}

// tailName names a tail by its first line, so that a block that already holds it is recognised.
func tailName(first uint64) string { return fmt.Sprintf("%s%020d%s", tailPrefix, first, tailExt) }
