package sshd

import (
	"fmt"
	"io"

	"github.com/codematrx/matrx-ship/core"
)

// startedDeployment is the answer of deploy and rollback that do not follow.
type startedDeployment struct {
	core.Job
	Deployment string `json:"deployment,omitempty"` // empty while it is not on record yet
}

// deploying answers with what was started, or follows it.
func (k *call) deploying(job core.Job) error {
	if k.opt.follow {
		return k.followJob(job)
	}
	id, err := k.deploymentOf(job)
	if err != nil {
		return err
	}
	return k.answer(startedDeployment{job, id}, func(w io.Writer) {
		fmt.Fprintf(w, "Started: job %s", job.ID)
		if id == "" {
			fmt.Fprintf(w, ".\nFollow it: job %s --follow\n", job.ID)
			return
		}
		fmt.Fprintf(w, ", deployment %s.\nFollow it: deployments %s --follow\nCancel it: deployment-cancel %s\n", id, id, id)
	})
}

// deploymentOf finds the deployment that a job makes; empty while it is not on record.
func (k *call) deploymentOf(job core.Job) (string, error) {
	list, err := core.ListDeployments.Run(k.ctx, k.core, core.DeploymentsIn{Service: job.Target})
	if err != nil {
		return "", err
	}
	for _, d := range list {
		if d.Job == job.ID {
			return d.ID, nil
		}
	}
	return "", nil
}

// followJob follows a job until it has put its deployment on record, and then that one.
func (k *call) followJob(job core.Job) error {
	fmt.Fprintf(k.errw, "Job %s. Ctrl-C leaves it running.\n", job.ID)
	for next, err := range core.FollowJob.Run(k.ctx, k.core, core.JobIn{ID: job.ID}) {
		if err != nil {
			return k.left(err, "The deployment", "job "+job.ID)
		}
		job = next
		id, err := k.deploymentOf(job)
		if err != nil {
			return k.left(err, "The deployment", "job "+job.ID)
		}
		if id != "" {
			return k.followDeployment(id)
		}
	}
	if k.ctx.Err() != nil {
		return k.left(k.ctx.Err(), "The deployment", "job "+job.ID)
	}
	return jobEnd(job)
}

// jobEnd is the error of a job that ended before there was a deployment.
func jobEnd(job core.Job) error {
	switch job.State {
	case core.JobDone:
		return nil
	case core.JobCanceled:
		return core.Errorf(core.CodeCanceled, "The job was cancelled.")
	default:
		return core.Errorf(core.CodeInternal, "The job is %s: %s", job.State, job.Result)
	}
}

// left is the error of following something that goes on without whoever followed it.
func (k *call) left(err error, what, again string) error {
	if k.ctx.Err() == nil {
		return err
	}
	return core.Errorf(core.CodeCanceled, "%s goes on. Follow it again: %s --follow", what, again)
}

// followDeployment prints each step as it begins and ends, and ends with the deployment: with an error when it did not
// succeed. For a program each change is one line of JSON.
func (k *call) followDeployment(id string) error {
	var last core.Deployment
	shown := map[string]string{}
	for d, err := range core.FollowDeployment.Run(k.ctx, k.core, core.DeploymentIn{Deployment: id}) {
		if err != nil {
			return k.left(err, "The deployment", "deployments "+id)
		}
		last = d
		if err := k.stepLines(d, shown); err != nil {
			return err
		}
	}
	if last.State == core.DeployRunning || last.ID == "" {
		return k.left(core.Errorf(core.CodeUnavailable, "The deployment %s is no longer followed.", id), "The deployment", "deployments "+id)
	}
	if !k.json {
		printDeploymentEnd(k.out, last)
	}
	switch last.State {
	case core.DeployDone:
		return nil
	case core.DeployCanceled:
		return core.Errorf(core.CodeCanceled, "The %s was cancelled; the old version serves.", last.Kind)
	default:
		return core.Errorf(core.CodeInternal, "The %s of %s %s.", last.Kind, last.Service, last.State)
	}
}

// stepLines prints the steps that changed since they were shown.
func (k *call) stepLines(d core.Deployment, shown map[string]string) error {
	if k.json {
		return k.line(d, "")
	}
	for i, s := range d.Steps {
		key := fmt.Sprint(i, " ", s.Name)
		if shown[key] == s.State {
			continue
		}
		shown[key] = s.State
		if err := k.line(s, stepText(s)); err != nil {
			return err
		}
	}
	return nil
}

// stepGlyphs show the state of a step; the word stands beside it.
var stepGlyphs = map[string]string{"running": "◐", "done": "●", "failed": "✗", "skipped": "-"}

// stepText is one step as people read it.
func stepText(s core.DeployStep) string {
	took := ""
	if s.State != "running" && s.State != "skipped" {
		took = short(s.Took)
	}
	text := fmt.Sprintf("%s %-16s %-8s %8s", stepGlyphs[s.State], core.SafeText(s.Name), core.SafeText(s.State), took)
	if s.Detail != "" {
		text += "  " + core.SafeText(s.Detail)
	}
	return text
}
