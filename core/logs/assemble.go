package logs

import (
	"bytes"

	"github.com/codematrx/matrx-ship/core"
)

// keepBuffer is how large a buffer may stay between two long lines.
const keepBuffer = 16 << 10

// assembler joins the fragments of a container's two streams to lines. What it holds is bounded by maxText a stream,
// however long a line is: the rest of it is passed over.
type assembler struct {
	out, err fragment
}

// fragment is the beginning of a line whose end has not come.
type fragment struct {
	open bool
	at   int64
	text []byte
	cut  bool
}

// add takes a fragment and hands every line that it ends to emit. The text of an entry is valid during the call.
func (a *assembler) add(raw core.RawLog, at int64, emit func(entry) error) error {
	stream, f := streamOut, &a.out
	if raw.Stream == streamErr {
		stream, f = streamErr, &a.err
	}
	text := raw.Text
	if !raw.Partial && len(text) > 0 && text[len(text)-1] == '\n' {
		text = text[:len(text)-1]
	}
	for { // the engine gives one line at a time; text that holds more is taken apart all the same
		end := bytes.IndexByte(text, '\n')
		if end < 0 {
			break
		}
		if err := f.finish(text[:end], at, stream, emit); err != nil {
			return err
		}
		text = text[end+1:]
	}
	if !raw.Partial {
		return f.finish(text, at, stream, emit)
	}
	f.extend(text, at)
	return nil
}

// extend keeps the beginning of a line.
func (f *fragment) extend(text []byte, at int64) {
	if !f.open {
		f.open, f.at = true, at
	}
	room := maxText - len(f.text)
	f.cut = f.cut || len(text) > room
	f.text = append(f.text, text[:min(len(text), room)]...)
}

// finish emits the line that text ends.
func (f *fragment) finish(text []byte, at int64, stream string, emit func(entry) error) error {
	if !f.open && len(text) <= maxText {
		return emit(entry{at: at, stream: stream, text: withoutReturn(text)})
	}
	f.extend(text, at)
	e := entry{at: f.at, stream: stream, text: f.text, cut: f.cut}
	if !f.cut {
		e.text = withoutReturn(e.text)
	}
	err := emit(e)
	if f.open, f.cut = false, false; cap(f.text) > keepBuffer {
		f.text = nil
	}
	f.text = f.text[:0]
	return err
}

// flush emits what never got its end, when the stream has ended for good.
func (a *assembler) flush(emit func(entry) error) error {
	for stream, f := range map[string]*fragment{streamOut: &a.out, streamErr: &a.err} {
		if !f.open {
			continue
		}
		if err := f.finish(nil, f.at, stream, emit); err != nil {
			return err
		}
	}
	return nil
}

// withoutReturn takes the return off that terminals put before the line end.
func withoutReturn(text []byte) []byte {
	if n := len(text); n > 0 && text[n-1] == '\r' {
		return text[:n-1]
	}
	return text
}
