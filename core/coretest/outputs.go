package coretest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/codematrx/matrx-ship/core"
)

// Outputs is a fake core.OutputStore in memory.
type Outputs struct {
	Trouble
	Max int // bytes of one output; 0 means 16 MiB. Set it before use

	mu   sync.Mutex // guards all below
	text map[string][]byte
	cut  map[string]bool
}

var _ core.OutputStore = (*Outputs)(nil)

// NewOutputs gives an empty store.
func NewOutputs() *Outputs { return &Outputs{text: map[string][]byte{}, cut: map[string]bool{}} }

// Create begins an output; one that is there already is CodeConflict.
func (o *Outputs) Create(id string) (io.WriteCloser, error) {
	if err := o.enter(context.Background(), "Create"); err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.text[id]; ok {
		return nil, core.Errorf(core.CodeConflict, "There is an output %s already.", id)
	}
	o.text[id] = []byte{}
	return &outputWriter{o, id}, nil
}

// Open reads an output from an offset, as far as it goes now.
func (o *Outputs) Open(id string, offset int64) (io.ReadCloser, error) {
	if err := o.enter(context.Background(), "Open"); err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	text, ok := o.text[id]
	if !ok {
		return nil, core.Errorf(core.CodeNotFound, "There is no output %s.", id)
	}
	text = text[min(max(offset, 0), int64(len(text))):]
	return io.NopCloser(bytes.NewReader(bytes.Clone(text))), nil
}

// Remove forgets an output; one that is not there is no error.
func (o *Outputs) Remove(id string) error {
	if err := o.enter(context.Background(), "Remove"); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.text, id)
	delete(o.cut, id)
	return nil
}

// outputWriter writes one output.
type outputWriter struct {
	o  *Outputs
	id string
}

// Write adds text up to the bound; what is beyond is dropped, with one mark.
func (w *outputWriter) Write(p []byte) (int, error) {
	if err := w.o.enter(context.Background(), "Write"); err != nil {
		return 0, err
	}
	w.o.mu.Lock()
	defer w.o.mu.Unlock()
	limit := w.o.Max
	if limit == 0 {
		limit = 16 << 20
	}
	have, ok := w.o.text[w.id]
	room := limit - len(have)
	switch {
	case !ok || w.o.cut[w.id]:
	case len(p) <= room:
		w.o.text[w.id] = append(have, p...)
	default:
		w.o.text[w.id] = append(append(have, p[:room]...), fmt.Sprintf("\n[cut at %d bytes]\n", limit)...)
		w.o.cut[w.id] = true
	}
	return len(p), nil
}

// Close ends the output.
func (w *outputWriter) Close() error { return w.o.enter(context.Background(), "Close") }
