package coretest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// AddNetwork puts a network into the engine.
func (d *Docker) AddNetwork(n core.Network) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n.ID, n.Driver = first(n.ID, newID()), first(n.Driver, "bridge")
	d.networks[n.Name] = n
}

// AddVolume puts a volume into the engine.
func (d *Docker) AddVolume(v core.Volume) {
	d.mu.Lock()
	defer d.mu.Unlock()
	v.Driver = first(v.Driver, "local")
	d.volumes[v.Name] = v
}

// AddImage puts an image into the engine and returns its id.
func (d *Docker) AddImage(img core.Image) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	img.ID = first(img.ID, "sha256:"+newID())
	d.images[img.ID] = img
	return img.ID
}

// SetDiskUsage sets what DiskUsage answers.
func (d *Docker) SetDiskUsage(u core.DiskUsage) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.usage = u
}

// SetInfo sets what Info answers; the counts are always those of the fake.
func (d *Docker) SetInfo(info core.EngineInfo) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.info = info
}

// SetStats sets what Stats answers for a container.
func (d *Docker) SetStats(id string, s core.StatsSample) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.find(id); c != nil {
		c.stats = &s
	}
}

// Networks lists the networks with their running members.
func (d *Docker) Networks(ctx context.Context) ([]core.Network, error) {
	if err := d.enter(ctx, "Networks"); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	members := map[string][]string{}
	for _, c := range d.containers {
		for _, n := range c.d.Networks {
			if c.d.State == "running" {
				members[n.Network] = append(members[n.Network], c.d.Name)
			}
		}
	}
	list := slices.SortedFunc(maps.Values(d.networks), func(a, b core.Network) int { return cmp.Compare(a.Name, b.Name) })
	for i := range list {
		list[i].Containers = slices.Sorted(slices.Values(members[list[i].Name]))
	}
	return list, nil
}

// Volumes lists the volumes, not measured.
func (d *Docker) Volumes(ctx context.Context) ([]core.Volume, error) {
	if err := d.enter(ctx, "Volumes"); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	list := slices.SortedFunc(maps.Values(d.volumes), func(a, b core.Volume) int { return cmp.Compare(a.Name, b.Name) })
	for i := range list {
		list[i].Size, list[i].UsedBy = -1, 0
		for _, c := range d.containers {
			if slices.ContainsFunc(c.d.Mounts, func(m core.Mount) bool { return m.Name == list[i].Name }) {
				list[i].UsedBy++
			}
		}
	}
	return list, nil
}

// Images lists the images with how many containers use each.
func (d *Docker) Images(ctx context.Context) ([]core.Image, error) {
	if err := d.enter(ctx, "Images"); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.imageList(), nil
}

// imageList is Images. Call with mu held.
func (d *Docker) imageList() []core.Image {
	list := slices.SortedFunc(maps.Values(d.images), func(a, b core.Image) int { return b.Created.Compare(a.Created) })
	for i := range list {
		list[i].UsedBy = 0
		for _, c := range d.containers {
			if c.d.ImageID == list[i].ID {
				list[i].UsedBy++
			}
		}
	}
	return list
}

// DiskUsage answers what SetDiskUsage said.
func (d *Docker) DiskUsage(ctx context.Context) (core.DiskUsage, error) {
	if err := d.enter(ctx, "DiskUsage"); err != nil {
		return core.DiskUsage{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	u := d.usage
	u.At = time.Now()
	return u, nil
}

// Prune removes images without a tag that no container uses, and the build cache.
func (d *Docker) Prune(ctx context.Context) (core.Pruned, error) {
	if err := d.enter(ctx, "Prune"); err != nil {
		return core.Pruned{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	p := core.Pruned{Bytes: d.usage.BuildCache}
	d.usage.BuildCache = 0
	for _, img := range d.imageList() {
		if len(img.Tags) == 0 && img.UsedBy == 0 {
			delete(d.images, img.ID)
			p.Images++
			p.Bytes += img.Size
		}
	}
	return p, nil
}

// Stats answers what SetStats said, else an idle process that has used a hundredth of a core since its start.
func (d *Docker) Stats(ctx context.Context, id string) (core.StatsSample, error) {
	if err := d.enter(ctx, "Stats"); err != nil {
		return core.StatsSample{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.find(id)
	switch {
	case c == nil:
		return core.StatsSample{}, noSuch(id)
	case c.d.State != "running":
		return core.StatsSample{}, core.Errorf(core.CodeConflict, "%s is not running.", c.d.Name)
	case c.stats != nil:
		return *c.stats, nil
	}
	now := time.Now()
	return core.StatsSample{At: now, CPU: now.Sub(c.d.StartedAt)/100 + time.Millisecond, Memory: 10 << 20,
		MemoryLimit: c.d.MemoryLimit, Pids: 1}, nil
}
