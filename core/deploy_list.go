package core

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"
)

// The bounds of a list of deployments.
const (
	deploymentsShown = 50
	deploymentsMost  = 1000
	followEvery      = time.Second // for a deployment of the other control plane
)

// listDeployments lists the history, newest first, without the logs of failed candidates.
func listDeployments(_ context.Context, c *Core, in DeploymentsIn) ([]Deployment, error) {
	if in.Limit < 0 || in.Limit > deploymentsMost {
		return nil, Errorf(CodeInvalid, "The limit is %d; give 1 to %d.", in.Limit, deploymentsMost)
	}
	most := in.Limit
	if most == 0 {
		most = deploymentsShown
	}
	rows := c.deploys.rows()
	slices.Reverse(rows)
	list := []Deployment{}
	for _, row := range rows {
		switch {
		case in.Service != "" && row.Service != in.Service, in.State != "" && row.State != in.State, in.By != "" && row.By.Name != in.By:
			continue
		case len(list) == most:
			return list, nil
		}
		row.LastLog, row.Health = nil, nil
		list = append(list, row)
	}
	return list, nil
}

// find gives a deployment as it is now.
func (d *deploys) find(id string) (Deployment, *deployRun, error) {
	if r := d.run(id); r != nil {
		return r.snapshot(), r, nil
	}
	for _, row := range d.rows() {
		if row.ID == id {
			return row, nil, nil
		}
	}
	return Deployment{}, nil, Errorf(CodeNotFound, "There is no deployment %q.", SafeText(id))
}

func showDeployment(_ context.Context, c *Core, in DeploymentIn) (Deployment, error) {
	row, _, err := c.deploys.find(in.Deployment)
	return row, err
}

// followDeployment yields a deployment until it has ended. One of the other control plane is looked at from time to time.
func followDeployment(ctx context.Context, c *Core, in DeploymentIn) iter.Seq2[Deployment, error] {
	return func(yield func(Deployment, error) bool) {
		for {
			row, r, err := c.deploys.find(in.Deployment)
			switch {
			case err != nil:
				yield(row, err)
				return
			case r != nil:
				if !r.follow(ctx, yield) {
					return
				}
				continue // its last state
			case !yield(row, nil), row.State != DeployRunning, !rest(ctx, followEvery, nil):
				return
			}
		}
	}
}

// follow yields the record now and after each change, at most ten times a second, while the deployment runs. It is false when the
// reader has left.
func (r *deployRun) follow(ctx context.Context, yield func(Deployment, error) bool) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	changes, leave := r.hub.Join(ctx)
	defer leave()
	done := make(chan struct{})
	defer func() { cancel(); <-done }()
	go func() { // ends with the deployment or the reader
		defer close(done)
		select {
		case <-r.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	row := r.snapshot()
	if row.State != DeployRunning {
		return waitEnded(ctx, r)
	}
	if !yield(row, nil) {
		return false
	}
	for range changes {
		if row = r.snapshot(); row.State != DeployRunning {
			return waitEnded(ctx, r)
		}
		if !yield(row, nil) {
			return false
		}
		if !rest(ctx, jobFrame, nil) {
			break
		}
	}
	return waitEnded(ctx, r)
}

// waitEnded waits until the end of a deployment is on record. It is false when the reader has left.
func waitEnded(ctx context.Context, r *deployRun) bool {
	select {
	case <-r.ended:
		return true
	case <-ctx.Done():
	}
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

// Target is the deployment's id.
func (in DeploymentIn) Target() string { return in.Deployment }

// cancelDeployment cancels a deployment of this plane, until the old version has begun to go.
func cancelDeployment(ctx context.Context, c *Core, in DeploymentIn) (Done, error) {
	row, r, err := c.deploys.find(in.Deployment)
	switch {
	case err != nil:
		return Done{}, err
	case r == nil && row.State == DeployRunning && row.Plane != c.charter.Name:
		return Done{}, Errorf(CodeConflict, "It runs on the other control plane, %s: cancel it there.", row.Plane)
	case r == nil:
		return Done{}, Errorf(CodeConflict, "The deployment has ended: it is %s.", row.State)
	}
	if err := r.cancel(); err != nil {
		return Done{}, err
	}
	wait, cancel := context.WithTimeout(ctx, returnWait)
	defer cancel()
	select {
	case <-r.ended:
	case <-wait.Done():
		return Done{}, Errorf(CodeUnavailable, "The deployment was told to stop and has not ended yet.")
	}
	row = r.snapshot()
	if row.State == DeployDone {
		return Done{}, Errorf(CodeConflict, "It was too late to cancel: %s", row.Result)
	}
	return Done{fmt.Sprintf("The deployment of %s ended: %s. %s", row.Service, row.State, row.Result)}, nil
}
