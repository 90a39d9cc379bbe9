package docker

import (
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// repeats leaves out what an engine gives twice: an entry that is older than one before it in the same stream, and whose time
// was seen already. An older one that was not seen is handed on: the server's clock may have been set back.
type repeats struct {
	follow  bool
	streams map[string]*repeated
}

// repeated is one stream's part of it.
type repeated struct {
	last   time.Time // the newest entry so far
	within bool      // in the middle of a repetition
	seen   sieve     // times of entries that were handed on
}

// skip says whether the entry, read now, is a repetition.
func (r *repeats) skip(l core.RawLog, now time.Time) bool {
	if !r.follow {
		return false
	}
	s := r.streams[l.Stream]
	if s == nil {
		if r.streams == nil {
			r.streams = map[string]*repeated{}
		}
		s = &repeated{}
		r.streams[l.Stream] = s
	}
	at := uint64(l.At.UnixNano())
	older := l.At.Before(s.last) || s.within && l.At.Equal(s.last)
	if s.within = older && s.seen.has(at); s.within {
		return true
	}
	s.seen.add(at)
	if !older || s.last.After(now) { // forward, or the clock was set back
		s.last = l.At
	}
	return false
}

const (
	sieveWords = 8 << 10 // 64 KiB
	sieveHolds = 50_000  // numbers, with one mistake in a hundred
	sieveBits  = 4       // set for each number
)

// sieve remembers the last 50,000 to 100,000 numbers in little memory: it never forgets one of these, and seldom takes another
// one for one of them.
type sieve struct {
	young, old *[sieveWords]uint64
	held       int // in young
}

// add remembers a number.
func (s *sieve) add(n uint64) {
	if s.young == nil || s.held == sieveHolds {
		s.young, s.old, s.held = new([sieveWords]uint64), s.young, 0
	}
	s.held++
	h, step := mix(n)
	for range sieveBits {
		s.young[h/64%sieveWords] |= 1 << (h % 64)
		h += step
	}
}

// has says whether a number was added lately.
func (s *sieve) has(n uint64) bool { return within(s.young, n) || within(s.old, n) }

func within(bits *[sieveWords]uint64, n uint64) bool {
	if bits == nil {
		return false
	}
	h, step := mix(n)
	for range sieveBits {
		if bits[h/64%sieveWords]&(1<<(h%64)) == 0 {
			return false
		}
		h += step
	}
	return true
}

// mix spreads a number over all bits (the finaliser of splitmix64), and gives a second, odd one to step by.
func mix(n uint64) (h, step uint64) {
	n += 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	n ^= n >> 31
	return n, n>>32 | 1
}
