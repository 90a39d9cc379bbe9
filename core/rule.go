package core

import "strings"

// maxRuleHosts bounds what is taken from one rule.
const maxRuleHosts = 50

// RuleHosts finds the host names in a Traefik rule, in order: every quoted argument of Host(...). Expressions such as
// HostRegexp name no host.
func RuleHosts(rule string) []string {
	var hosts []string
	for rest := rule; len(hosts) < maxRuleHosts; {
		i := strings.Index(rest, "Host(")
		if i < 0 {
			break
		}
		inWord := i > 0 && isWordByte(rest[i-1]) // "SomeHost("
		rest = rest[i+len("Host("):]
		args, after, ok := strings.Cut(rest, ")")
		if !ok {
			break
		}
		rest = after
		if inWord {
			continue
		}
		for arg := range strings.SplitSeq(args, ",") {
			if host := strings.Trim(strings.TrimSpace(arg), "`'\""); host != "" && len(hosts) < maxRuleHosts {
				hosts = append(hosts, host)
			}
		}
	}
	return hosts
}

// isWordByte is true for a letter, a digit or an underscore.
func isWordByte(b byte) bool {
	return b == '_' || '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
}
