package core

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// routeVerdict is what is wrong with a route and what to do about it; ok is true when visitors are served all the same.
type routeVerdict struct {
	ok       bool
	what, do string
}

// view is a route as it is shown.
func (f *routeFacts) view(now time.Time) RouteView {
	w := f.want
	v := RouteView{
		Service: w.service, Domains: safeTexts(w.domains), Wanted: shortText(w.rule), Switch: f.switchWords(), Probe: f.probeWords(),
		Entrypoints: []string{}, Middlewares: []string{}, Servers: []string{}, Errors: []string{},
	}
	if r := f.route; r != nil {
		v.Router, v.Rule, v.TLS, v.Backend, v.Status = shortText(r.Name), shortText(r.Rule), r.TLS, shortText(r.Backend()), shortText(r.Status)
		v.Entrypoints, v.Middlewares, v.Servers, v.Errors = safeTexts(r.Entrypoints), safeTexts(r.Middlewares), safeTexts(r.Servers), safeTexts(r.Errors)
	}
	if f.cert != nil && f.certErr == nil {
		v.Expires, v.Issuer = f.cert.NotAfter, shortText(f.cert.Issuer)
	}
	verdict := f.judge(now)
	v.OK, v.Verdict, v.Do = verdict.ok, verdict.what, verdict.do
	return v
}

// safeTexts makes text from outside fit to show.
func safeTexts(list []string) []string {
	safe := make([]string, len(list))
	for i, s := range list {
		safe[i] = shortText(s)
	}
	return safe
}

// switchWords is what our file says.
func (f *routeFacts) switchWords() string {
	switch {
	case f.noSwitch, !f.want.switched() && CodeOf(f.switchErr) == CodeNotFound:
		return ""
	case f.switchErr != nil:
		return MessageOf(f.switchErr)
	default:
		return f.target.URL()
	}
}

// probeWords is what a visitor saw.
func (f *routeFacts) probeWords() string {
	switch {
	case !f.probed:
		return "not asked"
	case f.probeErr != nil:
		return MessageOf(f.probeErr)
	default:
		return fmt.Sprintf("%d in %s", f.status, f.took.Round(time.Millisecond))
	}
}

// judge says what is wrong, the cause before its effects. The first finding counts.
func (f *routeFacts) judge(now time.Time) routeVerdict {
	for _, look := range []func() *routeVerdict{f.judgeRouter, f.judgeSwitch, f.judgeServers, f.judgeProbe} {
		if v := look(); v != nil {
			return *v
		}
	}
	return f.judgeCertificate(now)
}

// broken makes a verdict on a route that does not work.
func broken(do, format string, args ...any) *routeVerdict {
	return &routeVerdict{what: fmt.Sprintf(format, args...), do: do}
}

// judgeRouter looks whether Traefik answers and has the router.
func (f *routeFacts) judgeRouter() *routeVerdict {
	w, r := f.want, f.route
	switch {
	case f.silent != "":
		return broken("Is it up? restart traefik. Why not: logs traefik", "Traefik does not answer: %s", f.silent)
	case r == nil && w.missing:
		return broken("Deploy it again: deploy "+w.service, "The router is missing: the service has no container.")
	case r == nil && !w.runs:
		return broken("start "+w.service, "The router is missing: the container does not run, and Traefik routes only those that do.")
	case r == nil && !w.enabled:
		return broken("Deploy it again: deploy "+w.service, "The router is missing: the container lacks the label %s=true.", traefikEnable)
	case r == nil && w.network != "" && !slices.Contains(w.networks, w.network):
		return broken("Deploy it again: deploy "+w.service, "The router is missing: the container is not in the network %s that its labels name.", shortText(w.network))
	case r == nil && w.ill != "":
		return broken("Why: logs "+w.service, "The router is missing: the image's own health check says %s, and Traefik leaves such containers out.", shortText(w.ill))
	case r == nil:
		return broken("Why: logs traefik", "The router %s is missing, though the container runs.", shortText(w.router))
	case len(w.domains) > 0 && len(f.rivals) > 0:
		return broken("Take the domain from one of them, in its definition, and deploy it.",
			"Two claim %s: this service and %s. Which one answers is chance.", shortText(strings.Join(w.domains, ", ")), strings.Join(f.rivals, ", "))
	case r.Status != "" && r.Status != "enabled":
		return broken("Correct its definition and deploy it: "+w.service, "Traefik has the router %s: %s", shortText(r.Status), shortText(strings.Join(r.Errors, "; ")))
	case r.Rule != w.rule:
		return broken("Look who else makes the router "+shortText(w.router)+": logs traefik", "Traefik's rule is %s, but the labels say %s.", shortText(r.Rule), shortText(w.rule))
	case len(r.Listens) == 0:
		return broken("Compare the entry points of its labels with those of Traefik's definition.", "The router listens on no entry point that Traefik has.")
	default:
		return nil
	}
}

// judgeSwitch compares our file with what Traefik has and with the container that runs.
func (f *routeFacts) judgeSwitch() *routeVerdict {
	w := f.want
	again := "It is rendered anew within half a minute from the running container; a deployment writes it too: deploy " + w.service
	switch {
	case !w.switched() || f.noSwitch:
		return nil
	case f.noFiles:
		return broken("Give Traefik --providers.file.directory in its definition and deploy it.", "Traefik reads no files, so the switch has no effect.")
	case CodeOf(f.switchErr) == CodeNotFound:
		return broken(again, "The switch file is missing.")
	case f.switchErr != nil:
		return broken("See what is wrong with the file, then: deploy "+w.service, "%s", MessageOf(f.switchErr))
	case !f.leadsTo(f.target.URL()):
		return broken("Traefik reads none of its files while one of them is wrong: logs traefik", "The router leads to %s, but our file says %s.", f.serverWords(), f.target.URL())
	case !w.runs:
		return broken("start "+w.service, "The container does not run.")
	case !w.answersTo(f.target.Alias) && !w.rivals:
		return broken(again, "The switch leads to %s, which is not a name of the container that runs.", f.target.Alias)
	default:
		return nil
	}
}

// leadsTo is true when Traefik has exactly this server.
func (f *routeFacts) leadsTo(url string) bool {
	return len(f.route.Servers) == 1 && strings.HasPrefix(f.route.Servers[0], url+" ")
}

// serverWords names the servers that Traefik has.
func (f *routeFacts) serverWords() string {
	if len(f.route.Servers) == 0 {
		return "no server"
	}
	return shortText(strings.Join(f.route.Servers, ", "))
}

// judgeServers looks whether something is up behind the router.
func (f *routeFacts) judgeServers() *routeVerdict {
	w := f.want
	switch {
	case len(f.route.Servers) == 0 && strings.HasSuffix(f.route.Backend(), "@internal"):
		return nil
	case len(f.route.Servers) == 0:
		return broken("Is "+w.service+" up? Why else: logs traefik", "The router leads to no server.")
	case !slices.ContainsFunc(f.route.Servers, func(s string) bool { return strings.HasSuffix(s, " UP") }):
		return broken("Look at "+w.service+": logs "+w.service, "No server behind the router is up: %s.", f.serverWords())
	default:
		return nil
	}
}

// judgeProbe looks at what a visitor got.
func (f *routeFacts) judgeProbe() *routeVerdict {
	w := f.want
	switch {
	case !f.probed:
		return nil
	case f.probeErr != nil:
		return broken("Why: logs "+w.service+", logs traefik", "%s", MessageOf(f.probeErr))
	case f.status == 502, f.status == 504:
		return broken("Does it listen on the port of its definition, in the network "+shortText(w.network)+"? logs "+w.service, "Traefik cannot reach the service: visitors get %d.", f.status)
	case f.status >= 500:
		return broken("Why: logs "+w.service, "Visitors get %d.", f.status)
	case f.status == 404 && w.path != "":
		return broken("Is this the right health path? Else: logs traefik", "Visitors get 404 for %s.", shortText(w.path))
	default:
		return nil
	}
}

// judgeCertificate looks at what visitors are shown; a route that is fine else works.
func (f *routeFacts) judgeCertificate(now time.Time) routeVerdict {
	works := routeVerdict{ok: true, what: "It works."}
	if !f.probed {
		works.what = "As far as Traefik says it works; it was not asked through Traefik."
	}
	if !f.want.switched() {
		works.what += " It is routed directly; a deployment will move it to the switch."
	}
	if f.cert == nil {
		return works
	}
	if f.certErr != nil {
		return *broken("logs traefik", "Its certificate cannot be seen: %s", MessageOf(f.certErr))
	}
	left := f.cert.NotAfter.Sub(now)
	local := len(f.want.domains) > 0 && isLocal(f.want.domains[0])
	switch {
	case left <= 0 && !f.cert.NotAfter.IsZero():
		return *broken("Traefik renews by itself when ACME can reach it: logs traefik", "Its certificate expired %s ago.", FormatAge(-left))
	case left < certificateSoon && !f.cert.NotAfter.IsZero():
		works.what += " Its certificate expires in " + FormatAge(left) + "."
		works.do = "Traefik should have renewed it at 30 days: logs traefik"
	case !f.cert.Trusted && !local:
		return *broken("Is the certificate resolver configured (MATRX_ACME_EMAIL), and does the name point here? logs traefik",
			"Browsers do not trust its certificate: %s.", shortText(f.cert.Problem))
	}
	return works
}
