package docker

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/moby/moby/api/types/image"
	dockersdk "github.com/moby/moby/client"
)

// pullLimit is how long an image may take to come from a registry.
const pullLimit = 30 * time.Minute

var _ core.ImageStore = (*Docker)(nil)

// ImageDetail inspects an image, by id, by the beginning of its id or by a name.
func (d *Docker) ImageDetail(ctx context.Context, ref string) (core.ImageDetail, error) {
	img, err := call(ctx, d, readLimit, "inspect the image "+ref, func(ctx context.Context, api *dockersdk.Client) (image.InspectResponse, error) {
		res, err := api.ImageInspect(ctx, ref)
		return res.InspectResponse, err
	})
	if err != nil {
		return core.ImageDetail{}, err
	}
	containers, err := d.list(ctx)
	if err != nil {
		return core.ImageDetail{}, err
	}
	out := core.ImageDetail{Digests: img.RepoDigests, Architecture: img.Architecture, OS: img.Os,
		Image: core.Image{ID: img.ID, Tags: img.RepoTags, Created: timeOf(img.Created), Size: img.Size}}
	if img.Config != nil {
		out.Labels, out.Ports = img.Config.Labels, exposedPorts(img.Config.ExposedPorts)
	}
	for _, c := range containers {
		if c.ImageID == img.ID {
			out.UsedBy++
		}
	}
	return out, nil
}

// exposedPorts reads an image's own list ("8080/tcp"); what is no port is left out.
func exposedPorts(exposed map[string]struct{}) []core.Port {
	var list []core.Port
	for text := range maps.Keys(exposed) {
		number, protocol, _ := strings.Cut(text, "/")
		n, err := strconv.Atoi(number)
		if err != nil {
			continue
		}
		if protocol == "" {
			protocol = "tcp"
		}
		list = append(list, core.Port{Container: n, Protocol: protocol})
	}
	sortPorts(list)
	return list
}

// TagImage gives an image a further name; an image that had it loses it.
func (d *Docker) TagImage(ctx context.Context, image, ref string) error {
	return act(ctx, d, actLimit, "name the image "+image+" "+ref, func(ctx context.Context, api *dockersdk.Client) error {
		_, err := api.ImageTag(ctx, dockersdk.ImageTagOptions{Source: image, Target: ref})
		return err
	})
}

// RemoveImage takes a name away, and the image, with what it alone was built on, with its last one. An image that a
// container uses, also a stopped one, is CodeConflict.
func (d *Docker) RemoveImage(ctx context.Context, ref string) error {
	return act(ctx, d, pruneLimit, "remove the image "+ref, func(ctx context.Context, api *dockersdk.Client) error {
		_, err := api.ImageRemove(ctx, ref, dockersdk.ImageRemoveOptions{PruneChildren: true})
		return err
	})
}

// PullImage takes an image from its registry, without credentials.
func (d *Docker) PullImage(ctx context.Context, ref string, out func(line string)) error {
	action := "pull " + ref
	api, _, err := d.ready(ctx, action)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, pullLimit)
	defer cancel()
	res, err := api.ImagePull(ctx, ref, dockersdk.ImagePullOptions{})
	if err != nil {
		return outward(wrap(err, action))
	}
	_, err = readProgress(ctx, res, action, out, nil)
	return outward(err)
}

// ready asks the engine for a sign of life, and what it can do, before a call that may take so long that its deadline says nothing.
func (d *Docker) ready(ctx context.Context, action string) (api *dockersdk.Client, ping dockersdk.PingResult, err error) {
	api, err = call(ctx, d, readLimit, action, func(ctx context.Context, api *dockersdk.Client) (*dockersdk.Client, error) {
		var err error
		ping, err = api.Ping(ctx, dockersdk.PingOptions{})
		return api, err
	})
	return api, ping, err
}

// outward knows the failures that are the network's or the registry's, which the engine reports as its own.
func outward(err error) error {
	if err == nil || !slices.Contains([]core.Code{core.CodeInternal, core.CodeInvalid}, core.CodeOf(err)) {
		return err
	}
	for _, sign := range awaySigns {
		if strings.Contains(err.Error(), sign) {
			return &core.Error{Code: core.CodeUnavailable, Message: core.MessageOf(err), Err: err}
		}
	}
	return err
}

// awaySigns are words of the engine for something outside that does not answer, or a disk that is full.
var awaySigns = []string{"dial tcp", "no such host", "i/o timeout", "TLS handshake", "connection refused", "no space left on device",
	"network is unreachable", "Client.Timeout exceeded", "toomanyrequests"}
