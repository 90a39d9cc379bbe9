// Package plane wires a control plane: it reads the environment, builds core, starts the doors and waits.
package plane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/docker/reap"
	"github.com/codematrx/matrx-ship/httpapi"
	"github.com/codematrx/matrx-ship/sshd"
)

// shutdownGrace is how long doors may take to close politely.
const shutdownGrace = 12 * time.Second

// Main runs a control plane until SIGTERM or SIGINT and gives the exit code.
func Main(charter core.Charter, args []string) int {
	if len(args) > 0 {
		return command(charter, args)
	}
	log := slog.New(slog.NewJSONHandler(os.Stdout, nil))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, charter, log); err != nil {
		log.Error("the control plane ends", "err", err)
		return 1
	}
	return 0
}

// command runs what the program can do besides being a control plane.
func command(charter core.Charter, args []string) int {
	switch args[0] {
	case "reap": // in a helper container beside the one whose processes are ended
		return reap.Main(args[1:])
	case "apply":
		return applyCommand(args[1:], os.Stdout, os.Stderr)
	case "check": // in a container of a new image, before it replaces the old one
		return check(charter, args[1:], os.Getenv, os.Stdout, os.Stderr)
	case "keygen":
		return keygen(args[1:], os.Stdout, os.Stderr)
	case "version", "--version":
		fmt.Println(charter.Name, Version())
		return 0
	default:
		fmt.Fprintf(os.Stderr, "%s takes no arguments: it is configured by environment variables only (docs/handbook/100-configuration.md).\n", charter.Name)
		return 2
	}
}

// run builds everything in order and takes it down in the reverse one.
func run(ctx context.Context, charter core.Charter, log *slog.Logger) (err error) {
	cfg, err := core.LoadConfig(os.Getenv)
	if err != nil {
		return err
	}
	built, err := build(ctx, cfg, charter, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, built.close()) }()
	ssh, err := listenSSH(ctx, cfg, charter, built.core, log)
	if err != nil {
		return err
	}
	web, err := httpapi.Listen(ctx, httpapi.Options{Addr: cfg.HTTPAddr, Health: built.core.Health, Log: log})
	if err != nil {
		return errors.Join(err, ssh.Shutdown(ctx))
	}
	log.Info("the control plane is up", "plane", charter.Name, "version", Version(), "ssh", ssh.Addr().String(), "http", web.Addr().String())
	return serve(ctx, ssh, web, log)
}

// serve runs the doors until ctx ends or one of them breaks, then closes both politely.
func serve(ctx context.Context, ssh *sshd.Server, web *httpapi.Server, log *slog.Logger) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return ssh.Serve(ctx) })
	group.Go(web.Serve)
	group.Go(func() error {
		<-ctx.Done()
		log.Info("the control plane is asked to end")
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
		defer cancel()
		return web.Shutdown(grace)
	})
	return group.Wait()
}
