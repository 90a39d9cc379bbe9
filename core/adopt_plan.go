package core

import (
	"cmp"
	"context"
	"maps"
	"slices"
)

// adoption is one item of a plan with what it would write.
type adoption struct {
	AdoptItem
	def  Definition
	text string
	env  map[string]string // what the container has and its image and definition do not say
	// fileEnv is what the file takes from the .env beside it.
	fileEnv map[string]string
}

// Validate refuses names that are none.
func (in AdoptIn) Validate() error {
	if len(in.Services) > maxAdoptFiles {
		return Errorf(CodeInvalid, "%d services are named; %d are the most at once.", len(in.Services), maxAdoptFiles)
	}
	for _, name := range in.Services {
		if !validName(name) {
			return Errorf(CodeInvalid, "%q is not the name of a service.", cutLine(name))
		}
	}
	return nil
}

func planAdopt(ctx context.Context, c *Core, in AdoptIn) (AdoptPlan, error) {
	list, err := c.adoptions(ctx, in.Services)
	return planOf(list), err
}

// planOf is what is shown of it: names, never values.
func planOf(list []adoption) AdoptPlan {
	plan := AdoptPlan{Items: make([]AdoptItem, len(list))}
	for i := range list {
		plan.Items[i] = list[i].AdoptItem
	}
	return plan
}

// adopt takes over what can be: env first, then the definition, so that a definition never lacks its env. Nothing is
// restarted, and done again it changes nothing. What could not be taken over says so in the plan that is given back.
func adopt(ctx context.Context, c *Core, in AdoptIn) (AdoptPlan, error) {
	list, err := c.adoptions(ctx, in.Services)
	if err != nil {
		return AdoptPlan{}, err
	}
	for i := range list {
		a := &list[i]
		if a.Adopted || len(a.Problems) > 0 {
			continue
		}
		if err := c.takeOver(ctx, *a); err != nil {
			a.Problems = append(a.Problems, MessageOf(err))
			continue
		}
		a.Adopted = true
	}
	return planOf(list), nil
}

// takeOver writes one adoption into the store.
func (c *Core) takeOver(ctx context.Context, a adoption) error {
	if _, err := c.importEnv(ctx, a.Service, a.env); err != nil {
		return err
	}
	if _, err := c.storeDefinition(ctx, DefinitionVersion{Definition: a.def, Text: a.text, Adopted: true}, 0); err != nil {
		return err
	}
	c.renewFolder(ctx, a.def)
	return nil
}

// adoptions finds what runs and could be taken over. Without names it is what says by a label, a name or a compose project
// that it is a service of this server; a container that somebody ran by hand has to be named.
func (c *Core) adoptions(ctx context.Context, names []string) ([]adoption, error) {
	if c.ship.Made == nil {
		return nil, Errorf(CodeUnavailable, "This control plane cannot read how containers were made, so it can take over none.")
	}
	containers, err := c.services.containers(ctx)
	if err != nil {
		return nil, err
	}
	files, err := c.findFiles(ctx)
	if err != nil {
		return nil, err
	}
	claims := takeCensus(containers).claims
	var list []adoption
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		claim := claims[name]
		if len(names) > 0 && !slices.Contains(names, name) || len(names) == 0 && !c.isOurs(claim) {
			continue
		}
		a, err := c.adoption(ctx, claim, files)
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	for _, name := range names {
		if _, ok := claims[name]; !ok {
			return nil, Errorf(CodeNotFound, "No container of %s runs here. A service that does not run yet is set with definition set.", name)
		}
	}
	return list, nil
}

// isOurs is true for a container that says that it is a service, of this stack where there are several.
func (c *Core) isOurs(cl claim) bool {
	return cl.declared && (c.cfg.Project == "" || cl.container.Labels[labelProject] == c.cfg.Project)
}

// adoption plans the one of a container.
func (c *Core) adoption(ctx context.Context, cl claim, files []foundFile) (adoption, error) {
	a := adoption{AdoptItem: AdoptItem{Service: cl.name, Container: cl.container.Name, Kind: cl.kind, Found: foundBy(cl),
		Image: cl.container.Image, Commit: cl.container.Labels[labelCommit]}}
	if dv, err := c.definitionOf(cl.name); err == nil {
		a.Adopted, a.def = true, dv.Definition
		return a, nil
	}
	made, err := c.ship.Made.MadeContainer(ctx, cl.container.ID)
	if CodeOf(err) == CodeNotFound {
		a.Problems = []string{"its container went away meanwhile"}
		return a, nil
	}
	if err != nil {
		return a, err
	}
	derived, text, problems := c.derive(cl.identity, cl.container, made)
	a.def, a.text, a.Problems = derived, text, problems
	for _, what := range made.Refused {
		a.Problems = append(a.Problems, "it has "+what+", which no definition may have")
	}
	if file, ok := matching(files, cl.identity, cl.container); ok {
		a.takeFile(file, derived, cl.container.Labels[labelDefinition])
	}
	for _, what := range made.Lost {
		a.Differs = append(a.Differs, what+": a new container would not have it")
	}
	a.env = missingFrom(made.Env, a.def.Env)
	for name, value := range a.fileEnv { // what the container has counts: nothing changes by an adoption
		if _, has := a.env[name]; !has {
			a.env[name] = value
		}
	}
	a.EnvNames = slices.Sorted(maps.Keys(a.env))
	a.Problems = append(a.Problems, c.adoptProblems(a)...)
	return a, nil
}

// takeFile takes the definition of a file instead of the derived one, and says what a deployment of it would change: nothing
// when the container's label says that it was made from that very definition.
func (a *adoption) takeFile(file foundFile, derived Definition, madeFrom string) {
	if file.err != nil {
		a.Differs = append(a.Differs, "the file "+file.path+" cannot be taken ("+MessageOf(file.err)+"), so the definition is what runs now")
		return
	}
	a.Found, a.File, a.def, a.text, a.Problems = file.path, file.path, file.def, file.text, nil
	a.fileEnv = file.env
	if madeFrom == file.def.Hash() {
		return
	}
	for _, item := range diffDefinitions(likeFile(derived, file.def), file.def) {
		a.Differs = append(a.Differs, item.What)
	}
}

// likeFile leaves out of a derived definition what a container does not tell: it is taken from the file.
func likeFile(derived, file Definition) Definition {
	derived.Source, derived.Env, derived.Health, derived.Order = file.Source, file.Env, file.Health, file.Order
	derived.Drain, derived.Test, derived.Keep, derived.StopFirst = file.Drain, file.Test, file.Keep, file.StopFirst
	if file.Source != nil {
		derived.Image = file.Image
	}
	derived.Networks = slices.Clone(derived.Networks)
	for i := range derived.Networks { // the engine adds names of its own
		for _, use := range file.Networks {
			if use.Name == derived.Networks[i].Name {
				derived.Networks[i].Aliases = use.Aliases
			}
		}
	}
	return derived
}

// adoptProblems are what keeps it from being written, as far as can be told before.
func (c *Core) adoptProblems(a adoption) []string {
	var problems []string
	for _, err := range []error{c.checkPlace(a.def), c.checkUnique(a.def), checkEnv(a.env)} {
		if err != nil {
			problems = append(problems, MessageOf(err))
		}
	}
	if _, err := c.sealer(); err != nil && len(a.env) > 0 {
		problems = append(problems, MessageOf(err))
	}
	if a.def.Service != a.Service {
		problems = append(problems, "the file "+cmp.Or(a.File, "that was found")+" calls it "+a.def.Service)
	}
	return problems
}

// missingFrom are the values that others do not say already.
func missingFrom(values, others map[string]string) map[string]string {
	left := map[string]string{}
	for name, value := range values {
		if known, ok := others[name]; !ok || known != value {
			left[name] = value
		}
	}
	return left
}

// foundBy says by what a container was recognised.
func foundBy(cl claim) string {
	switch {
	case cl.labelled:
		return "label"
	case cl.container.Labels[composeProject] != "":
		return "compose project " + shortText(cl.container.Labels[composeProject])
	default:
		return "name"
	}
}
