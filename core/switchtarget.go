package core

import (
	"net"
	"strconv"
	"strings"
)

// maxDNSLabel bounds one part of a name that is looked up.
const maxDNSLabel = 63

// CheckSwitched refuses what cannot be the name of a service that a switch leads: it is the name of a file and a key in it.
// A first underscore, which files of the configuration have that all routes share, is no service's.
func CheckSwitched(service string) error {
	if !validName(service) {
		return Errorf(CodeInvalid, "%q cannot be the name of a routed service: letters, digits, dots, dashes and underscores, a letter or digit first, at most %d.", shortText(service), maxServiceName)
	}
	return nil
}

// Validate refuses a target that Traefik could not look up, or that could end its quotes in a file.
func (t SwitchTarget) Validate() error {
	if err := CheckSwitched(t.Service); err != nil {
		return err
	}
	if !validName(t.Alias) {
		return Errorf(CodeInvalid, "%q cannot be a container's name in a network.", shortText(t.Alias))
	}
	for label := range strings.SplitSeq(t.Alias, ".") {
		if label == "" || len(label) > maxDNSLabel {
			return Errorf(CodeInvalid, "Traefik cannot look up %q: each part of a name has 1 to %d characters. Give %s a shorter name.", shortText(t.Alias), maxDNSLabel, t.Service)
		}
	}
	if t.Port < 1 || t.Port > 65535 {
		return Errorf(CodeInvalid, "%d is not a port: 1 to 65535.", t.Port)
	}
	return t.Router.validate(t.Service)
}

// URL is the target as Traefik calls it.
func (t SwitchTarget) URL() string {
	return "http://" + net.JoinHostPort(t.Alias, strconv.Itoa(t.Port))
}
