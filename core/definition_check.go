package core

import (
	"path"
	"slices"
	"strings"
)

// reservedDomains are names below MATRX_DOMAIN and the service that each belongs to.
var reservedDomains = map[string]string{"manager": ManagerName, "deploy": DeployName, "traefik": "traefik"}

// ownFolders are folders of MATRX_ROOT that belong to the platform: keys, locks, journals, Traefik's configuration.
var ownFolders = []string{"access", "apps", "locks", "state", "traefik", "postgres"}

// placed gives a definition that names no stack this server's.
func (c *Core) placed(d Definition) Definition {
	if d.Project == "" {
		d.Project = c.cfg.Project
	}
	return d
}

// checkPlace refuses what a definition may not be on this server, whatever the others are.
func (c *Core) checkPlace(d Definition) error {
	if err := CheckServiceName(d.Service); err != nil {
		return err
	}
	if err := CheckKind(d.Service, d.Kind); err != nil {
		return err
	}
	if d.Project != c.cfg.Project {
		return Errorf(CodeInvalid, "%s belongs to the stack %q by x-matrx.project; this server's is %q (MATRX_PROJECT).", d.Service, d.Project, c.cfg.Project)
	}
	if d.Route != nil {
		for _, domain := range d.Route.Domains {
			name, ok := strings.CutSuffix(string(domain), "."+strings.ToLower(c.cfg.Domain))
			if owner := reservedDomains[name]; ok && owner != "" && owner != d.Service {
				return Errorf(CodeInvalid, "The domain %s is reserved for %s.", domain, owner)
			}
		}
	}
	if LayerOf(d.Kind) < LayerApps {
		return nil
	}
	for _, m := range d.Mounts {
		if m.Type == "bind" && c.isOwnFolder(m.Source) {
			return Errorf(CodeInvalid, "%s may not mount %s: it belongs to the platform. Use a named volume or a folder of its own, like %s/projects/%s/data.", d.Service, m.Source, c.cfg.Root, d.Service)
		}
	}
	return nil
}

// isOwnFolder is true for what holds MATRX_ROOT, for the platform's folders in it, and for what is below them.
func (c *Core) isOwnFolder(source string) bool {
	source, root := path.Clean(source), path.Clean(c.cfg.Root)
	if source == root || strings.HasPrefix(root, strings.TrimSuffix(source, "/")+"/") {
		return true
	}
	below, ok := strings.CutPrefix(source, root+"/")
	first, _, _ := strings.Cut(below, "/")
	return ok && slices.Contains(ownFolders, first)
}

// checkUnique refuses what another definition has already: a domain, a container's name, a port of the host, a folder.
func (c *Core) checkUnique(d Definition) error {
	for _, other := range rowsOf[DefinitionVersion](c, definitionsTable) {
		if other.Service == d.Service {
			continue
		}
		switch {
		case other.Container == d.Container:
			return Errorf(CodeConflict, "The container name %s is that of %s.", d.Container, other.Service)
		case FolderOf(other.Definition) == FolderOf(d):
			return Errorf(CodeConflict, "The folder %s is that of %s.", FolderOf(d), other.Service)
		}
		if domain := sharedDomain(d, other.Definition); domain != "" {
			return Errorf(CodeConflict, "The domain %s is taken by %s.", domain, other.Service)
		}
		for _, p := range d.Ports {
			if slices.ContainsFunc(other.Ports, func(q Port) bool { return samePlace(p, q) }) {
				return Errorf(CodeConflict, "Port %d of the host is taken by %s.", p.Host, other.Service)
			}
		}
	}
	return nil
}

// sharedDomain is a domain that both route, empty when there is none.
func sharedDomain(a, b Definition) Domain {
	if a.Route == nil || b.Route == nil {
		return ""
	}
	for _, domain := range a.Route.Domains {
		if slices.Contains(b.Route.Domains, domain) {
			return domain
		}
	}
	return ""
}

// samePlace is true for ports that cannot both be published.
func samePlace(a, b Port) bool {
	every := func(address string) bool { return address == "" || address == "0.0.0.0" || address == "::" }
	return a.Host == b.Host && a.Protocol == b.Protocol && (a.Address == b.Address || every(a.Address) || every(b.Address))
}
