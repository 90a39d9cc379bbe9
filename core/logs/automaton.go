package logs

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
	"unicode"
)

const (
	maxInstructions = 2000
	maxStates       = 2048
	maxResets       = 16
)

// automaton reads a text byte by byte and never says no to what the pattern matches. It may say yes too often: for
// bytes beyond ASCII, which it does not tell apart, and, when exact is false, for assertions it takes as fulfilled.
type automaton struct {
	prog    *syntax.Prog
	class   [256]uint8 // bytes that no instruction tells apart have the same class
	sample  []rune     // one byte of each class; the last class is that of all bytes beyond ASCII
	classes uint32
	exact   bool
}

// newAutomaton makes the automaton of a program; it is nil for one that is too large.
func newAutomaton(prog *syntax.Prog) *automaton {
	if len(prog.Inst) > maxInstructions {
		return nil
	}
	a := &automaton{prog: prog, exact: true}
	var begins, ends bool
	for _, in := range prog.Inst {
		if in.Op != syntax.InstEmptyWidth {
			continue
		}
		op := syntax.EmptyOp(in.Arg)
		begins = begins || op&(syntax.EmptyBeginText|syntax.EmptyBeginLine) != 0
		ends = ends || op&(syntax.EmptyEndText|syntax.EmptyEndLine) != 0
		a.exact = a.exact && op&(syntax.EmptyWordBoundary|syntax.EmptyNoWordBoundary) == 0
	}
	a.exact = a.exact && !(begins && ends)
	a.classify()
	return a
}

// classify puts bytes into classes by which instructions they match.
func (a *automaton) classify() {
	known := map[string]uint8{}
	for b := rune(0); b < 0x80; b++ {
		signature := make([]byte, len(a.prog.Inst))
		for i := range a.prog.Inst {
			if in := &a.prog.Inst[i]; isRune(in) && in.MatchRune(b) {
				signature[i] = 1
			}
		}
		c, ok := known[string(signature)]
		if !ok {
			c = uint8(len(a.sample))
			known[string(signature)] = c
			a.sample = append(a.sample, b)
		}
		a.class[b] = c
	}
	for b := 0x80; b < 0x100; b++ {
		a.class[b] = uint8(len(a.sample))
	}
	a.classes = uint32(len(a.sample) + 1)
}

func isRune(in *syntax.Inst) bool {
	switch in.Op {
	case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		return true
	}
	return false
}

// beyondASCII is true when the instruction matches any character beyond ASCII.
func beyondASCII(in *syntax.Inst) bool {
	if len(in.Rune) != 1 {
		return len(in.Rune) > 0 && in.Rune[len(in.Rune)-1] >= 0x80
	}
	r := in.Rune[0]
	if r >= 0x80 {
		return true
	}
	if syntax.Flags(in.Arg)&syntax.FoldCase != 0 {
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			if f >= 0x80 {
				return true
			}
		}
	}
	return false
}

// The first states of a machine. Every other one is a set of instructions.
const (
	stateUnknown = iota
	stateMatch
	stateDead
	firstState
)

// machine runs an automaton. It makes its states when it meets them, and starts over when it has too many. A state is
// named by its number times the number of classes, its row in next.
type machine struct {
	*automaton
	next   []uint32 // row + class -> row
	atEnd  []bool   // by number: the text may end here and match
	sets   [][]uint32
	byName map[string]uint32
	start  uint32
	resets int

	set  []uint32 // scratch of build
	seen []bool
}

func newMachine(a *automaton) *machine {
	m := &machine{automaton: a, seen: make([]bool, len(a.prog.Inst))}
	m.reset()
	return m
}

func (m *machine) reset() {
	m.next = make([]uint32, firstState*m.classes, 64*m.classes)
	m.atEnd = make([]bool, firstState)
	m.sets = make([][]uint32, firstState)
	m.byName = map[string]uint32{}
	m.begin()
	matched := m.follow(uint32(m.prog.Start), true, false)
	m.start = m.state(matched)
}

// gaveUp is true for patterns that need so many states that the machine is of no use.
func (m *machine) gaveUp() bool { return m.resets > maxResets }

// match says whether the text may match.
func (m *machine) match(text []byte) bool {
	row, special := m.start, firstState*m.classes
	if row == stateMatch*m.classes {
		return true
	}
	next := m.next
	for _, b := range text {
		c := uint32(m.class[b])
		to := next[row+c]
		if to < special {
			if to == stateUnknown {
				to = m.step(row, c)
				next = m.next
			}
			if to == stateMatch*m.classes {
				return true
			}
			if to == stateDead*m.classes {
				return false
			}
		}
		row = to
	}
	return m.atEnd[row/m.classes]
}

// step finds out where a class leads from a state.
func (m *machine) step(row, class uint32) uint32 {
	set := m.sets[row/m.classes]
	m.begin()
	matched := false
	for _, pc := range set {
		in := &m.prog.Inst[pc]
		switch {
		case !isRune(in):
		case class == m.classes-1:
			if beyondASCII(in) {
				matched = m.follow(in.Out, false, false) || matched
				m.add(pc) // more bytes of the same character
			}
		case in.MatchRune(m.sample[class]):
			matched = m.follow(in.Out, false, false) || matched
		}
	}
	matched = m.follow(uint32(m.prog.Start), false, false) || matched
	resets := m.resets
	to := m.state(matched)
	if m.resets == resets {
		m.next[row+class] = to
	}
	return to
}

func (m *machine) begin() {
	m.set = m.set[:0]
	clear(m.seen)
}

func (m *machine) add(pc uint32) {
	if !m.seen[pc] {
		m.seen[pc] = true
		m.set = append(m.set, pc)
	}
}

// follow adds what can be reached from pc without reading, and says whether a match is among it. At the begin and end
// of the text the assertions of these places hold.
func (m *machine) follow(pc uint32, begin, end bool) (matched bool) {
	if m.seen[pc] {
		return false
	}
	in := &m.prog.Inst[pc]
	switch in.Op {
	case syntax.InstMatch:
		return true
	case syntax.InstAlt, syntax.InstAltMatch:
		m.seen[pc] = true
		left := m.follow(in.Out, begin, end)
		return m.follow(in.Arg, begin, end) || left
	case syntax.InstCapture, syntax.InstNop:
		m.seen[pc] = true
		return m.follow(in.Out, begin, end)
	case syntax.InstEmptyWidth:
		op := syntax.EmptyOp(in.Arg)
		if !begin && op&(syntax.EmptyBeginText|syntax.EmptyBeginLine) != 0 {
			return false
		}
		m.add(pc) // kept for the end of the text
		if !end && op&(syntax.EmptyEndText|syntax.EmptyEndLine) != 0 {
			return false
		}
		return m.follow(in.Out, begin, end)
	case syntax.InstFail:
		return false
	default:
		m.add(pc)
		return false
	}
}

// state gives the state of the set just built. When there are too many states all are forgotten but this one.
func (m *machine) state(matched bool) uint32 {
	if matched {
		return stateMatch * m.classes
	}
	if len(m.set) == 0 {
		return stateDead * m.classes
	}
	slices.Sort(m.set)
	name := make([]byte, 0, 4*len(m.set))
	for _, pc := range m.set {
		name = binary.LittleEndian.AppendUint32(name, pc)
	}
	if row, ok := m.byName[string(name)]; ok {
		return row
	}
	set := slices.Clone(m.set)
	if len(m.sets) >= maxStates {
		m.resets++
		m.reset()
	}
	row := uint32(len(m.sets)) * m.classes
	m.byName[string(name)] = row
	m.sets = append(m.sets, set)
	m.next = append(m.next, make([]uint32, m.classes)...)
	m.atEnd = append(m.atEnd, m.endsIn(set))
	return row
}

// endsIn says whether a text that ends in this state may match.
func (m *machine) endsIn(set []uint32) bool {
	m.begin()
	for _, pc := range set {
		in := &m.prog.Inst[pc]
		if in.Op == syntax.InstEmptyWidth && m.follow(in.Out, true, true) {
			return true
		}
	}
	return false
}
