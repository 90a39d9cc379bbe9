package core

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// maxRouterText bounds a rule, or a list of names, of a router in a switch file, in bytes.
const maxRouterText = 8 << 10

// SwitchRouter is a router that a switch file holds itself while the labels of two containers of its service contradict each other:
// Traefik refuses both then. The zero value is none.
type SwitchRouter struct {
	Rule        string `json:"rule"`
	Entrypoints string `json:"entrypoints,omitempty"` // with commas between, as in a label; empty: Traefik's own choice
	Middlewares string `json:"middlewares,omitempty"` // in order, each with its provider
	TLS         bool   `json:"tls,omitempty"`
	Resolver    string `json:"resolver,omitempty"`
	TLSOptions  string `json:"tls_options,omitempty"`
	Priority    int64  `json:"priority"` // one more than that of the labels' router, so that it wins over that one alone
}

// IsZero is true for none.
func (r SwitchRouter) IsZero() bool { return r == SwitchRouter{} }

// validate refuses what Traefik would take for a template, and what is no text.
func (r SwitchRouter) validate(service string) error {
	if r.IsZero() {
		return nil
	}
	if strings.TrimSpace(r.Rule) == "" {
		return Errorf(CodeInvalid, "The router of %s has no rule.", service)
	}
	for _, text := range []string{r.Rule, r.Entrypoints, r.Middlewares, r.Resolver, r.TLSOptions} {
		if len(text) > maxRouterText || strings.Contains(text, "{{") || strings.ContainsFunc(text, isUnprintable) {
			return Errorf(CodeInvalid, "The router of %s cannot be written into a file: %s. It may hold printable text without {{, at most %d bytes.", service, shortText(text), maxRouterText)
		}
	}
	return nil
}

// isUnprintable is true for control characters and for what is no character.
func isUnprintable(c rune) bool { return c == unicode.ReplacementChar || !unicode.IsPrint(c) }

// fileRouter is the name of the router that a service's switch file may hold.
func fileRouter(service string) string { return service + fileProvider }

// labelRouter makes the router of a container's labels one for the file. It is false when the labels name no router, or one that
// cannot be put into a file as it is.
func labelRouter(service string, labels map[string]string) (SwitchRouter, bool) {
	name := ownRouter(service, labels)
	parts := routerLabels(name, labels)
	rule := parts["rule"]
	if name == "" || parts["rulesyntax"] != "" || !isPlainHTTP(labels) {
		return SwitchRouter{}, false
	}
	r := SwitchRouter{Rule: rule, Entrypoints: joined(parts["entrypoints"], ""), Middlewares: joined(parts["middlewares"], dockerProvider),
		Resolver: parts["tls.certresolver"], Priority: int64(len(rule)) + 1}
	if p, err := strconv.ParseInt(parts["priority"], 10, 32); err == nil && p > 0 {
		r.Priority = p + 1
	}
	for key, value := range parts {
		r.TLS = r.TLS || key == "tls" && strings.EqualFold(value, "true") || strings.HasPrefix(key, "tls.")
	}
	if r.TLSOptions = parts["tls.options"]; r.TLSOptions != "" && r.TLSOptions != "default" && !strings.Contains(r.TLSOptions, "@") {
		r.TLSOptions += dockerProvider
	}
	return r, r.validate(service) == nil
}

// isPlainHTTP is false when the labels have Traefik speak TLS or h2c to the container: a switch file speaks plain HTTP.
func isPlainHTTP(labels map[string]string) bool {
	for key, value := range labels {
		key = strings.ToLower(key)
		if strings.HasPrefix(key, "traefik.http.services.") && strings.HasSuffix(key, ".loadbalancer.server.scheme") && !strings.EqualFold(value, "http") {
			return false
		}
	}
	return true
}

// joined tidies a list of a label. What names no provider is given one.
func joined(list, provider string) string {
	var names []string
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		if name != "" && provider != "" && !strings.Contains(name, "@") {
			name += provider
		}
		if name != "" {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// routerLabels are the labels of one router without their beginning, in lower case.
func routerLabels(router string, labels map[string]string) map[string]string {
	prefix := strings.ToLower(traefikRouters + router + ".")
	parts := map[string]string{}
	for key, value := range labels {
		if part, ok := strings.CutPrefix(strings.ToLower(key), prefix); ok {
			parts[part] = value
		}
	}
	return parts
}

// contradicts is true when Traefik cannot have the routers of two containers of a service at once, or would have one that leads
// past the switch: their labels differ.
func contradicts(service string, a, b map[string]string) bool {
	routes := ownRouter(service, a) != "" && ownRouter(service, b) != ""
	return routes && (!maps.Equal(routerLabels(service, a), routerLabels(service, b)) || !routed(a, service) || !routed(b, service))
}

// lostMiddlewares are those that a route names and that only the labels of the old container define: they go with it.
func lostMiddlewares(route *RouteRule, old map[string]string) []string {
	var lost []string
	for _, name := range route.Middlewares {
		name = strings.TrimSuffix(name, dockerProvider)
		defined := func(key string) bool {
			return strings.HasPrefix(strings.ToLower(key), "traefik.http.middlewares."+strings.ToLower(name)+".")
		}
		if !strings.Contains(name, "@") && slices.ContainsFunc(slices.Collect(maps.Keys(old)), defined) {
			lost = append(lost, name)
		}
	}
	return lost
}

// reachedAs is the name under which Traefik finds a container. On the engine's first network there are no names.
func reachedAs(d ContainerDetail, service string) string {
	alias, address := aliasOf(d.Container, service), ""
	for _, a := range d.Networks {
		if a.Network != bridgeNetwork {
			return alias
		}
		address = a.Address
	}
	return cmp.Or(address, alias)
}

// bridgeNetwork is the engine's own network, in which containers have no names.
const bridgeNetwork = "bridge"

// targetOf is where the route has to lead for a container to serve. Beside others that run and whose labels contradict its own the
// file holds the router too. It is false when the container is not led to by a switch.
func targetOf(service string, d ContainerDetail, others []ContainerDetail) (SwitchTarget, bool) {
	t := SwitchTarget{Service: service, Alias: reachedAs(d, service), Port: cmp.Or(routedPort(d.Labels), exposedPort(d.Ports))}
	torn := slices.ContainsFunc(others, func(o ContainerDetail) bool { return isUp(o.State) && contradicts(service, d.Labels, o.Labels) })
	ok := routed(d.Labels, service)
	if torn {
		t.Router, ok = labelRouter(service, d.Labels)
	}
	return t, ok && t.Validate() == nil
}
