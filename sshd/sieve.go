package sshd

import (
	"io"
	"strings"
)

// Bounds of what a client can make Bubble Tea's input parser collect: it keeps an unfinished control sequence and an
// open paste in memory, however long they get.
const (
	maxSequence = 64 << 10 // bytes of one control sequence
	maxPaste    = 1 << 20  // bytes of one paste
)

// The brackets of a paste.
const (
	pasteStart = "\x1b[200~"
	pasteEnd   = "\x1b[201~"
)

// sieve passes terminal input on, and leaves out what of a control sequence or a paste goes beyond its bound. Their
// ends are always passed on.
type sieve struct {
	r   io.Reader
	out []byte // passed, but not read yet

	tail    [len(pasteEnd)]byte // the last bytes of the input
	pasting bool
	pasted  int // bytes of the paste so far

	in     sieveState
	length int // bytes of the control sequence so far
	more   int // bytes that the UTF-8 character still needs
}

type sieveState int

const (
	plain    sieveState = iota
	escape              // after ESC
	sequence            // parameters of a CSI sequence
	text                // of an OSC, DCS, APC, PM or SOS string
)

// Read passes input on.
func (s *sieve) Read(p []byte) (int, error) {
	chunk := make([]byte, min(len(p), 4<<10))
	for len(s.out) == 0 {
		n, err := s.r.Read(chunk)
		for _, b := range chunk[:n] {
			s.take(b)
		}
		if err != nil && len(s.out) == 0 {
			return 0, err
		}
	}
	n := copy(p, s.out)
	s.out = append(s.out[:0], s.out[n:]...)
	return n, nil
}

// take judges one byte of the input.
func (s *sieve) take(b byte) {
	copy(s.tail[:], s.tail[1:])
	s.tail[len(s.tail)-1] = b
	within := s.follow(b)
	switch tail := string(s.tail[:]); {
	case s.pasting && tail == pasteEnd:
		s.pasting = false
		if s.pasted > maxPaste { // its beginning was left out
			s.out = append(s.out, pasteEnd...)
			return
		}
	case s.pasting:
		s.pasted++
		within = within && s.pasted <= maxPaste
	case tail == pasteStart:
		s.pasting, s.pasted = true, 0
	}
	if within {
		s.out = append(s.out, b)
	}
}

// follow follows the control sequences, and reports whether the byte is within the bound of one, ends one, or is in none.
func (s *sieve) follow(b byte) bool {
	const esc, bel, can, sub = 0x1b, 0x07, 0x18, 0x1a
	switch {
	case b == esc:
		s.begin(escape)
	case b == can, b == sub, s.in == text && b == bel, s.in == sequence && b >= '@' && b <= '~':
		s.begin(plain)
	case s.in == sequence, s.in == text:
		s.length++
		return s.length <= maxSequence
	case s.in == escape:
		s.begin(introduced(b, "[", "]P_^X"))
	case s.more > 0:
		s.more--
	case b >= 0xc0:
		s.more = utf8Rest(b)
	default:
		s.begin(introduced(b, "\x9b", "\x9d\x90\x9f\x9e\x98"))
	}
	return true
}

func (s *sieve) begin(state sieveState) { s.in, s.length, s.more = state, 0, 0 }

// introduced says what a byte begins, given the introducers of sequences and of strings.
func introduced(b byte, sequences, texts string) sieveState {
	switch {
	case strings.IndexByte(sequences, b) >= 0:
		return sequence
	case strings.IndexByte(texts, b) >= 0:
		return text
	}
	return plain
}

// utf8Rest is how many bytes follow the first one of a character.
func utf8Rest(first byte) int {
	switch {
	case first >= 0xf0:
		return 3
	case first >= 0xe0:
		return 2
	}
	return 1
}
