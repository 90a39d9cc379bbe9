package core

import "time"

// RouteView is one service's route: what its labels say, what Traefik really has, and whether it works.
type RouteView struct {
	Service     string    `json:"service"`
	Domains     []string  `json:"domains"`
	Wanted      string    `json:"wanted"` // the rule its labels ask for
	Router      string    `json:"router"` // as Traefik has it; empty: none
	Rule        string    `json:"rule"`
	Entrypoints []string  `json:"entrypoints"`
	Middlewares []string  `json:"middlewares"`
	TLS         bool      `json:"tls"`
	Backend     string    `json:"backend"` // Traefik's service: "ship-demo@file"
	Servers     []string  `json:"servers"` // with their states
	Switch      string    `json:"switch"`  // what our file says: "http://ship-demo-1a2b:3000"
	Status      string    `json:"status"`  // of the router
	Errors      []string  `json:"errors"`
	Expires     time.Time `json:"expires"` // of the certificate; zero when not known
	Issuer      string    `json:"issuer"`
	Probe       string    `json:"probe"` // "200 in 12 ms", or why not
	OK          bool      `json:"ok"`
	Verdict     string    `json:"verdict"` // in words
	Do          string    `json:"do,omitempty"`
}

// RoutingView is the whole of the screen Routing.
type RoutingView struct {
	Traefik string      `json:"traefik"` // version; empty when it does not answer
	Problem string      `json:"problem,omitempty"`
	Routes  []RouteView `json:"routes"` // those that do not work first
	Others  []Route     `json:"others"` // routers that belong to no service of ours
}

// RoutesIn picks one service, or all.
type RoutesIn struct {
	Service string `json:"service,omitempty"`
}

// ListRoutes is the operation behind the screen Routing.
var ListRoutes = Op[RoutesIn, RoutingView]{"route.list", "Show what Traefik really routes, and probe it", Read, RoleViewer, false, false, listRoutes}
