package logs

import (
	"bytes"
	"fmt"

	"github.com/codematrx/matrx-ship/core"
)

// cursor walks the lines of one service that pass a filter, in the order they were collected or backwards. It goes
// down from segment to block to line only when its turn has come: key bounds the time of what is next, so that a merge
// of many services opens few files and decodes few blocks at once.
type cursor struct {
	snap snapshot
	sel  *selector
	back bool
	from uint64 // the first sequence number

	stage  stage
	key    int64
	unit   int // segments, then blocks in memory
	file   *segmentFile
	blocks []blockMeta
	block  int
	memory []byte // text of a block in memory
	text   []byte
	spans  []span
	line   int
	made   core.LogLine // what is shown at stageGap and stageLent

	pull func() (core.LogLine, bool) // of a loan: gives its lines; nil otherwise
	stop func()

	buf, frame []byte
	parser     lineParser
}

type stage int

const (
	stageStart   stage = iota
	stageSegment       // a segment is next, not opened
	stageBlock         // a block is next, not decoded
	stageLine          // a line is ready
	stageGap           // something could not be read
	stageLent          // a line of a loan is ready
	stageEnd
)

// pick is the i-th of n in the cursor's direction.
func (c *cursor) pick(i, n int) int {
	if c.back {
		return n - 1 - i
	}
	return i
}

// bound is the time of a range that comes first in the cursor's direction.
func (c *cursor) bound(first, last int64) int64 {
	if c.back {
		return last
	}
	return first
}

// ready is true when current gives a line.
func (c *cursor) ready() bool {
	return c.stage == stageLine || c.stage == stageGap || c.stage == stageLent
}

// advance goes one step on: deeper when something is to be opened, else past the current line.
func (c *cursor) advance() {
	switch c.stage {
	case stageStart, stageLent:
		if c.pull != nil {
			c.nextLent()
			return
		}
		c.unit = -1
		c.nextUnit()
	case stageSegment:
		c.openUnit()
	case stageBlock:
		c.decode()
	case stageLine:
		c.line++
		c.nextLine()
	case stageGap:
		if c.blocks != nil {
			c.nextBlock()
		} else {
			c.nextUnit()
		}
	}
}

// nextLent makes the next line of a loan ready.
func (c *cursor) nextLent() {
	line, more := c.pull()
	if !more {
		c.stage = stageEnd
		return
	}
	c.made, c.stage, c.key = line, stageLent, line.At.UnixNano()
}

// nextUnit moves to the next segment or block in memory that may hold lines.
func (c *cursor) nextUnit() {
	c.close()
	n := len(c.snap.segments) + len(c.snap.memory)
	for c.unit++; c.unit < n; c.unit++ {
		i := c.pick(c.unit, n)
		if i >= len(c.snap.segments) {
			b := c.snap.memory[i-len(c.snap.segments)]
			if c.wants(b.blockMeta) {
				c.blocks, c.memory, c.block = []blockMeta{b.blockMeta}, b.text, 0
				c.stage, c.key = stageBlock, c.bound(b.min, b.max)
				return
			}
			continue
		}
		if g := &c.snap.segments[i]; g.end > c.from && c.sel.mayHold(g.min, g.max, g.levels) {
			c.stage, c.key = stageSegment, c.bound(g.min, g.max)
			return
		}
	}
	c.stage = stageEnd
	c.text, c.buf, c.frame, c.spans = nil, nil, nil, nil
}

func (c *cursor) wants(m blockMeta) bool {
	return m.end() > c.from && c.sel.mayHold(m.min, m.max, m.levels)
}

// openUnit opens the current segment.
func (c *cursor) openUnit() {
	g := &c.snap.segments[c.pick(c.unit, len(c.snap.segments)+len(c.snap.memory))]
	f, err := c.snap.service.openSegment(g.segment, g.blocks)
	if err != nil {
		c.fail(g.min, g.max, min(g.count, int64(g.end-max(g.first, c.from))), err.Error())
		return
	}
	c.file, c.blocks, c.block = f, f.blocks, -1
	if g.damage != "" {
		c.fail(g.max, g.max, -1, g.damage)
		return
	}
	c.nextBlock()
}

// fail shows a gap in place of what cannot be read.
func (c *cursor) fail(first, last, lines int64, reason string) {
	c.made = gapLine(c.snap.service.name, first, last, lines, reason)
	c.stage, c.key = stageGap, c.bound(first, last)
}

// nextBlock moves to the next block of the unit that may hold lines.
func (c *cursor) nextBlock() {
	for c.block++; c.block < len(c.blocks); c.block++ {
		if m := c.blocks[c.pick(c.block, len(c.blocks))]; c.wants(m) {
			c.stage, c.key = stageBlock, c.bound(m.min, m.max)
			return
		}
	}
	c.nextUnit()
}

func (c *cursor) meta() blockMeta { return c.blocks[c.pick(c.block, len(c.blocks))] }

// decode makes the lines of the current block ready.
func (c *cursor) decode() {
	m := c.meta()
	c.text = c.memory
	if c.memory == nil {
		text, err := c.unpack(m)
		if err != nil {
			c.fail(m.min, m.max, int64(m.end()-max(m.firstSeq, c.from)), err.Error())
			return
		}
		c.text = text
	}
	c.spans = c.sel.choose(c.text, m, c.spans[:0])
	c.line = 0
	c.nextLine()
}

func (c *cursor) unpack(m blockMeta) ([]byte, error) {
	frame, err := c.file.frame(m, c.frame)
	c.frame = frame
	if err != nil {
		return nil, err
	}
	text, err := m.unpack(c.snap.service.store.dec, frame, c.buf)
	if err != nil {
		return nil, err
	}
	c.buf = text
	return text, nil
}

// nextLine makes the line at c.line ready, or moves on when there is none left.
func (c *cursor) nextLine() {
	for ; c.line < len(c.spans); c.line++ {
		s := c.spans[c.pick(c.line, len(c.spans))]
		if seq := c.meta().firstSeq + uint64(s.line); seq < c.from {
			continue
		}
		at, err := parseTime(c.text[s.start : int(s.start)+timeLen])
		if err == nil {
			c.stage, c.key = stageLine, at
			return
		}
	}
	c.nextBlock()
}

// current is the line that is ready.
func (c *cursor) current() core.LogLine {
	if c.stage == stageGap || c.stage == stageLent {
		return c.made
	}
	s := c.spans[c.pick(c.line, len(c.spans))]
	return c.parser.logLine(c.text[s.start:s.end], c.snap.service.name, c.meta().firstSeq+uint64(s.line))
}

// close lets the open file go, and ends the reading of a loan.
func (c *cursor) close() {
	if c.stop != nil {
		c.stop()
	}
	if c.file != nil {
		c.file.close()
	}
	c.file, c.blocks, c.memory = nil, nil, nil
}

// lineParser makes lines for readers; it keeps the container's name, which neighbours share.
type lineParser struct{ container string }

func (p *lineParser) logLine(line []byte, service string, seq uint64) core.LogLine {
	e, err := p.parse(line)
	if err != nil {
		reason := fmt.Sprintf("damaged line %q", line[:min(len(line), 80)])
		return core.LogLine{Service: service, Seq: seq, Gap: &core.LogGap{Dropped: 1, Reason: reason}}
	}
	level := core.LevelUnknown
	if e.stream != streamGap {
		level = Level(e.text)
	}
	return e.logLine(service, seq, level)
}

// parse is parseLine without a new string for a container it has seen last.
func (p *lineParser) parse(line []byte) (entry, error) {
	e, err := parseLine(line)
	if err != nil {
		return e, err
	}
	if !bytes.Equal(e.id, []byte(p.container)) {
		p.container = string(e.id)
	}
	e.container = p.container
	return e, nil
}
