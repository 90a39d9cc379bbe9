package core

import "strconv"

// definition compares the definition that runs with the one that would. The running one is known from the release that
// the container names; of any other container only the digest is.
func (d *changing) definition() {
	if d.dv.Source != nil && d.dv.Source.Definition != "" && d.out.Head.SHA != "" {
		next, err := d.c.definitionAt(d.ctx, d.dv, d.out.Head.SHA)
		if err != nil {
			d.note("The definition at %s cannot be read: %s", d.out.Head.Short(), MessageOf(err))
			d.add(ChangeDefinition, NeedsBuild, "the definition at %s cannot be used: %s", d.out.Head.Short(), MessageOf(err))
			return
		}
		d.next = next
	}
	if d.svc.ID == "" {
		return
	}
	if release, ok := rowOf[Release](d.c, releasesTable, d.labels[labelRelease]); ok && release.Service == d.dv.Service {
		d.out.Items = append(d.out.Items, diffDefinitions(release.Definition, d.next)...)
		return
	}
	switch hash := d.labels[labelDefinition]; {
	case hash == "":
		d.note("The running container does not say which definition made it.")
		d.add(ChangeDefinition, NeedsDeploy, "the running container was not made from this definition")
	case hash != d.next.Hash():
		d.add(ChangeDefinition, NeedsDeploy, "the definition differs from the one that runs (%s to %s), of which there is no record", hash, d.next.Hash())
	}
}

// env compares the env that the container was made with and the newest one, by names.
func (d *changing) env() {
	if d.svc.ID == "" {
		return
	}
	versions := map[int]EnvVersion{}
	newest := EnvVersion{}
	for _, v := range rowsOf[EnvVersion](d.c, envTable) {
		if v.Service != d.dv.Service {
			continue
		}
		versions[v.Version] = v
		if v.Version > newest.Version {
			newest = v
		}
	}
	running, err := strconv.Atoi(d.labels[labelEnv])
	switch {
	case err != nil && newest.Version > 0:
		d.note("The running container does not say which version of the env it has.")
		d.add(ChangeEnv, NeedsDeploy, "an unknown env runs; version %d is the newest", newest.Version)
	case err != nil || running == newest.Version:
		return
	case running > 0 && versions[running].Version == 0:
		d.add(ChangeEnv, NeedsDeploy, "version %d of the env runs, of which there is no record; version %d is the newest", running, newest.Version)
	default:
		items := diffEnv(versions[running], newest)
		if len(items) == 0 {
			items = []ChangeItem{{ChangeEnv, "version " + strconv.Itoa(running) + " of the env to version " + strconv.Itoa(newest.Version), NeedsDeploy}}
		}
		d.out.Items = append(d.out.Items, items...)
	}
}

// image compares the image that a name stands for now with the one that runs, for services that are not built here.
func (d *changing) image() {
	if d.next.Source != nil || d.next.Image == "" || d.svc.ID == "" || d.c.ship.Images == nil {
		return
	}
	image, err := d.c.ship.Images.ImageDetail(d.ctx, d.next.Image)
	switch {
	case CodeOf(err) == CodeNotFound:
		d.add(ChangeImage, NeedsDeploy, "the image %s is not on the engine: it would be pulled", d.next.Image)
	case err != nil:
		d.note("The image %s cannot be looked at: %s", shortText(d.next.Image), MessageOf(err))
	case image.ID != d.svc.ImageID:
		d.add(ChangeImage, NeedsDeploy, "the image %s is %s now; %s runs", d.next.Image, ShortID(image.ID), ShortID(d.svc.ImageID))
	}
}
