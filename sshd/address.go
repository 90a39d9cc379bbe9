package sshd

import (
	"net"
	"net/netip"
)

// ipOf gives the IP of a network address, IPv4 in its short form and without a zone.
func ipOf(addr net.Addr) (netip.Addr, bool) {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}, false
	}
	ip, ok := netip.AddrFromSlice(tcp.IP)
	return ip.Unmap().WithZone(""), ok
}
