package docker

import (
	"strings"

	"github.com/codematrx/matrx-ship/core"
)

// maxSteps bounds how many steps, and how many parts of them, are told apart. A Dockerfile has dozens.
const maxSteps = 10_000

// buildSteps makes lines of what BuildKit tells of its steps. Steps run beside each other: a line with the step's name goes
// before output that follows another one's.
type buildSteps struct {
	out    func(line string)
	names  map[string]string  // by the step's digest
	shown  map[string]bool    // steps and parts that were named
	text   map[string]*cutter // the output of each step, by its digest
	last   string             // whose name or output came last
	failed string             // name of the first step that failed
}

func newBuildSteps(out func(line string)) *buildSteps {
	return &buildSteps{out: out, names: map[string]string{}, shown: map[string]bool{}, text: map[string]*cutter{}}
}

// take takes in one message: BuildKit's StatusResponse, in which steps are called vertexes.
func (s *buildSteps) take(raw []byte) error {
	for f, err := range fields(raw) {
		if err != nil {
			return err
		}
		switch f.number {
		case 1:
			err = s.step(f.bytes)
		case 2:
			err = s.part(f.bytes)
		case 3:
			err = s.output(f.bytes)
		case 4:
			err = s.warning(f.bytes)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// step is a step that was planned, began or ended.
func (s *buildSteps) step(raw []byte) error {
	var id, name, failure string
	var cached, begun, ended bool
	for f, err := range fields(raw) {
		if err != nil {
			return err
		}
		switch f.number {
		case 1:
			id = string(f.bytes)
		case 3:
			name = lineOf(f.bytes)
		case 4:
			cached = f.value != 0
		case 5:
			begun = true
		case 6:
			ended = true
		case 7:
			failure = string(f.bytes)
		}
	}
	if name == "" || s.names[id] == "" && len(s.names) >= maxSteps {
		return nil
	}
	s.names[id] = name
	switch {
	case cached:
		s.once("cached "+id, "cached: "+name)
	case begun && s.once(id, name):
		s.last = id
	}
	if ended && s.text[id] != nil {
		s.text[id].end()
	}
	if failure != "" && s.failed == "" && !strings.Contains(failure, "context canceled") {
		s.failed = name
	}
	return nil
}

// part is a piece of a step's work that has a name of its own: a layer that comes, an image that is written.
func (s *buildSteps) part(raw []byte) error {
	var id, step, name string
	for f, err := range fields(raw) {
		if err != nil {
			return err
		}
		switch f.number {
		case 1:
			id = lineOf(f.bytes)
		case 2:
			step = string(f.bytes)
		case 3:
			name = lineOf(f.bytes)
		}
	}
	if name != "" && name != id {
		id += ": " + name
	}
	s.once(step+" "+id, id)
	return nil
}

// output is what a step wrote.
func (s *buildSteps) output(raw []byte) error {
	var step string
	var text []byte
	for f, err := range fields(raw) {
		if err != nil {
			return err
		}
		switch f.number {
		case 1:
			step = string(f.bytes)
		case 4:
			text = f.bytes
		}
	}
	lines := s.text[step]
	if lines == nil {
		if s.names[step] == "" {
			return nil // over the bound, or nobody's
		}
		lines = &cutter{out: func(line string) { s.say(step, line) }}
		s.text[step] = lines
	}
	lines.text(string(text))
	return nil
}

// warning is what BuildKit does not like about the Dockerfile.
func (s *buildSteps) warning(raw []byte) error {
	for f, err := range fields(raw) {
		if err != nil {
			return err
		}
		if f.number == 3 {
			s.once("warning "+string(f.bytes), "warning: "+lineOf(f.bytes))
		}
	}
	return nil
}

// say gives a line of a step's output, with the step's name before it when another one's came in between.
func (s *buildSteps) say(step, line string) {
	if s.last != step {
		s.last = step
		s.out(s.names[step])
	}
	s.out(line)
}

// once gives a line the first time.
func (s *buildSteps) once(key, line string) bool {
	if s.shown[key] || len(s.shown) >= 4*maxSteps {
		return false
	}
	s.shown[key] = true
	s.out(line)
	return true
}

// end gives what is left of lines without an end.
func (s *buildSteps) end() {
	for _, lines := range s.text {
		lines.end()
	}
}

// explain says in which step a build failed.
func (s *buildSteps) explain(err error) error {
	if err == nil || s.failed == "" || core.CodeOf(err) != core.CodeInvalid {
		return err
	}
	const begin = "Cannot " + buildAction + ": "
	message := begin + s.failed + ": " + strings.TrimPrefix(core.MessageOf(err), begin)
	if strings.HasPrefix(s.failed, "resolve image config for ") { // only a line "# syntax=" makes such a step
		message += ". The first line of the Dockerfile (# syntax=) wants a frontend from a registry; without that line the engine's own one reads it."
	}
	return &core.Error{Code: core.CodeInvalid, Message: message, Err: err}
}

// lineOf is a text of BuildKit as one line: the name of a step holds the whole script of a here-document.
func lineOf(raw []byte) string {
	text := strings.ToValidUTF8(strings.Join(strings.Fields(string(raw[:min(len(raw), outputLine)])), " "), "\uFFFD")
	return text
}
