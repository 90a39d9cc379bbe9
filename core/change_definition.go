package core

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// diffDefinitions names what differs between two definitions, field by field, in the order of the compose file. The
// values of variables are left out: nobody knows which of them somebody would rather not show.
func diffDefinitions(old, new Definition) []ChangeItem {
	d := &definitionDiff{need: NeedsDeploy}
	d.container(old, new)
	d.sets(old, new)
	d.limits(old, new)
	d.health(old.Health, new.Health)
	d.route(old.Route, new.Route)
	d.rules(old, new)
	d.source(old.Source, new.Source)
	return d.items
}

// definitionDiff collects differences.
type definitionDiff struct {
	need  string
	items []ChangeItem
}

// add notes one difference.
func (d *definitionDiff) add(format string, args ...any) {
	d.items = append(d.items, ChangeItem{ChangeDefinition, cutLine(SafeText(fmt.Sprintf(format, args...))), d.need})
}

// value compares one value; an empty one reads as none.
func (d *definitionDiff) value(name, old, new string) {
	if old != new {
		d.add("%s: %s to %s", name, orNone(old), orNone(new))
	}
}

// list compares what has members without an order: ports, networks, mounts.
func (d *definitionDiff) list(name string, old, new []string) {
	for _, v := range old {
		if !slices.Contains(new, v) {
			d.add("%s %s removed", name, v)
		}
	}
	for _, v := range new {
		if !slices.Contains(old, v) {
			d.add("%s %s added", name, v)
		}
	}
}

// names compares maps by their names and never shows a value.
func (d *definitionDiff) names(name string, old, new map[string]string) {
	for _, k := range slices.Sorted(maps.Keys(old)) {
		if v, ok := new[k]; !ok {
			d.add("%s %s removed", name, k)
		} else if v != old[k] {
			d.add("%s %s changed", name, k)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(new)) {
		if _, ok := old[k]; !ok {
			d.add("%s %s added", name, k)
		}
	}
}

// container compares what the container is.
func (d *definitionDiff) container(old, new Definition) {
	d.value("container name", old.Container, new.Container)
	d.value("project", old.Project, new.Project)
	d.value("kind", string(old.Kind), string(new.Kind))
	d.value("layer", strconv.Itoa(old.Layer), strconv.Itoa(new.Layer))
	d.value("instance", old.Instance, new.Instance)
	d.value("image", old.Image, new.Image)
	d.value("entrypoint", command(old.Entrypoint), command(new.Entrypoint))
	d.value("command", command(old.Command), command(new.Command))
	d.value("user", old.User, new.User)
	d.value("working folder", old.WorkDir, new.WorkDir)
	d.value("restart", old.Restart, new.Restart)
	d.value("stop signal", old.StopSignal, new.StopSignal)
	d.value("stop grace", old.StopGrace.String(), new.StopGrace.String())
}

// sets compares what there may be many of.
func (d *definitionDiff) sets(old, new Definition) {
	d.names("variable", old.Env, new.Env)
	d.names("label", old.Labels, new.Labels)
	d.names("temporary folder", old.Tmpfs, new.Tmpfs)
	d.list("group", old.Groups, new.Groups)
	d.list("network", texts(old.Networks, NetworkUse.text), texts(new.Networks, NetworkUse.text))
	d.list("port", texts(old.Ports, Port.text), texts(new.Ports, Port.text))
	d.list("mount", texts(old.Mounts, Mount.text), texts(new.Mounts, Mount.text))
	d.list("added capability", old.CapAdd, new.CapAdd)
	d.list("dropped capability", old.CapDrop, new.CapDrop)
}

// limits compares bounds and switches.
func (d *definitionDiff) limits(old, new Definition) {
	d.value("memory", size(old.Memory), size(new.Memory))
	d.value("shared memory", size(old.ShmSize), size(new.ShmSize))
	d.value("cpus", number(old.CPUs), number(new.CPUs))
	d.value("pids", number(float64(old.Pids)), number(float64(new.Pids)))
	d.value("read-only", yes(old.ReadOnly), yes(new.ReadOnly))
	d.value("init", yes(old.Init), yes(new.Init))
	d.value("no new privileges", yes(old.NoNewPrivileges), yes(new.NoNewPrivileges))
}

// health compares how a service shows that it serves.
func (d *definitionDiff) health(old, new HealthRule) {
	d.value("health check", old.label(), new.label())
	d.value("healthy within", span(old.Within), span(new.Within))
}

// route compares what Traefik shall do.
func (d *definitionDiff) route(old, new *RouteRule) {
	none := RouteRule{}
	switch {
	case old == nil && new == nil:
		return
	case old == nil:
		old = &none
	case new == nil:
		new = &none
	}
	d.list("domain", texts(old.Domains, domainText), texts(new.Domains, domainText))
	d.value("port behind the route", number(float64(old.Port)), number(float64(new.Port)))
	d.value("network of the route", old.Network, new.Network)
	d.value("entry points", old.Entrypoints, new.Entrypoints)
	d.value("certificate resolver", old.Resolver, new.Resolver)
	d.value("middlewares", strings.Join(old.Middlewares, ", "), strings.Join(new.Middlewares, ", "))
}

// rules compares how it is deployed, which changes nothing in the container.
func (d *definitionDiff) rules(old, new Definition) {
	d.need = NeedsNone
	defer func() { d.need = NeedsDeploy }()
	d.value("stop first", yes(old.StopFirst), yes(new.StopFirst))
	d.value("start order", number(float64(old.Order)), number(float64(new.Order)))
	d.value("drain", span(old.Drain), span(new.Drain))
	d.value("test of the image", command(old.Test), command(new.Test))
	d.value("images kept", number(float64(old.Keep)), number(float64(new.Keep)))
}

// source compares what is built; another source makes another image.
func (d *definitionDiff) source(old, new *Source) {
	none := Source{}
	switch {
	case old == nil && new == nil:
		return
	case old == nil:
		old = &none
	case new == nil:
		new = &none
	}
	d.need = NeedsBuild
	d.value("repository", old.Repo, new.Repo)
	d.value("ref", old.Ref, new.Ref)
	d.value("folder that is built", old.Context, new.Context)
	d.value("Dockerfile", old.Dockerfile, new.Dockerfile)
	d.names("build argument", old.Args, new.Args)
	d.value("submodules", yes(old.Submodules), yes(new.Submodules))
	d.need = NeedsDeploy
	d.value("definition in the repository", old.Definition, new.Definition)
	d.names("variable of the definition", old.Vars, new.Vars)
}

func texts[T any](list []T, text func(T) string) []string {
	all := make([]string, 0, len(list))
	for _, v := range list {
		all = append(all, text(v))
	}
	return all
}

// text is a network as it differs: another alias is another way to join it.
func (n NetworkUse) text() string {
	text := n.Name
	if n.Internal {
		text += " (internal)"
	}
	if len(n.Aliases) > 0 {
		text += " as " + strings.Join(n.Aliases, ", ")
	}
	return text
}

// text is a port in words: "127.0.0.1:8080 to 80/tcp", or "80/tcp" when it is not published.
func (p Port) text() string {
	text := strconv.Itoa(p.Container)
	if p.Protocol != "" && p.Protocol != "tcp" {
		text += "/" + p.Protocol
	}
	switch {
	case p.Host == 0:
		return text
	case p.Address == "":
		return fmt.Sprintf("%d to %s", p.Host, text)
	default:
		return fmt.Sprintf("%s:%d to %s", p.Address, p.Host, text)
	}
}

// text is a mount in words.
func (m Mount) text() string {
	from := m.Source
	if m.Type == "volume" && m.Name != "" {
		from = m.Name
	}
	text := from + " at " + m.Target
	if m.ReadOnly {
		text += " (read-only)"
	}
	return text
}

func domainText(d Domain) string { return string(d) }

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func command(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = w
		if w == "" || strings.ContainsAny(w, " \t\"'") {
			quoted[i] = strconv.Quote(w)
		}
	}
	return strings.Join(quoted, " ")
}

func size(n int64) string {
	if n == 0 {
		return ""
	}
	return strings.TrimSpace(FormatBytes(n))
}

func number(n float64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatFloat(n, 'g', -1, 64)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func span(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}
