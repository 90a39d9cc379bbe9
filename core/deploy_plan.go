package core

import (
	"context"
	"time"
)

// planWait bounds what a plan asks of git, the engine and Traefik.
const planWait = 20 * time.Second

// planDeploy shows what a deployment would do, and why it would be refused. It changes nothing.
func planDeploy(ctx context.Context, c *Core, in DeployIn) (DeployPlan, error) {
	plan := DeployPlan{Service: in.Service, Steps: []string{}, Changes: []ChangeItem{}}
	stored, err := c.deployable(in.Service)
	if CodeOf(err) == CodeNotFound {
		return plan, err
	}
	if err != nil {
		plan.Blocked = append(plan.Blocked, MessageOf(err))
		return plan, nil
	}
	ctx, cancel := context.WithTimeout(ctx, planWait)
	defer cancel()
	svc, detail, found := c.services.find(in.Service)
	runs := found == nil && !svc.Missing
	if rel, ok := runningRelease(c.releasesOf(in.Service), detail.Container); ok && runs {
		plan.From = &rel
	}
	plan.Build = stored.Source != nil && in.Build == "" && !in.Same
	plan.Stops = stopFirst(stored.Definition) && runs && isUp(svc.State)
	plan.Steps = stepsOf(stored, plan)
	plan.Held = c.ship.Locks.Holder(stored.Service)
	if err := c.envSafe(in); err != nil {
		plan.Blocked = append(plan.Blocked, MessageOf(err))
	}
	c.planChanges(ctx, in, runs, &plan)
	c.planWarnings(ctx, stored, detail, runs, &plan)
	return plan, nil
}

// stepsOf are the steps of a deployment in order.
func stepsOf(stored DefinitionVersion, plan DeployPlan) []string {
	steps := []string{StepLock}
	if stored.Source != nil {
		steps = append(steps, StepSource)
	}
	if plan.Build {
		steps = append(steps, StepBuild)
	}
	steps = append(steps, StepTest, StepCandidate)
	route := []string{}
	if stored.Route != nil {
		route = []string{StepSwitch, StepRoute}
	}
	if plan.Stops {
		steps = append(append(steps, StepStop, StepHealth), route...)
		return append(steps, StepRename, StepObserve, StepKeep)
	}
	steps = append(append(steps, StepHealth), route...)
	return append(steps, StepDrain, StepRename, StepStop, StepObserve, StepKeep)
}

// planChanges lists what differs from what runs.
func (c *Core) planChanges(ctx context.Context, in DeployIn, runs bool, plan *DeployPlan) {
	if build, ok := rowOf[Build](c, buildsTable, in.Build); ok && in.Build != "" {
		plan.Commit = build.Commit
	}
	if !runs {
		return
	}
	changes, err := listChanges(ctx, c, in.ServiceIn)
	if err != nil {
		plan.Warn = append(plan.Warn, "What would change is not known: "+MessageOf(err))
		return
	}
	if plan.Build && in.Ref == "" {
		plan.Commit = changes.Head
	}
	for _, item := range changes.Items {
		if plan.Build || item.Kind != ChangeCommit {
			plan.Changes = append(plan.Changes, item)
		}
	}
	if changes.Note != "" {
		plan.Warn = append(plan.Warn, changes.Note)
	}
}

// planWarnings say what an operator should know before.
func (c *Core) planWarnings(ctx context.Context, stored DefinitionVersion, d ContainerDetail, runs bool, plan *DeployPlan) {
	if plan.Stops {
		plan.Warn = append(plan.Warn, "It cannot run twice: the old one ends before the new one starts, and nothing serves meanwhile.")
	}
	if stored.Health.How == ProbeSkip {
		plan.Warn = append(plan.Warn, "It has no health check ("+stored.Health.Reason+"): all that is seen is that it stays up.")
	}
	if why := c.outOfReach(ctx, stored.Definition); why != "" {
		plan.Blocked = append(plan.Blocked, why)
	}
	if stored.Route == nil {
		return
	}
	if _, err := c.proxy.Routes(ctx); err != nil {
		text := "Traefik does not answer: " + MessageOf(err)
		if isPlane(stored.Kind) {
			plan.Warn = append(plan.Warn, text+" It is deployed without looking at the route.")
		} else {
			plan.Blocked = append(plan.Blocked, text)
		}
	}
	if !runs || plan.Stops {
		return
	}
	if why := cannotBridge(stored.Definition, d, ContainerLabels(stored.Definition, Stamp{})); why != "" {
		plan.Blocked = append(plan.Blocked, why)
	}
}
