package docker

import (
	"encoding/binary"
	"errors"
	"iter"
)

// errWire is a message that breaks off or has a field of a kind that nobody writes any more.
var errWire = errors.New("a message of BuildKit cannot be read")

// field is one field of a message in the encoding of protocol buffers, as far as BuildKit's messages use it.
type field struct {
	number uint64
	value  uint64 // of a number
	bytes  []byte // of a text or a message
}

// fields reads a message. It ends with an error when the message is damaged.
func fields(raw []byte) iter.Seq2[field, error] {
	return func(yield func(field, error) bool) {
		for len(raw) > 0 {
			f, n := readField(raw)
			if n == 0 {
				yield(field{}, errWire)
				return
			}
			if raw = raw[n:]; !yield(f, nil) {
				return
			}
		}
	}
}

// readField reads the first field and says how long it is; 0 when it cannot be read.
func readField(raw []byte) (f field, size int) {
	key, at := binary.Uvarint(raw)
	if at <= 0 {
		return f, 0
	}
	f.number = key >> 3
	rest := raw[at:]
	fixed := 0
	switch key & 7 {
	case 0, 2:
		n, used := binary.Uvarint(rest)
		if used <= 0 {
			return f, 0
		}
		if key&7 == 0 {
			f.value = n
			return f, at + used
		}
		if n > uint64(len(rest)-used) {
			return f, 0
		}
		f.bytes = rest[used : used+int(n)]
		return f, at + used + int(n)
	case 1:
		fixed = 8
	case 5:
		fixed = 4
	}
	if fixed == 0 || len(rest) < fixed {
		return f, 0
	}
	return f, at + fixed
}
