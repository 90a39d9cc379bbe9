package compose

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/codematrx/matrx-ship/core"
)

// Bounds of a compose file.
const (
	maxFile     = 256 << 10 // bytes
	maxDepth    = 24        // nested mappings and lists
	maxExpanded = 2 << 20   // bytes of all values once their variables are filled in
	maxProblems = 5         // named in one error
)

// source is one compose file while it is read. It collects what is wrong with it.
type source struct {
	file     string
	vars     map[string]string
	expanded int // bytes so far
	problems []string
	more     int // problems beyond maxProblems
}

// fail notes a problem at a node. key is the path of the key as people write it; empty is the file itself.
func (f *source) fail(at *yaml.Node, key, what string) {
	line := 1
	if at != nil && at.Line > 0 {
		line = at.Line
	}
	text := fmt.Sprintf("%s:%d: ", f.file, line)
	if key != "" {
		text += key + " "
	}
	text = core.SafeText(text + what)
	switch {
	case slices.Contains(f.problems, text):
	case len(f.problems) >= maxProblems:
		f.more++
	default:
		f.problems = append(f.problems, text)
	}
}

func (f *source) failed() bool { return len(f.problems) > 0 }

// err is all problems as one error.
func (f *source) err() error {
	text := strings.Join(f.problems, "\n")
	if f.more > 0 {
		text += fmt.Sprintf("\nand %d more", f.more)
	}
	return core.Errorf(core.CodeInvalid, "%s", text)
}

// read parses the text into nodes: one document, a mapping, of bounded size and depth, without anchors, whose copies
// could make a small file huge.
func (f *source) read(text []byte) *yaml.Node {
	if len(text) > maxFile {
		f.fail(nil, "", "is larger than "+core.FormatBytes(maxFile))
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var doc, next yaml.Node
	switch err := decoder.Decode(&doc); {
	case errors.Is(err, io.EOF):
		f.fail(nil, "", "is empty")
		return nil
	case err != nil:
		f.failYAML(err)
		return nil
	}
	if err := decoder.Decode(&next); !errors.Is(err, io.EOF) {
		f.fail(&next, "", "has more than one document")
		return nil
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		f.fail(&doc, "", "is not a compose file: it has to be a mapping with services")
		return nil
	}
	f.plain(doc.Content[0], 1)
	return doc.Content[0]
}

var yamlLine = regexp.MustCompile(`line (\d+)`)

// failYAML notes an error of the YAML parser under the line it names.
func (f *source) failYAML(err error) {
	at := &yaml.Node{}
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		_, _ = fmt.Sscan(m[1], &at.Line) // digits; one too large leaves line 0, shown as 1
	}
	f.fail(at, "", "is not YAML: "+strings.TrimPrefix(err.Error(), "yaml: "))
}

// plain refuses what the subset has no use for: aliases, merge keys, tags of types of one's own, keys twice, control
// characters, and depth.
func (f *source) plain(n *yaml.Node, depth int) {
	switch {
	case depth > maxDepth:
		f.fail(n, "", "is nested too deep")
		return
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		f.fail(n, "", "uses a YAML anchor or alias: write the value out")
		return
	case n.Kind == yaml.ScalarNode && strings.ContainsRune(n.Value, 0):
		f.fail(n, "", "holds a NUL character")
		return
	}
	if n.Kind == yaml.MappingNode {
		seen := map[string]bool{}
		for key := range pairs(n) {
			switch {
			case key.Kind != yaml.ScalarNode:
				f.fail(key, "", "has a key that is not a word")
				return
			case seen[key.Value]:
				f.fail(key, key.Value, "is there twice")
			}
			seen[key.Value] = true
		}
	}
	for _, c := range n.Content {
		f.plain(c, depth+1)
	}
}

// pairs yields the keys and values of a mapping in order.
func pairs(n *yaml.Node) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(*yaml.Node, *yaml.Node) bool) {
		if n == nil || n.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i], n.Content[i+1]) {
				return
			}
		}
	}
}

// child is the value under a path of keys, nil when there is none.
func child(n *yaml.Node, path ...string) *yaml.Node {
	for _, name := range path {
		var found *yaml.Node
		for key, value := range pairs(n) {
			if key.Value == name {
				found = value
			}
		}
		if found == nil {
			return nil
		}
		n = found
	}
	return n
}

// nearest is the deepest node there is on a path.
func nearest(n *yaml.Node, path ...string) *yaml.Node {
	for _, name := range path {
		next := child(n, name)
		if next == nil {
			break
		}
		n = next
	}
	return n
}

// without copies a mapping but for some keys.
func without(n *yaml.Node, names ...string) *yaml.Node {
	c := *n
	c.Content = nil
	if n.Kind != yaml.MappingNode {
		c.Content = slices.Clone(n.Content)
		return &c
	}
	for key, value := range pairs(n) {
		if !slices.Contains(names, key.Value) {
			c.Content = append(c.Content, key, value)
		}
	}
	return &c
}

// namedPath finds the key that an error of compose-go names: services.web.ports, 'services[web].mem_limit'.
var (
	namedPath = regexp.MustCompile(`'?\b(services|networks|volumes)((\.[A-Za-z0-9_-]+|\[[A-Za-z0-9_.-]+\])+)'?`)
	pathBreak = strings.NewReplacer("[", ".", "]", "")
)

// failLoad notes an error of compose-go at the line of the key that it names.
func (f *source) failLoad(root *yaml.Node, err error) {
	for line := range strings.SplitSeq(err.Error(), "\n") {
		text := strings.TrimPrefix(strings.TrimSpace(line), "validating "+f.file+": ")
		m := namedPath.FindStringSubmatch(text)
		switch {
		case m != nil:
			key := m[1] + pathBreak.Replace(m[2])
			f.fail(nearest(root, strings.Split(key, ".")...), key, strings.TrimSpace(strings.Replace(text, m[0], "", 1)))
		case text != "" && !strings.HasPrefix(text, "decoding failed"):
			f.fail(root, "", text)
		}
	}
}
