package core

import (
	"net/netip"
	"path"
	"strings"
)

// AddressPatterns is the list of a from= option: addresses, CIDR blocks and wildcards (* and ?), each negated by a
// leading "!". The zero value matches everything.
type AddressPatterns struct{ patterns []addressPattern }

type addressPattern struct {
	not    bool
	prefix netip.Prefix // valid for an address or a block
	glob   string       // else
}

// ParseAddressPatterns reads a comma-separated list; what is wrong is CodeInvalid. Host names are refused: they are not
// looked up, so a pattern of one could never match and its owner would stay outside.
func ParseAddressPatterns(list string) (AddressPatterns, error) {
	var out AddressPatterns
	for _, field := range strings.Split(list, ",") {
		text, not := strings.CutPrefix(strings.TrimSpace(field), "!")
		p := addressPattern{not: not}
		switch addr, err := netip.ParseAddr(text); {
		case err == nil:
			addr = addr.Unmap().WithZone("")
			p.prefix = netip.PrefixFrom(addr, addr.BitLen())
		case strings.Contains(text, "/"):
			if p.prefix, err = netip.ParsePrefix(text); err != nil || p.prefix != p.prefix.Masked() {
				return AddressPatterns{}, Errorf(CodeInvalid, "%q in from= is not an address block, such as 10.0.0.0/8.", quotable(text))
			}
		case strings.ContainsAny(text, "*?") && strings.Trim(text, "0123456789abcdefABCDEF.:*?") == "":
			p.glob = strings.ToLower(text)
		default:
			return AddressPatterns{}, Errorf(CodeInvalid, "%q in from= is not an address; host names are not looked up.", quotable(text))
		}
		out.patterns = append(out.patterns, p)
	}
	return out, nil
}

// Any reports whether every address matches, because nothing was said.
func (a AddressPatterns) Any() bool { return len(a.patterns) == 0 }

// Match reports whether an address is allowed: it matches no negated pattern and at least one other. An address that
// is none, the zero Addr, matches only where nothing was said.
func (a AddressPatterns) Match(ip netip.Addr) bool {
	if a.Any() {
		return true
	}
	ip = ip.Unmap().WithZone("")
	found := false
	for _, p := range a.patterns {
		if !ip.IsValid() || !p.match(ip) {
			continue
		}
		if p.not {
			return false
		}
		found = true
	}
	return found
}

func (p addressPattern) match(ip netip.Addr) bool {
	if p.prefix.IsValid() {
		return p.prefix.Contains(ip)
	}
	ok, err := path.Match(p.glob, ip.String())
	return err == nil && ok
}
