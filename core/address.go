package core

import (
	"net"
	"sort"
	"strconv"
	"strings"
)

// The networks of the engine that are none.
const (
	hostNetwork = "host"
	noNetwork   = "none"
)

// locate renews the address at which a service is probed.
func (k *known) locate(home place) {
	k.probe.address, k.probe.reason = "", ""
	if k.rule.how == ProbeSkip || !k.runs() {
		return
	}
	host, reason := reach(k.container, home)
	if reason != "" {
		k.probe.reason = reason
		return
	}
	k.probe.address = net.JoinHostPort(host, strconv.Itoa(k.rule.port))
}

// reach finds the address of a container on a network that we are a member of as well, or says in words why there is
// none. A control plane outside of a container stands on the host, which is a member of every network.
func reach(c Container, home place) (host, reason string) {
	if c.ID == home.container && home.inside {
		return "127.0.0.1", "" // this very control plane
	}
	var names []string
	waiting := ""
	networks := append([]Attachment(nil), c.Networks...)
	sort.Slice(networks, func(i, j int) bool { return networks[i].Network < networks[j].Network })
	for _, a := range networks {
		switch {
		case a.Network == noNetwork:
		case a.Network == hostNetwork && (!home.inside || home.networks[hostNetwork]):
			return "127.0.0.1", ""
		case home.inside && !home.networks[a.Network] && !home.networks[hostNetwork]:
			names = append(names, a.Network)
		case a.Address != "":
			return a.Address, ""
		default:
			waiting = a.Network
		}
	}
	switch {
	case waiting != "":
		return "", "it has no address on the network " + waiting + " yet"
	case len(names) == 0:
		return "", "it is on no network, so it cannot be probed"
	}
	return "", "this control plane is on none of its networks (" + strings.Join(names, ", ") + "), so it cannot be probed"
}
