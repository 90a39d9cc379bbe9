package logs

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode"

	"github.com/codematrx/matrx-ship/core"
)

// maxPattern bounds a pattern, and so what compiling it costs.
const maxPattern = 4 << 10

// pattern is a compiled regular expression, shared by all who search for it. A match is decided in up to three steps,
// each cheaper and coarser than the next: a literal that every match must hold is looked up in the whole block; an
// automaton of ours reads the lines that hold it; only what the automaton cannot decide goes to package regexp.
type pattern struct {
	re       *regexp.Regexp
	literals []literal // one of them is in every match; none: unknown
	auto     *automaton
}

// compile makes a pattern of RE2 syntax. Without an upper-case letter it ignores case.
func compile(expr string) (*pattern, error) {
	if len(expr) > maxPattern {
		return nil, core.Errorf(core.CodeInvalid, "The pattern is longer than %d bytes.", maxPattern)
	}
	flags := syntax.Perl
	if !hasUpper(expr) {
		flags |= syntax.FoldCase
	}
	tree, err := syntax.Parse(expr, flags)
	if err != nil {
		return nil, core.Errorf(core.CodeInvalid, "The pattern %q is not a regular expression: %w", expr, err)
	}
	source := expr
	if flags&syntax.FoldCase != 0 {
		source = "(?i)" + expr
	}
	re, err := regexp.Compile(source)
	if err != nil {
		return nil, core.Errorf(core.CodeInvalid, "The pattern %q is not a regular expression: %w", expr, err)
	}
	tree = tree.Simplify()
	prog, err := syntax.Compile(tree)
	if err != nil {
		return nil, core.Errorf(core.CodeInvalid, "The pattern %q cannot be compiled: %w", expr, err)
	}
	p := &pattern{re: re, auto: newAutomaton(prog)}
	p.literals = requiredLiterals(tree)
	return p, nil
}

// syntaxWords are the parts of a pattern whose letters mean something else than themselves.
var syntaxWords = regexp.MustCompile(`\\[pPx]\{[^}]*\}|\\[pP].|\\x..|\\.|\(\?P?<[^>]*>|\(\?[a-zA-Z-]*[:)]`)

// hasUpper is true when a pattern asks for an upper-case letter; those of \W, \pL, \x4A or the name of a group do not count.
func hasUpper(expr string) bool {
	return strings.ContainsFunc(syntaxWords.ReplaceAllString(expr, ""), unicode.IsUpper)
}

// matcher searches for a pattern. It keeps what the automaton has learned, so it serves one goroutine.
type matcher struct {
	*pattern
	machine *machine // nil: the pattern is too large for one
	finders []finder
}

func (p *pattern) matcher() *matcher {
	m := &matcher{pattern: p}
	if p.auto != nil {
		m.machine = newMachine(p.auto)
	}
	for i := range p.literals {
		m.finders = append(m.finders, finder{literal: &p.literals[i]})
	}
	return m
}

// match decides one text.
func (m *matcher) match(text []byte) bool {
	if m.machine == nil || m.machine.gaveUp() {
		return m.re.Match(text)
	}
	if !m.machine.match(text) {
		return false
	}
	return m.auto.exact && isASCII(text) || m.re.Match(text)
}

// start begins a new block; next then finds the literals in it.
func (m *matcher) start() {
	for i := range m.finders {
		m.finders[i].reset()
	}
}

// next is the position of the next literal at or after from, or -1. It may only move forward within a block.
func (m *matcher) next(block []byte, from int) int {
	first := -1
	for i := range m.finders {
		if at := m.finders[i].next(block, from); at >= 0 && (first < 0 || at < first) {
			first = at
		}
	}
	return first
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
