package core

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// The tables of what is built and deployed.
const (
	buildsTable      = "builds"
	releasesTable    = "releases"
	deploymentsTable = "deployments"
	joinedTable      = "joined" // networks that a control plane joined by itself
)

// sharedTables are the tables that both control planes of a server see. Each plane writes its own rows in its own journal and
// publishes them in a file; the other one reads that. Of rows with one key the newer wins: the plane that is not the owner
// writes an override while the owner is down (DESIGN, section 5).
var sharedTables = []string{definitionsTable, envTable, buildsTable, releasesTable, deploymentsTable, alertsTable, joinedTable}

// rowsOf gives the rows of a table that this plane may see, in order of key.
func rowsOf[T any](c *Core, table string) []T {
	theirs := c.shared.rows(table)
	if len(theirs) == 0 {
		return all[T](c.state, table)
	}
	bodies := c.state.bodies(table)
	for key, row := range theirs {
		if own, ok := bodies[key]; !ok || row.at.After(rowTime(own)) {
			bodies[key] = row.body
		}
	}
	rows := make([]T, 0, len(bodies))
	for _, key := range slices.Sorted(maps.Keys(bodies)) {
		var v T
		if json.Unmarshal(bodies[key], &v) == nil {
			rows = append(rows, v)
		}
	}
	return rows
}

// rowOf gives one row of a table that this plane may see.
func rowOf[T any](c *Core, table, key string) (T, bool) {
	own, ok := c.state.body(table, key)
	if theirs, shared := c.shared.rows(table)[key]; shared && (!ok || theirs.at.After(rowTime(own))) {
		own, ok = theirs.body, true
	}
	var v T
	if !ok || json.Unmarshal(own, &v) != nil {
		return *new(T), false
	}
	return v, true
}

// rowHead is what rows of shared tables have in common: a time of their last change, and whose they are.
type rowHead struct {
	Service string    `json:"service"`
	At      time.Time `json:"at"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended"`
}

// rowTime is when a row last changed, as far as it says.
func rowTime(body json.RawMessage) time.Time {
	var head rowHead
	if json.Unmarshal(body, &head) != nil {
		return time.Time{}
	}
	return head.time()
}

func (h rowHead) time() time.Time {
	latest := h.At
	for _, t := range []time.Time{h.Started, h.Ended} {
		if t.After(latest) {
			latest = t
		}
	}
	return latest
}

// maxSharedRows bounds the rows of a service in a table of history that are shared, the newest first.
const maxSharedRows = 50

// maxSharedEnvs bounds the versions of a service's env that are shared besides those that a release needs.
const maxSharedEnvs = 100

// maxSharedLogs bounds the deployments of a service that are shared with their logs, the newest first.
const maxSharedLogs = 5

// publishedRows are the rows of a table as they are shared.
func publishedRows(c *Core, table string) map[string]json.RawMessage {
	bodies := c.state.bodies(table)
	most := maxSharedRows
	var needed map[string]bool
	switch table {
	case definitionsTable, joinedTable:
		return bodies
	case envTable:
		most, needed = maxSharedEnvs, envsOfReleases(c)
	}
	byService := map[string][]string{}
	heads := make(map[string]rowHead, len(bodies))
	for key, body := range bodies {
		var head rowHead
		if json.Unmarshal(body, &head) != nil {
			delete(bodies, key)
			continue
		}
		heads[key] = head
		byService[head.Service] = append(byService[head.Service], key)
	}
	for _, keys := range byService {
		slices.SortFunc(keys, func(a, b string) int {
			return cmp.Or(heads[b].time().Compare(heads[a].time()), cmp.Compare(b, a))
		})
		for _, key := range keys[min(most, len(keys)):] {
			if !needed[key] {
				delete(bodies, key)
			}
		}
		if table == deploymentsTable {
			for _, key := range keys[min(maxSharedLogs, len(keys)):min(most, len(keys))] {
				bodies[key] = withoutLogs(bodies[key])
			}
		}
	}
	return bodies
}

// envsOfReleases are the keys of the versions of env that a release returns to, also one of the other plane.
func envsOfReleases(c *Core) map[string]bool {
	needed := map[string]bool{}
	for _, r := range rowsOf[Release](c, releasesTable) {
		needed[envKey(r.Service, r.EnvVersion)] = true
	}
	return needed
}

// withoutLogs is a deployment without what its candidate and its probes said: that is most of it, and the plane that made it
// has it.
func withoutLogs(body json.RawMessage) json.RawMessage {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil || fields["last_log"] == nil && fields["health"] == nil {
		return body
	}
	delete(fields, "last_log")
	delete(fields, "health")
	short, err := json.Marshal(fields)
	if err != nil {
		return body
	}
	return short
}
