package journal

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// damage is a place of the journal that cannot be what was written there.
type damage struct {
	file string
	line int    // 1-based
	seq  uint64 // of the record that is due there
	why  string
}

// Error names the place.
func (d *damage) Error() string {
	if d.line == 0 {
		return d.file + ": " + d.why
	}
	return fmt.Sprintf("%s, line %d, record %d: %s", d.file, d.line, d.seq, d.why)
}

// mark is a place in a segment after which no append is half done.
type mark struct {
	off     int64
	records int64
	seq     uint64
	hash    string
}

// scanner reads the lines of one segment and checks each against the chain.
type scanner struct {
	name  string
	r     *bufio.Reader
	long  []byte // a line that does not fit into r
	last  bool   // nothing follows this segment, so its end may be torn
	chain chain
	line  int
	off   int64
	good  mark
}

func newScanner(name string, r io.Reader, c chain, last bool) *scanner {
	return &scanner{name: name, r: bufio.NewReaderSize(r, 64<<10), last: last, chain: c, good: mark{seq: c.seq, hash: c.hash}}
}

// next gives the JSON of the next record, valid until the call after. It ends with io.EOF: what is then behind good was
// torn by a crash, and only the last segment may have that. Anything else that is wrong is a *damage.
func (s *scanner) next() ([]byte, error) {
	line, ended, err := s.readLine()
	switch {
	case err != nil && err != io.EOF:
		return nil, fmt.Errorf("read %s: %w", s.name, err)
	case len(line) == 0 && !ended:
		return nil, s.end()
	}
	s.line++
	text, why := s.chain.check(line)
	if why != "" && !ended && s.last && len(line) > 0 {
		// The newline itself may be what is damaged.
		line = line[:len(line)-1]
		text, why = s.chain.check(line)
	}
	switch {
	case why == "" && (ended || s.last):
		s.accept(int64(len(line)) + 1)
		return text, nil
	case s.last && (!ended || s.tornAtEnd(line)):
		return nil, io.EOF
	case why == "":
		why = "its newline is missing"
		return nil, &damage{s.name, s.line, s.chain.seq, why}
	default:
		return nil, &damage{s.name, s.line, s.chain.seq + 1, why}
	}
}

func (s *scanner) accept(n int64) {
	s.off += n
	if s.chain.more == 0 {
		s.good = mark{off: s.off, records: int64(s.line), seq: s.chain.seq, hash: s.chain.hash}
	}
}

// end judges the end of the file.
func (s *scanner) end() error {
	if s.chain.more > 0 && !s.last {
		return &damage{s.name, s.line + 1, s.chain.seq + 1, "the rest of an append is missing"}
	}
	return io.EOF
}

// tornAtEnd tells a line that power loss left with a hole, which reads as NUL bytes, from one that was changed later.
func (s *scanner) tornAtEnd(line []byte) bool {
	_, err := s.r.Peek(1)
	return err == io.EOF && bytes.Contains(line, make([]byte, 8))
}

// readLine gives the next line without its newline, and whether it had one. A line that is longer than any record is
// cut to maxLine, which no checksum survives.
func (s *scanner) readLine() (line []byte, ended bool, err error) {
	line, err = s.r.ReadSlice('\n')
	if err != bufio.ErrBufferFull {
		line, ended = bytes.CutSuffix(line, []byte("\n"))
		return line, ended, err
	}
	s.long = append(s.long[:0], line...)
	for err == bufio.ErrBufferFull {
		line, err = s.r.ReadSlice('\n')
		s.long = append(s.long, line[:min(len(line), maxLine+1-min(len(s.long), maxLine+1))]...)
	}
	ended = err == nil
	return bytes.TrimSuffix(s.long, []byte("\n")), ended, err
}

// segment is one file of the journal.
type segment struct {
	first   uint64
	prev    string // hash before its first record
	size    int64  // bytes of whole appends
	records int64
}

// segmentName is the file of the segment that begins with the record first.
func segmentName(first uint64) string { return fmt.Sprintf("%012d.jsonl", first) }

// listSegments gives the first records of the segments in the directory, in order.
func (j *Journal) listSegments() ([]uint64, error) {
	entries, err := j.disk.List(j.cfg.Dir)
	if err != nil {
		return nil, err
	}
	var firsts []uint64
	for _, e := range entries { // sorted by name
		var first uint64
		if _, err := fmt.Sscanf(e.Name(), "%d.jsonl", &first); err == nil && first > 0 && e.Name() == segmentName(first) {
			firsts = append(firsts, first)
		}
	}
	return firsts, nil
}

// walk reads one segment up to limit bytes, -1 for all, and shows each record's JSON to visit. It gives the scanner as
// far as it came, also with an error; io.EOF, the end, is none.
func (j *Journal) walk(ctx context.Context, seg segment, limit int64, last bool, visit func(*scanner, []byte) error) (*scanner, error) {
	name := segmentName(seg.first)
	s := newScanner(name, nil, newChain(seg.first, seg.prev), last)
	f, err := j.disk.Open(j.path(name), os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return s, &damage{name, 1, seg.first, "the file is missing"}
	}
	if err != nil {
		return s, fmt.Errorf("open segment: %w", err)
	}
	defer f.Close() // read only: nothing can be lost
	s.r.Reset(f)
	if limit >= 0 {
		s.r.Reset(io.LimitReader(f, limit))
	}
	for ctx.Err() == nil {
		text, err := s.next()
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err == nil {
			err = visit(s, text)
		}
		if err != nil {
			return s, err
		}
	}
	return s, fmt.Errorf("read the journal: %w", ctx.Err())
}

// files gives the segments that the directory has, to be read whole.
func (j *Journal) files() (segs []segment, limits []int64, _ error) {
	firsts, err := j.listSegments()
	if err != nil {
		return nil, nil, fmt.Errorf("list the journal's segments: %w", err)
	}
	for _, first := range firsts {
		segs, limits = append(segs, segment{first: first}), append(limits, -1)
	}
	return segs, limits, nil
}

// walkAll reads segments that follow each other, from the first record on, each up to its limit. It gives them as far
// as they are whole, and the place where that ends.
func (j *Journal) walkAll(ctx context.Context, files []segment, limits []int64, visit func(*scanner, []byte) error) ([]segment, mark, error) {
	var segs []segment
	var head mark
	for i, seg := range files {
		if seg.first != head.seq+1 {
			return segs, head, &damage{segmentName(seg.first), 1, head.seq + 1, fmt.Sprintf("the segment begins with record %d", seg.first)}
		}
		seg.prev = head.hash
		s, err := j.walk(ctx, seg, limits[i], i == len(files)-1, visit)
		head = s.good
		seg.size, seg.records = head.off, head.records
		segs = append(segs, seg)
		if err != nil {
			return segs, head, err
		}
	}
	return segs, head, nil
}
