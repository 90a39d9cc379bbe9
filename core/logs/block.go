package logs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/codematrx/matrx-ship/core"
)

const (
	// blockSize is how much text one block holds: the unit of compressing, seeking and searching.
	blockSize = 128 << 10
	// maxBlock bounds what a block can hold: a full one plus one longest line. More than this is damage.
	maxBlock = blockSize + maxText + 4<<10

	blockMagic   = 0x184D2A57 // skippable frames that decoders pass over
	indexMagic   = 0x184D2A58
	frameHead    = 8 // magic and length
	blockVersion = 1
	blockFixed   = 48
	maxHead      = 1 << 20
	// gapBit in blockMeta.levels says that the block holds a gap line; the other bits are 1<<level.
	gapBit = 1 << 7
)

// errTorn is what is left of a write that did not end, or damage that looks like it.
var errTorn = errors.New("torn block")

// mark is what is known of one container within a block, a segment or a service.
type mark struct {
	id          string
	first, last int64
}

// blockMeta describes one block without its text.
type blockMeta struct {
	offset   int64 // of the zstd frame in the file
	packed   uint32
	size     uint32 // of the text
	sum      uint32 // crc32c of the zstd frame
	lines    uint32
	firstSeq uint64
	min, max int64 // times of the lines
	levels   uint8
}

// end is the sequence number after the last line.
func (m blockMeta) end() uint64 { return m.firstSeq + uint64(m.lines) }

// mayHold is false when no line of the block reaches the level.
func (m blockMeta) mayHold(level core.LogLevel) bool {
	return level <= core.LevelUnknown || m.levels>>uint(level) != 0 // the gap bit is above every level
}

// rawBlock is a block that is not compressed yet. text is only ever appended to, so that a reader may keep what it saw.
type rawBlock struct {
	blockMeta
	text       []byte
	containers []mark
	flushed    int      // bytes of text that are in the tail file
	tails      []string // tail files that this block replaces
}

// add appends a line.
func (b *rawBlock) add(w *timeWriter, e entry, level core.LogLevel) {
	b.text = w.appendLine(b.text, e)
	if b.lines == 0 {
		b.min, b.max = e.at, e.at
	}
	b.lines++
	b.size = uint32(len(b.text))
	b.min, b.max = min(b.min, e.at), max(b.max, e.at)
	if e.stream == streamGap {
		b.levels |= gapBit
		return
	}
	b.levels |= 1 << uint(level)
	b.containers = addMark(b.containers, mark{e.container, e.at, e.at})
}

// addMark merges a mark into a list. The newest container is last, where it is found at once. The last time is that of
// the newest line, not the greatest: it is where collecting goes on.
func addMark(marks []mark, m mark) []mark {
	for i := len(marks) - 1; i >= 0; i-- {
		if marks[i].id == m.id {
			marks[i].first = min(marks[i].first, m.first)
			marks[i].last = m.last
			return marks
		}
	}
	return append(marks, m)
}

// checksum is crc32c, which processors compute in hardware.
func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// appendMeta writes the fixed part of a description.
func appendMeta(dst []byte, m blockMeta) []byte {
	le := binary.LittleEndian
	dst = append(dst, blockVersion, m.levels, 0, 0)
	dst = le.AppendUint32(dst, m.packed)
	dst = le.AppendUint32(dst, m.size)
	dst = le.AppendUint32(dst, m.sum)
	dst = le.AppendUint32(dst, m.lines)
	dst = le.AppendUint64(dst, m.firstSeq)
	dst = le.AppendUint64(dst, uint64(m.min))
	dst = le.AppendUint64(dst, uint64(m.max))
	return le.AppendUint32(dst, 0) // reserved
}

// readMeta reads the fixed part of a description.
func readMeta(b []byte) (blockMeta, error) {
	if len(b) < blockFixed || b[0] != blockVersion {
		return blockMeta{}, errTorn
	}
	le := binary.LittleEndian
	m := blockMeta{
		levels: b[1], packed: le.Uint32(b[4:]), size: le.Uint32(b[8:]), sum: le.Uint32(b[12:]), lines: le.Uint32(b[16:]),
		firstSeq: le.Uint64(b[20:]), min: int64(le.Uint64(b[28:])), max: int64(le.Uint64(b[36:])),
	}
	if m.size > maxBlock || m.packed > maxBlock || m.lines == 0 {
		return blockMeta{}, errTorn
	}
	return m, nil
}

// appendMarks writes a list of containers.
func appendMarks(dst []byte, marks []mark) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(marks)))
	for _, m := range marks {
		dst = append(dst, byte(len(m.id)))
		dst = append(dst, m.id...)
		dst = binary.LittleEndian.AppendUint64(dst, uint64(m.first))
		dst = binary.LittleEndian.AppendUint64(dst, uint64(m.last))
	}
	return dst
}

// readMarks reads a list of containers and returns what follows it.
func readMarks(b []byte) ([]mark, []byte, error) {
	le := binary.LittleEndian
	if len(b) < 4 {
		return nil, nil, errTorn
	}
	n := int(le.Uint32(b))
	b = b[4:]
	if n > len(b)/17 {
		return nil, nil, errTorn
	}
	marks := make([]mark, 0, n)
	for range n {
		if len(b) < 1 || len(b) < 1+int(b[0])+16 {
			return nil, nil, errTorn
		}
		id := string(b[1 : 1+b[0]])
		b = b[1+len(id):]
		marks = append(marks, mark{id, int64(le.Uint64(b)), int64(le.Uint64(b[8:]))})
		b = b[16:]
	}
	return marks, b, nil
}

// appendFrame wraps a payload and its checksum into a skippable frame.
func appendFrame(dst []byte, magic uint32, payload []byte) []byte {
	le := binary.LittleEndian
	dst = le.AppendUint32(dst, magic)
	dst = le.AppendUint32(dst, uint32(len(payload)+4))
	dst = append(dst, payload...)
	return le.AppendUint32(dst, checksum(payload))
}

// framePayload checks a skippable frame's content and returns its payload.
func framePayload(content []byte) ([]byte, error) {
	n := len(content) - 4
	if n < 0 || binary.LittleEndian.Uint32(content[n:]) != checksum(content[:n]) {
		return nil, errTorn
	}
	return content[:n], nil
}

// pack compresses a block; the result is appended to dst, and the meta's offset is relative to len(dst).
func (b *rawBlock) pack(enc *zstd.Encoder, dst []byte) ([]byte, blockMeta) {
	frame := enc.EncodeAll(b.text, make([]byte, 0, len(b.text)/4))
	m := b.blockMeta
	m.packed, m.sum = uint32(len(frame)), checksum(frame)
	start := len(dst)
	dst = appendFrame(dst, blockMagic, appendMarks(appendMeta(nil, m), b.containers))
	m.offset = int64(len(dst) - start)
	return append(dst, frame...), m
}

// unpack checks and decodes a block's frame into dst, which is reused.
func (m blockMeta) unpack(dec *zstd.Decoder, frame, dst []byte) ([]byte, error) {
	if checksum(frame) != m.sum {
		return nil, fmt.Errorf("decode block of line %d: checksum does not match", m.firstSeq)
	}
	text, err := dec.DecodeAll(frame, slices.Grow(dst[:0], int(m.size)))
	if err != nil {
		return nil, fmt.Errorf("decode block of line %d: %w", m.firstSeq, err)
	}
	if len(text) != int(m.size) {
		return nil, fmt.Errorf("decode block of line %d: %d bytes where %d were promised", m.firstSeq, len(text), m.size)
	}
	return text, nil
}
