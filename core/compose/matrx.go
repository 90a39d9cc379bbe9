package compose

import (
	"cmp"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/mattn/go-shellwords"
	"go.yaml.in/yaml/v4"

	"github.com/codematrx/matrx-ship/core"
)

// at is a node of the block x-matrx.
func (r *serviceReader) at(keys ...string) *yaml.Node {
	return child(r.node, append([]string{"x-matrx"}, keys...)...)
}

// matrx is a text of the block x-matrx, empty when it is not there.
func (r *serviceReader) matrx(keys ...string) string {
	return strings.TrimSpace(r.value(r.at(keys...)))
}

// wrong notes a problem with a key of the block x-matrx.
func (r *serviceReader) wrong(what string, keys ...string) {
	r.bad(what, append([]string{"x-matrx"}, keys...)...)
}

// number reads a whole number within bounds.
func (r *serviceReader) number(least, most int, keys ...string) int {
	n, err := strconv.Atoi(strings.TrimSpace(r.value(child(r.node, keys...))))
	if err != nil || n < least || n > most {
		r.bad("has to be a number from "+strconv.Itoa(least)+" to "+strconv.Itoa(most), keys...)
	}
	return n
}

// span reads a time span; without one it is the default.
func (r *serviceReader) span(other, least, most time.Duration, keys ...string) time.Duration {
	text := r.matrx(keys...)
	if text == "" {
		return other
	}
	d, err := core.ParseAge(text)
	if err != nil {
		r.wrong("has to be a time span like 10s or 2m", keys...)
		return other
	}
	return r.within(d, least, most, append([]string{"x-matrx"}, keys...)...)
}

// flag reads true or false.
func (r *serviceReader) flag(keys ...string) bool {
	switch strings.ToLower(r.matrx(keys...)) {
	case "true", "yes":
		return true
	case "", "false", "no":
		return false
	}
	r.wrong("has to be true or false", keys...)
	return false
}

// list reads one text or several.
func (r *serviceReader) list(keys ...string) []string {
	n := r.at(keys...)
	if n == nil {
		return nil
	}
	if n.Kind == yaml.ScalarNode {
		return filled(strings.Fields(strings.ReplaceAll(r.value(n), ",", " ")))
	}
	var texts []string
	for _, item := range n.Content {
		texts = append(texts, r.value(item))
	}
	return texts
}

// values reads a mapping, or a list of NAME=VALUE.
func (r *serviceReader) values(keys ...string) map[string]string {
	n := r.at(keys...)
	if n == nil || len(n.Content) == 0 {
		return nil
	}
	values := map[string]string{}
	for key, value := range pairs(n) {
		values[key.Value] = r.value(value)
	}
	if n.Kind == yaml.SequenceNode {
		for _, item := range n.Content {
			name, value, ok := strings.Cut(r.value(item), "=")
			if !ok {
				r.wrong("gives "+cut(name)+" no value", keys...)
			}
			values[name] = value
		}
	}
	return values
}

// schedule reads when it starts, how it is replaced and what is kept.
func (r *serviceReader) schedule() {
	if r.at("order") != nil {
		r.d.Order = r.number(-1000, 1000, "x-matrx", "order")
	}
	if r.at("keep") != nil {
		r.d.Keep = r.number(1, 1000, "x-matrx", "keep")
	}
	r.d.Drain = r.span(defaultDrain, 0, time.Hour, "drain")
	switch text := strings.ToLower(r.matrx("stop-first")); text {
	case "", "false", "no":
	default: // true, or the reason why
		r.d.StopFirst = true
	}
	n := r.at("test")
	if n != nil && n.Kind == yaml.ScalarNode {
		words, err := shellwords.Parse(r.value(n))
		if err != nil {
			r.wrong("is not a command: "+err.Error(), "test")
		}
		r.d.Test = filled(words)
		return
	}
	r.d.Test = r.list("test")
}

// health reads how it is probed. There is no default but for databases: what is not probed has to say so.
func (r *serviceReader) health() {
	r.d.Health.Within = r.span(defaultWithin, time.Second, time.Hour, "health", "within")
	n := r.at("health")
	database := r.d.Kind == core.KindPostgres || r.d.Kind == core.KindShipDB
	switch {
	case n == nil && database, n != nil && n.Kind == yaml.ScalarNode && r.value(n) == core.ProbePostgres:
		r.d.Health.How, r.d.Health.Port = core.ProbePostgres, 5432
		return
	case n == nil || n.Kind != yaml.MappingNode:
		r.wrong(healthChoices, "health")
		return
	}
	var ways []string
	for _, how := range []string{core.ProbeHTTP, core.ProbeTCP, core.ProbePostgres, core.ProbeSkip} {
		if child(n, how) != nil {
			ways = append(ways, how)
		}
	}
	if len(ways) != 1 {
		r.wrong(healthChoices, "health")
		return
	}
	r.d.Health.How = ways[0]
	r.healthWay(ways[0])
}

const healthChoices = "has to say how it is probed, with one of: http: /path (and port: N), tcp: PORT, postgres: PORT, skip: why it cannot be probed"

// healthWay reads the one way to probe.
func (r *serviceReader) healthWay(how string) {
	h := &r.d.Health
	text := r.matrx("health", how)
	switch how {
	case core.ProbeHTTP:
		h.Path = text
		if !core.ValidPath(text) || strings.Contains(text, ":") {
			r.wrong("has to be a path like /healthz", "health", how)
		}
		h.Port = r.healthPort()
	case core.ProbeSkip:
		h.Reason = text
		if text == "" || strings.EqualFold(text, "true") || len(text) > 160 {
			r.wrong("has to say in a few words why it cannot be probed", "health", how)
		}
	case core.ProbePostgres:
		h.Port = 5432
		if text != "" && text != "true" {
			h.Port = r.number(1, 65535, "x-matrx", "health", how)
		}
	default:
		h.Port = r.number(1, 65535, "x-matrx", "health", how)
	}
	if how != core.ProbeHTTP && r.at("health", "port") != nil {
		r.wrong("belongs to http alone: write "+how+": PORT", "health", "port")
	}
}

// healthPort is the port of an HTTP probe: its own, else the route's.
func (r *serviceReader) healthPort() int {
	switch {
	case r.at("health", "port") != nil:
		return r.number(1, 65535, "x-matrx", "health", "port")
	case r.d.Route != nil:
		return r.d.Route.Port
	}
	r.wrong("needs a port", "health")
	return 0
}

// traefikName is what may stand in a Traefik label between commas.
var traefikName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.@-]{0,99}$`)

// route reads what Traefik leads to it.
func (r *serviceReader) route() {
	if r.at("route") == nil {
		return
	}
	route := core.RouteRule{Network: defaultNetwork, Entrypoints: defaultEntrypoint, Resolver: defaultResolver}
	for _, text := range r.list("route", "domains") {
		domain, err := core.ParseDomain(text)
		if err != nil {
			r.wrong(core.MessageOf(err), "route", "domains")
			continue
		}
		route.Domains = append(route.Domains, domain)
	}
	if r.at("route", "domains") == nil || len(route.Domains) == 0 && !r.failed() {
		r.wrong("has to name at least one domain", "route", "domains")
	}
	route.Port = r.number(1, 65535, "x-matrx", "route", "port")
	if text := r.matrx("route", "network"); text != "" {
		route.Network = text
	}
	if text := r.matrx("route", "entrypoints"); text != "" {
		route.Entrypoints = text
	}
	if n := r.at("route", "resolver"); n != nil {
		route.Resolver = r.matrx("route", "resolver") // empty or none: Traefik's own certificate
		if route.Resolver == "none" {
			route.Resolver = ""
		}
	}
	route.Middlewares = r.list("route", "middlewares")
	r.checkRoute(route)
	r.d.Route = &route
}

// checkRoute takes only what cannot end a label or a rule, and only a network that the container joins.
func (r *serviceReader) checkRoute(route core.RouteRule) {
	for key, texts := range map[string][]string{
		"entrypoints": strings.Split(route.Entrypoints, ","), "resolver": filled(strings.Fields(route.Resolver)), "middlewares": route.Middlewares,
	} {
		for _, text := range texts {
			if !traefikName.MatchString(text) {
				r.wrong("holds "+strconv.Quote(cut(text))+", which is not a name that Traefik knows", "route", key)
			}
		}
	}
	for i, domain := range route.Domains {
		for _, other := range route.Domains[:i] {
			if domain == other {
				r.wrong("names "+string(domain)+" twice", "route", "domains")
			}
		}
	}
	for _, use := range r.d.Networks {
		if use.Name == route.Network {
			return
		}
	}
	r.wrong("is over the network "+cut(route.Network)+", which the service does not join: add it under networks", "route", "network")
}

// buildSource reads where the image is built from.
func (r *serviceReader) buildSource() {
	src := core.Source{
		Repo: r.matrx("source", "repo"), Ref: r.matrx("source", "ref"), Context: r.matrx("source", "context"),
		Dockerfile: r.matrx("source", "dockerfile"), Args: r.values("source", "args"), Submodules: r.flag("source", "submodules"),
		Definition: r.matrx("source", "definition"), Vars: r.values("source", "vars"),
	}
	if src.Ref == "" {
		src.Ref = "main"
	}
	src.Context, src.Dockerfile = cmp.Or(src.Context, "."), cmp.Or(src.Dockerfile, "Dockerfile")
	if r.d.Image != "" {
		r.wrong("has an image beside it: leave image out, it is built", "source")
	}
	r.checkRepo(src.Repo)
	if !gitRef.MatchString(src.Ref) || strings.Contains(src.Ref, "..") || strings.Contains(src.Ref, "//") {
		r.wrong("is not the name of a branch, a tag or a commit", "source", "ref")
	}
	for key, p := range map[string]string{"context": src.Context, "dockerfile": src.Dockerfile, "definition": src.Definition} {
		if p != "" && (path.IsAbs(p) || p != path.Clean(p) || p == ".." || strings.HasPrefix(p, "../")) {
			r.wrong("has to be a path inside the repository, like apps/web", "source", key)
		}
	}
	if src.Definition != "" && src.Vars == nil && len(r.vars) > 0 {
		src.Vars = map[string]string{}
		for name, value := range r.vars {
			src.Vars[name] = value
		}
	}
	r.d.Source = &src
}

var (
	gitRef = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_./+-]{0,199}$`)
	sshURL = regexp.MustCompile(`^[A-Za-z0-9_.-]+@[A-Za-z0-9.-]+:[A-Za-z0-9_][A-Za-z0-9_./~-]*$`)
)

// checkRepo takes https, ssh and file addresses without a credential.
func (r *serviceReader) checkRepo(repo string) {
	u, err := url.Parse(repo)
	switch {
	case repo == "":
		r.wrong("has to be the address of a git repository", "source", "repo")
	case sshURL.MatchString(repo):
	case err != nil || strings.ContainsAny(repo, " \t\r\n\\"):
		r.wrong("is not an address", "source", "repo")
	case u.User != nil && (u.Scheme != "ssh" || hasPassword(u)):
		r.wrong("holds a credential: take it out and set MATRX_GIT_TOKEN", "source", "repo")
	case u.RawQuery != "" || u.Fragment != "":
		r.wrong("may hold no query and no fragment", "source", "repo")
	case (u.Scheme == "https" || u.Scheme == "ssh") && u.Host != "" && !strings.HasPrefix(u.Host, "-") && u.Path != "":
	case u.Scheme == "file" && u.Host == "" && path.IsAbs(u.Path) && path.Clean(u.Path) == u.Path:
	default:
		r.wrong("has to begin with https://, ssh:// or file:///", "source", "repo")
	}
}

func hasPassword(u *url.URL) bool {
	_, ok := u.User.Password()
	return ok
}
