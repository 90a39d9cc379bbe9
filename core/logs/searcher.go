package logs

import (
	"slices"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// searcher is one worker of a search, with the buffers it reuses.
type searcher struct {
	*search
	sel    *selector
	parser lineParser
	packed []byte
	text   []byte
	spans  []span
}

// work searches chunks until the search ends.
func (s *search) work() {
	w := &searcher{search: s, sel: s.filter.selector()}
	for {
		select {
		case <-s.ctx.Done():
			return
		case j := <-s.jobs:
			w.do(j)
			w.ahead.Add(j.size)
			close(j.done)
		}
	}
}

func (w *searcher) do(j *job) {
	if j.memory != nil {
		w.find(j, j.blocks[0], j.memory)
		return
	}
	packed, err := w.read(j)
	if err != nil {
		j.hits = append(j.hits, gapLine(j.service.name, j.min, j.max, countLines(j.blocks), err.Error()))
		return
	}
	start := j.blocks[0].offset
	for _, m := range j.blocks {
		if w.ctx.Err() != nil {
			return
		}
		from := m.offset - start
		text, err := m.unpack(w.store.dec, packed[from:from+int64(m.packed)], w.text)
		if err != nil {
			j.hits = append(j.hits, gapLine(j.service.name, m.min, m.max, int64(m.lines), err.Error()))
			continue
		}
		w.text = text
		w.find(j, m, text)
	}
}

// read gets the compressed bytes of all blocks of a chunk with one call.
func (w *searcher) read(j *job) ([]byte, error) {
	f, err := j.service.openSegment(j.view.segment, j.blocks)
	if err != nil {
		return nil, err
	}
	defer f.close()
	last := j.blocks[len(j.blocks)-1]
	size := int(last.offset + int64(last.packed) - j.blocks[0].offset)
	w.packed = slices.Grow(w.packed[:0], size)[:size]
	if _, err := f.file.ReadAt(w.packed, j.blocks[0].offset); err != nil {
		return nil, core.Errorf(core.CodeInternal, "read log segment of %s: %w", j.service.name, err)
	}
	return w.packed, nil
}

// find adds the lines of a block that pass.
func (w *searcher) find(j *job, m blockMeta, text []byte) {
	w.spans = w.sel.choose(text, m, w.spans[:0])
	for _, s := range w.spans {
		line := text[s.start:s.end]
		if line[timeLen+1] == streamGap[0] { // a gap is no hit
			continue
		}
		l := w.parser.logLine(line, j.service.name, m.firstSeq+uint64(s.line))
		j.hits = append(j.hits, l)
		j.size += int64(cost(&l))
	}
}

func countLines(blocks []blockMeta) (n int64) {
	for _, m := range blocks {
		n += int64(m.lines)
	}
	return n
}

// gapLine stands for lines that cannot be read.
func gapLine(service string, first, last, lines int64, reason string) core.LogLine {
	from, to := time.Unix(0, first).UTC(), time.Unix(0, last).UTC()
	return core.LogLine{At: to, Service: service, Gap: &core.LogGap{From: from, To: to, Dropped: lines, Reason: reason}}
}
