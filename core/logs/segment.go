package logs

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

const (
	openName    = "open.log.zst"
	closedExt   = ".log.zst"
	nameLayout  = "20060102T150405.000000000Z"
	indexMark   = "MXLOGIX1"
	trailerLen  = 4 + len(indexMark) + 4 // length of the frame, mark, checksum
	indexRow    = 8 + blockFixed
	maxIndex    = 64 << 20
	maxSegMarks = 4096 // containers remembered per segment, the newest
)

// segment is one file of blocks. Its fields are guarded by the service's mutex, the name by the service's names; to blocks
// new ones are only appended, so that a copy of the slice stays true.
type segment struct {
	name     string
	size     int64 // bytes on disk
	text     int64 // bytes of text
	lines    int64
	first    uint64 // sequence number of the first line
	end      uint64 // after the last line
	min, max int64
	levels   uint8
	marks    []mark
	blocks   []blockMeta // of the open segment, or of one whose index is damaged; nil: in the file
	damage   string      // what is wrong with the file
	opened   time.Time   // when the first block was written or found
}

// add takes a written block into the segment.
func (g *segment) add(m blockMeta, marks []mark) {
	if len(g.blocks) == 0 {
		g.first, g.min, g.max = m.firstSeq, m.min, m.max
	}
	g.blocks = append(g.blocks, m)
	g.size = m.offset + int64(m.packed)
	g.text += int64(m.size)
	g.lines += int64(m.lines)
	g.end = m.end()
	g.min, g.max = min(g.min, m.min), max(g.max, m.max)
	g.levels |= m.levels
	for _, c := range marks {
		g.marks = addMark(g.marks, c)
	}
	if len(g.marks) > maxSegMarks {
		slices.SortFunc(g.marks, func(a, b mark) int { return cmp.Compare(a.last, b.last) })
		g.marks = slices.Clone(g.marks[len(g.marks)-maxSegMarks:])
	}
}

// closedName says when the segment's lines were written, so that one can pick files by time without opening them.
func (g *segment) closedName() string {
	at := func(ns int64) string { return time.Unix(0, ns).UTC().Format(nameLayout) }
	return fmt.Sprintf("%s_%s_%020d%s", at(g.min), at(g.max), g.first, closedExt)
}

// index is the frame that ends a closed segment.
func (g *segment) index() []byte {
	le := binary.LittleEndian
	payload := appendMarks(nil, g.marks)
	payload = le.AppendUint32(payload, uint32(len(g.blocks)))
	for _, m := range g.blocks {
		payload = le.AppendUint64(payload, uint64(m.offset))
		payload = appendMeta(payload, m)
	}
	total := frameHead + len(payload) + trailerLen
	payload = le.AppendUint32(payload, uint32(total))
	payload = append(payload, indexMark...)
	return appendFrame(nil, indexMagic, payload)
}

// readIndex reads the index at the end of a closed segment.
func readIndex(f io.ReaderAt, size int64) (*segment, error) {
	var trailer [trailerLen]byte
	if _, err := f.ReadAt(trailer[:], size-int64(trailerLen)); err != nil || size < int64(trailerLen) {
		return nil, errTorn
	}
	total := int64(binary.LittleEndian.Uint32(trailer[:]))
	if string(trailer[4:4+len(indexMark)]) != indexMark || total > min(size, maxIndex) || total < frameHead+int64(trailerLen) {
		return nil, errTorn
	}
	frame := make([]byte, total)
	if _, err := f.ReadAt(frame, size-total); err != nil {
		return nil, fmt.Errorf("read index: %w", err)
	}
	payload, err := framePayload(frame[frameHead:])
	if err != nil {
		return nil, err
	}
	return parseIndex(payload, size)
}

// parseIndex makes a segment of an index's payload.
func parseIndex(payload []byte, size int64) (*segment, error) {
	marks, rest, err := readMarks(payload)
	if err != nil || len(rest) < 4 {
		return nil, errTorn
	}
	n := int(binary.LittleEndian.Uint32(rest))
	rest = rest[4:]
	if n == 0 || n > len(rest)/indexRow {
		return nil, errTorn
	}
	g := &segment{blocks: make([]blockMeta, 0, n)}
	for range n {
		m, err := readMeta(rest[8:])
		if err != nil {
			return nil, err
		}
		m.offset = int64(binary.LittleEndian.Uint64(rest))
		if m.offset < 0 || m.offset+int64(m.packed) > size {
			return nil, errTorn
		}
		g.add(m, nil)
		rest = rest[indexRow:]
	}
	g.size, g.marks = size, marks
	return g, nil
}

// segmentFile is an opened segment with the list of its blocks.
type segmentFile struct {
	file   *os.File
	blocks []blockMeta
}

// openSegment opens a segment for reading. It fails with core.CodeNotFound when the segment was trimmed meanwhile.
func (s *service) openSegment(g *segment, blocks []blockMeta) (*segmentFile, error) {
	s.names.RLock()
	name := g.name
	f, err := s.store.root.Open(path.Join(s.name, name))
	s.names.RUnlock()
	switch {
	case os.IsNotExist(err):
		return nil, core.Errorf(core.CodeNotFound, "log segment %s of %s was trimmed", name, s.name)
	case err != nil:
		return nil, core.Errorf(core.CodeInternal, "open log segment %s: %w", name, err)
	case blocks != nil:
		return &segmentFile{f, blocks}, nil
	}
	return withIndex(f, name)
}

// withIndex reads the list of blocks of a file that has one, and closes the file when it cannot.
func withIndex(f *os.File, name string) (*segmentFile, error) {
	info, err := f.Stat()
	if err == nil {
		var g *segment
		if g, err = readIndex(f, info.Size()); err == nil {
			return &segmentFile{f, g.blocks}, nil
		}
	}
	_ = f.Close() // opened for reading: nothing can be lost
	return nil, core.Errorf(core.CodeInternal, "read index of log segment %s: %w", name, err)
}

// close ends reading; a file that was only read has nothing to lose.
func (f *segmentFile) close() { _ = f.file.Close() }

// frame reads the compressed bytes of one block into buf.
func (f *segmentFile) frame(m blockMeta, buf []byte) ([]byte, error) {
	buf = slices.Grow(buf[:0], int(m.packed))[:m.packed]
	if _, err := f.file.ReadAt(buf, m.offset); err != nil {
		return buf, fmt.Errorf("read block of line %d: %w", m.firstSeq, err)
	}
	return buf, nil
}
