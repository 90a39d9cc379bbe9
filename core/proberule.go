package core

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// probeRule is how a service's health is probed, before its address is known. Without a way to probe, how is ProbeSkip
// and reason says why.
type probeRule struct {
	how    string
	port   int
	path   string
	reason string
}

// postgresPort is where a Postgres listens unless its label says otherwise.
const postgresPort = 5432

// noHealth is the reason of a service that gives nothing to probe.
const noHealth = "it exposes no TCP port and has no health label, so there is nothing to probe"

// probeRuleOf finds out how to probe a container: its health label decides; else a database is asked in its protocol,
// and anything else gets a TCP probe on the port that its route or its image names. An HTTP path is never guessed.
func probeRuleOf(c Container, kind Kind) probeRule {
	if label, ok := c.Labels[labelHealth]; ok {
		return parseHealthLabel(label)
	}
	if kind == KindPostgres || kind == KindShipDB {
		return probeRule{how: ProbePostgres, port: postgresPort}
	}
	if port := routedPort(c.Labels); port > 0 {
		return probeRule{how: ProbeTCP, port: port}
	}
	if port := exposedPort(c.Ports); port > 0 {
		return probeRule{how: ProbeTCP, port: port}
	}
	return probeRule{how: ProbeSkip, reason: noHealth}
}

// parseHealthLabel reads "http:/path:port", "postgres", "postgres:port", "tcp:port", "skip" or "skip:why".
func parseHealthLabel(label string) probeRule {
	how, rest, _ := strings.Cut(strings.TrimSpace(label), ":")
	switch how {
	case ProbeHTTP:
		path, port := cutPort(rest)
		if port > 0 && strings.HasPrefix(path, "/") && isPath(path) {
			return probeRule{how: ProbeHTTP, port: port, path: path}
		}
	case ProbePostgres:
		if rest == "" {
			return probeRule{how: ProbePostgres, port: postgresPort}
		}
		if port := parsePort(rest); port > 0 {
			return probeRule{how: ProbePostgres, port: port}
		}
	case ProbeTCP:
		if port := parsePort(rest); port > 0 {
			return probeRule{how: ProbeTCP, port: port}
		}
	case ProbeSkip:
		if rest == "" {
			return probeRule{how: ProbeSkip, reason: "its definition says skip and gives no reason"}
		}
		return probeRule{how: ProbeSkip, reason: "its definition says skip: " + shortText(rest)}
	}
	return probeRule{how: ProbeSkip, reason: fmt.Sprintf("its label %s is %q, which is none of http:/path:port, postgres, tcp:port, skip", labelHealth, shortText(label))}
}

// cutPort splits "/path:port".
func cutPort(s string) (path string, port int) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return s, 0
	}
	return s[:i], parsePort(s[i+1:])
}

// parsePort reads a TCP port; 0 when it is none.
func parsePort(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 65535 {
		return 0
	}
	return n
}

// isPath is true for printable ASCII without spaces, within a bound: what may stand in a request line as it is.
func isPath(path string) bool {
	for i := range len(path) {
		if path[i] <= ' ' || path[i] > '~' {
			return false
		}
	}
	return len(path) <= 512
}

// routedPort is the port that a container's Traefik labels name, of the first service in order of name.
func routedPort(labels map[string]string) int {
	const prefix, suffix = "traefik.http.services.", ".loadbalancer.server.port"
	var keys []string
	for key := range labels {
		if strings.HasPrefix(key, prefix) && strings.HasSuffix(key, suffix) {
			keys = append(keys, key)
		}
	}
	sort.Strings(keys)
	for _, key := range keys {
		if port := parsePort(labels[key]); port > 0 {
			return port
		}
	}
	return 0
}

// exposedPort is the lowest TCP port of a container.
func exposedPort(ports []Port) int {
	lowest := 0
	for _, p := range ports {
		if p.Protocol != "udp" && p.Protocol != "sctp" && p.Container > 0 && (lowest == 0 || p.Container < lowest) {
			lowest = p.Container
		}
	}
	return lowest
}

// String is the rule as it is shown: "http :3000/healthz", "postgres :5432", "tcp :25", "skip".
func (r probeRule) String() string {
	if r.how == ProbeSkip {
		return ProbeSkip
	}
	return fmt.Sprintf("%s :%d%s", r.how, r.port, r.path)
}

// shortText makes a text from outside safe and short.
func shortText(s string) string {
	const most = 160
	runes := []rune(SafeText(s[:min(len(s), 4*most)]))
	if len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return string(runes)
}
