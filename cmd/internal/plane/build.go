package plane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/cgroup"
	"github.com/codematrx/matrx-ship/core/docker"
	"github.com/codematrx/matrx-ship/core/host"
	"github.com/codematrx/matrx-ship/core/journal"
	"github.com/codematrx/matrx-ship/core/logs"
	"github.com/codematrx/matrx-ship/core/probe"
	"github.com/codematrx/matrx-ship/core/traefik"
	"github.com/codematrx/matrx-ship/docs"
	"github.com/codematrx/matrx-ship/sshd"
)

// built is a core and what has to be closed after it, in order.
type built struct {
	core   *core.Core
	closes []func() error
}

// close takes everything down, last built first.
func (b *built) close() error {
	var errs []error
	for i := len(b.closes) - 1; i >= 0; i-- {
		errs = append(errs, b.closes[i]())
	}
	return errors.Join(errs...)
}

// Version names this program: the commit it was built from when the toolchain knows it.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	version, dirty := "unknown", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && len(s.Value) >= 12:
			version = s.Value[:12]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "-dirty"
		}
	}
	return version + dirty
}
