package plane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/cgroup"
	"github.com/codematrx/matrx-ship/core/docker"
	"github.com/codematrx/matrx-ship/core/flock"
	"github.com/codematrx/matrx-ship/core/host"
	"github.com/codematrx/matrx-ship/core/journal"
	"github.com/codematrx/matrx-ship/core/logs"
	"github.com/codematrx/matrx-ship/core/probe"
	"github.com/codematrx/matrx-ship/core/traefik"
	"github.com/codematrx/matrx-ship/docs"
	"github.com/codematrx/matrx-ship/sshd"
)

// built is a core and what has to be closed after it.
type built struct {
	core   *core.Core
	closes []func() error // in the order of building
}

// close takes everything down, last built first.
func (b *built) close() error {
	var errs []error
	for i := len(b.closes) - 1; i >= 0; i-- {
		errs = append(errs, b.closes[i]())
	}
	return errors.Join(errs...)
}

// build opens everything a control plane is made of. What is in trouble but can be lived with (engine, proxy, journal)
// does not fail here: the console must come up to show it.
func build(ctx context.Context, cfg core.Config, charter core.Charter, log *slog.Logger) (b *built, err error) {
	b = &built{}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	data := cfg.Data(charter)
	for _, folder := range []string{data, locks(cfg)} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return b, fmt.Errorf("make a folder of MATRX_ROOT: %w", err)
		}
	}
	parts, err := b.parts(ctx, cfg, charter, data, log)
	if err != nil {
		return b, err
	}
	b.core, err = core.Open(ctx, parts)
	if err != nil {
		return b, err
	}
	b.closes = append(b.closes, b.core.Close)
	return b, nil
}

// locks is the folder of the locks that both planes of a server share.
func locks(cfg core.Config) string { return filepath.Join(cfg.Root, "locks") }

// parts opens the adapters.
func (b *built) parts(ctx context.Context, cfg core.Config, charter core.Charter, data string, log *slog.Logger) (core.Parts, error) {
	prober, meter := probe.New(), host.New(cfg.ProcRoot, cfg.Root)
	p := core.Parts{
		Config: cfg, Charter: charter, Version: Version(), Log: log,
		Prober: prober, Net: prober, Host: meter, Disks: meter,
	}
	var err error
	if p.Docs, err = docs.Handbook(); err != nil {
		return p, err
	}
	j, err := journal.Open(ctx, journal.Config{Dir: filepath.Join(data, "journal"), Writer: charter.Writer, Server: cfg.ServerName})
	if err != nil {
		return p, err
	}
	p.Journal, b.closes = j, append(b.closes, j.Close)
	engine, err := docker.Open(docker.Config{Host: cfg.DockerHost, Locks: flock.New(locks(cfg)), Project: cfg.Project, BuildCgroup: cfg.BuildCgroup, Log: log})
	if err != nil {
		return p, err
	}
	p.Docker, b.closes = engine, append(b.closes, engine.Close)
	engine.ReconcileWhenReady()
	p.Usage = b.usage(cfg, engine, log)
	proxy, err := traefik.New(cfg.TraefikAPI)
	if err != nil {
		return p, err
	}
	p.Proxy, b.closes = proxy, append(b.closes, func() error { proxy.Close(); return nil })
	p.Ship = b.ship(cfg, engine, data, log)
	b.openLogs(&p, engine, data, log)
	return p, nil
}

// usage measures containers from the kernel's files where they are mounted and readable, else by the engine, which
// costs it more.
func (b *built) usage(cfg core.Config, engine *docker.Docker, log *slog.Logger) core.StatsSource {
	if cfg.CgroupRoot == "" {
		return engine
	}
	source, err := cgroup.Open(cgroup.Config{Root: cfg.CgroupRoot, Proc: cfg.ProcRoot, Engine: engine, Else: engine})
	if err != nil {
		log.Warn("containers are measured by the engine", "err", err)
		return engine
	}
	b.closes = append(b.closes, source.Close)
	return source
}

// openLogs opens the store of collected logs and the collector that fills it from the engine. A store that cannot be
// opened shows as a fault.
func (b *built) openLogs(p *core.Parts, source core.LogSource, data string, log *slog.Logger) {
	store, err := logs.Open(logs.Config{Dir: filepath.Join(data, "logs"), Logger: log})
	if err != nil {
		log.Error("the store of logs cannot be opened", "err", err)
		none := logs.Broken(err.Error())
		p.Logs, p.Collect = none, none
		return
	}
	b.closes = append(b.closes, store.Close)
	collector := logs.NewCollector(store, source, logs.CollectorConfig{Logger: log})
	b.closes = append(b.closes, func() error { collector.Close(); return nil })
	p.Logs, p.Collect = store, collector
}

// listenSSH opens the SSH door: keys of the environment and the store, then certificates.
func listenSSH(ctx context.Context, cfg core.Config, charter core.Charter, c *core.Core, log *slog.Logger) (*sshd.Server, error) {
	roles := map[string]core.Role{"role-viewer": core.RoleViewer, "role-operator": core.RoleOperator, "role-admin": core.RoleAdmin}
	authority, problems := sshd.NewAuthority(cfg.SSHCA, roles, core.RoleNone)
	for _, p := range problems {
		log.Warn("a line of MATRX_SSH_CA is skipped", "line", p.Line, "reason", p.Reason)
	}
	return sshd.Listen(ctx, sshd.Config{
		Addr: cfg.SSHAddr, HostKeyPath: cfg.HostKey(charter), Logger: log,
		Keys: sshd.JoinKeys(sshd.CoreKeys(c), authority), Handle: sshd.NewDoor(c, log).Handle,
	})
}
