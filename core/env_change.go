package core

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Validate refuses what cannot become an env. What it says goes into the audit, so it shows no value.
func (in SetEnvIn) Validate() error {
	if err := in.ServiceIn.Validate(); err != nil {
		return err
	}
	if in.Base < 0 {
		return Errorf(CodeInvalid, "Versions of an env are counted from 1.")
	}
	set, err := in.wanted()
	if err != nil {
		return err
	}
	if err := checkEnvNames(in.Remove); err != nil {
		return err
	}
	if len(set)+len(in.Remove) == 0 {
		return Errorf(CodeInvalid, "Nothing is to be set or removed.")
	}
	for _, name := range in.Remove {
		if _, both := set[name]; both {
			return Errorf(CodeInvalid, "%s is to be set and removed at once.", name)
		}
	}
	return checkEnv(set)
}

// wanted are the values that are to be set: those given by name, and those of the pasted text.
func (in SetEnvIn) wanted() (map[string]string, error) {
	set, err := parseEnvFile(in.Paste.Reveal())
	if err != nil {
		return nil, err
	}
	for name, value := range in.Set {
		if !isEnvName(name) {
			return nil, badEnvName()
		}
		if _, twice := set[name]; twice {
			return nil, Errorf(CodeInvalid, "%s is set in the pasted text and beside it.", name)
		}
		set[name] = value.Reveal()
	}
	return set, nil
}

// setEnvAudit is a SetEnvIn as the audit keeps it: the names.
type setEnvAudit struct {
	Service string   `json:"service"`
	Set     []string `json:"set,omitempty"`
	Remove  []string `json:"remove,omitempty"`
	Base    int      `json:"base,omitempty"`
}

// masked is the input as the audit keeps it.
func (in SetEnvIn) masked() any {
	names := shownNames(slices.Collect(maps.Keys(in.Set)))
	if pasted, err := parseEnvFile(in.Paste.Reveal()); err == nil {
		names = slices.AppendSeq(names, maps.Keys(pasted))
	}
	slices.Sort(names)
	return setEnvAudit{in.Service, names, shownNames(in.Remove), in.Base}
}

// Validate refuses a version that cannot be.
func (in UndoEnvIn) Validate() error {
	if in.Version < 1 {
		return Errorf(CodeInvalid, "Which version? They are counted from 1; env %s lists them.", shortText(in.Service))
	}
	return in.ServiceIn.Validate()
}

// setEnv makes a new version of a service's env. What runs keeps the old one until it is deployed.
func setEnv(ctx context.Context, c *Core, in SetEnvIn) (EnvView, error) {
	set, err := in.wanted()
	if err != nil {
		return EnvView{}, err
	}
	if err := c.mayWriteEnv(in.Service); err != nil {
		return EnvView{}, err
	}
	c.envs.Lock()
	defer c.envs.Unlock()
	base := c.newestEnv(in.Service)
	if in.Base != 0 && in.Base != base.Version {
		return EnvView{}, Errorf(CodeConflict, "The env of %s was changed meanwhile: it is version %d by %s now, and this began from %d. Look at it again.",
			in.Service, base.Version, shortText(base.By), in.Base)
	}
	old, err := c.replaceable(base, set, in.Remove)
	if err != nil {
		return EnvView{}, err
	}
	values := maps.Clone(old.Values)
	maps.Copy(values, set)
	for _, name := range in.Remove {
		if !slices.Contains(base.Names, name) {
			return EnvView{}, Errorf(CodeNotFound, "The env of %s has no %s.", in.Service, name)
		}
		delete(values, name)
	}
	if base.Version == 0 || !maps.Equal(values, old.Values) {
		if _, err := c.writeEnv(ctx, base, values, old.MarkKey, envNote(set, old.Values, in.Remove)); err != nil {
			return EnvView{}, err
		}
	}
	return showEnv(ctx, c, in.ServiceIn)
}

// replaceable decrypts the version that an edit begins from. One that cannot be decrypted any more can still be
// replaced, when each of its variables is given anew or removed.
func (c *Core) replaceable(base EnvVersion, set map[string]string, remove []string) (envContent, error) {
	empty := envContent{Values: map[string]string{}}
	if base.Version == 0 {
		return empty, nil
	}
	old, err := c.unsealEnv(base)
	if err == nil {
		return old, nil
	}
	left := slices.DeleteFunc(slices.Clone(base.Names), func(name string) bool {
		_, again := set[name]
		return again || slices.Contains(remove, name)
	})
	if len(left) == 0 && CodeOf(err) != CodeUnavailable {
		return empty, nil
	}
	return envContent{}, Errorf(CodeOf(err), "%s Or give all its variables anew in one step.", MessageOf(err))
}

// envNote says what a version changed: names only.
func envNote(set, old map[string]string, removed []string) string {
	var changed []string
	for _, name := range slices.Sorted(maps.Keys(set)) {
		if was, ok := old[name]; !ok || was != set[name] {
			changed = append(changed, name)
		}
	}
	var parts []string
	for _, part := range []struct {
		verb  string
		names []string
	}{{"set", changed}, {"removed", slices.Sorted(slices.Values(removed))}} {
		switch n := len(part.names); {
		case n > 8:
			parts = append(parts, fmt.Sprintf("%s %d variables", part.verb, n))
		case n > 0:
			parts = append(parts, part.verb+" "+strings.Join(part.names, ", "))
		}
	}
	return strings.Join(parts, "; ")
}

// undoEnv makes an older version the newest: a new version with its values.
func undoEnv(ctx context.Context, c *Core, in UndoEnvIn) (EnvView, error) {
	if err := c.mayWriteEnv(in.Service); err != nil {
		return EnvView{}, err
	}
	c.envs.Lock()
	defer c.envs.Unlock()
	base := c.newestEnv(in.Service)
	if base.Version == in.Version {
		return EnvView{}, Errorf(CodeConflict, "Version %d is the newest already.", in.Version)
	}
	older, ok := rowOf[EnvVersion](c, envTable, envKey(in.Service, in.Version))
	if !ok {
		return EnvView{}, Errorf(CodeNotFound, "The env of %s has no version %d.", in.Service, in.Version)
	}
	content, err := c.unsealEnv(older)
	if err != nil {
		return EnvView{}, err
	}
	if _, err := c.writeEnv(ctx, base, content.Values, content.MarkKey, fmt.Sprintf("as in version %d", in.Version)); err != nil {
		return EnvView{}, err
	}
	return showEnv(ctx, c, in.ServiceIn)
}

// mayWriteEnv finds the service, and refuses when the control plane that looks after it is there to do it: one env is
// written in one place.
func (c *Core) mayWriteEnv(service string) error {
	definition, err := c.envService(service)
	if err != nil {
		return err
	}
	kind := definition.Kind
	if svc, _, err := c.services.find(service); err == nil {
		kind = svc.Kind
	}
	if HomeOf(kind) == c.charter.Name || !c.siblingServes() {
		return nil
	}
	return Errorf(CodeConflict, "The env of %s is kept by the %s: %s env set %s", service, c.charter.SiblingTitle(), c.cfg.Sibling(c.charter), service)
}

// siblingServes is true while the other control plane is seen to run and is not seen to fail.
func (c *Core) siblingServes() bool {
	svc, _, err := c.services.find(c.charter.Sibling)
	return err == nil && !svc.Missing && svc.State == "running" && svc.Health.State != Unhealthy
}
