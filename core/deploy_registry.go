package core

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// The bounds of what is kept of deployments and releases, for each service.
const (
	maxDeployments = 100
	maxReleases    = 50
)

// deploys knows the deployments that run in this process, and those whose end the journal could not take yet.
type deploys struct {
	c *Core

	mu      sync.Mutex            // guards what is below
	live    map[string]*deployRun // by id
	unsaved map[string][]edit     // rows of deployments that have ended, by id
	left    map[string]*leftover  // services to be settled, by container name
	bell    chan struct{}         // something was left
}

func newDeploys(c *Core) *deploys {
	return &deploys{
		c: c, live: map[string]*deployRun{}, unsaved: map[string][]edit{}, left: map[string]*leftover{}, bell: signal(),
	}
}

// enter lists a deployment as running.
func (d *deploys) enter(r *deployRun) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.live[r.id] = r
}

// leave takes it off the list once its end is on record, or kept to be recorded.
func (d *deploys) leave(r *deployRun) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.live, r.id)
}

// run finds a deployment that runs here.
func (d *deploys) run(id string) *deployRun {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.live[id]
}

// save makes the end of a deployment durable, or keeps it for saveLate.
func (d *deploys) save(ctx context.Context, id string, edits ...edit) error {
	if err := d.c.commit(ctx, edits...); err != nil {
		d.mu.Lock()
		d.unsaved[id] = edits
		d.mu.Unlock()
		return err
	}
	d.mu.Lock()
	delete(d.unsaved, id)
	d.mu.Unlock()
	return nil
}

// saveLate saves the ends of deployments that the journal could not take.
func (d *deploys) saveLate(ctx context.Context) error {
	d.mu.Lock()
	pending := maps.Clone(d.unsaved)
	d.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(pending)) {
		if err := d.save(withRelief(WithActor(ctx, d.c.systemActor()), true), id, pending[id]...); err != nil {
			return err
		}
	}
	return nil
}

// rows are the deployments as they are now, those of the other control plane included, in order of id, which is that of time.
func (d *deploys) rows() []Deployment {
	byID := map[string]Deployment{}
	for _, row := range rowsOf[Deployment](d.c, deploymentsTable) {
		byID[row.ID] = row
	}
	d.mu.Lock()
	for id, edits := range d.unsaved {
		for _, e := range edits {
			if row, ok := e.body.(Deployment); ok {
				byID[id] = row
			}
		}
	}
	live := slices.Collect(maps.Values(d.live))
	d.mu.Unlock()
	for _, r := range live {
		byID[r.id] = r.snapshot()
	}
	list := make([]Deployment, 0, len(byID))
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		list = append(list, byID[id])
	}
	return list
}

// tooOld are edits that make room in the history of a service: its own oldest deployments and releases.
func (d *deploys) tooOld(service string) []edit {
	var deployments, releases []string
	for _, row := range all[Deployment](d.c.state, deploymentsTable) {
		if row.Service == service && row.State != DeployRunning {
			deployments = append(deployments, row.ID)
		}
	}
	for _, row := range all[Release](d.c.state, releasesTable) {
		if row.Service == service && !row.At.IsZero() {
			releases = append(releases, row.ID)
		}
	}
	var edits []edit
	for _, id := range deployments[:max(0, len(deployments)-maxDeployments)] {
		edits = append(edits, edit{deploymentsTable, id, nil})
	}
	for _, id := range releases[:max(0, len(releases)-maxReleases)] {
		edits = append(edits, edit{releasesTable, id, nil})
	}
	return edits
}
