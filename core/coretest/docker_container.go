package coretest

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// Add puts a container into the engine and returns its id. Zero fields get sensible values; the state is running unless
// it says otherwise. The command is that of the guest program: see Guest.
func (d *Docker) Add(detail core.ContainerDetail) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.add(detail, nil)
}

// add is Add with an environment. Call with mu held.
func (d *Docker) add(detail core.ContainerDetail, env []string) string {
	detail.ID = first(detail.ID, newID())
	detail.Name = first(detail.Name, "c-"+detail.Short())
	detail.Image = first(detail.Image, "guest:latest")
	if detail.ImageID == "" {
		detail.ImageID = d.image(detail.Image)
	}
	detail.LogDriver = first(detail.LogDriver, "json-file")
	if detail.Created.IsZero() {
		detail.Created = d.tick()
	}
	if detail.Networks == nil {
		detail.Networks = []core.Attachment{{Network: "bridge"}}
	}
	want := first(detail.State, "running")
	detail.State = "created"
	detail.Labels = maps.Clone(detail.Labels)
	c := &container{d: detail, env: env}
	d.containers[detail.ID] = c
	d.emit(c.event("create"))
	switch want {
	case "created":
	case "running":
		d.start(c)
	default:
		c.d.State = want
		if c.d.FinishedAt.IsZero() {
			c.d.FinishedAt = d.tick()
		}
	}
	return detail.ID
}

// image finds or makes the image of that name. Call with mu held.
func (d *Docker) image(name string) string {
	for id, img := range d.images {
		if slices.Contains(img.Tags, name) {
			return id
		}
	}
	id := "sha256:" + newID()
	d.images[id] = core.Image{ID: id, Tags: []string{name}, Created: d.tick(), Size: 1 << 20}
	return id
}

// Update changes a container in place, without an event.
func (d *Docker) Update(id string, change func(*core.ContainerDetail)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.find(id); c != nil {
		change(&c.d)
	}
}

// Rename gives a container another name, as the docker CLI does behind our back.
func (d *Docker) Rename(id, name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.find(id); c != nil {
		c.d.Name = name
		d.emit(c.event("rename"))
	}
}

// Die ends a container's main process on its own.
func (d *Docker) Die(id string, code int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.find(id); c != nil && c.d.State == "running" {
		d.die(c, code)
	}
}

// Info tells what the fake is.
func (d *Docker) Info(ctx context.Context) (core.EngineInfo, error) {
	if err := d.enter(ctx, "Info"); err != nil {
		return core.EngineInfo{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	info := d.info
	info.Containers, info.Images = len(d.containers), len(d.images)
	for _, c := range d.containers {
		if c.d.State == "running" {
			info.Running++
		}
	}
	return info, nil
}

// Containers lists all containers, newest first.
func (d *Docker) Containers(ctx context.Context) ([]core.Container, error) {
	if err := d.enter(ctx, "Containers"); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	list := make([]core.Container, 0, len(d.containers))
	for _, c := range d.containers {
		list = append(list, c.summary())
	}
	slices.SortFunc(list, func(a, b core.Container) int { return b.Created.Compare(a.Created) })
	return list, nil
}

// Container inspects one, by id, by the beginning of its id or by name.
func (d *Docker) Container(ctx context.Context, id string) (core.ContainerDetail, error) {
	if err := d.enter(ctx, "Container"); err != nil {
		return core.ContainerDetail{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.find(id)
	if c == nil {
		return core.ContainerDetail{}, noSuch(id)
	}
	detail := c.d
	detail.Container = c.summary()
	return detail, nil
}

// Events yields what happens after the call.
func (d *Docker) Events(ctx context.Context) iter.Seq2[core.EngineEvent, error] {
	d.mu.Lock()
	next, generation := len(d.events), d.eventBreak
	d.mu.Unlock()
	return func(yield func(core.EngineEvent, error) bool) {
		if err := d.enter(ctx, "Events"); err != nil {
			if ctx.Err() == nil {
				yield(core.EngineEvent{}, err)
			}
			return
		}
		for {
			d.mu.Lock()
			broken, changed, hung := d.eventBreak != generation, d.changed, d.hung
			news := d.events[next:]
			d.mu.Unlock()
			if hung {
				news = nil
			}
			next += len(news)
			for _, e := range news {
				if !yield(e, nil) {
					return
				}
			}
			if broken {
				yield(core.EngineEvent{}, core.Errorf(core.CodeUnavailable, "The engine's event stream broke."))
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-changed:
			}
		}
	}
}

// find looks a container up by id, beginning of the id or name. Call with mu held.
func (d *Docker) find(id string) *container {
	if c, ok := d.containers[id]; ok {
		return c
	}
	for _, c := range d.containers {
		if c.d.Name == id || (len(id) >= 4 && strings.HasPrefix(c.d.ID, id)) {
			return c
		}
	}
	return nil
}

// summary is the container as a list shows it.
func (c *container) summary() core.Container {
	s := c.d.Container
	s.Labels, s.Networks, s.Ports = maps.Clone(s.Labels), slices.Clone(s.Networks), slices.Clone(s.Ports)
	switch s.State {
	case "running":
		s.Status = "Up " + time.Since(c.d.StartedAt).Round(time.Second).String()
	case "exited":
		s.Status = fmt.Sprintf("Exited (%d) %s ago", c.d.ExitCode, time.Since(c.d.FinishedAt).Round(time.Second))
	default:
		s.Status = strings.ToUpper(s.State[:1]) + s.State[1:]
	}
	return s
}

// event is one about this container.
func (c *container) event(action string) core.EngineEvent {
	return core.EngineEvent{Type: "container", Action: action, ID: c.d.ID, Name: c.d.Name, Labels: maps.Clone(c.d.Labels)}
}

// start runs the container's guest program. Call with mu held.
func (d *Docker) start(c *container) {
	d.pid++
	c.d.State, c.d.Pid, c.d.ExitCode, c.d.OOMKilled = "running", d.pid, 0, false
	c.d.StartedAt = d.tick()
	for i, n := range c.d.Networks {
		if n.Address == "" && n.Network != "none" {
			c.d.Networks[i].Address = fmt.Sprintf("172.17.%d.%d", d.pid/250%250, d.pid%250+2)
		}
	}
	d.emit(c.event("start"))
	if code, ends := c.guest(d); ends {
		d.die(c, code)
	}
}

// guest does what the guest program of Guest does at its start. Call with mu held.
func (c *container) guest(d *Docker) (code int, ends bool) {
	if len(c.d.Command) == 0 {
		return 0, false
	}
	args := c.d.Command[1:]
	if run := d.programs[c.d.Command[0]]; run != nil && c.spec != nil {
		says, code := run(*c.spec)
		d.log(c, "stdout", says+"\n")
		return code, true
	}
	switch c.d.Command[0] {
	case "exit":
		code, _ = strconv.Atoi(strings.Join(args, ""))
		return code, true
	case "say":
		for _, line := range args {
			stream := "stdout"
			if rest, ok := strings.CutPrefix(line, "2:"); ok {
				stream, line = "stderr", rest
			}
			d.log(c, stream, line+"\n")
		}
	case "long":
		n, _ := strconv.Atoi(strings.Join(args, ""))
		d.log(c, "stdout", strings.Repeat("x", n)+"\n")
	}
	return 0, false
}

// die ends the container's main process, and with it every other one inside. Call with mu held.
func (d *Docker) die(c *container, code int) {
	c.d.State, c.d.Pid, c.d.ExitCode = "exited", 0, code
	c.d.FinishedAt = d.tick()
	c.ends = append(c.ends, len(c.logs))
	for i := range c.d.Networks {
		c.d.Networks[i].Address = ""
	}
	for s := range d.execs {
		if s.container == c.d.ID {
			s.kill()
		}
	}
	d.emit(c.event("die"))
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

func noSuch(id string) error {
	return core.Errorf(core.CodeNotFound, "No such container: %s", id)
}
