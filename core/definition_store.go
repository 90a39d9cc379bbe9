package core

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// definitionsTable holds the newest version of each service's definition.
const definitionsTable = "definitions"

// maxDefinitionText bounds the text of a definition, in bytes.
const maxDefinitionText = 256 << 10

// definitionOf gives the newest definition of a service.
func (c *Core) definitionOf(service string) (DefinitionVersion, error) {
	dv, ok := rowOf[DefinitionVersion](c, definitionsTable, service)
	if ok && dv.isRemoved() {
		return DefinitionVersion{}, Errorf(CodeNotFound, "%s has no definition: %s removed it at %s. Take over what runs: adopt %s. Or set a new one: definition set < docker-compose.yml",
			shortText(service), shortText(dv.By), dv.At.UTC().Format("2006-01-02 15:04 UTC"), shortText(service))
	}
	if !ok {
		return DefinitionVersion{}, Errorf(CodeNotFound, "%s has no definition. Take over what runs: adopt %s. Or set one: definition set < docker-compose.yml", shortText(service), shortText(service))
	}
	return dv, nil
}

// definitionAt gives the definition that belongs to a commit: the store's, or the one in the repository there.
func (c *Core) definitionAt(ctx context.Context, dv DefinitionVersion, sha string) (Definition, error) {
	if dv.Source == nil || dv.Source.Definition == "" || sha == "" {
		return dv.Definition, nil
	}
	if c.ship.Git == nil {
		return Definition{}, Errorf(CodeUnavailable, "This control plane has no git, so it cannot read the definition of %s at its commit.", dv.Service)
	}
	text, err := c.ship.Git.File(ctx, dv.Service, sha, dv.Source.Definition)
	if err != nil {
		return Definition{}, fmt.Errorf("read the definition of %s at %s: %w", dv.Service, Commit{SHA: sha}.Short(), err)
	}
	return c.definitionIn(dv, text, sha)
}

// definitionIn reads the definition of a service in the text of the compose file at a commit.
func (c *Core) definitionIn(dv DefinitionVersion, text []byte, sha string) (Definition, error) {
	defs, err := c.parseDefinitions(dv.Source.Definition, text, dv.Source.Vars)
	if err != nil {
		return Definition{}, err
	}
	for _, d := range defs {
		if d.Service != dv.Service {
			continue
		}
		d = c.placed(d)
		if err := c.checkPlace(d); err != nil {
			return Definition{}, err
		}
		return d, c.checkUnique(d)
	}
	return Definition{}, Errorf(CodeInvalid, "%s at commit %s does not define %s.", dv.Source.Definition, Commit{SHA: sha}.Short(), dv.Service)
}

// parseDefinitions reads compose files, or says why it cannot.
func (c *Core) parseDefinitions(file string, text []byte, vars map[string]string) ([]Definition, error) {
	if c.ship.Definitions == nil {
		return nil, Errorf(CodeUnavailable, "This control plane was started without a reader of compose files.")
	}
	return c.ship.Definitions.Parse(file, text, vars)
}

func listDefinitions(_ context.Context, c *Core, _ struct{}) ([]DefinitionVersion, error) {
	return c.definitions(), nil
}

func showDefinition(_ context.Context, c *Core, in ServiceIn) (DefinitionView, error) {
	dv, err := c.definitionOf(in.Service)
	if err != nil {
		return DefinitionView{}, err
	}
	return c.viewDefinition(dv)
}

// viewDefinition adds what the definition is rendered as, and where.
func (c *Core) viewDefinition(dv DefinitionVersion) (DefinitionView, error) {
	view := DefinitionView{DefinitionVersion: dv, Folder: c.cfg.Root + "/" + FolderOf(dv.Definition)}
	if c.ship.Definitions == nil {
		return view, nil
	}
	text, err := c.ship.Definitions.Render(dv.Definition)
	if err == nil {
		view.Rendered = string(text)
		view.Editable, err = c.editable(dv)
	}
	return view, err
}

// editable is a definition as a compose file that can be set again. What was given is not always one: an adopted file may be a
// rendered one, whose labels fit nothing but itself, and a file may have variables whose values came from beside it.
func (c *Core) editable(dv DefinitionVersion) (string, error) {
	if text := []byte(dv.Text); len(text) > 0 && !bytes.HasPrefix(text, derivedMark) {
		defs, err := c.ship.Definitions.Parse("definition", text, nil)
		if err == nil && len(defs) == 1 && reflect.DeepEqual(c.placed(defs[0]), dv.Definition) {
			return dv.Text, nil
		}
	}
	text, err := c.ship.Definitions.Write(dv.Definition)
	return string(text), err
}

// Validate refuses what cannot be a definition.
func (in DefinitionIn) Validate() error {
	switch {
	case strings.TrimSpace(in.Text) == "":
		return Errorf(CodeInvalid, "The definition is empty: give a compose file with one service.")
	case len(in.Text) > maxDefinitionText:
		return Errorf(CodeInvalid, "The definition has %s; %s are the most.", FormatBytes(int64(len(in.Text))), FormatBytes(maxDefinitionText))
	case in.Version < 0:
		return Errorf(CodeInvalid, "Version %d is none.", in.Version)
	}
	return nil
}

// masked keeps the text out of the audit: a refused one may hold a secret. The store has each one that was taken.
func (in DefinitionIn) masked() any {
	return map[string]any{"version": in.Version, "bytes": len(in.Text), "vars": slices.Sorted(maps.Keys(in.Vars))}
}

func setDefinition(ctx context.Context, c *Core, in DefinitionIn) (DefinitionView, error) {
	defs, err := c.parseDefinitions("definition", []byte(in.Text), in.Vars)
	if err != nil {
		return DefinitionView{}, err
	}
	if len(defs) != 1 {
		return DefinitionView{}, Errorf(CodeInvalid, "The file has %d services; a definition is one. Set each by itself.", len(defs))
	}
	next := DefinitionVersion{Definition: c.placed(defs[0]), Text: in.Text}
	if old, err := c.definitionOf(next.Service); err == nil && reflect.DeepEqual(old.Definition, next.Definition) {
		if shown, err := c.editable(old); err == nil && shown == in.Text { // what was printed and is set again changes nothing
			next.Text, next.Adopted = old.Text, old.Adopted
		}
	}
	dv, err := c.storeDefinition(ctx, next, in.Version)
	if err != nil {
		return DefinitionView{}, err
	}
	c.renewFolder(ctx, dv.Definition)
	return c.viewDefinition(dv)
}

// storeDefinition makes a definition the newest version of its service's. base is the version that the edit began from, 0
// for any. One that says the same already is left as it is.
func (c *Core) storeDefinition(ctx context.Context, dv DefinitionVersion, base int) (DefinitionVersion, error) {
	c.defining.Lock()
	defer c.defining.Unlock()
	if err := c.checkPlace(dv.Definition); err != nil {
		return DefinitionVersion{}, err
	}
	if err := c.checkUnique(dv.Definition); err != nil {
		return DefinitionVersion{}, err
	}
	old, found := rowOf[DefinitionVersion](c, definitionsTable, dv.Service)
	switch {
	case base > 0 && old.Version != base:
		return DefinitionVersion{}, Errorf(CodeConflict, "The definition of %s is at version %d by %s; this edit began from version %d. Read it again and repeat the edit.", dv.Service, old.Version, old.By, base)
	case old.Removal != nil && !old.isRemoved() && c.ship.Locks != nil && c.ship.Locks.Holder(dv.Service) != "":
		return DefinitionVersion{}, Errorf(CodeConflict, "%s is being removed (%s). Wait until that is over, or cancel it: job-cancel %s", dv.Service, cutLine(c.ship.Locks.Holder(dv.Service)), old.Removal.Job)
	case found && old.Removal == nil && reflect.DeepEqual(old.Definition, dv.Definition) && old.Text == dv.Text:
		return old, nil
	}
	dv.Version, dv.At, dv.By = old.Version+1, laterThan(old.At, c.now()), ActorFrom(ctx).Name
	dv.Since = old.Since
	if old.isRemoved() && !old.Removal.KeepContainer {
		dv.Since = old.At
	}
	return dv, c.commit(ctx, edit{definitionsTable, dv.Service, dv})
}
