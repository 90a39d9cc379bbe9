package compose

import (
	"net/netip"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/loader"

	"github.com/codematrx/matrx-ship/core"
)

// projectName is what compose would put before the names of networks and volumes: the file's own name, else that of its
// folder. It is empty when the file has neither.
func (r *serviceReader) projectName() string {
	if name := r.value(child(r.root, "name")); name != "" {
		return loader.NormalizeProjectName(name)
	}
	if path.IsAbs(r.file) {
		return loader.NormalizeProjectName(path.Base(path.Dir(r.file)))
	}
	return ""
}

// engineName is the name by which the engine knows a network or volume that the file names key.
func (r *serviceReader) engineName(table, key, name string, external bool) string {
	switch {
	case name == "" && external:
		name = key
	case name == "":
		if project := r.projectName(); project != "" {
			name = project + "_" + key
		} else {
			r.fail(nearest(r.root, table, key), table+"."+key, "needs a name: the name by which the engine knows it")
			return key
		}
	}
	if !core.ValidName(name) {
		r.fail(nearest(r.root, table, key), table+"."+key, "has a name that the engine would not take")
	}
	return name
}

var deploymentAlias = regexp.MustCompile(`^-[0-9a-f]{8}$`)

// isDeploymentAlias is true for an alias that a deployment gave: it stands in a rendered file and is not of the definition.
func isDeploymentAlias(service, alias string) bool {
	rest, ok := strings.CutPrefix(alias, service)
	return ok && deploymentAlias.MatchString(rest)
}

// networks reads them in the order of the file: the first is the one a container is made in.
func (r *serviceReader) networks() {
	n := child(r.node, "networks")
	var keys []string
	if n != nil {
		for key := range pairs(n) {
			keys = append(keys, key.Value)
		}
		if keys == nil {
			for _, item := range n.Content {
				keys = append(keys, r.value(item))
			}
		}
	}
	for _, key := range keys {
		config, ok := r.project.Networks[key]
		if !ok && child(r.root, "networks", key) == nil {
			r.bad("names "+cut(key)+", which is not one of the networks of the file", "networks")
			continue
		}
		use := core.NetworkUse{Name: r.engineName("networks", key, config.Name, bool(config.External)), Internal: config.Internal}
		if v, ok := config.Extensions["x-internal"]; ok {
			use.Internal = v == true || v == "true"
		}
		if own := r.svc.Networks[key]; own != nil {
			use.Aliases = r.aliases(own.Aliases)
		}
		r.d.Networks = append(r.d.Networks, use)
	}
	if n == nil {
		r.defaultNetwork()
	}
}

// aliases are those of the definition itself.
func (r *serviceReader) aliases(names []string) []string {
	var own []string
	for _, name := range names {
		if !core.ValidName(name) {
			r.bad("holds an alias that is not a host name", "networks")
			continue
		}
		if isDeploymentAlias(r.name, name) {
			continue
		}
		own = append(own, name)
	}
	return own
}

// defaultNetwork is the one that a service joins when it names none: its route's, else compose's own.
func (r *serviceReader) defaultNetwork() {
	switch {
	case child(r.node, "x-matrx", "route") != nil:
		name := r.matrx("route", "network")
		if name == "" {
			name = defaultNetwork
		}
		r.d.Networks = []core.NetworkUse{{Name: name}}
	case r.projectName() != "":
		r.d.Networks = []core.NetworkUse{{Name: r.projectName() + "_default"}}
	default:
		r.bad("has to name its networks", "networks")
	}
}

// ports reads published ports. Each needs a port of the host.
func (r *serviceReader) ports() {
	for _, p := range r.svc.Ports {
		host, err := strconv.Atoi(p.Published)
		switch {
		case err != nil || host < 1 || host > 65535:
			r.bad("needs one port of the host and one of the container, like 8080:80", "ports")
			continue
		case p.Target < 1 || p.Target > 65535:
			r.bad("needs a port of the container between 1 and 65535", "ports")
			continue
		case p.Mode != "" && p.Mode != "ingress" && p.Mode != "host":
			r.bad("has a mode that is neither ingress nor host", "ports")
		}
		if p.Protocol == "" {
			p.Protocol = "tcp"
		}
		if p.Protocol != "tcp" && p.Protocol != "udp" {
			r.bad("has a protocol that is neither tcp nor udp", "ports")
		}
		if p.HostIP != "" {
			if _, err := netip.ParseAddr(p.HostIP); err != nil {
				r.bad("has a host address that is not an IP address", "ports")
			}
		}
		r.d.Ports = append(r.d.Ports, core.Port{Address: p.HostIP, Host: host, Container: int(p.Target), Protocol: p.Protocol})
	}
}
