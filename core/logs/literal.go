package logs

import (
	"bytes"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// minLiteral is how long a literal must be to be worth looking for; shorter ones are in nearly every line.
	minLiteral = 2
	// maxLiterals is for how many literals at once a block is searched; with more the automaton alone is faster.
	maxLiterals = 4
)

// literal is text that a match must hold.
type literal struct {
	text []byte // in lower case when fold is set
	fold bool   // ASCII letters match in either case
	rare int    // position of the byte that is rarest in logs
}

// requiredLiterals gives literals of which every match holds at least one, or none when the pattern promises none.
func requiredLiterals(re *syntax.Regexp) []literal {
	found := required(re)
	if len(found) == 0 || len(found) > maxLiterals || shortest(found) < minLiteral {
		return nil
	}
	return found
}

func required(re *syntax.Regexp) []literal {
	switch re.Op {
	case syntax.OpLiteral:
		return literalOf(re)
	case syntax.OpCapture, syntax.OpPlus:
		return required(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return required(re.Sub[0])
		}
	case syntax.OpConcat:
		return bestOf(re.Sub)
	case syntax.OpAlternate:
		return anyOf(re.Sub)
	}
	return nil
}

// bestOf picks the part of a concatenation that is rarest: the one whose shortest literal is longest.
func bestOf(parts []*syntax.Regexp) (best []literal) {
	for _, part := range parts {
		found := required(part)
		if len(found) == 0 || len(found) > maxLiterals {
			continue
		}
		if best == nil || shortest(found) > shortest(best) {
			best = found
		}
	}
	return best
}

// anyOf needs a literal of each branch.
func anyOf(branches []*syntax.Regexp) (all []literal) {
	for _, branch := range branches {
		found := required(branch)
		if len(found) == 0 {
			return nil
		}
		all = append(all, found...)
	}
	return all
}

func shortest(found []literal) int {
	return len(slices.MinFunc(found, func(a, b literal) int { return len(a.text) - len(b.text) }).text)
}

// literalOf gives the longest stretch of a literal that can be looked for byte by byte.
func literalOf(re *syntax.Regexp) []literal {
	if re.Flags&syntax.FoldCase == 0 {
		if slices.Contains(re.Rune, utf8.RuneError) { // also matches bytes that are not UTF-8
			return nil
		}
		return []literal{newLiteral(string(re.Rune), false)}
	}
	// Beside the ASCII letters k and s match two others when case is ignored, and those beyond ASCII fold in many ways.
	parts := strings.FieldsFunc(string(re.Rune), func(r rune) bool {
		return r >= 0x80 || strings.ContainsRune("kKsS", r)
	})
	if len(parts) == 0 {
		return nil
	}
	longest := slices.MaxFunc(parts, func(a, b string) int { return len(a) - len(b) })
	return []literal{newLiteral(strings.ToLower(longest), true)}
}

// commonness orders the bytes of logs, the most common first. Bytes that are not listed are rarer.
const commonness = " e0t1a2o-i:n3sr.l4d5c6um/789pghf=\"_bwvyxkjqz"

func newLiteral(text string, fold bool) literal {
	l := literal{text: []byte(text), fold: fold}
	best := -1
	for i := range l.text {
		rank := strings.IndexByte(commonness, l.text[i])
		if rank < 0 {
			rank = len(commonness)
		}
		if rank > best {
			best, l.rare = rank, i
		}
	}
	return l
}

// finder finds one literal in a block, moving forward. Of a literal that ignores case it looks for the rarest byte in
// both cases with the processor's vector instructions, and compares the rest where it finds it.
type finder struct {
	*literal
	hit          int // the next occurrence, when known
	lower, upper int // next positions of the rare byte
}

const unknown = -2

func (f *finder) reset() { f.hit, f.lower, f.upper = unknown, unknown, unknown }

// next is the first occurrence at or after from, or -1.
func (f *finder) next(block []byte, from int) int {
	if f.hit == -1 || f.hit >= from {
		return f.hit
	}
	if f.fold {
		f.hit = f.nextFold(block, from)
		return f.hit
	}
	f.hit = bytes.Index(block[from:], f.text)
	if f.hit >= 0 {
		f.hit += from
	}
	return f.hit
}

func (f *finder) nextFold(block []byte, from int) int {
	c := f.text[f.rare]
	for at := from + f.rare; ; at++ {
		f.lower = nextByte(block, c, at, f.lower)
		nearest := f.lower
		if c >= 'a' && c <= 'z' {
			f.upper = nextByte(block, c-'a'+'A', at, f.upper)
			if nearest < 0 || f.upper >= 0 && f.upper < nearest {
				nearest = f.upper
			}
		}
		if nearest < 0 {
			return -1
		}
		start := nearest - f.rare
		if end := start + len(f.text); end <= len(block) && equalFold(block[start:end], f.text) {
			return start
		}
		at = nearest
	}
}

// nextByte is the first c at or after from; known is the answer for an earlier from.
func nextByte(block []byte, c byte, from, known int) int {
	if known == -1 || known >= from {
		return known
	}
	if from >= len(block) {
		return -1
	}
	if at := bytes.IndexByte(block[from:], c); at >= 0 {
		return from + at
	}
	return -1
}

// equalFold compares text with lower-case text of the same length, ignoring the case of ASCII letters.
func equalFold(text, lower []byte) bool {
	for i, c := range lower {
		t := text[i]
		if t != c && (c < 'a' || c > 'z' || t|0x20 != c) {
			return false
		}
	}
	return true
}
