package core

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"time"
)

const (
	buildFrame = 200 * time.Millisecond // between two looks at an output that grows
	buildPiece = 64 << 10               // bytes read at once
)

// Target is the build.
func (in BuildLogIn) Target() string { return in.Build }

// Validate refuses an empty id.
func (in BuildLogIn) Validate() error {
	if in.Build == "" {
		return Errorf(CodeInvalid, "Which build? Give its id.")
	}
	return nil
}

// findBuild finds a build by its id or the short form of it.
func (c *Core) findBuild(id string) (Build, error) {
	if b, ok := rowOf[Build](c, buildsTable, id); ok {
		return c.decided(b), nil
	}
	for _, b := range c.builds() {
		if len(id) >= 8 && shortBuild(b.ID) == id {
			return b, nil
		}
	}
	return Build{}, Errorf(CodeNotFound, "There is no build %q.", shortText(id))
}

// followBuild yields the output so far and then what comes, to the build's end.
func followBuild(ctx context.Context, c *Core, in BuildLogIn) iter.Seq2[BuildLine, error] {
	return func(yield func(BuildLine, error) bool) {
		if c.ship.Outputs == nil {
			yield(BuildLine{}, Errorf(CodeUnavailable, "This control plane keeps no output of builds."))
			return
		}
		b, err := c.findBuild(in.Build)
		if err != nil {
			yield(BuildLine{}, err)
			return
		}
		f := &outputReader{store: c.ship.Outputs, id: b.ID, yield: yield}
		f.follow(ctx, func() bool {
			now, err := c.findBuild(b.ID)
			return err == nil && now.State == BuildRunning
		})
	}
}

// outputReader reads the output of one build for one reader.
type outputReader struct {
	store  OutputStore
	id     string
	offset int64
	part   []byte // of a line whose end has not come
	yield  func(BuildLine, error) bool
	left   bool // the reader has gone
}

// follow reads until the build has ended and everything was read.
func (f *outputReader) follow(ctx context.Context, runs func() bool) {
	tick := time.NewTicker(buildFrame)
	defer tick.Stop()
	for {
		more := runs() // asked before reading, so that what is written before the end is read
		if err := f.read(); err != nil && !(more && CodeOf(err) == CodeNotFound) {
			f.tell(BuildLine{}, err)
			return
		}
		switch {
		case f.left:
			return
		case !more:
			if len(f.part) > 0 {
				f.tell(BuildLine{cutLine(string(f.part))}, nil)
			}
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// tell yields unless the reader has gone.
func (f *outputReader) tell(line BuildLine, err error) {
	if !f.left && !f.yield(line, err) {
		f.left = true
	}
}

// read yields the lines that have come since.
func (f *outputReader) read() error {
	r, err := f.store.Open(f.id, f.offset)
	if err != nil {
		return err
	}
	piece := make([]byte, buildPiece)
	for !f.left {
		n, err := r.Read(piece)
		f.offset += int64(n)
		f.take(piece[:n])
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return errors.Join(err, r.Close())
		}
	}
	return r.Close()
}

// take divides what was read into lines. A line without an end is bounded.
func (f *outputReader) take(piece []byte) {
	for len(piece) > 0 && !f.left {
		end := bytes.IndexByte(piece, '\n')
		if end < 0 {
			f.part = append(f.part, piece[:min(len(piece), max(0, 2*maxJobLine-len(f.part)))]...)
			return
		}
		line := append(f.part, piece[:end]...)
		f.tell(BuildLine{cutLine(string(line))}, nil)
		f.part, piece = f.part[:0], piece[end+1:]
	}
}
