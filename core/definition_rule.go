package core

import (
	"strings"
	"unicode/utf8"
)

// Bounds of a definition and of an env.
const (
	maxDefinedName = 48        // bytes: an alias of a deployment adds nine, and a host name has 63
	maxEnvValue    = 128 << 10 // bytes: the kernel's bound of one variable
	maxEnvTotal    = 1 << 20   // bytes: all names and values of a container
)

// reservedNames are folders beside those of the services.
var reservedNames = []string{"matrx-ship", "default", "dynamic"}

// CheckServiceName takes the names that a defined service may have: they are names of containers, hosts, folders and
// Traefik's routers at once.
func CheckServiceName(name string) error {
	switch {
	case name == "" || len(name) > maxDefinedName:
		return Errorf(CodeInvalid, "A service's name has 1 to %d characters.", maxDefinedName)
	case strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" || strings.ContainsAny(name[:1]+name[len(name)-1:], "-_"):
		return Errorf(CodeInvalid, "%q cannot be a service's name: small letters, digits and inner dashes and underscores.", cutLine(name))
	}
	for _, reserved := range reservedNames {
		if name == reserved {
			return Errorf(CodeInvalid, "The name %s is reserved.", name)
		}
	}
	return nil
}

// ValidName is true for names that the engine accepts for a container, a network or a volume.
func ValidName(s string) bool { return validName(s) }

// ValidPath is true for a path that may stand in a request line as it is.
func ValidPath(s string) bool { return strings.HasPrefix(s, "/") && isPath(s) }

// KindOf is the kind of a service by the convention of names, and the instance that its name names.
func KindOf(service string) (kind Kind, instance string) { return kindByName(service) }

// LayerOf is the layer in which services of a kind live.
func LayerOf(kind Kind) int { return kindLayers[kind] }

// CheckKind keeps the kinds of the platform to the services that have them by name: they may hold the engine's socket.
func CheckKind(service string, kind Kind) error {
	if !isKind(kind) {
		return Errorf(CodeInvalid, "%q is not a kind: traefik, postgres, manager, deploy, ship, ship-db, agent, mcp or custom.", cutLine(string(kind)))
	}
	named, _ := kindByName(service)
	platform := func(k Kind) bool { return kindLayers[k] < LayerApps }
	if named != kind && (platform(named) || platform(kind)) {
		return Errorf(CodeInvalid, "%s cannot be of the kind %s: traefik, manager and deploy are the kinds of traefik, %s and %s alone.", service, kind, ManagerName, DeployName)
	}
	return nil
}

// CheckEnv bounds the names and values of a container's variables. No value is named in the error.
func CheckEnv(values map[string]string) error {
	total := 0
	for name, value := range values {
		total += len(name) + len(value) + 2
		switch {
		case !isVariableName(name):
			return Errorf(CodeInvalid, "%q is not the name of a variable: letters, digits, underscores, dots and dashes, not a digit first.", cutLine(name))
		case strings.ContainsRune(value, 0):
			return Errorf(CodeInvalid, "The value of %s holds a NUL character.", name)
		case !utf8.ValidString(value):
			return Errorf(CodeInvalid, "The value of %s is not UTF-8 text.", name)
		case len(value) > maxEnvValue:
			return Errorf(CodeInvalid, "The value of %s has %s; %s are the most.", name, FormatBytes(int64(len(value))), FormatBytes(maxEnvValue))
		}
	}
	if total > maxEnvTotal {
		return Errorf(CodeInvalid, "The variables have %s together; %s are the most.", FormatBytes(int64(total)), FormatBytes(maxEnvTotal))
	}
	return nil
}

// isVariableName is true for the name of a variable.
func isVariableName(name string) bool {
	if name == "" || len(name) > 256 || !isWordByte(name[0]) || name[0] >= '0' && name[0] <= '9' {
		return false
	}
	for i := range len(name) {
		if !isWordByte(name[i]) && name[i] != '.' && name[i] != '-' {
			return false
		}
	}
	return true
}

// FolderOf is the folder of a service below MATRX_ROOT: its rendered docker-compose.yml and .env lie there.
func FolderOf(d Definition) string {
	switch d.Kind {
	case KindTraefik, KindPostgres:
		return d.Service
	case KindManager:
		return "apps/server-manager"
	case KindDeploy:
		return "apps/deploy"
	case KindShip:
		return "instances/" + d.Instance
	case KindShipDB:
		return "instances/" + d.Instance + "/db"
	case KindAgent:
		return "agent-envs/" + d.Service
	default:
		return "projects/" + d.Service
	}
}

// CurrentImage is the name under which the image of a built service that runs now is kept, so that docker compose can
// start it by hand.
func CurrentImage(service string) string { return "matrx/" + service + ":current" }
