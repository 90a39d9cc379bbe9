package core

import (
	"path"
	"slices"
	"strings"
)

// reservedDomains are names below MATRX_DOMAIN and the service that each belongs to.
var reservedDomains = map[string]string{"manager": ManagerName, "deploy": DeployName, "traefik": "traefik"}

// ownFolders are folders of MATRX_ROOT that belong to the platform: keys, locks, journals, Traefik's configuration, its own source
// and the mirrors of everybody's.
var ownFolders = []string{"access", "apps", "locks", "state", "traefik", "postgres", "projects/matrx-ship", "projects/.mirrors"}

// sharedFolders hold the folders of many services: no service may mount one whole.
var sharedFolders = []string{"agent-envs", "instances", "projects"}

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

// isOwnFolder is true for the platform's folders in MATRX_ROOT, for what is below them, and for what holds them or the folders of
// many services.
func (c *Core) isOwnFolder(source string) bool {
	source = path.Clean(source)
	overlaps := func(own string) bool { return pathsOverlap(source, path.Join(c.cfg.Root, own)) }
	holds := func(shared string) bool { return isBelow(source, path.Join(c.cfg.Root, shared)) }
	return slices.ContainsFunc(ownFolders, overlaps) || slices.ContainsFunc(sharedFolders, holds)
}

// isBelow is true for a folder and everything in it.
func isBelow(folder, p string) bool {
	return p == folder || strings.HasPrefix(p, strings.TrimSuffix(folder, "/")+"/")
}

// pathsOverlap is true when one of two clean paths is the other, or lies in it.
func pathsOverlap(a, b string) bool { return isBelow(a, b) || isBelow(b, a) }

// foreignMount is a mounted folder that is another service's, where its env lies in the clear. A database's may lie in its instance's.
func (c *Core) foreignMount(d, other Definition) string {
	if LayerOf(d.Kind) < LayerApps || d.Instance != "" && d.Instance == other.Instance {
		return ""
	}
	for _, m := range d.Mounts {
		if m.Type == "bind" && pathsOverlap(path.Clean(m.Source), path.Join(c.cfg.Root, FolderOf(other))) {
			return m.Source
		}
	}
	return ""
}

// checkUnique refuses what another definition has already: a domain, a container's name, a port of the host, a folder.
func (c *Core) checkUnique(d Definition) error {
	for _, other := range c.definitions() {
		if other.Service == d.Service {
			continue
		}
		switch {
		case other.Container == d.Container:
			return Errorf(CodeConflict, "The container name %s is that of %s.", d.Container, other.Service)
		case FolderOf(other.Definition) == FolderOf(d):
			return Errorf(CodeConflict, "The folder %s is that of %s.", FolderOf(d), other.Service)
		}
		if source := c.foreignMount(d, other.Definition); source != "" {
			return Errorf(CodeConflict, "%s may not mount %s: it is the folder of %s.", d.Service, source, other.Service)
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
