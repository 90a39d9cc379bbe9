package core

import (
	"bytes"
	"context"
	"maps"
	"path"
	"strings"
)

// composeNames are the names that a compose file may have, as docker compose looks for them.
var composeNames = []string{composeFile, "docker-compose.yaml", "compose.yaml", "compose.yml"}

// maxAdoptFiles bounds the folders that are looked into.
const maxAdoptFiles = 500

// foundFile is a service that a compose file in one of the folders defines.
type foundFile struct {
	path    string // as the operator knows it
	text    string
	def     Definition
	service string            // also of a file that cannot be read: the folder's
	env     map[string]string // what came of the .env beside it: secrets, which the definition does not have
	err     error             // why it cannot be taken
}

// findFiles reads the compose files in the folders of services below MATRX_ROOT.
func (c *Core) findFiles(ctx context.Context) ([]foundFile, error) {
	if c.ship.Folders == nil || c.ship.Definitions == nil {
		return nil, nil
	}
	dirs := []string{"traefik", "postgres", "apps/server-manager", "apps/deploy"}
	for _, parent := range []string{"instances", "agent-envs", "projects"} {
		names, err := c.ship.Folders.List(parent)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if parent == "instances" {
				dirs = append(dirs, path.Join(parent, name, "db"))
			}
			dirs = append(dirs, path.Join(parent, name))
		}
	}
	var found []foundFile
	for _, dir := range dirs[:min(len(dirs), maxAdoptFiles)] {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		found = append(found, c.findFile(dir)...)
	}
	return found, nil
}

// findFile reads the compose file of one folder, if there is one.
func (c *Core) findFile(dir string) []foundFile {
	for _, name := range composeNames {
		text, err := c.ship.Folders.ReadFile(path.Join(dir, name))
		if CodeOf(err) == CodeNotFound {
			continue
		}
		at := path.Join(c.cfg.Root, dir, name)
		broken := func(err error) []foundFile {
			return []foundFile{{path: at, service: path.Base(dir), err: err}}
		}
		if err != nil {
			return broken(err)
		}
		vars := map[string]string(nil)
		if !bytes.HasPrefix(text, derivedMark) {
			if vars, err = c.folderVars(dir); err != nil {
				return broken(err)
			}
		}
		defs, err := c.ship.Definitions.Parse(at, text, vars)
		if err != nil {
			return broken(err)
		}
		found := make([]foundFile, len(defs))
		for i, d := range defs {
			if vars != nil && d.Source != nil && maps.Equal(d.Source.Vars, vars) {
				d.Source.Vars = nil // a .env holds secrets
			}
			env := takeSecrets(&d, vars)
			found[i] = foundFile{path: at, text: string(text), def: c.placed(d), service: d.Service, env: env}
		}
		return found
	}
	return nil
}

// takeSecrets takes out of a definition's variables what holds a value of the .env: anybody who may look reads a definition, and
// what stands in a .env is nobody's business. A value that is only like one goes with it, and is sealed for nothing.
func takeSecrets(d *Definition, vars map[string]string) map[string]string {
	taken := map[string]string{}
	for name, value := range d.Env {
		for _, secret := range vars {
			if secret != "" && strings.Contains(value, secret) {
				taken[name] = value
			}
		}
	}
	for name := range taken {
		delete(d.Env, name)
	}
	if len(d.Env) == 0 {
		d.Env = nil
	}
	return taken
}

// folderVars are the variables that docker compose would fill in: those of the .env beside the file. A rendered file has
// no variables.
func (c *Core) folderVars(dir string) (map[string]string, error) {
	text, err := c.ship.Folders.ReadFile(path.Join(dir, dotEnvFile))
	if CodeOf(err) == CodeNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	vars, err := parseEnvFile(string(text))
	if err != nil {
		return nil, Errorf(CodeInvalid, "%s: %s", path.Join(c.cfg.Root, dir, dotEnvFile), MessageOf(err))
	}
	return vars, nil
}

// matching finds the file that defines what a container is.
func matching(files []foundFile, id identity, c Container) (foundFile, bool) {
	for _, f := range files {
		if f.err == nil && (f.service == id.name || f.def.Container == c.Name) {
			return f, true
		}
	}
	for _, f := range files { // one that cannot be read is named, so that the operator knows why it was not taken
		if f.err != nil && (f.service == id.name || f.service == id.instance || strings.Contains(f.path, "/"+c.Name+"/")) {
			return f, true
		}
	}
	return foundFile{}, false
}
