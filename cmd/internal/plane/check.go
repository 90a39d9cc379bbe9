package plane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/age"
	"github.com/codematrx/matrx-ship/core/docker"
	"github.com/codematrx/matrx-ship/core/journal"
	"github.com/codematrx/matrx-ship/core/notify"
	"github.com/codematrx/matrx-ship/core/traefik"
	"github.com/codematrx/matrx-ship/docs"
)

// checkWait bounds the replay of the journal.
const checkWait = 90 * time.Second

// check is the test of a new version before it replaces the old one: would this program start with this environment and this
// journal? It changes nothing and may run beside the plane that it would replace. It says in one line what it found, and gives
// the exit code.
func check(charter core.Charter, args []string, getenv func(string) string, out, errs io.Writer) int {
	if len(args) > 0 {
		fmt.Fprintln(errs, "usage: check   (reads the environment and the journal as the control plane would, and changes nothing)")
		return 2
	}
	ctx, cancel := context.WithTimeout(context.Background(), checkWait)
	defer cancel()
	words, err := examine(ctx, charter, getenv)
	if err == nil {
		_, err = fmt.Fprintf(out, "%s %s can start: %s.\n", charter.Name, Version(), words)
	}
	if err != nil {
		fmt.Fprintf(errs, "%s %s cannot take over: %s\n", charter.Name, Version(), oneLine(err))
		return 1
	}
	return 0
}

// oneLine is an error in one line. What the command line prints is for the operator of the server, so that causes are shown.
func oneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

// examine looks at all that decides whether a plane can start. What a plane can live with is said and does not fail: a fault that
// the running version has as well must not keep a better one out.
func examine(ctx context.Context, charter core.Charter, getenv func(string) string) (string, error) {
	cfg, err := core.LoadConfig(getenv)
	if err != nil {
		return "", err
	}
	if err := fatal(cfg); err != nil {
		return "", err
	}
	found, err := rehearse(ctx, cfg, charter)
	if err != nil {
		return "", err
	}
	return strings.Join(append([]string{"the configuration is usable", found}, tolerated(cfg)...), "; "), nil
}

// fatal is what would keep a plane from starting, from reading what it keeps encrypted, or everybody from signing in with a key
// of the environment.
func fatal(cfg core.Config) error {
	problems := []error{core.CheckOps(core.Ops())}
	_, err := docs.Handbook()
	problems = append(problems, err)
	_, err = age.New(cfg.AgeIdentities)
	problems = append(problems, err)
	engine, err := docker.Open(docker.Config{Host: cfg.DockerHost, Project: cfg.Project, Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		err = engine.Close()
	}
	problems = append(problems, err)
	proxy, err := traefik.New(cfg.TraefikAPI)
	if err == nil {
		proxy.Close()
	}
	problems = append(problems, err)
	if keys, skipped := core.ParseKeys(cfg.AdminKeys); len(keys) == 0 && len(skipped) > 0 {
		problems = append(problems, fmt.Errorf("MATRX_ADMIN_KEYS has no usable key: %s", skipped[0]))
	}
	return errors.Join(problems...)
}

// tolerated is what a plane starts with all the same, and says.
func tolerated(cfg core.Config) []string {
	var list []string
	for _, v := range []struct{ name, text string }{{"MATRX_ADMIN_KEYS", cfg.AdminKeys}, {"MATRX_SSH_CA", cfg.SSHCA}} {
		if _, skipped := core.ParseKeys(v.text); len(skipped) > 0 {
			list = append(list, fmt.Sprintf("%s: %s", v.name, skipped[0]))
		}
	}
	if _, err := notify.New(cfg.AlertURLs); err != nil {
		list = append(list, oneLine(err))
	}
	return list
}

// rehearse replays the journal that the plane would take over, as far as its data folder can be seen from here.
func rehearse(ctx context.Context, cfg core.Config, charter core.Charter) (string, error) {
	data := cfg.Data(charter)
	switch _, err := os.Stat(data); {
	case errors.Is(err, fs.ErrNotExist):
		return "its data folder " + data + " is not here, so the journal was not looked at", nil
	case err != nil:
		return "", fmt.Errorf("look at the data folder: %w", err)
	}
	view, err := journal.OpenView(ctx, journal.Config{Dir: filepath.Join(data, "journal"), Writer: charter.Writer, Server: cfg.ServerName})
	switch {
	case core.CodeOf(err) == core.CodeNotFound:
		return "there is no journal yet", nil
	case err != nil:
		return "", err
	}
	found, err := core.Rehearse(view.Replay(ctx, 1))
	if err != nil {
		return "", fmt.Errorf("replay the journal: %w", err)
	}
	head := view.Head()
	return fmt.Sprintf("the journal is whole to record %d in %d files: %s", head.Seq, head.Segments, found), nil
}
