package core

import (
	"slices"
	"sort"
	"strings"
	"time"
)

// The defaults of a definition that is derived from a container.
const (
	adoptedWithin = time.Minute
	adoptedDrain  = 5 * time.Second
)

// derive makes the definition of a container that no file defines. What the engine does not know comes from its labels. The
// text is what it is rendered as; problems say why it cannot be one.
func (c *Core) derive(id identity, container Container, made MadeContainer) (d Definition, text string, problems []string) {
	d = made.Definition
	d.Service, d.Container, d.Kind, d.Layer, d.Instance, d.Project = id.name, container.Name, id.kind, id.layer, id.instance, c.cfg.Project
	if LayerOf(d.Kind) == LayerApps {
		d.Layer = LayerApps
	}
	d.Drain = adoptedDrain
	d.Labels = nil
	for name, value := range made.Definition.Labels {
		if !IsOwnLabel(name) {
			if d.Labels == nil {
				d.Labels = map[string]string{}
			}
			d.Labels[name] = value
		}
	}
	d.Health = HealthRule{How: id.rule.how, Path: id.rule.path, Port: id.rule.port, Reason: strings.TrimPrefix(id.rule.reason, "its definition says skip: "), Within: adoptedWithin}
	d.StopFirst = len(d.Ports) > 0 || d.Kind == KindPostgres || d.Kind == KindShipDB
	var problem string
	if d.Route, problem = derivedRoute(id.name, container, d.Networks); problem != "" {
		problems = append(problems, problem)
	}
	return c.checkDerived(d, problems)
}

// checkDerived takes only what a file could have said as well.
func (c *Core) checkDerived(d Definition, problems []string) (Definition, string, []string) {
	if c.ship.Definitions == nil {
		return d, "", append(problems, "this control plane has no reader of compose files")
	}
	text, err := c.ship.Definitions.Render(d)
	if err != nil {
		return d, "", append(problems, MessageOf(err))
	}
	defs, err := c.ship.Definitions.Parse(d.Container, text, nil)
	if err != nil {
		return d, "", append(problems, MessageOf(err))
	}
	return defs[0], string(text), problems
}

// derivedRoute reads the router that a container's labels make. It says why it cannot be taken as it is.
func derivedRoute(service string, c Container, networks []NetworkUse) (*RouteRule, string) {
	if !strings.EqualFold(c.Labels[traefikEnable], "true") {
		return nil, ""
	}
	router := ownRouter(service, c.Labels)
	if router == "" {
		return nil, ""
	}
	prefix := traefikRouters + router
	rule := c.Labels[prefix+".rule"]
	r := &RouteRule{Port: routedPort(c.Labels), Network: routeNetwork(c.Labels, networks), Entrypoints: c.Labels[prefix+".entrypoints"],
		Resolver: c.Labels[prefix+".tls.certresolver"]}
	if r.Port == 0 {
		r.Port = exposedPort(c.Ports)
	}
	if r.Entrypoints == "" {
		r.Entrypoints = "websecure"
	}
	if text := c.Labels[prefix+".middlewares"]; text != "" {
		r.Middlewares = strings.Split(text, ",")
	}
	for _, host := range RuleHosts(rule) {
		domain, err := ParseDomain(host)
		if err != nil {
			return nil, "its route cannot be taken: " + MessageOf(err)
		}
		r.Domains = append(r.Domains, domain)
	}
	switch made := map[string]string{}; {
	case len(r.Domains) == 0:
		return nil, "its route cannot be taken: the rule " + shortText(rule) + " names no host"
	default:
		r.label(service, made)
		if want := made[traefikRouters+service+".rule"]; squeeze(rule) != squeeze(want) {
			return nil, "its route cannot be taken: the rule " + shortText(rule) + " is more than host names; write the definition with definition set"
		}
	}
	return r, ""
}

// squeeze writes the rules Host(`a`,`b`) and Host(`a`) || Host(`b`) alike, without blanks.
func squeeze(rule string) string {
	return strings.ReplaceAll(strings.ReplaceAll(rule, " ", ""), "`,`", "`)||Host(`")
}

// ownRouter is the router that is named like the service, else the first.
func ownRouter(service string, labels map[string]string) string {
	var routers []string
	for key := range labels {
		if router, ok := strings.CutSuffix(key, ".rule"); ok && strings.HasPrefix(router, traefikRouters) {
			routers = append(routers, strings.TrimPrefix(router, traefikRouters))
		}
	}
	sort.Strings(routers)
	switch {
	case slices.Contains(routers, service):
		return service
	case len(routers) > 0:
		return routers[0]
	}
	return ""
}

// routeNetwork is the network over which Traefik reaches a container: its label's, else the one named for it, else the first.
func routeNetwork(labels map[string]string, networks []NetworkUse) string {
	if name := labels[traefikNetwork]; name != "" {
		return name
	}
	for _, use := range networks {
		if strings.HasSuffix(use.Name, "proxy") {
			return use.Name
		}
	}
	if len(networks) > 0 {
		return networks[0].Name
	}
	return ""
}
