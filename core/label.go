package core

import (
	"strconv"
	"strings"
)

// The labels that say which attempt made a container. They cannot change while it lives, so they say what it is and never
// what became of it.
const (
	labelRelease    = "com.matrx.release"
	labelDeployment = "com.matrx.deployment"
	labelDefinition = "com.matrx.definition" // Hash of the definition
	labelEnv        = "com.matrx.env"        // version of the env
	labelCommit     = "com.matrx.commit"     // also on images: full SHA of a clean commit
	labelBuild      = "com.matrx.build"      // also on images
	labelBuilt      = "com.matrx.built"      // on images: time of the build
	labelBuiltFor   = "com.matrx.built-for"  // on images: the service
)

// Stamp is what a deployment adds to a container's labels.
type Stamp struct {
	Release    string
	Deployment string
	Commit     string
	Build      string
	Env        int
}

// ContainerLabels are all labels of a service's container: what the definition sets itself, ours, compose's (so that docker
// compose knows the container), and those that Traefik makes the router of. The server behind the router is in the
// file that a Switch writes, so the labels are equal on the old container and its candidate (DESIGN, section 6).
func ContainerLabels(d Definition, s Stamp) map[string]string {
	labels := map[string]string{}
	for k, v := range d.Labels {
		labels[k] = v
	}
	project := d.Project
	if project == "" {
		project = d.Service
	} else {
		labels[labelProject] = d.Project
	}
	for k, v := range map[string]string{
		labelService: d.Service, labelKind: string(d.Kind), labelLayer: strconv.Itoa(d.Layer), labelInstance: d.Instance,
		labelHealth: d.Health.label(), labelDefinition: d.Hash(), labelEnv: strconv.Itoa(s.Env), labelRelease: s.Release,
		labelDeployment: s.Deployment, labelCommit: s.Commit, labelBuild: s.Build,
		composeProject: project, composeService: d.Service, composeNumber: "1", composeOneOff: "False",
	} {
		if v != "" {
			labels[k] = v
		}
	}
	if d.Route != nil {
		d.Route.label(d.Service, labels)
	}
	return labels
}

// label is the health rule as the label com.matrx.health says it.
func (h HealthRule) label() string {
	var b strings.Builder
	b.WriteString(h.How)
	if h.How == ProbeHTTP && h.Path != "" {
		b.WriteString(":" + h.Path)
	}
	switch {
	case h.How == ProbeSkip && h.Reason != "":
		b.WriteString(":" + h.Reason)
	case h.How != ProbeSkip && h.Port > 0:
		b.WriteString(":" + strconv.Itoa(h.Port))
	}
	return b.String()
}

// label adds Traefik's labels. The domains are typed, so nothing in the rule can end its quotes.
func (r RouteRule) label(service string, labels map[string]string) {
	router := "traefik.http.routers." + service
	hosts := make([]string, len(r.Domains))
	for i, d := range r.Domains {
		hosts[i] = "Host(`" + string(d) + "`)"
	}
	labels["traefik.enable"] = "true"
	labels["traefik.docker.network"] = r.Network
	labels[router+".rule"] = strings.Join(hosts, " || ")
	labels[router+".entrypoints"] = r.Entrypoints
	labels[router+".service"] = service + "@file"
	labels["traefik.http.services."+service+".loadbalancer.server.port"] = strconv.Itoa(r.Port)
	if r.Resolver != "" {
		labels[router+".tls.certresolver"] = r.Resolver
	} else {
		labels[router+".tls"] = "true"
	}
	if len(r.Middlewares) > 0 {
		labels[router+".middlewares"] = strings.Join(r.Middlewares, ",")
	}
}

// stampLabels are those that differ between containers of one definition.
var stampLabels = map[string]bool{
	labelRelease: true, labelDeployment: true, labelDefinition: true, labelEnv: true, labelCommit: true, labelBuild: true, labelBuilt: true, labelBuiltFor: true,
}

// IsStampLabel is true for labels that say which attempt made a container.
func IsStampLabel(name string) bool { return stampLabels[name] }

// IsOwnLabel is true for labels that a definition may not set itself: they are made of it, or by compose.
func IsOwnLabel(name string) bool {
	for _, prefix := range []string{"com.matrx.", "traefik.", composePrefix} {
		if strings.HasPrefix(strings.ToLower(name), prefix) {
			return true
		}
	}
	return false
}

// composePrefix begins the labels of docker compose.
const composePrefix = "com.docker.compose."
