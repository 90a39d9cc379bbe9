package core

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"
)

// Parts is what a control plane is made of. Every field is needed unless it says otherwise.
type Parts struct {
	Config  Config
	Charter Charter
	Version string // of this program
	Own     string // id of the container that this program runs in; empty: it finds out itself
	Journal Journal
	Docker  Docker
	Usage   StatsSource // cgroup files where mounted, else the engine
	Logs    LogStore
	Collect LogCollector
	Prober  Prober
	Proxy   Proxy
	Host    HostMeter
	Disks   FileSystems // nil: Diagnose cannot look at file systems, and says so
	Net     NetChecker  // nil: Diagnose cannot look at certificates and names, and says so
	Docs    fs.FS       // the embedded handbook
	Ship    ShipParts   // what building and deploying needs
	Log     *slog.Logger
	Now     func() time.Time // nil means time.Now
}

// ShipParts is what building and deploying needs. A part that is nil makes the operations that need it CodeUnavailable,
// with the reason; everything else goes on.
type ShipParts struct {
	Definitions Definitions
	Git         Git
	Maker       Maker
	Images      ImageStore
	Locks       Locker
	Outputs     OutputStore
	Sealer      Sealer
	Notifier    Notifier
	Switch      Switch
	Through     RouteProber
	Folders     FolderWriter
	Made        MadeReader // nil means the engine, when it can say
}

// FolderWriter writes what is derived for people and the other control plane: small files below MATRX_ROOT, by temporary
// file and rename, readable by the owner alone.
type FolderWriter interface {
	WriteFile(path string, data []byte) error // path below MATRX_ROOT
	ReadFile(path string) ([]byte, error)     // at most 16 MiB; CodeNotFound when there is none
	List(dir string) ([]string, error)        // names in a folder but hidden ones; none when there is no such folder
	Remove(path string) error
}

// Core is a running control plane. Its fields are unexported, so that no door can walk round the operations.
type Core struct {
	cfg     Config
	charter Charter
	version string
	started time.Time
	journal Journal
	docker  Docker
	logs    LogStore
	proxy   Proxy
	disks   FileSystems
	net     NetChecker
	docs    fs.FS
	ship    ShipParts
	log     *slog.Logger
	now     func() time.Time

	writes   sync.Mutex // held while rows are versioned and appended
	defining sync.Mutex // held while a definition is judged and written
	state    *state
	late     lateOutcomes
	services *services
	looks    *routeLooks
	jobs     *jobs
	deploys  *deploys
	access   *access
	shells   *shells
	shared   *sharing
	alerts   *alerts
	envs     sync.Mutex // held while a version of an env is made
	joining  sync.Mutex // held while this plane joins or leaves a network

	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// Open replays the journal, decides what was interrupted, and starts to watch the engine. Close ends it.
// An engine, a proxy or a journal in trouble does not keep it from opening: the console must work then most of all.
func Open(ctx context.Context, p Parts) (*Core, error) {
	if err := CheckOps(Ops()); err != nil {
		return nil, err
	}
	c := &Core{
		cfg: p.Config, charter: p.Charter, version: p.Version, journal: p.Journal, docker: p.Docker,
		logs: p.Logs, proxy: p.Proxy, disks: p.Disks, net: p.Net, docs: p.Docs, ship: p.Ship, log: p.Log, now: p.Now, state: newState(),
	}
	if made, ok := p.Docker.(MadeReader); ok && c.ship.Made == nil {
		c.ship.Made = made
	}
	if c.now == nil {
		c.now = time.Now
	}
	c.started = c.now()
	if err := c.replay(ctx); err != nil {
		return nil, fmt.Errorf("replay journal: %w", err)
	}
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c.cancel = cancel
	c.shared = newSharing(c)
	c.deploys = newDeploys(c)
	c.jobs, c.access, c.shells, c.services, c.looks = newJobs(c), newAccess(c), newShells(c), newServices(c, p), newRouteLooks()
	c.alerts = newAlerts(c)
	c.applySettings()
	c.deploys.findOpen()
	left := c.state.openAudit()
	decided := c.interruptOpen(own, left)
	c.wg.Go(func() { c.keepRecording(own, left, decided) })
	c.wg.Go(func() { c.forgetImages(own) })
	c.wg.Go(func() { c.access.run(own) })
	c.wg.Go(func() { c.services.run(own) })
	c.wg.Go(func() { c.shells.run(own) })
	c.wg.Go(func() { c.shared.run(own) })
	c.wg.Go(func() { c.alerts.run(own) })
	c.wg.Go(func() { c.keepSwitches(own) })
	c.wg.Go(func() { c.keepNear(own) })
	c.wg.Go(func() { c.deploys.keep(own) })
	return c, nil
}

// Close ends sessions' streams, jobs and watching, and waits for all of it. The journal stays open: its owner closes it.
func (c *Core) Close() error {
	c.jobs.close()
	c.cancel()
	c.wg.Wait()
	c.saveLastOutcomes()
	return nil
}

// Charter says which control plane this is.
func (c *Core) Charter() Charter { return c.charter }

// Server is the name of the server this control plane looks after.
func (c *Core) Server() string { return c.cfg.ServerName }

// Version is that of the running program.
func (c *Core) Version() string { return c.version }

// replay takes in what the journal holds.
func (c *Core) replay(ctx context.Context) error {
	for e, err := range c.journal.Replay(ctx, 1) {
		if err != nil {
			if head := c.journal.Head(); !head.Writable {
				c.log.Error("journal replayed only in part", "trouble", head.Trouble, "err", err)
				return nil
			}
			return err
		}
		if err := c.state.apply(e); err != nil {
			return err
		}
	}
	return nil
}

// recordEvery is the time between two attempts to record what the journal could not take.
const recordEvery = 5 * time.Second

// interruptOpen gives every action that the last process left open its outcome, and tells whether that is on record.
// Nothing may stay "running".
func (c *Core) interruptOpen(ctx context.Context, left []string) bool {
	err := errors.Join(c.interruptAudit(ctx, left), c.jobs.interrupt(ctx), c.interruptBuilds(ctx))
	if err != nil {
		c.log.Error("what the last process left open is not on record yet", "err", err)
	}
	return err == nil
}

// keepRecording writes what the journal could not take when it was due, as soon as it can: what the last process left
// open, unless that is decided already, outcomes, and ends of jobs.
func (c *Core) keepRecording(ctx context.Context, left []string, decided bool) {
	tick := time.NewTicker(recordEvery)
	defer tick.Stop()
	for n := 0; ; n++ {
		if n%6 == 0 {
			c.services.noteRemovals(c.openRemovals())
		}
		if err := c.keepHiddenEnvs(ctx); err != nil {
			c.log.Debug("a version of an env is hidden by another one of its number", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !decided {
			decided = errors.Join(c.interruptAudit(ctx, left), c.jobs.interrupt(ctx), c.interruptBuilds(ctx)) == nil
		}
		if err := errors.Join(c.saveOutcomes(ctx), c.jobs.saveLate(ctx), c.deploys.saveLate(ctx)); err != nil {
			c.log.Debug("outcomes not written yet", "waiting", c.late.count(), "err", err)
		}
	}
}

// systemActor is the control plane itself.
func (c *Core) systemActor() Actor {
	return Actor{Name: c.charter.Name, Kind: ActorSystem, Role: RoleAdmin, Door: DoorSystem}
}

func millis(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
