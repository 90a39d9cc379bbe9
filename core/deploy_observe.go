package core

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// observe compares what runs now with what was meant to, and only then lets go of the old container.
func (r *deployRun) observe(ctx context.Context) (string, error) {
	if r.requests != nil {
		rest(ctx, askTail, nil) // what still went to the old version shows by now
		r.stopAsking()
	}
	if err := r.outlive(ctx); err != nil {
		return "", err
	}
	if err := r.compare(ctx); err != nil {
		return "", err
	}
	if _, err := r.confirm(ctx); err != nil {
		return "", err
	}
	words := "image, definition and env are as meant, it passes its health check"
	route, err := r.routeStill(ctx)
	if err != nil {
		return "", err
	}
	if r.old != nil {
		if err := ignoreMissing(r.c.docker.Remove(ctx, r.old.ID, graceOf(0, *r.old))); err != nil {
			r.c.log.Warn("the old container is not removed yet", "service", r.row.Service, "container", r.old.ID, "err", err)
			r.c.deploys.leaveBehind(r.row.Service, r.name, "")
			route += "; the old container is not removed yet: " + MessageOf(err)
		}
	}
	return words + route, nil
}

// outlive waits until the new container has run long enough to be one that stays.
func (r *deployRun) outlive(ctx context.Context) error {
	began := time.Now()
	for {
		d, err := r.c.docker.Container(ctx, r.snapshot().New)
		if err == nil && d.State == "running" && d.Restarts == 0 && r.c.now().Sub(d.StartedAt) >= proveAge {
			return nil
		}
		if err := r.stands(ctx); err != nil {
			return err
		}
		if time.Since(began) > confirmWait {
			return Errorf(CodeUnavailable, "The engine does not show the new container within %s.", confirmWait)
		}
		if !rest(ctx, proveEvery, nil) {
			return ctx.Err()
		}
	}
}

// compare holds the container of the service against the release.
func (r *deployRun) compare(ctx context.Context) error {
	d, err := r.c.docker.Container(ctx, r.name)
	if err != nil {
		return err
	}
	var wrong []string
	check := func(what, is, wanted string) {
		if is != wanted {
			wrong = append(wrong, what+" is "+shortText(is)+" and not "+wanted)
		}
	}
	check("the container", ShortID(d.ID), ShortID(r.snapshot().New))
	check("the image", ShortID(d.ImageID), ShortID(r.image.ID))
	check("the definition", d.Labels[labelDefinition], r.def.Hash())
	check("the version of the env", d.Labels[labelEnv], strconv.Itoa(r.next.EnvVersion))
	if len(wrong) > 0 {
		return Errorf(CodeConflict, "What runs is not what was deployed: %s.", strings.Join(wrong, ", "))
	}
	return nil
}

// routeStill looks at the route once more. Traefik that does not answer any more is no reason to go back: the route was seen.
func (r *deployRun) routeStill(ctx context.Context) (string, error) {
	if r.def.Kind == KindTraefik {
		return r.traefikBack(ctx)
	}
	if r.def.Route == nil || r.blind != "" {
		return "", nil
	}
	if r.bridged {
		said, code, err := r.c.endBridge(ctx, r.row.Service, r.labels(), confirmWait)
		switch {
		case err != nil:
			return "", err
		case code == CodeUnavailable:
			return "; Traefik does not answer now: " + said, nil
		case code != "":
			return "", Errorf(code, "The old version has ended, and Traefik does not lead to the new one by its labels within %s: %s", confirmWait, said)
		}
		r.bridged = false
	}
	_, err := r.c.awaitRoute(ctx, r.target(), confirmWait)
	switch {
	case err == nil:
		return ", Traefik leads to it", nil
	case CodeOf(err) == CodeUnavailable:
		return "; Traefik does not answer now: " + MessageOf(err), nil
	}
	return "", err
}

// traefikBack waits until a new Traefik answers and has routes again.
func (r *deployRun) traefikBack(ctx context.Context) (string, error) {
	limited, cancel := context.WithTimeout(ctx, confirmWait)
	defer cancel()
	for {
		version, err := r.c.proxy.Version(limited)
		if err == nil {
			return ", it answers as Traefik " + shortText(version), nil
		}
		if !rest(limited, proveEvery, nil) {
			return "", Errorf(CodeConflict, "The new Traefik does not answer on its API within %s: %s", confirmWait, MessageOf(err))
		}
	}
}
