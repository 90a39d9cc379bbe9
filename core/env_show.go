package core

import (
	"context"
	"maps"
	"slices"
	"strconv"
)

// showEnv shows a service's env without values: names, history, and what the running container was made with.
func showEnv(_ context.Context, c *Core, in ServiceIn) (EnvView, error) {
	definition, err := c.envService(in.Service)
	if err != nil {
		return EnvView{}, err
	}
	versions := c.envVersions(in.Service)
	newest := c.newestEnv(in.Service)
	view := EnvView{
		Service: in.Service, Version: newest.Version, Running: c.runningEnv(in.Service), At: newest.At, By: newest.By, KeyID: newest.KeyID,
		Names: []EnvName{}, Definition: []EnvName{}, History: make([]EnvHistory, 0, len(versions)),
	}
	changed := map[string]bool{}
	if running, ok := rowOf[EnvVersion](c, envTable, envKey(in.Service, view.Running)); ok || view.Running == 0 {
		changed = changedNames(running, newest)
	}
	for _, name := range newest.Names {
		view.Names = append(view.Names, EnvName{Name: name, Changed: changed[name]})
	}
	for _, name := range slices.Sorted(maps.Keys(definition.Env)) {
		view.Definition = append(view.Definition, EnvName{Name: name, Value: definition.Env[name]})
	}
	for _, v := range slices.Backward(versions) {
		view.History = append(view.History, EnvHistory{v.Version, v.At, v.By, v.Note})
	}
	if _, _, err := c.envFor(in.Service, 0); err != nil {
		view.Problem = MessageOf(err)
	}
	return view, nil
}

// envService finds a service that may have an env: one that runs, or one that is defined.
func (c *Core) envService(service string) (Definition, error) {
	dv, err := c.definitionOf(service)
	if err == nil {
		return dv.Definition, nil
	}
	if _, _, err := c.services.find(service); err != nil && len(c.envVersions(service)) == 0 {
		return Definition{}, err
	}
	return Definition{}, nil
}

// runningEnv is the version that the running container was made with; -1 when nothing runs or its labels do not tell.
func (c *Core) runningEnv(service string) int {
	svc, detail, err := c.services.find(service)
	if err != nil || svc.Missing {
		return -1
	}
	version, err := strconv.Atoi(detail.Labels[labelEnv])
	if err != nil {
		return -1
	}
	return version
}

// Validate refuses what is no name.
func (in RevealEnvIn) Validate() error {
	if in.Version < 0 {
		return Errorf(CodeInvalid, "Versions of an env are counted from 1.")
	}
	if err := checkEnvNames(in.Names); err != nil {
		return err
	}
	return in.ServiceIn.Validate()
}

// masked is the input as the audit keeps it.
func (in RevealEnvIn) masked() any {
	in.Names = shownNames(in.Names)
	return in
}

// revealEnv gives values in the clear.
func revealEnv(_ context.Context, c *Core, in RevealEnvIn) (EnvValues, error) {
	if _, err := c.envService(in.Service); err != nil {
		return EnvValues{}, err
	}
	values, v, err := c.envFor(in.Service, in.Version)
	if err != nil {
		return EnvValues{}, err
	}
	if len(in.Names) == 0 {
		return EnvValues{v.Version, values}, nil
	}
	picked := map[string]string{}
	for _, name := range in.Names {
		value, ok := values[name]
		if !ok {
			return EnvValues{}, Errorf(CodeNotFound, "Version %d of the env of %s has no %s.", v.Version, in.Service, name)
		}
		picked[name] = value
	}
	return EnvValues{v.Version, picked}, nil
}
