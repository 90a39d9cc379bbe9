package core

import (
	"cmp"
	"slices"
	"sort"
	"strings"
)

// Labels of Traefik, about a router or a container as a whole.
const (
	traefikEnable  = "traefik.enable"
	traefikNetwork = "traefik.docker.network"
	traefikRouters = "traefik.http.routers."
	dockerProvider = "@docker"
	fileProvider   = "@file"
)

// wantedRoute is one router that the labels of a service's container ask for, and the container as the engine last
// described it.
type wantedRoute struct {
	service   string
	router    string // without its provider
	main      bool   // the one that a switch file may hold as well
	rule      string
	domains   []string
	backend   string // Traefik's service as the label names it; empty: the container itself
	network   string // over which Traefik reaches it; empty: Traefik's own choice
	port      int    // in the container; 0 when no label names one
	path      string // of the health check; empty when there is none over HTTP
	enabled   bool
	runs      bool
	missing   bool
	inspected bool     // names and networks are of this container
	container string   // its name
	names     []string // by which the container is found in that network
	networks  []string
	rivals    bool   // further containers claim the service
	ill       string // what the image's own health check says, when Traefik leaves the container out for it
}

// switched is true when the server behind the router comes from our file.
func (w wantedRoute) switched() bool { return w.backend == w.service+fileProvider }

// wanted lists what labels ask for, in order of service and router. An empty name means all services.
func (s *services) wanted(name string) []wantedRoute {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []wantedRoute
	for _, k := range s.board.rows {
		if name == "" || k.name == name {
			list = append(list, k.wanted()...)
		}
	}
	sort.Slice(list, func(i, j int) bool {
		if list[i].service != list[j].service {
			return list[i].service < list[j].service
		}
		return list[i].router < list[j].router
	})
	return list
}

// wanted are the routers of one service's labels.
func (k *known) wanted() []wantedRoute {
	var list []wantedRoute
	labels := k.container.Labels
	for key, rule := range labels {
		rest, ours := strings.CutPrefix(key, traefikRouters)
		router, named := strings.CutSuffix(rest, ".rule")
		if !ours || !named || router == "" {
			continue
		}
		w := wantedRoute{
			service: k.name, router: router, rule: rule, domains: RuleHosts(rule), backend: labels[traefikRouters+router+".service"],
			network: labels[traefikNetwork], enabled: strings.EqualFold(labels[traefikEnable], "true"), runs: k.runs(),
			missing: !k.missing.IsZero(), inspected: k.inspected, container: k.container.Name, rivals: len(k.others) > 0,
		}
		if k.rule.how == ProbeHTTP {
			w.path = k.rule.path
		}
		w.main = router == ownRouter(k.name, labels)
		w.port = cmp.Or(parsePort(labels["traefik.http.services."+k.name+".loadbalancer.server.port"]), routedPort(labels), exposedPort(k.container.Ports))
		if h := k.detail.ImageHealth; h != nil && h.Status != "healthy" && h.Status != "none" {
			w.ill = h.Status
		}
		w.locate(k)
		list = append(list, w)
	}
	return list
}

// locate notes the networks of the container and its names in the one that Traefik uses.
func (w *wantedRoute) locate(k *known) {
	w.names = []string{k.container.Name}
	for _, a := range k.detail.Networks {
		w.networks = append(w.networks, a.Network)
		if w.network == "" || a.Network == w.network {
			w.names = append(w.names, a.Aliases...)
		}
	}
}

// answersTo is true when the container is found under a name.
func (w wantedRoute) answersTo(alias string) bool { return slices.Contains(w.names, alias) }

// target is where the switch should lead: to the alias that a deployment gave to this container alone, else to the
// container's own name. Without a port there is none.
func (w wantedRoute) target() (SwitchTarget, bool) {
	t := SwitchTarget{Service: w.service, Alias: w.container, Port: w.port}
	for _, name := range w.names {
		if hex, ok := strings.CutPrefix(name, w.service+"-"); ok && len(hex) == 8 && isHex(hex) {
			t.Alias = name
		}
	}
	return t, t.Validate() == nil
}
