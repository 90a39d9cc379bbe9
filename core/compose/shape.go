package compose

import (
	"fmt"
	"slices"

	"go.yaml.in/yaml/v4"

	"github.com/codematrx/matrx-ship/core"
)

// shape says what may stand in a place of the file. More than one of text, list and keys may be allowed.
type shape struct {
	text  bool             // a scalar
	null  bool             // nothing
	list  *shape           // a list of these
	keys  map[string]shape // a mapping with these keys
	each  *shape           // a mapping with any keys and these values
	named string           // what the keys of each are: "service"
}

// The shapes that come more than once.
var (
	word      = shape{text: true}
	words     = shape{list: &word}
	oneOrMany = shape{text: true, list: &word}
	valuesOf  = shape{list: &word, each: &shape{text: true, null: true}}
)

// fileShape is the documented subset (handbook: Definitions).
var fileShape = shape{keys: map[string]shape{
	"name":     word,
	"version":  word,
	"services": {each: &serviceShape, named: "service"},
	"networks": {each: &shape{null: true, keys: map[string]shape{"name": word, "external": word, "internal": word, "x-internal": word}}},
	"volumes":  {each: &shape{null: true, keys: map[string]shape{"name": word, "external": word}}},
}}

var serviceShape = shape{keys: map[string]shape{
	"image": word, "container_name": word, "command": oneOrMany, "entrypoint": oneOrMany, "environment": valuesOf,
	"env_file": oneOrMany, "user": word, "group_add": words, "working_dir": word, "labels": valuesOf,
	"networks": {list: &word, each: &shape{null: true, keys: map[string]shape{"aliases": words}}},
	"ports": {list: &shape{text: true, keys: map[string]shape{
		"target": word, "published": word, "host_ip": word, "protocol": word, "mode": word}}},
	"volumes": {list: &shape{text: true, keys: map[string]shape{
		"type": word, "source": word, "target": word, "read_only": word}}},
	"tmpfs": oneOrMany, "restart": word, "stop_signal": word, "stop_grace_period": word, "mem_limit": word, "shm_size": word,
	"cpus": word, "pids_limit": word, "read_only": word, "init": word, "security_opt": words, "cap_add": words, "cap_drop": words,
	"x-matrx": matrxShape,
}}

var matrxShape = shape{keys: map[string]shape{
	"kind": word, "layer": word, "instance": word, "project": word, "order": word, "drain": word, "keep": word,
	"stop-first": word, "test": oneOrMany,
	"source": {keys: map[string]shape{
		"repo": word, "ref": word, "context": word, "dockerfile": word, "args": valuesOf, "submodules": word,
		"definition": word, "vars": valuesOf}},
	"health": {text: true, keys: map[string]shape{
		"http": word, "tcp": word, "postgres": {text: true, null: true}, "skip": word, "port": word, "within": word}},
	"route": {keys: map[string]shape{
		"domains": oneOrMany, "port": word, "network": word, "entrypoints": word, "resolver": {text: true, null: true},
		"middlewares": oneOrMany}},
}}

// advice says what to do instead of keys that compose has and the subset has not.
var advice = map[string]string{
	"build":        "say what the image is built from in x-matrx.source",
	"depends_on":   "say the order of starting in x-matrx.order",
	"healthcheck":  "say how it is probed in x-matrx.health: the control plane probes, the engine does not",
	"deploy":       "use mem_limit, cpus, pids_limit and restart",
	"extends":      "write the values out",
	"include":      "set each definition by itself",
	"env_file":     "set values with `env set`; only `.env` beside the file, which the control plane renders, may be named",
	"secrets":      "set secret values with `env set`",
	"configs":      "put the file into the image, or mount a folder",
	"privileged":   "give it the single capability that it needs with cap_add",
	"network_mode": "name its networks under networks; the host's is refused",
	"pid":          "the host's processes are refused",
	"ipc":          "the host's memory is refused; shm_size sets the size of its own",
	"devices":      "devices of the host are refused",
	"expose":       "containers reach each other on every port; leave it out",
	"links":        "use networks with aliases",
	"logging":      "the control plane collects logs from the engine's own driver; leave it out",
	"hostname":     "use networks with aliases",
	"profiles":     "set each definition by itself",
	"extra_hosts":  "use networks with aliases",
	"scale":        "one container runs for each service",
}

// check walks the file against its shape and notes every key that is not of it.
func (f *source) check(n *yaml.Node, s shape) { f.checkAt(n, s, "", "") }

func (f *source) checkAt(n *yaml.Node, s shape, path, scope string) {
	switch {
	case n.Kind == yaml.ScalarNode && (s.text || s.null) && n.ShortTag() == "!!null":
		if !s.null {
			f.fail(n, path, "is empty: give it a value, or leave it out")
		}
	case n.Kind == yaml.ScalarNode && s.text:
	case n.Kind == yaml.ScalarNode && s.null && n.Value == "":
	case n.Kind == yaml.SequenceNode && s.list != nil:
		for i, item := range n.Content {
			f.checkAt(item, *s.list, fmt.Sprintf("%s[%d]", path, i), scope)
		}
	case n.Kind == yaml.MappingNode && s.each != nil:
		for key, value := range pairs(n) {
			f.checkAt(value, *s.each, join(path, key.Value), scope)
		}
	case n.Kind == yaml.MappingNode && s.keys != nil:
		f.checkKeys(n, s, path)
	default:
		f.fail(n, path, "has to be "+s.String())
	}
}

// checkKeys checks a mapping whose keys are fixed.
func (f *source) checkKeys(n *yaml.Node, s shape, path string) {
	for key, value := range pairs(n) {
		next, ok := s.keys[key.Value]
		if !ok {
			f.fail(key, join(path, key.Value), unknownKey(key.Value, s))
			continue
		}
		f.checkAt(value, next, join(path, key.Value), path)
	}
}

// unknownKey says what to write instead of a key.
func unknownKey(key string, s shape) string {
	if text, ok := advice[key]; ok {
		return "is not supported: " + text + "."
	}
	names := make([]string, 0, len(s.keys))
	for name := range s.keys {
		names = append(names, name)
	}
	slices.Sort(names)
	if near := core.NearNames(key, names); len(near) > 0 {
		return fmt.Sprintf("is not a key that is supported here. Did you mean %s?", near[0])
	}
	return "is not a key that is supported here."
}

// String is the shape in words.
func (s shape) String() string {
	switch {
	case s.text && s.list != nil:
		return "a text or a list"
	case s.list != nil && (s.keys != nil || s.each != nil):
		return "a list or a mapping"
	case s.text && s.keys != nil:
		return "a text or a mapping"
	case s.list != nil:
		return "a list"
	case s.text:
		return "a text or a number"
	default:
		return "a mapping"
	}
}

// join adds a key to a path.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
