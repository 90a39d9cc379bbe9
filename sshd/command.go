package sshd

import (
	"errors"
	"strings"
)

// splitCommand splits a command line into words as a POSIX shell would, quotes and backslashes included, and does
// nothing else that a shell does: no variables, no substitution, no patterns.
func splitCommand(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	started := false // an empty quoted string is a word too
	for i := 0; i < len(line); i++ {
		switch c := line[i]; c {
		case ' ', '\t', '\n', '\r':
			if started {
				words = append(words, word.String())
				word.Reset()
				started = false
			}
			continue
		case '\'', '"':
			n, err := readQuoted(line[i:], &word)
			if err != nil {
				return nil, err
			}
			i += n - 1
		case '\\':
			if i++; i == len(line) {
				return nil, errors.New("the command ends in a backslash")
			}
			word.WriteByte(line[i])
		default:
			word.WriteByte(c)
		}
		started = true
	}
	if started {
		words = append(words, word.String())
	}
	return words, nil
}

// readQuoted reads a quoted string from the start of s and gives its length with the quotes.
func readQuoted(s string, word *strings.Builder) (int, error) {
	quote := s[0]
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == quote:
			return i + 1, nil
		case c == '\\' && quote == '"' && i+1 < len(s) && strings.IndexByte("\"\\$`\n", s[i+1]) >= 0:
			i++
			word.WriteByte(s[i])
		default:
			word.WriteByte(c)
		}
	}
	return 0, errors.New("a quote in the command is not closed")
}
