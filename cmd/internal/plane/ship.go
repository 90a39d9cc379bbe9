package plane

import (
	"log/slog"
	"path/filepath"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/age"
	"github.com/codematrx/matrx-ship/core/compose"
	"github.com/codematrx/matrx-ship/core/docker"
	"github.com/codematrx/matrx-ship/core/flock"
	"github.com/codematrx/matrx-ship/core/folder"
	"github.com/codematrx/matrx-ship/core/git"
	"github.com/codematrx/matrx-ship/core/notify"
	"github.com/codematrx/matrx-ship/core/output"
	"github.com/codematrx/matrx-ship/core/traefik"
)

// ship opens what building and deploying needs. A part that cannot be opened is left out and said: the operations that need
// it refuse with a reason, and everything else goes on.
func (b *built) ship(cfg core.Config, engine *docker.Docker, data string, log *slog.Logger) core.ShipParts {
	parts := core.ShipParts{
		Definitions: compose.New(), Maker: engine, Images: engine, Made: engine, Locks: flock.New(locks(cfg)), Through: traefik.NewProber(),
		Git: git.New(git.Config{
			Root: cfg.Root, Token: core.Secret(cfg.GitToken), TokenHosts: git.TokenHosts(cfg.GitTokenHosts),
			SSHKey: core.Secret(cfg.GitSSHKey), KnownHosts: cfg.GitKnownHosts,
		}),
	}
	sealer, err := age.New(cfg.AgeIdentities)
	missing(log, "the identities of age", err)
	parts.Sealer = sealer
	notifier, err := notify.New(cfg.AlertURLs)
	missing(log, "the addresses of alerts", err)
	parts.Notifier, b.closes = notifier, append(b.closes, notifier.Close)
	if outputs, err := output.Open(filepath.Join(data, "builds")); err == nil {
		parts.Outputs, b.closes = outputs, append(b.closes, outputs.Close)
	} else {
		missing(log, "the outputs of builds", err)
	}
	if folders, err := folder.Open(cfg.Root); err == nil {
		parts.Folders, b.closes = folders, append(b.closes, folders.Close)
	} else {
		missing(log, "the folders of services", err)
	}
	if sw, err := traefik.OpenSwitch(cfg.Root); err == nil {
		parts.Switch, b.closes = sw, append(b.closes, sw.Close)
	} else {
		missing(log, "Traefik's folder", err)
	}
	return parts
}

// missing says what is not in order.
func missing(log *slog.Logger, what string, err error) {
	if err != nil {
		log.Error("the control plane goes on without a part", "part", what, "err", err)
	}
}
