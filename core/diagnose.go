package core

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"time"
)

// How long Diagnose may take.
const (
	checkWait    = 10 * time.Second // each check
	diagnoseWait = 20 * time.Second // all of them
)

// The areas of Diagnose.
const (
	areaEngine  = "engine"
	areaDisk    = "disk"
	areaMemory  = "memory"
	areaCerts   = "certificates"
	areaDNS     = "dns"
	areaTraefik = "traefik"
	areaPlane   = "plane"
	areaJournal = "journal"
	areaLogs    = "logs"
	areaService = "services"
)

// examiner runs checks side by side and hands each on as it ends.
type examiner struct {
	core  *Core
	snap  *Snapshot
	found chan Check
	wg    sync.WaitGroup
}

// diagnose checks everything. Checks arrive in the order in which they end; none waits for another that hangs.
func diagnose(ctx context.Context, c *Core, _ struct{}) iter.Seq2[Check, error] {
	return func(yield func(Check, error) bool) {
		ctx, cancel := context.WithTimeout(ctx, diagnoseWait)
		x := &examiner{core: c, snap: c.services.snapshot(), found: make(chan Check, 16)}
		x.start(ctx)
		go func() { // ends when the last check does, which the deadline bounds; the drain below waits for it
			x.wg.Wait()
			close(x.found)
		}()
		defer func() {
			cancel()
			for range x.found { // who stopped early still waits for what was started
			}
		}()
		for check := range x.found {
			if !yield(check, nil) {
				return
			}
		}
	}
}

// start begins every check.
func (x *examiner) start(ctx context.Context) {
	x.check(ctx, areaEngine, "The Docker engine answers", x.engine)
	x.check(ctx, areaMemory, "Memory and load", x.memory)
	x.check(ctx, areaJournal, "The journal can be written", x.journal)
	x.check(ctx, areaLogs, "Logs are kept", x.logs)
	x.check(ctx, areaPlane, "The SSH host key", x.hostKey)
	x.check(ctx, areaPlane, x.core.charter.Sibling+" answers", x.sibling)
	x.disks(ctx)
	for i := range x.snap.Services {
		svc := x.snap.Services[i]
		x.check(ctx, areaService, svc.Name, func(context.Context) Check { return x.service(svc) })
	}
	x.wg.Go(func() { x.routing(ctx) })
}

// check runs one check with a deadline of its own.
func (x *examiner) check(ctx context.Context, area, name string, do func(context.Context) Check) {
	x.wg.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, checkWait)
		defer cancel()
		began := time.Now()
		check := do(ctx)
		check.Area, check.Name, check.Took = area, name, time.Since(began)
		x.found <- check // whoever opened the stream reads until it is closed
	})
}

// passed, warned, failed and unknown make the outcomes of checks.
func passedCheck(found string) Check      { return Check{State: CheckOK, Found: found} }
func warnedCheck(found, do string) Check  { return Check{State: CheckWarn, Found: found, Do: do} }
func failedCheck(found, do string) Check  { return Check{State: CheckFail, Found: found, Do: do} }
func unknownCheck(found, do string) Check { return Check{State: CheckUnknown, Found: found, Do: do} }

// engine asks the engine itself, past what is known.
func (x *examiner) engine(ctx context.Context) Check {
	began := time.Now()
	info, err := x.core.docker.Info(ctx)
	took := time.Since(began)
	if err != nil {
		return failedCheck(MessageOf(err), "Look at it on the server: systemctl status docker, journalctl -u docker, df. Restarting the engine restarts the services unless live-restore is on.")
	}
	found := fmt.Sprintf("%s, API %s, %d of %d containers run, answered in %s", shortText(info.Version), shortText(info.API), info.Running, info.Containers, took.Round(time.Millisecond))
	if skew := x.core.now().Sub(info.Time); !info.Time.IsZero() && skew.Abs() > maxClockSkew+took {
		return warnedCheck(fmt.Sprintf("%s; its clock differs from ours by %s", found, skew.Abs().Round(time.Second)), "Let the server keep its time: timedatectl status.")
	}
	if took > time.Second {
		return warnedCheck(found, "It is slow. Look at the load and the disk.")
	}
	return passedCheck(found)
}

// memory measures the server.
func (x *examiner) memory(ctx context.Context) Check {
	u, err := x.core.services.host.Usage(ctx)
	if err != nil {
		return unknownCheck(MessageOf(err), "Mount the host's /proc, or set MATRX_PROC_ROOT.")
	}
	part := share(u.Memory, u.MemoryTotal)
	found := fmt.Sprintf("%.0f %% of %s used, load %.2f on %d processors", part*100, FormatBytes(u.MemoryTotal), u.Load1, u.CPUs)
	switch {
	case part >= memoryFull:
		return failedCheck(found, "Stop or restart the service that takes the most.")
	case part >= memoryWarn:
		return warnedCheck(found, "Restart the service that takes the most, or give the server more memory.")
	case u.CPUs > 0 && u.Load1 > 2*float64(u.CPUs):
		return warnedCheck(found, "More is to be done than the processors can. Home shows the CPU of each service: restart or stop the greediest.")
	default:
		return passedCheck(found)
	}
}

// service repeats the verdict on a service, with what to do when it is not good.
func (x *examiner) service(svc Service) Check {
	found := string(svc.Health.State) + ": " + svc.Health.Detail
	for _, f := range x.snap.Faults {
		switch {
		case f.Service != svc.Name:
		case f.Severity == Critical:
			return failedCheck(f.What, f.Do)
		default:
			return warnedCheck(f.What, f.Do)
		}
	}
	return passedCheck(found)
}
