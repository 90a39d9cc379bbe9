package core

import (
	"bytes"
	"context"
	"time"
)

// pump reads the output of a process ahead of the viewer, one piece at a time.
type pump struct {
	pieces chan []byte   // unbuffered; a piece is valid until the next one is received
	quit   chan struct{} // closed by detach
	done   chan struct{} // closed when nothing more comes
	err    error         // why; valid after done
}

// startPump begins to read. Who started it calls detach and waits for done.
func startPump(exec Exec) *pump {
	p := &pump{pieces: make(chan []byte), quit: make(chan struct{}), done: make(chan struct{})}
	go p.run(exec)
	return p
}

// run reads into two buffers in turn: while the viewer has one, the other is filled.
func (p *pump) run(exec Exec) {
	defer close(p.done)
	buffers := [2][]byte{make([]byte, maxCastPiece), make([]byte, maxCastPiece)}
	for turn := 0; ; turn = 1 - turn {
		n, err := exec.Read(buffers[turn])
		if n > 0 {
			select {
			case p.pieces <- buffers[turn][:n]:
			case <-p.quit:
				return
			}
		}
		if err != nil {
			p.err = err
			return
		}
	}
}

// detach leaves the process to itself; the reader ends with it.
func (p *pump) detach(exec Exec) error {
	close(p.quit)
	return exec.Close()
}

// settle waits a short time for a process to show whether its command was there at all. It gives the output that came.
// An engine that cannot start a command says so in the output, and the exit code is 126 or 127.
func (p *pump) settle(ctx context.Context, exec Exec) (output []byte, missing bool) {
	late := time.NewTimer(shellSettle)
	defer late.Stop()
	for {
		select {
		case piece := <-p.pieces:
			output = append(output, bytes.Clone(piece)...)
			if !isRefusal(output) || len(output) > shellRefusal {
				return output, false
			}
		case <-p.done:
			return output, notFoundCode(ctx, exec)
		case <-late.C:
			return output, false
		case <-ctx.Done():
			return output, false
		}
	}
}

// notFoundCode tells whether a process ended with the code of a command that is not there.
func notFoundCode(ctx context.Context, exec Exec) bool {
	ctx, cancel := context.WithTimeout(ctx, shellCall)
	defer cancel()
	code, err := exec.ExitCode(ctx)
	return err == nil && (code == 126 || code == 127)
}
