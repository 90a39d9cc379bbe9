package logs

import (
	"encoding/json"
	"strings"
)

const (
	maxFields     = 256
	maxFieldDepth = 8
	maxFieldValue = 4 << 10
)

// Field is one line of an expanded JSON object. A field that holds an object or a list has no Value; what it holds
// follows with a greater Depth.
type Field struct {
	Depth int
	Key   string // empty for the elements of a list
	Value string
	More  bool // the value was cut, or fields were left out here
}

// ExpandJSON takes a line that is one JSON object apart, in its own order, for a viewer to show field by field. It is
// false for any other line. What it returns is bounded: 256 fields, 8 levels, 4 KiB a value.
func ExpandJSON(text string) ([]Field, bool) {
	text = strings.TrimSpace(text)
	if len(text) < 2 || text[0] != '{' || text[len(text)-1] != '}' || !json.Valid([]byte(text)) {
		return nil, false
	}
	x := expander{dec: json.NewDecoder(strings.NewReader(text))}
	x.dec.UseNumber()
	if _, err := x.dec.Token(); err != nil {
		return nil, false
	}
	x.object(0)
	return x.fields, true
}

// expander walks a valid document. Errors cannot happen then, and end the walk if they do.
type expander struct {
	dec    *json.Decoder
	fields []Field
}

// add appends a field unless there are too many or it lies too deep; the last one then says that there is more.
func (x *expander) add(f Field) {
	if len(x.fields) < maxFields && f.Depth < maxFieldDepth {
		x.fields = append(x.fields, f)
		return
	}
	if n := len(x.fields); n > 0 {
		x.fields[n-1].More = true
	}
}

func (x *expander) object(depth int) {
	for x.dec.More() {
		key, err := x.dec.Token()
		if err != nil {
			return
		}
		name, _ := key.(string) // keys of an object are strings
		if !x.value(depth, name) {
			return
		}
	}
	x.skipEnd()
}

func (x *expander) list(depth int) {
	for x.dec.More() {
		if !x.value(depth, "") {
			return
		}
	}
	x.skipEnd()
}

// skipEnd passes over the closing bracket, which More has seen.
func (x *expander) skipEnd() { _, _ = x.dec.Token() }

func (x *expander) value(depth int, key string) bool {
	token, err := x.dec.Token()
	if err != nil {
		return false
	}
	f := Field{Depth: depth, Key: key}
	switch v := token.(type) {
	case json.Delim:
		x.add(f)
		if v == '{' {
			x.object(depth + 1)
		} else {
			x.list(depth + 1)
		}
		return true
	case string:
		f.Value = v
	case json.Number:
		f.Value = v.String()
	case bool:
		f.Value = "false"
		if v {
			f.Value = "true"
		}
	case nil:
		f.Value = "null"
	}
	if len(f.Value) > maxFieldValue {
		f.Value, f.More = strings.ToValidUTF8(f.Value[:maxFieldValue], ""), true
	}
	x.add(f)
	return true
}
