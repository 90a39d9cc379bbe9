package coretest

import (
	"context"
	"slices"
	"strings"

	"github.com/codematrx/matrx-ship/core"
)

// imageRecipe is what a Dockerfile said of an image besides its labels.
type imageRecipe struct {
	command []string
	arch    string
	ports   []core.Port
}

// AddRemote puts an image into the registry, from which PullImage takes it.
func (d *Docker) AddRemote(ref string, img core.Image) {
	d.mu.Lock()
	defer d.mu.Unlock()
	img.ID = first(img.ID, "sha256:"+newID())
	d.remote[ref] = img
}

// findImage looks an image up by id, beginning of the id, or tag. Call with mu held.
func (d *Docker) findImage(ref string) (core.Image, bool) {
	if img, ok := d.images[ref]; ok {
		return img, true
	}
	for id, img := range d.images {
		bare := strings.TrimPrefix(ref, "sha256:")
		if slices.Contains(img.Tags, tagged(ref)) || len(bare) >= 12 && strings.HasPrefix(strings.TrimPrefix(id, "sha256:"), bare) {
			return img, true
		}
	}
	return core.Image{}, false
}

// tagged is a name with the tag that the engine takes for one without.
func tagged(ref string) string {
	if strings.Contains(ref[strings.LastIndexByte(ref, '/')+1:], ":") {
		return ref
	}
	return ref + ":latest"
}

// ImageDetail inspects an image.
func (d *Docker) ImageDetail(ctx context.Context, ref string) (core.ImageDetail, error) {
	if err := d.enter(ctx, "ImageDetail"); err != nil {
		return core.ImageDetail{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	img, ok := d.findImage(ref)
	if !ok {
		return core.ImageDetail{}, noImage(ref)
	}
	img.UsedBy = d.users(img.ID)
	r := d.recipes[img.ID]
	return core.ImageDetail{Image: img, Architecture: first(r.arch, "amd64"), OS: "linux", Ports: r.ports}, nil
}

// users counts the containers of an image. Call with mu held.
func (d *Docker) users(image string) int {
	n := 0
	for _, c := range d.containers {
		if c.d.ImageID == image {
			n++
		}
	}
	return n
}

// TagImage gives an image a further name, which is taken from the image that has it.
func (d *Docker) TagImage(ctx context.Context, image, ref string) error {
	if err := d.enter(ctx, "TagImage"); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	img, ok := d.findImage(image)
	if !ok {
		return noImage(image)
	}
	d.tag(img.ID, tagged(ref))
	return nil
}

// tag moves a tag to an image. Call with mu held.
func (d *Docker) tag(id, ref string) {
	for other, img := range d.images {
		if i := slices.Index(img.Tags, ref); i >= 0 {
			img.Tags = slices.Delete(slices.Clone(img.Tags), i, i+1)
			d.images[other] = img
		}
	}
	img := d.images[id]
	img.Tags = append(slices.Clone(img.Tags), ref)
	d.images[id] = img
}

// RemoveImage takes a tag away, and the image with its last one.
func (d *Docker) RemoveImage(ctx context.Context, ref string) error {
	if err := d.enter(ctx, "RemoveImage"); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	img, ok := d.findImage(ref)
	i := slices.Index(img.Tags, tagged(ref))
	switch {
	case !ok:
		return noImage(ref)
	case i >= 0 && len(img.Tags) > 1:
		img.Tags = slices.Delete(slices.Clone(img.Tags), i, i+1)
		d.images[img.ID] = img
		return nil
	case len(img.Tags) > 1:
		return core.Errorf(core.CodeConflict, "Cannot remove image %s: it has several names.", ref)
	case d.users(img.ID) > 0:
		return core.Errorf(core.CodeConflict, "Cannot remove image %s: a container uses it.", ref)
	}
	delete(d.images, img.ID)
	delete(d.recipes, img.ID)
	return nil
}

// PullImage takes an image from the registry that AddRemote fills.
func (d *Docker) PullImage(ctx context.Context, ref string, out func(line string)) error {
	if err := d.enter(ctx, "PullImage"); err != nil {
		return err
	}
	d.mu.Lock()
	img, ok := d.remote[ref]
	if ok {
		if _, here := d.images[img.ID]; !here {
			d.images[img.ID] = img
		}
		d.tag(img.ID, tagged(ref))
	}
	d.mu.Unlock()
	if !ok {
		return core.Errorf(core.CodeUnavailable, "Cannot pull %s: the registry does not answer.", ref)
	}
	if out != nil {
		out("Pulled " + ref)
	}
	return nil
}

func noImage(ref string) error { return core.Errorf(core.CodeNotFound, "No such image: %s", ref) }
