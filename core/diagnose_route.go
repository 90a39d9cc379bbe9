package core

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// routing checks Traefik, and then with what it says each route, certificate and name.
func (x *examiner) routing(ctx context.Context) {
	var routes []Route
	var err error
	x.checkNow(ctx, areaTraefik, "Traefik's API answers", func(ctx context.Context) Check {
		var version string
		if version, err = x.core.proxy.Version(ctx); err == nil {
			routes, err = x.core.proxy.Routes(ctx)
		}
		if err != nil {
			return failedCheck(MessageOf(err), "Is it up? restart traefik. Why not: logs traefik. Its API is expected at "+x.core.cfg.TraefikAPI+".")
		}
		return passedCheck(fmt.Sprintf("Traefik %s, %d routes", shortText(version), len(routes)))
	})
	for _, svc := range x.snap.Services {
		if svc.Route != "" && !svc.Missing {
			x.check(ctx, areaTraefik, "The route of "+svc.Name, func(context.Context) Check { return routeCheck(svc, routes, err) })
		}
	}
	for _, r := range routes {
		if len(r.Errors) > 0 {
			x.check(ctx, areaTraefik, "The route "+shortText(r.Name), func(context.Context) Check {
				return failedCheck(shortText(strings.Join(r.Errors, "; ")), "Correct its labels or its file, then look again.")
			})
		}
	}
	for _, host := range hostsOf(routes) {
		x.check(ctx, areaDNS, shortText(host), func(ctx context.Context) Check { return x.resolve(ctx, host) })
	}
	for _, at := range tlsHosts(routes) {
		x.check(ctx, areaCerts, shortText(at.host), func(ctx context.Context) Check { return x.certificate(ctx, at) })
	}
}

// checkNow is check for what others wait for.
func (x *examiner) checkNow(ctx context.Context, area, name string, do func(context.Context) Check) {
	done := make(chan struct{})
	x.check(ctx, area, name, func(ctx context.Context) Check {
		defer close(done)
		return do(ctx)
	})
	<-done
}

// routeCheck looks whether what a service's labels ask for is what Traefik has, with a server that is up behind it.
func routeCheck(svc Service, routes []Route, err error) Check {
	if err != nil {
		return unknownCheck("Traefik does not say", "See Traefik's own check.")
	}
	_, host, _ := strings.Cut(svc.Route, "://")
	i := slices.IndexFunc(routes, func(r Route) bool { return slices.Contains(r.Hosts, host) })
	if i < 0 {
		return failedCheck(svc.Route+" is not among Traefik's routes", "Traefik routes only containers that run, on the network that its labels name. Is "+svc.Name+" up? Why else: logs traefik")
	}
	r := routes[i]
	up := slices.ContainsFunc(r.Servers, func(s string) bool { return strings.HasSuffix(s, " UP") })
	switch {
	case r.Status != "enabled" && r.Status != "":
		return failedCheck(fmt.Sprintf("%s is %s: %s", svc.Route, r.Status, shortText(strings.Join(r.Errors, "; "))), "Correct its labels or its file.")
	case len(r.Servers) == 0:
		return failedCheck(svc.Route+" leads to no server", "Start what it leads to: start "+svc.Name)
	case !up:
		return failedCheck(svc.Route+" leads only to servers that are not up: "+shortText(strings.Join(r.Servers, ", ")), "Look at "+svc.Name+": logs "+svc.Name)
	default:
		return passedCheck(svc.Route + " leads to " + shortText(strings.Join(r.Servers, ", ")))
	}
}

// hostsOf are the host names of all routes, each once.
func hostsOf(routes []Route) []string {
	var hosts []string
	for _, r := range routes {
		hosts = append(hosts, r.Hosts...)
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// tlsHost is a name and where its certificate is shown.
type tlsHost struct{ host, address string }

// tlsHosts are the names that are served over TLS, each once.
func tlsHosts(routes []Route) []tlsHost {
	var list []tlsHost
	for _, r := range routes {
		for _, host := range r.Hosts {
			if r.TLS && len(r.Listens) > 0 && !slices.ContainsFunc(list, func(t tlsHost) bool { return t.host == host }) {
				list = append(list, tlsHost{host, r.Listens[0]})
			}
		}
	}
	return list
}

// localDomains are those that no public DNS knows, by agreement.
var localDomains = [...]string{".test", ".localhost", ".local", ".internal", ".example", ".invalid", ".home.arpa"}

// isLocal is true for names that only this machine or its network knows.
func isLocal(host string) bool {
	return slices.ContainsFunc(localDomains[:], func(suffix string) bool { return strings.HasSuffix("."+host, suffix) })
}

// resolve looks a routed name up.
func (x *examiner) resolve(ctx context.Context, host string) Check {
	if x.core.net == nil {
		return unknownCheck("names are not looked up here", "")
	}
	addresses, err := x.core.net.Resolve(ctx, host)
	switch {
	case err == nil:
		return passedCheck("resolves to " + shortText(strings.Join(addresses, ", ")))
	case isLocal(host):
		return passedCheck("is a local name that no public DNS knows; name it in /etc/hosts of the machine you browse from")
	default:
		return failedCheck(MessageOf(err), "Point its DNS record (A or AAAA) at this server.")
	}
}

// certificate looks at what a name's visitors are shown.
func (x *examiner) certificate(ctx context.Context, at tlsHost) Check {
	if x.core.net == nil {
		return unknownCheck("certificates are not looked at here", "")
	}
	cert, err := x.core.net.Certificate(ctx, at.address, at.host)
	if err != nil {
		return failedCheck(MessageOf(err), "Is Traefik up, and does its TLS entry point listen? logs traefik")
	}
	left := cert.NotAfter.Sub(x.core.now())
	found := fmt.Sprintf("%s by %s, until %s", cert.Subject, cert.Issuer, cert.NotAfter.UTC().Format(time.DateOnly))
	switch {
	case left <= 0:
		return failedCheck(found+": expired", "Traefik renews by itself when ACME can reach it: logs traefik")
	case left < certificateSoon:
		return warnedCheck(found+": "+FormatAge(left)+" left", "Traefik should have renewed it at 30 days: logs traefik")
	case cert.Trusted:
		return passedCheck(found)
	case isLocal(at.host):
		return passedCheck(found + ": local and self-signed, browsers ask once")
	default:
		return failedCheck(found+": "+cert.Problem, "Is the certificate resolver configured (MATRX_ACME_EMAIL), and does the name point here? logs traefik")
	}
}
