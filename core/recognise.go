package core

import (
	"slices"
	"sort"
	"strconv"
	"strings"
)

// The labels by which a container says which service it is.
const (
	labelService  = "com.matrx.service"
	labelKind     = "com.matrx.kind"
	labelLayer    = "com.matrx.layer"
	labelInstance = "com.matrx.instance"
	labelHealth   = "com.matrx.health"
	labelHelper   = "com.matrx.helper" // on containers in which a control plane does something of its own
	labelProject  = "com.matrx.project"

	composeProject = "com.docker.compose.project"
	composeService = "com.docker.compose.service"
	composeNumber  = "com.docker.compose.container-number"
	composeOneOff  = "com.docker.compose.oneoff"
)

// maxServiceName bounds a name in bytes; the engine's own container names stay below it as well.
const maxServiceName = 128

// identity is which service a container is.
type identity struct {
	name     string
	kind     Kind
	layer    int
	instance string
	project  string
	route    string
	rule     probeRule
	labelled bool // names itself by our own label
	declared bool // by a label, a name of the convention or a compose project: its absence is a fault
}

// kindLayers are the kinds and where they live.
var kindLayers = map[Kind]int{
	KindTraefik: LayerTraefik, KindManager: LayerManager, KindDeploy: LayerDeploy, KindPostgres: LayerApps,
	KindShip: LayerApps, KindShipDB: LayerApps, KindAgent: LayerApps, KindMCP: LayerApps, KindCustom: LayerApps,
}

// recognise says which service a container is: its labels decide, then the convention of names, then compose. What is
// left is a custom service under the container's name. Labels are text from outside: a value that is not valid counts
// as absent.
func recognise(c Container) identity {
	id := identity{name: containerService(c), declared: true}
	id.labelled = validName(c.Labels[labelService])
	if id.labelled {
		id.name = c.Labels[labelService]
	}
	id.kind, id.instance = kindByName(id.name)
	oneOff := strings.EqualFold(c.Labels[composeOneOff], "true")
	if !id.labelled && (id.kind == KindCustom && c.Labels[composeService] == "" || oneOff) {
		id.declared = false
	}
	if kind := Kind(c.Labels[labelKind]); isKind(kind) {
		id.kind = kind
	}
	if instance := c.Labels[labelInstance]; validName(instance) {
		id.instance = instance
	}
	if project := c.Labels[composeProject]; validName(project) {
		id.project = project
	}
	id.layer = kindLayers[id.kind]
	if n, err := strconv.Atoi(c.Labels[labelLayer]); err == nil && n >= LayerTraefik && n <= LayerApps {
		id.layer = n
	}
	id.route = labelRoute(c.Labels, id.name)
	id.rule = probeRuleOf(c, id.kind)
	return id
}

// isBuildStep is true for a container that the engine makes for a step of an image's build. It carries no name of a service,
// runs an image by its bare id, is never started again and keeps no log: the engine's builder alone makes such.
func isBuildStep(id identity, d ContainerDetail) bool {
	bare := d.Image == "" || strings.HasPrefix(d.Image, "sha256:") // empty: FROM scratch
	return !id.declared && bare && d.LogDriver == "none" && !restartsItself(d.RestartPolicy)
}

// isKind is true for the kinds there are.
func isKind(kind Kind) bool {
	_, ok := kindLayers[kind]
	return ok
}

// kindByName reads the convention of names.
func kindByName(name string) (kind Kind, instance string) {
	switch name {
	case "traefik":
		return KindTraefik, ""
	case "postgres":
		return KindPostgres, ""
	case ManagerName:
		return KindManager, ""
	case DeployName:
		return KindDeploy, ""
	}
	if rest, ok := strings.CutPrefix(name, "ship-"); ok && rest != "" {
		if instance, ok := strings.CutSuffix(rest, "-db"); ok && instance != "" {
			return KindShipDB, instance
		}
		return KindShip, rest
	}
	for prefix, kind := range map[string]Kind{"agent-": KindAgent, "mcp-": KindMCP} {
		if strings.HasPrefix(name, prefix) && len(name) > len(prefix) {
			return kind, ""
		}
	}
	return KindCustom, ""
}

// containerService is the service a container's own name stands for. A container that was put aside while its service
// is recreated ("web.old-0123456789ab"), and one that a deployment makes beside it ("web.new-01234567"), still is that service, and compose's "project-web-1" is "project-web".
func containerService(c Container) string {
	name, _ := cutMark(c.Name)
	if base, suffix, ok := strings.Cut(name, ".old-"); ok && base != "" && isHex(suffix) {
		name = base
	}
	project, service := c.Labels[composeProject], c.Labels[composeService]
	if project == "" || service == "" || c.Labels[composeNumber] != "1" {
		return name
	}
	for _, sep := range []string{"-", "_"} {
		if name == project+sep+service+sep+"1" && validName(project+"-"+service) {
			return project + "-" + service
		}
	}
	return name
}

// isHex is true for the short id of a container.
func isHex(s string) bool {
	return s != "" && strings.Trim(s, "0123456789abcdef") == ""
}

// validName is true for names that the engine would accept for a container, within a bound.
func validName(s string) bool {
	if s == "" || len(s) > maxServiceName || strings.ContainsRune("._-", rune(s[0])) {
		return false
	}
	for i := range len(s) {
		if !isWordByte(s[i]) && s[i] != '.' && s[i] != '-' {
			return false
		}
	}
	return true
}

// labelRoute is the address under which the container's own labels ask to be routed: of the router that is named like
// the service, else of the first one.
func labelRoute(labels map[string]string, name string) string {
	const prefix, suffix = "traefik.http.routers.", ".rule"
	var routers []string
	for key := range labels {
		if router, ok := strings.CutSuffix(key, suffix); ok && strings.HasPrefix(router, prefix) {
			routers = append(routers, router[len(prefix):])
		}
	}
	sort.Strings(routers)
	if i := slices.Index(routers, name); i > 0 {
		routers[0] = name
	}
	if len(routers) == 0 {
		return ""
	}
	router := prefix + routers[0]
	hosts := RuleHosts(labels[router+suffix])
	if len(hosts) == 0 || !validName(hosts[0]) {
		return ""
	}
	if isTLS(labels, router) {
		return "https://" + hosts[0]
	}
	return "http://" + hosts[0]
}

// isTLS is true when a router's labels ask for TLS.
func isTLS(labels map[string]string, router string) bool {
	return labels[router+".tls"] == "true" || labels[router+".tls.certresolver"] != "" ||
		strings.Contains(labels[router+".entrypoints"], "websecure")
}
