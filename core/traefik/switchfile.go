package traefik

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/codematrx/matrx-ship/core"
)

// mark is the first line of every file of ours.
const mark = "# Derived: matrx-ship writes this file"

// comment stands above what Traefik reads. Lines of comment are not looked at when the file is read.
const comment = mark + " by one rename, at each deployment.\n" +
	"# Do not edit it: deploy the service instead. When it is missing it is rendered anew from the running container.\n"

// fileOf is a service's file below MATRX_ROOT/traefik.
func fileOf(service string) (string, error) {
	if err := core.CheckSwitched(service); err != nil {
		return "", err
	}
	return path.Join(dynamicDir, service+".yml"), nil
}

// cut bounds text from outside.
func cut(s string) string { return s[:min(len(s), 80)] }

// render makes the file of a target. The alias and the port are checked, so nothing in it can end its quotes.
func render(t core.SwitchTarget) []byte {
	return []byte(comment + body(t))
}

// body is what Traefik reads.
func body(t core.SwitchTarget) string {
	return "http:\n" + routers(t) + fmt.Sprintf("  services:\n    %q:\n      loadBalancer:\n        servers:\n          - url: %q\n",
		t.Service, t.URL())
}

// The keys of the line that holds a router and of that with the server.
const (
	routersKey = "  routers: "
	serverKey  = "- url: "
)

// fileRouter is a router as Traefik reads it. The names are those of Traefik's file format.
type fileRouter struct {
	EntryPoints []string `json:"entryPoints,omitempty"`
	Middlewares []string `json:"middlewares,omitempty"`
	Service     string   `json:"service"`
	Rule        string   `json:"rule"`
	Priority    int64    `json:"priority"`
	TLS         *fileTLS `json:"tls,omitempty"`
}

// fileTLS is how a router speaks TLS.
type fileTLS struct {
	CertResolver string `json:"certResolver,omitempty"`
	Options      string `json:"options,omitempty"`
}

// routers is the line with the service's own router, empty without one. JSON is YAML, and quotes whatever a rule holds; core has
// refused what Traefik would take for a template.
func routers(t core.SwitchTarget) string {
	r := t.Router
	if r.IsZero() {
		return ""
	}
	out := fileRouter{EntryPoints: listed(r.Entrypoints), Middlewares: listed(r.Middlewares), Service: t.Service, Rule: r.Rule, Priority: r.Priority}
	if r.TLS {
		out.TLS = &fileTLS{CertResolver: r.Resolver, Options: r.TLSOptions}
	}
	var line strings.Builder
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(map[string]fileRouter{t.Service: out}); err != nil { // texts and numbers only
		panic(err)
	}
	return "  # The labels of two containers contradict each other for now: this router serves meanwhile.\n" + routersKey + line.String()
}

// readRouter is the opposite of routers. What it cannot read becomes a router that is not written like that.
func readRouter(service, line string) core.SwitchRouter {
	var all map[string]fileRouter
	if err := json.Unmarshal([]byte(line), &all); err != nil {
		return core.SwitchRouter{}
	}
	in := all[service]
	r := core.SwitchRouter{Rule: in.Rule, Entrypoints: strings.Join(in.EntryPoints, ","), Middlewares: strings.Join(in.Middlewares, ","), Priority: in.Priority}
	if in.TLS != nil {
		r.TLS, r.Resolver, r.TLSOptions = true, in.TLS.CertResolver, in.TLS.Options
	}
	return r
}

// listed are the names in a list with commas.
func listed(names string) []string {
	if names == "" {
		return nil
	}
	return strings.Split(names, ",")
}

// isOurs is true for files that begin with our mark.
func isOurs(text []byte) bool { return bytes.HasPrefix(text, []byte(mark)) }

// parse reads only what render writes, but for its comment.
func parse(service string, text []byte) (core.SwitchTarget, bool) {
	var read strings.Builder
	address, router := "", core.SwitchRouter{}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		read.WriteString(line)
		if own, ok := strings.CutPrefix(line, routersKey); ok {
			router = readRouter(service, own)
		}
		if quoted, ok := strings.CutPrefix(strings.TrimSpace(line), serverKey); ok {
			address = strings.Trim(quoted, `"`)
		}
	}
	u, err := url.Parse(address)
	if err != nil {
		return core.SwitchTarget{}, false
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		return core.SwitchTarget{}, false
	}
	t := core.SwitchTarget{Service: service, Alias: u.Hostname(), Port: port, Router: router}
	return t, t.Validate() == nil && read.String() == body(t)
}
