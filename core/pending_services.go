package core

import (
	"context"
	"iter"
)

// services is replaced in the next commits.
type services struct{}

func newServices(*Core, Parts) *services    { return &services{} }
func (s *services) run(ctx context.Context) { <-ctx.Done() }
func (s *services) watch(context.Context) snapshots {
	return func(func(*Snapshot, error) bool) {}
}

var errPending = Errorf(CodeUnavailable, "Not built yet.")

func getStatus(context.Context, *Core, struct{}) (Status, error) { return Status{}, errPending }
func listServices(context.Context, *Core, ListServicesIn) ([]Service, error) {
	return nil, errPending
}
func showService(context.Context, *Core, ServiceIn) (ServiceDetail, error) {
	return ServiceDetail{}, errPending
}
func startService(context.Context, *Core, ServiceIn) (Done, error)        { return Done{}, errPending }
func stopService(context.Context, *Core, StopServiceIn) (Done, error)     { return Done{}, errPending }
func restartService(context.Context, *Core, StopServiceIn) (Done, error)  { return Done{}, errPending }
func recreateService(context.Context, *Core, StopServiceIn) (Job, error)  { return Job{}, errPending }
func removeService(context.Context, *Core, RemoveServiceIn) (Done, error) { return Done{}, errPending }
func showInfra(context.Context, *Core, struct{}) (Infrastructure, error) {
	return Infrastructure{}, errPending
}
func pruneDisk(context.Context, *Core, struct{}) (Job, error) { return Job{}, errPending }
func diagnose(context.Context, *Core, struct{}) iter.Seq2[Check, error] {
	return func(func(Check, error) bool) {}
}
