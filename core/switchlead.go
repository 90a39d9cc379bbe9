package core

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// awaitRoute waits until Traefik leads a service's router to the target. The error is CodeUnavailable when Traefik does not
// answer, and CodeConflict when it shows something else.
func (c *Core) awaitRoute(ctx context.Context, want SwitchTarget, within time.Duration) (string, error) {
	said, code, err := c.awaitTraefik(ctx, within, func(routes []Route) (string, bool) { return routeShows(routes, want) })
	if err != nil || code == "" {
		return said, err
	}
	return "", Errorf(code, "Traefik does not lead %s to %s within %s. What it says: %s", want.Service, want.Alias, within, said)
}

// awaitTraefik asks for Traefik's routes until they are as wanted, and gives what was seen last. When they do not become so the code
// is CodeUnavailable if Traefik does not answer, else CodeConflict. The error is that of ctx.
func (c *Core) awaitTraefik(ctx context.Context, within time.Duration, look func([]Route) (string, bool)) (said string, code Code, err error) {
	limited, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	said, code = "it was not asked", CodeUnavailable
	for {
		routes, err := c.proxy.Routes(limited)
		if err == nil {
			var ok bool
			if said, ok = look(routes); ok {
				return said, "", nil
			}
			code = CodeConflict
		} else if limited.Err() == nil {
			said, code = MessageOf(err), CodeUnavailable
		}
		if !rest(limited, routeEvery, nil) {
			break
		}
	}
	return said, code, ctx.Err()
}

// routeShows looks for the one server of a service among Traefik's routes. A target with a router of its own is led to by that one,
// another by that of the labels.
func routeShows(routes []Route, want SwitchTarget) (seen string, ok bool) {
	server := want.URL()
	seen = "there is no router for it."
	for _, route := range routes {
		own := route.Name == fileRouter(want.Service)
		if route.Backend() != want.Service+fileProvider || own == want.Router.IsZero() {
			continue
		}
		switch {
		case own && route.Rule != want.Router.Rule:
			seen = fmt.Sprintf("%s has the rule %s.", route.Name, shortText(route.Rule))
		case own && !isEnabled(route):
			seen = fmt.Sprintf("%s is %s: %s", route.Name, shortText(route.Status), shortText(strings.Join(route.Errors, "; ")))
		case len(route.Servers) == 1 && route.Servers[0] == server+" UP":
			return route.Name + " leads to " + server, true
		case len(route.Servers) == 0:
			seen = fmt.Sprintf("%s leads to no server.", route.Name)
		default:
			seen = fmt.Sprintf("%s leads to %s.", route.Name, strings.Join(route.Servers, ", "))
		}
	}
	return seen, false
}

// isEnabled is true for a router that Traefik uses without a complaint.
func isEnabled(r Route) bool { return r.Status == "" || r.Status == "enabled" }

// leadTo sees that the route leads to a container, and gives Traefik a moment to follow. A Traefik that is away finds the file
// when it is back. The others are those that are about to go.
func (c *Core) leadTo(ctx context.Context, service string, d ContainerDetail, others []ContainerDetail) error {
	if c.ship.Switch == nil {
		return nil
	}
	want, ok := targetOf(service, d, others)
	if !ok {
		return nil
	}
	now, err := c.ship.Switch.Target(ctx, service)
	if err == nil && want.Router.IsZero() {
		now.Router = SwitchRouter{} // one that is no longer needed ends with endBridge
	}
	if err == nil && now == want {
		return nil
	}
	if err := c.ship.Switch.Point(ctx, want); err != nil {
		return err
	}
	if _, err := c.awaitRoute(ctx, want, settleRoute); err != nil {
		c.log.Warn("Traefik does not show the route yet", "service", service, "alias", want.Alias, "err", err)
	}
	return nil
}

// endBridge takes the router out of a service's switch file when Traefik has that of the container's labels again. When it has not
// within the time, the code says why (awaitTraefik), and the router stays until keepSwitches takes it out: both lead to the same container.
func (c *Core) endBridge(ctx context.Context, service string, labels map[string]string, within time.Duration) (said string, code Code, err error) {
	if c.ship.Switch == nil {
		return "", "", nil
	}
	now, err := c.ship.Switch.Target(ctx, service)
	if err != nil || now.Router.IsZero() {
		return "", "", ignoreUnread(err)
	}
	said, code, err = c.awaitTraefik(ctx, within, func(routes []Route) (string, bool) { return labelsServe(routes, service, labels) })
	if err != nil || code != "" {
		c.log.Warn("the router in a switch file stays for now", "service", service, "why", said)
		return said, code, err
	}
	return said, "", c.dropRouter(ctx, now, routed(labels, service))
}

// ignoreUnread drops the error of a file that is missing or damaged: it holds no router.
func ignoreUnread(err error) error {
	if code := CodeOf(err); code == CodeNotFound || code == CodeInvalid {
		return nil
	}
	return err
}

// dropRouter leaves the server alone in a switch file, or no file where the labels lead past it.
func (c *Core) dropRouter(ctx context.Context, t SwitchTarget, switched bool) error {
	if !switched {
		return c.ship.Switch.Remove(ctx, t.Service)
	}
	t.Router = SwitchRouter{}
	return c.ship.Switch.Point(ctx, t)
}

// labelsServe is true when Traefik has the router of a container's labels, and one server behind it.
func labelsServe(routes []Route, service string, labels map[string]string) (seen string, ok bool) {
	name := ownRouter(service, labels)
	return routerServes(routes, name, labels[traefikRouters+name+".rule"])
}

// routerServes is true when Traefik has a router of labels with this rule, enabled, and one server behind it.
func routerServes(routes []Route, name, rule string) (seen string, ok bool) {
	for _, route := range routes {
		if route.Name != name+dockerProvider {
			continue
		}
		ok := isEnabled(route) && route.Rule == rule && len(route.Servers) == 1 && strings.HasSuffix(route.Servers[0], " UP")
		return fmt.Sprintf("%s (%s) leads to %s", route.Name, shortText(route.Rule), shortText(strings.Join(route.Servers, ", "))), ok
	}
	return "it has no router " + shortText(name+dockerProvider), false
}
