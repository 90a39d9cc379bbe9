package compose

import (
	"errors"
	"fmt"
	"strings"

	"github.com/compose-spec/compose-go/v2/template"
	"go.yaml.in/yaml/v4"

	"github.com/codematrx/matrx-ship/core"
)

// maxNested bounds variables in the defaults of variables.
const maxNested = 8

// expandAll fills in the variables of every value once, so that what is missing is named with its line before anything
// else looks at the file.
func (f *source) expandAll(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		text, err := f.expand(n.Value, 0)
		if err != nil {
			f.fail(n, "", err.Error())
		}
		f.expanded += len(text)
		if f.expanded > maxExpanded && f.expanded-len(text) <= maxExpanded {
			f.fail(n, "", "is larger than "+core.FormatBytes(maxExpanded)+" with its variables filled in")
		}
		return
	}
	if n.Kind == yaml.MappingNode {
		for _, value := range pairs(n) {
			f.expandAll(value)
		}
		return
	}
	for _, c := range n.Content {
		f.expandAll(c)
	}
}

// substitute is expand as compose-go calls it.
func (f *source) substitute(text string, _ template.Mapping) (string, error) {
	return f.expand(text, 0)
}

// value is a scalar with its variables filled in. What is wrong with it was noted by expandAll.
func (f *source) value(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		return ""
	}
	text, err := f.expand(n.Value, 0)
	if err != nil {
		f.fail(n, "", err.Error())
	}
	return text
}

// expand fills in $NAME, ${NAME}, ${NAME:-default}, ${NAME-default}, ${NAME:?message}, ${NAME?message}, ${NAME:+other} and
// ${NAME+other}; $$ is a dollar sign. A variable without a value or default is an error.
func (f *source) expand(text string, depth int) (string, error) {
	if !strings.Contains(text, "$") {
		return text, nil
	}
	if depth > maxNested {
		return "", errors.New("has variables nested too deep")
	}
	var b strings.Builder
	for text != "" {
		before, rest, found := strings.Cut(text, "$")
		b.WriteString(before)
		if !found {
			break
		}
		value, left, err := f.variable(rest, depth)
		if err != nil {
			return "", err
		}
		if b.Len()+len(value) > maxExpanded {
			return "", fmt.Errorf("is larger than %s with its variables filled in", core.FormatBytes(maxExpanded))
		}
		b.WriteString(value)
		text = left
	}
	return b.String(), nil
}

// variable reads what follows a dollar sign and gives the value and the rest of the text.
func (f *source) variable(text string, depth int) (value, rest string, err error) {
	if strings.HasPrefix(text, "$") {
		return "$", text[1:], nil
	}
	if name := nameAt(text); name != "" {
		value, ok := f.vars[name]
		if !ok {
			return "", "", fmt.Errorf("uses the variable %s, which has no value here: give it one, or write ${%s:-default}", name, name)
		}
		return value, text[len(name):], nil
	}
	end := closing(text)
	if end < 0 {
		return "", "", errors.New("has a dollar sign that begins no variable: write $$ for a dollar sign")
	}
	value, err = f.braced(text[1:end], depth)
	return value, text[end+1:], err
}

// braced is the value of what stands between the braces.
func (f *source) braced(inner string, depth int) (string, error) {
	name := nameAt(inner)
	if name == "" {
		return "", fmt.Errorf("has ${%s}, which names no variable", cut(inner))
	}
	value, set := f.vars[name]
	how := inner[len(name):]
	if after, ok := strings.CutPrefix(how, ":"); ok {
		how, set = after, set && value != ""
	}
	if inner == name {
		how = "?"
	} else if how == "" {
		return "", fmt.Errorf("has ${%s}, which is not a form of variable", cut(inner))
	}
	other := how[1:]
	switch {
	case how[0] == '-' && !set, how[0] == '+' && set:
		return f.expand(other, depth+1)
	case how[0] == '+':
		return "", nil
	case how[0] == '-', how[0] == '?' && set:
		return value, nil
	case how[0] == '?' && other != "":
		return "", fmt.Errorf("needs the variable %s: %s", name, cut(other))
	case how[0] == '?':
		return "", fmt.Errorf("uses the variable %s, which has no value here: give it one, or write ${%s:-default}", name, name)
	}
	return "", fmt.Errorf("has ${%s}, which is not a form of variable", cut(inner))
}

// nameAt is the name of a variable at the beginning of a text.
func nameAt(text string) string {
	n := 0
	for n < len(text) {
		c := text[n]
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (n == 0 || c < '0' || c > '9') {
			break
		}
		n++
	}
	return text[:n]
}

// closing finds the brace that closes the one at the beginning; -1 when there is none.
func closing(text string) int {
	open := 0
	for i := range len(text) {
		switch text[i] {
		case '{':
			open++
		case '}':
			open--
		}
		if open == 0 {
			if i == 0 {
				return -1
			}
			return i
		}
	}
	return -1
}

// cut shortens a text for a message.
func cut(s string) string {
	if len(s) > 80 {
		return s[:80] + "..."
	}
	return s
}
