package core

import (
	"slices"
	"sort"
	"strings"
	"time"
)

// board holds what is known of every service. It does no input or output and no locking: its owner does both.
type board struct {
	charter Charter
	home    place
	rows    map[string]*known
}

// place is where this control plane stands in the engine's networks.
type place struct {
	container string // our own container's id, as far as the process knows it; empty outside of a container
	inside    bool   // our own container is one of this engine's
	networks  map[string]bool
}

// claim is a container together with the service it says it is.
type claim struct {
	identity
	container Container
	others    []string // further containers with the same claim, newest first
	rivals    int      // of those, how many run
}

func newBoard(ch Charter, own string) *board {
	return &board{charter: ch, home: place{container: own}, rows: map[string]*known{}}
}

// census is one listing of the engine's containers, sorted by the services they say they are.
type census struct {
	list   []Container
	claims map[string]claim    // by service
	owners map[string]identity // by container
}

// takeCensus sorts containers by service. When several claim one name the newest that runs is the service, else the
// newest; what a deployment made beside the service's own never is while there is another.
func takeCensus(list []Container) census {
	c := census{list, map[string]claim{}, make(map[string]identity, len(list))}
	byName := map[string][]claim{}
	for _, container := range list {
		if container.Labels[labelHelper] != "" {
			continue // short-lived, ours, no service
		}
		id := recognise(container)
		c.owners[container.ID] = id
		byName[id.name] = append(byName[id.name], claim{identity: id, container: container})
	}
	for name, claims := range byName {
		sort.Slice(claims, func(i, j int) bool { return before(claims[i].container, claims[j].container) })
		first := claims[0]
		for _, other := range claims[1:] {
			first.others = append(first.others, other.container.Name+" "+other.container.Short())
			if _, mark := cutMark(other.container.Name); mark == "" && other.container.State == "running" {
				first.rivals++ // those of a deployment under way are none
			}
		}
		c.claims[name] = first
	}
	return c
}

// leaveOut takes out what is no service: a step of an image's build, and a container without a name of ours that went away
// before it could be looked at.
func (c census) leaveOut(rows map[string]*known, details map[string]ContainerDetail) {
	for name, claim := range c.claims {
		d, inspected := details[claim.container.ID]
		known := rows[name] != nil && rows[name].container.ID == claim.container.ID
		if isBuildStep(claim.identity, d) || !claim.declared && !inspected && !known {
			delete(c.claims, name)
			delete(c.owners, claim.container.ID)
		}
	}
}

// running counts the containers that run.
func (c census) running() int {
	n := 0
	for i := range c.list {
		if c.list[i].State == "running" {
			n++
		}
	}
	return n
}

// before orders the containers that claim one name: those of a deployment under way last, running ones first, then the newest.
func before(a, b Container) bool {
	_, markA := cutMark(a.Name)
	_, markB := cutMark(b.Name)
	switch {
	case (markA == "") != (markB == ""):
		return markA == ""
	case (a.State == "running") != (b.State == "running"):
		return a.State == "running"
	case !a.Created.Equal(b.Created):
		return a.Created.After(b.Created)
	default:
		return a.ID < b.ID
	}
}

// locate finds our own container among those of the engine, and the networks it is a member of.
func (b *board) locate(list []Container) {
	b.home.inside, b.home.networks = false, map[string]bool{}
	for _, c := range list {
		if b.home.container == "" || !strings.HasPrefix(c.ID, b.home.container) {
			continue
		}
		b.home.inside, b.home.container = true, c.ID
		for _, a := range c.Networks {
			b.home.networks[a.Network] = true
		}
	}
}

// suspects are the containers whose inspection is missing or older than what the list says, or that had an event.
func (b *board) suspects(c census, d doubt) []string {
	var ids []string
	for name, c := range c.claims {
		k := b.rows[name]
		if k == nil || d.all || k.container.ID != c.container.ID || k.facts != factsOf(c.container) || d.containers[c.container.ID] {
			ids = append(ids, c.container.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// factsOf are the facts of a listed container whose change calls for an inspection. The time in its status is none.
func factsOf(c Container) string {
	var b strings.Builder
	b.WriteString(c.State + "|" + c.Name + "|" + c.ImageID + "|")
	if i := strings.LastIndexByte(c.Status, '('); i >= 0 {
		b.WriteString(c.Status[i:]) // "(healthy)", and the exit code of one that ended
	}
	for _, a := range c.Networks {
		b.WriteString("|" + a.Network + "=" + a.Address)
	}
	return b.String()
}

// doubt is what may have changed since it was inspected.
type doubt struct {
	containers map[string]bool
	all        bool
}

// add joins two doubts.
func (d *doubt) add(other doubt) {
	d.all = d.all || other.all
	for id := range other.containers {
		d.note(id)
	}
}

// note doubts one container.
func (d *doubt) note(id string) {
	if d.containers == nil {
		d.containers = map[string]bool{}
	}
	d.containers[id] = true
}

// merge takes in a listing, with the details of the containers that were inspected. It reports the services whose
// state, health or container changed.
func (b *board) merge(now time.Time, c census, details map[string]ContainerDetail) []string {
	b.locate(c.list)
	c.leaveOut(b.rows, details)
	b.followRenames(c.claims)
	var changed []string
	for name, c := range c.claims {
		k := b.rows[name]
		if k == nil {
			k = &known{}
			b.rows[name] = k
		}
		d, inspected := details[c.container.ID]
		if k.take(now, c, d, inspected) {
			changed = append(changed, name)
		}
	}
	for name, k := range b.rows {
		if _, ok := c.claims[name]; !ok && b.forget(now, name, k, c.owners) {
			changed = append(changed, name)
		}
	}
	for _, k := range b.rows {
		k.locate(b.home)
		if k.judge(now) {
			changed = append(changed, k.name)
		}
	}
	slices.Sort(changed)
	return slices.Compact(changed)
}

// followRenames lets a row follow its container to a new name, so that a renamed container keeps its history and its
// one row. A service that has its name by convention stays where it is: it is missing then.
func (b *board) followRenames(claims map[string]claim) {
	byID := make(map[string]string, len(claims))
	for name, c := range claims {
		byID[c.container.ID] = name
	}
	for old, k := range b.rows {
		name, ok := byID[k.container.ID]
		if !ok || name == old || !k.missing.IsZero() {
			continue
		}
		_, claimed := claims[old]
		switch {
		case claimed, k.declared && b.rows[name] != nil:
		case b.rows[name] != nil:
			delete(b.rows, old)
		case k.declared && !claims[name].declared:
			k.renamed = claims[name].container.Name
		default:
			delete(b.rows, old)
			b.rows[name] = k
		}
	}
}

// take renews a row from what the engine says of its container. It reports a change that somebody waits for.
func (k *known) take(now time.Time, c claim, d ContainerDetail, inspected bool) bool {
	was, wasState, wasStart := k.container.ID, k.container.State, k.detail.StartedAt
	k.identity, k.container, k.others, k.rivals = c.identity, c.container, c.others, c.rivals
	k.missing, k.renamed = time.Time{}, ""
	if was != c.container.ID {
		k.inspected = false
	}
	if inspected {
		k.noteCrashes(k.detail, d, now)
		k.detail, k.inspected, k.facts = d, true, factsOf(c.container)
		if d.State != "" {
			k.container.State = d.State // inspected after it was listed
		}
		if len(d.Networks) > 0 {
			k.container.Networks = d.Networks
		}
	} else if !k.inspected {
		k.detail, k.facts = ContainerDetail{}, ""
	}
	reborn := was != c.container.ID || !wasStart.Equal(k.detail.StartedAt)
	if reborn || wasState != k.container.State {
		k.probe = probing{gen: k.probe.gen + 1, address: k.probe.address, running: k.probe.running, next: now}
	}
	return reborn || wasState != k.container.State
}

// forget marks a row without a container as missing, or drops it. It reports a change.
func (b *board) forget(now time.Time, name string, k *known, owners map[string]identity) bool {
	switch {
	case k.missing.IsZero() && !k.declared && !restartsItself(k.detail.RestartPolicy):
		delete(b.rows, name) // a container that somebody ran by hand and that was meant to end
		return true
	case k.missing.IsZero():
		k.missing, k.others, k.rivals = now, nil, 0
		k.container.State, k.container.Networks = "", nil
		return true
	case now.Sub(k.missing) > missingFor:
		delete(b.rows, name)
		return true
	}
	if _, ok := owners[k.container.ID]; !ok {
		k.renamed = ""
	}
	return false
}

// restartsItself is true for restart policies that say a container is meant to run on.
func restartsItself(policy string) bool {
	return policy == "always" || policy == "unless-stopped" || policy == "on-failure"
}

// mates are the names of the other services of the same instance.
func (b *board) mates(name string) []string {
	k := b.rows[name]
	if k == nil || k.instance == "" {
		return nil
	}
	var names []string
	for other, m := range b.rows {
		if other != name && m.instance == k.instance {
			names = append(names, other)
		}
	}
	return names
}

// hurry has services probed at once.
func (b *board) hurry(now time.Time, names ...string) {
	for _, name := range names {
		if k := b.rows[name]; k != nil {
			k.probe.next, k.probe.again = now, !k.probe.running.IsZero()
		}
	}
}

// heeded are the services that a listing has news of, with their mates: they are probed at once.
func (b *board) heeded(changed []string, d doubt) []string {
	names := slices.Clone(changed)
	for name, k := range b.rows {
		if d.containers[k.container.ID] {
			names = append(names, name)
		}
	}
	for _, name := range slices.Clone(names) {
		names = append(names, b.mates(name)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
