package core

import (
	"encoding/json"
	"fmt"
	"iter"
)

// Rehearsal is what a journal adds up to for this program, without a control plane made of it.
type Rehearsal struct {
	Records  int
	Services int // with a definition
	Unread   int // rows of tables this program needs that it cannot read: it would go on without them
}

// String says it in words.
func (r Rehearsal) String() string {
	text := fmt.Sprintf("its %d records replay, with definitions of %d services", r.Records, r.Services)
	if r.Unread > 0 {
		text += fmt.Sprintf("; %d rows of another release cannot be read and would be left out", r.Unread)
	}
	return text
}

// Rehearse replays a journal as the start of a control plane does, and changes nothing. Its error is the one that would keep the
// control plane from starting with all of its state.
func Rehearse(entries iter.Seq2[Entry, error]) (Rehearsal, error) {
	var r Rehearsal
	s := newState()
	for e, err := range entries {
		if err == nil {
			err = s.apply(e)
		}
		if err != nil {
			return r, err
		}
		r.Records++
	}
	r.Services = len(s.tables[definitionsTable])
	r.Unread = unread[DefinitionVersion](s, definitionsTable) + unread[EnvVersion](s, envTable) + unread[Release](s, releasesTable) +
		unread[Deployment](s, deploymentsTable) + unread[Build](s, buildsTable) + unread[Job](s, jobsTable) + unread[Joined](s, joinedTable)
	return r, nil
}

// unread counts the rows of a table that cannot be read.
func unread[T any](s *state, table string) int {
	n := 0
	for _, body := range s.bodies(table) {
		var row T
		if json.Unmarshal(body, &row) != nil {
			n++
		}
	}
	return n
}

// testMounts are what the test of an image may see of the server: nothing, but for a control plane the folder of its data, so that
// it replays the journal that it would take over. The engine mounts them read-only.
func testMounts(d Definition, env map[string]string) []Mount {
	if !isPlane(d.Kind) {
		return nil
	}
	var data, root string
	for _, v := range Variables() {
		value := env[v.Name]
		if value == "" {
			value = v.Default
		}
		switch v.Name {
		case "MATRX_DATA_DIR":
			data = value
		case "MATRX_ROOT":
			root = value
		}
	}
	if data == "" {
		data = root
	}
	var list []Mount
	for _, m := range d.Mounts {
		if m.Type != "tmpfs" && isBelow(m.Target, data) {
			list = append(list, m)
		}
	}
	return list
}
