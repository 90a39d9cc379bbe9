package core

import (
	"fmt"
	"strings"
)

// SkippedLine is a line of keys that does not count, and why.
type SkippedLine struct {
	Line   int    // counted from 1
	Reason string // a sentence, which never repeats the line
}

// String reads as a warning does.
func (s SkippedLine) String() string { return fmt.Sprintf("line %d was skipped: %s", s.Line, s.Reason) }

// ParseKeys reads the text of an authorized_keys file or variable. Each line stands for itself: a bad one is reported
// and skipped, the others count. Where a variable cannot hold line ends (env files), the two characters \n stand for
// one.
func ParseKeys(text string) (keys []AuthorizedKey, skipped []SkippedLine) {
	text = strings.TrimPrefix(strings.ReplaceAll(text, `\n`, "\n"), "\ufeff")
	seen := map[string]int{} // fingerprint to line
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		key, err := ParseKey(line)
		if err != nil {
			skipped = append(skipped, SkippedLine{number, MessageOf(err)})
			continue
		}
		if first, ok := seen[key.Fingerprint()]; ok {
			skipped = append(skipped, SkippedLine{number, fmt.Sprintf("The key is already on line %d, which counts.", first)})
			continue
		}
		seen[key.Fingerprint()] = number
		key.Line = number
		keys = append(keys, key)
	}
	return keys, skipped
}
