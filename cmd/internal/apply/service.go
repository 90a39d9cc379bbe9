package apply

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/codematrx/matrx-ship/core"
)

// The labels that say who made a container, and of what.
const (
	labelRelease    = "com.matrx.release"
	labelDeployment = "com.matrx.deployment"
	labelDefinition = "com.matrx.definition"
	labelEnv        = "com.matrx.env"
	labelCommit     = "com.matrx.commit"
	labelBuild      = "com.matrx.build"
)

// markNew stands between a container's name and eight hex digits while it is to take another one's place.
const markNew = ".new-"

// adoptedEnv is the version that a control plane gives to the env of what it takes over.
const adoptedEnv = 1

// service is one service on its way to what its definition says.
type service struct {
	*Applier
	def   core.Definition
	image core.ImageDetail
	env   map[string]string // secrets
	gone  []string          // names that its env had and has no longer
	now   *core.ContainerDetail
	stamp core.Stamp
	fresh bool // its container was made by this run
}

// prepare finds out what is wanted and what there is. It changes nothing.
func (s *service) prepare(ctx context.Context) error {
	if err := s.look(ctx); err != nil {
		return err
	}
	if err := s.readEnv(); err != nil {
		return err
	}
	if s.deployed() {
		return s.keepDeployed(ctx)
	}
	return s.wantImage(ctx)
}

// look finds the container under the service's name. One of another project is refused.
func (s *service) look(ctx context.Context) error {
	list, err := s.Engine.Containers(ctx)
	if err != nil {
		return err
	}
	for _, c := range list {
		if c.Name != s.def.Container {
			continue
		}
		if s.def.Project != "" && projectOf(c.Labels) != s.def.Project {
			return core.Errorf(core.CodeConflict, "a container named %s exists and does not belong to project %s; rename or remove it, or choose another MATRX_PROJECT", c.Name, s.def.Project)
		}
		detail, err := s.Engine.Container(ctx, c.ID)
		s.now = &detail
		return err
	}
	return nil
}

// deployed is true when a control plane made the container: the store of the plane then says what its image and env are.
func (s *service) deployed() bool { return s.now != nil && s.now.Labels[labelRelease] != "" }

// keepDeployed takes image, env version and commit from the container that is there.
func (s *service) keepDeployed(ctx context.Context) error {
	labels := s.now.Labels
	version, err := strconv.Atoi(labels[labelEnv])
	if err != nil {
		version = 0
	}
	s.stamp = core.Stamp{Release: labels[labelRelease], Commit: labels[labelCommit], Build: labels[labelBuild], Env: version}
	s.image, err = s.Engine.ImageDetail(ctx, s.now.ImageID)
	return err
}

// wantImage finds the image that is to run: the one that was handed over, else the definition's, pulled when it is missing.
func (s *service) wantImage(ctx context.Context) (err error) {
	ref := s.Images[s.def.Service]
	if ref == "" {
		ref = s.def.Image
	}
	if ref == "" {
		return core.Errorf(core.CodeInvalid, "it is built from source, so its image has to be handed over: --image %s=IMAGE", s.def.Service)
	}
	s.image, err = s.Engine.ImageDetail(ctx, ref)
	if core.CodeOf(err) == core.CodeNotFound && s.Images[s.def.Service] == "" {
		if err := s.Engine.PullImage(ctx, ref, func(string) {}); err != nil {
			return err
		}
		s.image, err = s.Engine.ImageDetail(ctx, ref)
	}
	s.stamp.Commit = s.image.Labels[labelCommit]
	if len(s.env) > 0 {
		s.stamp.Env = adoptedEnv
	}
	return err
}

// apply brings the service to what is wanted, under the lock that deployments take.
func (s *service) apply(ctx context.Context) (err error) {
	unlock, err := s.Locks.Lock(s.def.Service, "set up by `apply`")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if err := s.tag(ctx); err != nil {
		return err
	}
	if err := s.write(); err != nil {
		return err
	}
	what, err := s.settle(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", s.def.Container, err)
	}
	if err := s.lead(ctx); err != nil {
		return err
	}
	return s.say(s.def.Container, what)
}

// tag gives a built image the name that the rendered file knows.
func (s *service) tag(ctx context.Context) error {
	if s.def.Image != "" {
		return nil
	}
	return s.Engine.TagImage(ctx, s.image.ID, core.CurrentImage(s.def.Service))
}

// settle makes, replaces or starts the container, and says which.
func (s *service) settle(ctx context.Context) (string, error) {
	if s.now == nil {
		return "started", s.create(ctx)
	}
	changed, err := s.changed(ctx)
	switch {
	case err != nil:
		return "", err
	case changed != "":
		return "replaced, its " + changed + " changed", s.replace(ctx)
	case s.now.State == "running":
		return "unchanged", nil
	}
	if err := s.portsFree(ctx); err != nil {
		return "", err
	}
	return "started (it was " + s.now.State + ")", s.Engine.Start(ctx, s.now.ID)
}

// changed names what differs between the container and what is wanted; empty when nothing does.
func (s *service) changed(ctx context.Context) (string, error) {
	if s.now.Labels[labelDefinition] != s.def.Hash() {
		return "definition", nil
	}
	if s.now.ImageID != s.image.ID {
		return "image", nil
	}
	has, err := s.Engine.ContainerEnv(ctx, s.now.ID)
	if err != nil {
		return "", err
	}
	for name, value := range s.env {
		if got, ok := has[name]; !ok || got != value {
			return "env", nil
		}
	}
	for _, name := range s.gone {
		if _, ok := has[name]; ok {
			return "env", nil
		}
	}
	return "", nil
}

// make creates a container under a name.
func (s *service) make(ctx context.Context, name string) (string, error) {
	env := maps.Clone(s.def.Env)
	if env == nil {
		env = map[string]string{}
	}
	maps.Copy(env, s.env)
	s.fresh = true
	return s.Engine.CreateContainer(ctx, core.ContainerSpec{
		Name: name, Image: s.image.ID, Definition: s.def, Env: env, Labels: core.ContainerLabels(s.def, s.stamp),
	})
}

// create makes the first container. One that does not start leaves nothing behind.
func (s *service) create(ctx context.Context) error {
	if err := s.portsFree(ctx); err != nil {
		return err
	}
	id, err := s.make(ctx, s.def.Container)
	if err != nil {
		return err
	}
	if err := s.Engine.Start(ctx, id); err != nil {
		return errors.Join(err, s.Engine.Remove(context.WithoutCancel(ctx), id, 0))
	}
	return nil
}

// replace makes the new container beside the old one, so that a definition the engine does not take changes nothing, and starts
// the old one again when the new one does not start.
func (s *service) replace(ctx context.Context) error {
	if err := s.clear(ctx); err != nil {
		return err
	}
	mark := make([]byte, 4)
	if _, err := rand.Read(mark); err != nil {
		return fmt.Errorf("choose a name: %w", err)
	}
	id, err := s.make(ctx, s.def.Container+markNew+hex.EncodeToString(mark))
	if err != nil {
		return err
	}
	keep := context.WithoutCancel(ctx)
	if err := s.Engine.Stop(ctx, s.now.ID, s.now.StopGrace); err != nil {
		return errors.Join(err, s.Engine.Remove(keep, id, 0), s.Engine.Start(keep, s.now.ID))
	}
	if err := s.Engine.Start(ctx, id); err != nil {
		return errors.Join(err, s.Engine.Remove(keep, id, 0), s.Engine.Start(keep, s.now.ID))
	}
	if err := s.Engine.Remove(ctx, s.now.ID, 0); err != nil {
		return err
	}
	return s.Engine.RenameContainer(ctx, id, s.def.Container)
}

// clear removes what an earlier run left when it was cut short. What a deployment made is not touched: its plane decides it.
func (s *service) clear(ctx context.Context) error {
	list, err := s.Engine.Containers(ctx)
	if err != nil {
		return err
	}
	for _, c := range list {
		if strings.HasPrefix(c.Name, s.def.Container+markNew) && c.Labels[labelDeployment] == "" && projectOf(c.Labels) == projectOf(s.now.Labels) {
			if err := s.Engine.Remove(ctx, c.ID, s.def.StopGrace); err != nil {
				return err
			}
		}
	}
	return nil
}

// lead points the route at the container by its name. Where a deployment made the container, the file names its alias.
func (s *service) lead(ctx context.Context) error {
	if s.def.Route == nil {
		return nil
	}
	if !s.fresh && s.now.Labels[labelDeployment] != "" {
		return nil // a missing file is rendered by the plane: it knows the alias
	}
	want := core.SwitchTarget{Service: s.def.Service, Alias: s.def.Container, Port: s.def.Route.Port}
	now, err := s.Switch.Target(ctx, s.def.Service)
	switch {
	case err == nil && now == want:
		return nil
	case err != nil && core.CodeOf(err) != core.CodeNotFound && core.CodeOf(err) != core.CodeInvalid:
		return err
	}
	return s.Switch.Point(ctx, want)
}
