package core

import (
	"context"
)

// getStatus gives the whole control plane at a glance, from memory: it answers while everything else hangs.
func getStatus(_ context.Context, c *Core, _ struct{}) (Status, error) {
	snap := c.services.snapshot()
	return Status{
		Server: c.cfg.ServerName, Plane: c.charter.Name, Version: c.version, Started: c.started,
		Journal: c.journal.Head(), Logs: c.logs.Stats(), Sessions: c.access.count(), Snapshot: *snap,
	}, nil
}

// listServices lists services as the snapshot has them.
func listServices(_ context.Context, c *Core, in ListServicesIn) ([]Service, error) {
	list := []Service{}
	for _, svc := range c.services.snapshot().Services {
		if (in.Kind == "" || svc.Kind == in.Kind) && (in.Instance == "" || svc.Instance == in.Instance) {
			list = append(list, svc)
		}
	}
	return list, nil
}

// Validate refuses a kind that does not exist.
func (in ListServicesIn) Validate() error {
	if in.Kind != "" && !isKind(in.Kind) {
		return Errorf(CodeInvalid, "There is no kind %q; the kinds are traefik, postgres, manager, deploy, ship, ship-db, agent, mcp and custom.", shortText(string(in.Kind)))
	}
	return nil
}

// showService describes a service with what the engine says of its container now, or without it and why.
func showService(ctx context.Context, c *Core, in ServiceIn) (ServiceDetail, error) {
	svc, known, err := c.services.find(in.Service)
	if err != nil {
		return ServiceDetail{}, err
	}
	if svc.Missing {
		return ServiceDetail{Service: svc, Note: svc.Health.Detail}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, engineWait)
	defer cancel()
	d, err := c.docker.Container(ctx, svc.ID)
	switch {
	case err == nil:
		return ServiceDetail{Service: svc, Detail: &d}, nil
	case CodeOf(err) == CodeNotFound:
		return ServiceDetail{Service: svc, Note: "Its container has just gone."}, nil
	case known.ID != "":
		return ServiceDetail{Service: svc, Detail: &known, Note: "As the engine last described it. " + MessageOf(err)}, nil
	default:
		return ServiceDetail{Service: svc, Note: MessageOf(err)}, nil
	}
}
