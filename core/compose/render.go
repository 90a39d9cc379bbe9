package compose

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/codematrx/matrx-ship/core"
)

const renderedAbout = `Derived state: the control plane renders this file from the definition in its store. Edits are lost.
By hand, when no control plane is there: docker compose up -d
Its networks and volumes have to exist; the values in .env are those of the store.`

// Render writes a definition with every value resolved. What Parse makes of it is the same definition. Labels are complete,
// so that Traefik routes and a control plane recognises what docker compose starts.
func (Format) Render(d core.Definition) ([]byte, error) {
	return write(d, labelsOf(d), renderedAbout)
}

// Write writes a definition as a compose file that a person edits: with its own labels alone.
func (Format) Write(d core.Definition) ([]byte, error) { return write(d, d.Labels, "") }

func write(d core.Definition, labels map[string]string, about string) ([]byte, error) {
	project := d.Project
	if project == "" {
		project = d.Service
	}
	top := mapping{}
	top.text("name", project)
	services := mapping{}
	services.add(d.Service, service(d, labels).node())
	top.add("services", services.node())
	top.add("networks", networksOf(d))
	if volumes := volumesOf(d); len(volumes.Content) > 0 {
		top.add("volumes", volumes)
	}
	node := top.node()
	node.HeadComment = about
	var b bytes.Buffer
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	if err := encoder.Encode(node); err != nil {
		return nil, fmt.Errorf("render the definition of %s: %w", d.Service, err)
	}
	if err := encoder.Close(); err != nil {
		return nil, fmt.Errorf("render the definition of %s: %w", d.Service, err)
	}
	return b.Bytes(), nil
}

// service is the part of the file that compose reads, and the block x-matrx.
func service(d core.Definition, labels map[string]string) *mapping {
	m := &mapping{}
	image := d.Image
	if image == "" {
		image = core.CurrentImage(d.Service)
	}
	m.text("image", image)
	m.text("container_name", d.Container)
	m.list("entrypoint", d.Entrypoint)
	m.list("command", d.Command)
	m.values("environment", d.Env)
	m.add("env_file", scalar(".env"))
	m.text("user", d.User)
	m.list("group_add", d.Groups)
	m.text("working_dir", d.WorkDir)
	m.values("labels", labels)
	m.add("networks", joined(d))
	m.add("ports", portsOf(d))
	m.add("volumes", mountsOf(d))
	m.list("tmpfs", tmpfsOf(d))
	m.text("restart", d.Restart)
	m.text("stop_signal", d.StopSignal)
	m.text("stop_grace_period", d.StopGrace.String())
	m.number("mem_limit", d.Memory)
	m.number("shm_size", d.ShmSize)
	if d.CPUs > 0 {
		m.add("cpus", literal(strconv.FormatFloat(d.CPUs, 'f', -1, 64)))
	}
	m.number("pids_limit", d.Pids)
	m.flag("read_only", d.ReadOnly)
	m.flag("init", d.Init)
	if d.NoNewPrivileges {
		m.list("security_opt", []string{"no-new-privileges:true"})
	}
	m.list("cap_add", d.CapAdd)
	m.list("cap_drop", d.CapDrop)
	m.add("x-matrx", matrxOf(d))
	return m
}

// labelsOf are all labels but compose's own, which it sets itself. The alias of a deployment is not of the definition that
// they name.
func labelsOf(d core.Definition) map[string]string {
	d.Networks = slices.Clone(d.Networks)
	for i, use := range d.Networks {
		own := slices.DeleteFunc(slices.Clone(use.Aliases), func(alias string) bool { return isDeploymentAlias(d.Service, alias) })
		d.Networks[i].Aliases = filled(own)
	}
	labels := core.ContainerLabels(d, core.Stamp{})
	maps.DeleteFunc(labels, func(name, _ string) bool { return strings.HasPrefix(name, "com.docker.compose.") })
	return labels
}

// matrxOf is the block x-matrx.
func matrxOf(d core.Definition) *yaml.Node {
	m := mapping{}
	m.text("kind", string(d.Kind))
	m.add("layer", literal(strconv.Itoa(d.Layer)))
	m.text("instance", d.Instance)
	m.text("project", d.Project)
	if src := d.Source; src != nil {
		m.add("source", sourceOf(*src))
	}
	m.add("health", healthOf(d.Health))
	if d.Route != nil {
		m.add("route", routeOf(*d.Route))
	}
	m.flag("stop-first", d.StopFirst)
	m.number("order", int64(d.Order))
	m.add("drain", scalar(d.Drain.String()))
	m.list("test", d.Test)
	m.number("keep", int64(d.Keep))
	return m.node()
}

func sourceOf(src core.Source) *yaml.Node {
	m := mapping{}
	m.text("repo", src.Repo)
	m.text("ref", src.Ref)
	m.text("context", src.Context)
	m.text("dockerfile", src.Dockerfile)
	m.values("args", src.Args)
	m.flag("submodules", src.Submodules)
	m.text("definition", src.Definition)
	m.values("vars", src.Vars)
	return m.node()
}

func healthOf(h core.HealthRule) *yaml.Node {
	m := mapping{}
	switch h.How {
	case core.ProbeHTTP:
		m.text("http", h.Path)
		m.number("port", int64(h.Port))
	case core.ProbeSkip:
		m.text("skip", h.Reason)
	default:
		m.number(h.How, int64(h.Port))
	}
	m.add("within", scalar(h.Within.String()))
	return m.node()
}

func routeOf(r core.RouteRule) *yaml.Node {
	m := mapping{}
	domains := make([]string, len(r.Domains))
	for i, domain := range r.Domains {
		domains[i] = string(domain)
	}
	m.list("domains", domains)
	m.number("port", int64(r.Port))
	m.text("network", r.Network)
	m.text("entrypoints", r.Entrypoints)
	m.add("resolver", scalar(r.Resolver))
	m.list("middlewares", r.Middlewares)
	return m.node()
}

// joined are the networks of the service under keys of their own.
func joined(d core.Definition) *yaml.Node {
	m := mapping{}
	for _, use := range d.Networks {
		own := mapping{}
		own.list("aliases", use.Aliases)
		m.add(use.Name, own.node())
	}
	return m.node()
}

// networksOf are the networks as they have to exist already: the control plane makes them for all who join.
func networksOf(d core.Definition) *yaml.Node {
	m := mapping{}
	for _, use := range d.Networks {
		net := mapping{}
		net.text("name", use.Name)
		net.flag("external", true)
		net.flag("x-internal", use.Internal)
		m.add(use.Name, net.node())
	}
	return m.node()
}

func volumesOf(d core.Definition) *yaml.Node {
	m := mapping{}
	for _, mount := range d.Mounts {
		if mount.Type == "volume" {
			volume := mapping{}
			volume.text("name", mount.Name)
			volume.flag("external", true)
			m.add(mount.Name, volume.node())
		}
	}
	return m.node()
}

func portsOf(d core.Definition) *yaml.Node {
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for _, p := range d.Ports {
		m := mapping{}
		m.number("target", int64(p.Container))
		m.add("published", quoted(strconv.Itoa(p.Host)))
		m.text("host_ip", p.Address)
		m.text("protocol", p.Protocol)
		list.Content = append(list.Content, m.node())
	}
	return list
}

func mountsOf(d core.Definition) *yaml.Node {
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for _, mount := range d.Mounts {
		m := mapping{}
		m.text("type", mount.Type)
		if mount.Type == "volume" {
			m.text("source", mount.Name)
		} else {
			m.text("source", mount.Source)
		}
		m.text("target", mount.Target)
		m.flag("read_only", mount.ReadOnly)
		list.Content = append(list.Content, m.node())
	}
	return list
}

func tmpfsOf(d core.Definition) []string {
	var list []string
	for _, target := range slices.Sorted(maps.Keys(d.Tmpfs)) {
		if options := d.Tmpfs[target]; options != "" {
			target += ":" + options
		}
		list = append(list, target)
	}
	return list
}

// mapping builds a mapping in order. What is empty is left out.
type mapping struct {
	content []*yaml.Node
	keys    []string
}

func (m *mapping) node() *yaml.Node { return &yaml.Node{Kind: yaml.MappingNode, Content: m.content} }

// add appends a key once. An empty list is left out; an empty mapping says that there is nothing but the key.
func (m *mapping) add(key string, value *yaml.Node) {
	if slices.Contains(m.keys, key) || value.Kind == yaml.SequenceNode && len(value.Content) == 0 {
		return
	}
	m.keys = append(m.keys, key)
	m.content = append(m.content, scalarKey(key), value)
}

func (m *mapping) text(key, value string) {
	if value != "" {
		m.add(key, scalar(value))
	}
}

func (m *mapping) number(key string, value int64) {
	if value != 0 {
		m.add(key, literal(strconv.FormatInt(value, 10)))
	}
}

func (m *mapping) flag(key string, value bool) {
	if value {
		m.add(key, literal("true"))
	}
}

func (m *mapping) list(key string, values []string) {
	if len(values) == 0 {
		return
	}
	node := &yaml.Node{Kind: yaml.SequenceNode}
	for _, value := range values {
		node.Content = append(node.Content, scalar(value))
	}
	m.add(key, node)
}

func (m *mapping) values(key string, values map[string]string) {
	if len(values) == 0 {
		return
	}
	own := mapping{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		own.add(name, quoted(values[name]))
	}
	m.add(key, own.node())
}

// scalar is a text, with its dollar signs written so that they begin no variable.
func scalar(text string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(strings.ReplaceAll(text, "$", "$$"))
	return n
}

// quoted is a text that must not be read as anything else.
func quoted(text string) *yaml.Node {
	n := scalar(text)
	n.Style = yaml.DoubleQuotedStyle
	return n
}

// scalarKey is a key as it is: compose fills no variables into keys.
func scalarKey(text string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(text)
	return n
}

// literal is a number or a truth value.
func literal(text string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: text} }
