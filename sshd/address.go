package sshd

import (
	"net"
	"net/netip"
	"path"
	"strings"

	"github.com/codematrx/matrx-ship/core"
)

// AddressPatterns is the list of a from= option: addresses, CIDR blocks and wildcards (* and ?), each negated by a
// leading "!". The zero value matches everything.
type AddressPatterns struct{ patterns []addressPattern }

type addressPattern struct {
	not    bool
	prefix netip.Prefix // valid for an address or a block
	glob   string       // else
}

// ParseAddressPatterns reads a comma-separated list. Host names are refused: they are not looked up, so a pattern of
// one could never match and its owner would stay outside.
func ParseAddressPatterns(list string) (AddressPatterns, error) {
	var out AddressPatterns
	for _, field := range strings.Split(list, ",") {
		text, not := strings.CutPrefix(strings.TrimSpace(field), "!")
		p := addressPattern{not: not}
		switch addr, err := netip.ParseAddr(text); {
		case err == nil:
			p.prefix = netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen())
		case strings.Contains(text, "/"):
			if p.prefix, err = netip.ParsePrefix(text); err != nil || p.prefix != p.prefix.Masked() {
				return AddressPatterns{}, core.Errorf(core.CodeInvalid, "%q is not an address block", text)
			}
		case strings.ContainsAny(text, "*?") && strings.Trim(text, "0123456789abcdefABCDEF.:*?") == "":
			p.glob = strings.ToLower(text)
		default:
			return AddressPatterns{}, core.Errorf(core.CodeInvalid, "%q is not an address (host names are not looked up)", text)
		}
		out.patterns = append(out.patterns, p)
	}
	return out, nil
}

// Match reports whether an address is allowed: it matches no negated pattern and at least one other.
func (a AddressPatterns) Match(addr net.Addr) bool {
	if len(a.patterns) == 0 {
		return true
	}
	ip, ok := ipOf(addr)
	if !ok {
		return false
	}
	found := false
	for _, p := range a.patterns {
		if !p.match(ip) {
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

// ipOf gives the IP of a network address, IPv4 in its short form and without a zone.
func ipOf(addr net.Addr) (netip.Addr, bool) {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}, false
	}
	ip, ok := netip.AddrFromSlice(tcp.IP)
	return ip.Unmap().WithZone(""), ok
}
