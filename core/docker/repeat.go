package docker

import (
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// told remembers what of a log was handed on, for the engines before 23 (API 1.42), whose followed logs have two faults: a
// file that is rotated meanwhile is given once more from its beginning, and the stream may end with the container before the
// last entries came.
type told map[string]*toldStream

// toldStream is one stream's part of it.
type toldStream struct {
	last   time.Time // of the newest entry
	equal  int       // entries with that very time: fragments of one line share it
	within bool      // in the middle of a repetition
	seen   sieve     // times of all entries
}

func (t told) stream(name string) *toldStream {
	if t[name] == nil {
		t[name] = &toldStream{}
	}
	return t[name]
}

// repeated says whether an entry of the followed log, read now, was there before: it is older than the one before it in its
// stream, and its time was seen. An older one that was not seen is no repetition: the server's clock may have been set back.
func (t told) repeated(l core.RawLog, now time.Time) bool {
	s := t.stream(l.Stream)
	at := uint64(l.At.UnixNano())
	older := l.At.Before(s.last) || s.within && l.At.Equal(s.last)
	if s.within = older && s.seen.has(at); s.within {
		return true
	}
	s.seen.add(at)
	switch {
	case l.At.Equal(s.last):
		s.equal++
	case !older || s.last.After(now): // forward, or the clock was set back
		s.last, s.equal = l.At, 1
	}
	return false
}

// had says whether an entry of the log at rest, read after the followed one ended, was handed on by that.
func (t told) had(l core.RawLog) bool {
	s := t.stream(l.Stream)
	switch {
	case l.At.After(s.last):
		return false
	case l.At.Before(s.last):
		return s.seen.has(uint64(l.At.UnixNano()))
	}
	s.equal--
	return s.equal >= 0
}

// newest is the time of the newest entry.
func (t told) newest() time.Time {
	var at time.Time
	for _, s := range t {
		if s.last.After(at) {
			at = s.last
		}
	}
	return at
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
