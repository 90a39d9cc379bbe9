package core

import "strings"

// maxDNSLabel bounds one part of a name that is looked up.
const maxDNSLabel = 63

// Validate refuses a target that Traefik could not look up, or that could end its quotes in a file.
func (t SwitchTarget) Validate() error {
	if err := CheckServiceName(t.Service); err != nil {
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
	return nil
}
