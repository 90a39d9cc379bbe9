package docker

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/volume"
	dockersdk "github.com/moby/moby/client"
)

// Networks lists the networks with the names of their running containers.
func (d *Docker) Networks(ctx context.Context) ([]core.Network, error) {
	containers, err := d.list(ctx)
	if err != nil {
		return nil, err
	}
	items, err := d.listNetworks(ctx)
	if err != nil {
		return nil, err
	}
	members := map[string][]string{}
	for _, c := range containers {
		if c.State != container.StateRunning || c.NetworkSettings == nil {
			continue
		}
		for name := range c.NetworkSettings.Networks {
			members[name] = append(members[name], listedName(c.Names))
		}
	}
	list := make([]core.Network, len(items))
	for i, n := range items {
		slices.Sort(members[n.Name])
		list[i] = core.Network{ID: n.ID, Name: n.Name, Driver: n.Driver, Internal: n.Internal, Created: n.Created, Labels: n.Labels,
			Containers: members[n.Name]}
		for _, pool := range n.IPAM.Config {
			list[i].Subnets = append(list[i].Subnets, pool.Subnet.String())
		}
	}
	slices.SortFunc(list, func(a, b core.Network) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

// Volumes lists the volumes; their sizes come with DiskUsage only, because the engine walks the files for it.
func (d *Docker) Volumes(ctx context.Context) ([]core.Volume, error) {
	containers, err := d.list(ctx)
	if err != nil {
		return nil, err
	}
	items, err := call(ctx, d, readLimit, "list volumes", func(ctx context.Context, api *dockersdk.Client) ([]volume.Volume, error) {
		res, err := api.VolumeList(ctx, dockersdk.VolumeListOptions{})
		return res.Items, err
	})
	if err != nil {
		return nil, err
	}
	users := map[string]int{}
	for _, c := range containers {
		for _, m := range c.Mounts {
			users[m.Name]++
		}
	}
	list := make([]core.Volume, len(items))
	for i, v := range items {
		list[i] = core.Volume{Name: v.Name, Driver: v.Driver, Path: v.Mountpoint, Created: timeOf(v.CreatedAt), Labels: v.Labels,
			Size: -1, UsedBy: users[v.Name]}
	}
	slices.SortFunc(list, func(a, b core.Volume) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

// Images lists the images, newest first, with how many containers use each.
func (d *Docker) Images(ctx context.Context) ([]core.Image, error) {
	containers, err := d.list(ctx)
	if err != nil {
		return nil, err
	}
	items, err := call(ctx, d, readLimit, "list images", func(ctx context.Context, api *dockersdk.Client) ([]image.Summary, error) {
		res, err := api.ImageList(ctx, dockersdk.ImageListOptions{})
		return res.Items, err
	})
	if err != nil {
		return nil, err
	}
	users := map[string]int{}
	for _, c := range containers {
		users[c.ImageID]++
	}
	list := make([]core.Image, len(items))
	for i, img := range items {
		tags := slices.DeleteFunc(slices.Clone(img.RepoTags), func(s string) bool { return s == "<none>:<none>" })
		list[i] = core.Image{ID: img.ID, Tags: tags, Created: time.Unix(img.Created, 0).UTC(), Size: img.Size, Labels: img.Labels,
			UsedBy: users[img.ID]}
	}
	slices.SortFunc(list, func(a, b core.Image) int { return b.Created.Compare(a.Created) })
	return list, nil
}

// DiskUsage measures what the engine keeps. It takes seconds on a full disk.
func (d *Docker) DiskUsage(ctx context.Context) (core.DiskUsage, error) {
	return call(ctx, d, usageLimit, "measure the engine's disk", func(ctx context.Context, api *dockersdk.Client) (core.DiskUsage, error) {
		res, err := api.DiskUsage(ctx, dockersdk.DiskUsageOptions{Containers: true, Images: true, Volumes: true, BuildCache: true})
		return core.DiskUsage{
			Images: res.Images.TotalSize, ImagesUnused: res.Images.Reclaimable, Containers: res.Containers.TotalSize,
			Volumes: res.Volumes.TotalSize, VolumesUnused: res.Volumes.Reclaimable, BuildCache: res.BuildCache.TotalSize,
			At: time.Now(),
		}, err
	})
}

// Prune removes dangling images and the build cache, nothing else.
func (d *Docker) Prune(ctx context.Context) (core.Pruned, error) {
	return call(ctx, d, pruneLimit, "prune images and build cache", func(ctx context.Context, api *dockersdk.Client) (core.Pruned, error) {
		var out core.Pruned
		dangling := dockersdk.Filters{}.Add("dangling", "true")
		before, err := api.ImageList(ctx, dockersdk.ImageListOptions{Filters: dangling})
		if err != nil {
			return out, err
		}
		images, err := api.ImagePrune(ctx, dockersdk.ImagePruneOptions{Filters: dangling})
		if err != nil {
			return out, err
		}
		for _, gone := range images.Report.ImagesDeleted { // holds layers too
			if slices.ContainsFunc(before.Items, func(img image.Summary) bool { return img.ID == gone.Deleted }) {
				out.Images++
			}
		}
		cache, err := api.BuildCachePrune(ctx, dockersdk.BuildCachePruneOptions{All: true})
		out.Bytes = int64(images.Report.SpaceReclaimed + cache.Report.SpaceReclaimed)
		return out, err
	})
}
