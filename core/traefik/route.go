package traefik

import (
	"encoding/json"
	"slices"
	"sort"

	"github.com/codematrx/matrx-ship/core"
)

// router is one HTTP router of the API.
type router struct {
	Name        string      `json:"name"`
	EntryPoints []string    `json:"entryPoints"`
	Middlewares []string    `json:"middlewares"`
	Service     string      `json:"service"`
	Rule        string      `json:"rule"`
	Priority    json.Number `json:"priority"` // Traefik's own routers have more than fits an int64
	TLS         *routerTLS  `json:"tls"`
	Status      string      `json:"status"`
	Errors      []string    `json:"error"`
	Provider    string      `json:"provider"`
}

// routerTLS is how a router speaks TLS.
type routerTLS struct {
	Options  string `json:"options"`
	Resolver string `json:"certResolver"`
}

// service is one HTTP service of the API.
type service struct {
	Name         string            `json:"name"`
	Errors       []string          `json:"error"`
	ServerStatus map[string]string `json:"serverStatus"`
	LoadBalancer *struct {
		Servers []struct {
			URL string `json:"url"`
		} `json:"servers"`
	} `json:"loadBalancer"`
}

// entryPoint is one entry point of the API.
type entryPoint struct {
	Name    string `json:"name"`
	Address string `json:"address"`
}

// internal is the provider of Traefik's own routers.
const internal = "internal"

// join makes routes of routers and what is behind them, in order of name.
func join(routers []router, services []service, listens map[string]string) []core.Route {
	byName := make(map[string]service, len(services))
	for _, s := range services {
		byName[s.Name] = s
	}
	routes := make([]core.Route, 0, len(routers))
	for _, r := range routers {
		if r.Provider == internal {
			continue
		}
		route := r.route()
		if s, ok := byName[route.Backend()]; ok {
			route.Servers, route.Errors = servers(s), append(slices.Clip(r.Errors), s.Errors...)
		}
		for _, point := range r.EntryPoints {
			if address, ok := listens[point]; ok {
				route.Listens = append(route.Listens, address)
			}
		}
		routes = append(routes, route)
	}
	sort.Slice(routes, func(i, j int) bool { return routes[i].Name < routes[j].Name })
	return routes
}

// route is what the router says by itself.
func (r router) route() core.Route {
	route := core.Route{
		Name: r.Name, Rule: r.Rule, Hosts: core.RuleHosts(r.Rule), Service: r.Service, TLS: r.TLS != nil, Status: r.Status, Errors: r.Errors,
		Provider: r.Provider, Entrypoints: r.EntryPoints, Middlewares: r.Middlewares,
	}
	if r.TLS != nil {
		route.Resolver, route.TLSOptions = r.TLS.Resolver, r.TLS.Options
	}
	if n, err := r.Priority.Int64(); err == nil {
		route.Priority = n
	}
	return route
}

// servers lists what is behind a service: "http://172.18.0.5:3000 UP". Traefik gives no status to a server before the
// first check of it, or without checks: then it is taken to be up, which is what Traefik does.
func servers(s service) []string {
	list := []string{}
	if s.LoadBalancer != nil {
		for _, server := range s.LoadBalancer.Servers {
			status := s.ServerStatus[server.URL]
			if status == "" {
				status = "UP"
			}
			list = append(list, server.URL+" "+status)
		}
	}
	return list
}
