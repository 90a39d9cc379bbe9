package plane

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/codematrx/matrx-ship/cmd/internal/apply"
	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/compose"
	"github.com/codematrx/matrx-ship/core/docker"
	"github.com/codematrx/matrx-ship/core/flock"
	"github.com/codematrx/matrx-ship/core/folder"
	"github.com/codematrx/matrx-ship/core/traefik"
)

const (
	applyTime = 30 * time.Minute // images may have to be pulled
	maxSecret = 1 << 20          // bytes of one secret's file
)

// applyUsage is what `apply` says of itself.
const applyUsage = `usage: apply --root MATRX_ROOT [--vars FILE.json] [--env-dir FOLDER] [--image SERVICE=IMAGE]... compose.yml...

Makes the containers, networks and volumes of compose files, or leaves alone what is so already. A secret of a service is the
file FOLDER/SERVICE/NAME. The engine is the one of DOCKER_HOST.`

// applyArgs are the arguments of `apply`.
type applyArgs struct {
	root, vars, envDir string
	images             map[string]string
	files              []string
}

// applyCommand makes what runs equal to compose files and gives the exit code.
func applyCommand(args []string, out, errs io.Writer) int {
	a, err := parseApply(args, errs)
	if err != nil {
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, applyTime)
	defer cancel()
	if err := a.run(ctx, out, slog.New(slog.NewTextHandler(errs, &slog.HandlerOptions{Level: slog.LevelWarn}))); err != nil {
		fmt.Fprintln(errs, core.MessageOf(err)) // the exit code says it as well
		return 1
	}
	return 0
}

// parseApply reads the arguments; it has said what is wrong with them when it fails.
func parseApply(args []string, errs io.Writer) (applyArgs, error) {
	a := applyArgs{images: map[string]string{}}
	flags := flag.NewFlagSet("apply", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.Usage = func() { fmt.Fprintln(errs, applyUsage) }
	flags.StringVar(&a.root, "root", "", "")
	flags.StringVar(&a.vars, "vars", "", "")
	flags.StringVar(&a.envDir, "env-dir", "", "")
	flags.Func("image", "", func(pair string) error {
		service, image, ok := strings.Cut(pair, "=")
		if !ok || service == "" || image == "" {
			return errors.New("give SERVICE=IMAGE")
		}
		a.images[service] = image
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return a, err
	}
	a.files = flags.Args()
	if !filepath.IsAbs(a.root) || len(a.files) == 0 {
		flags.Usage()
		return a, errors.New("--root needs an absolute path, and there has to be a compose file")
	}
	return a, nil
}

// run opens what it needs and applies the files.
func (a applyArgs) run(ctx context.Context, out io.Writer, log *slog.Logger) (err error) {
	parts := apply.Parts{Root: a.root, Definitions: compose.New(), Images: a.images, Out: out}
	if parts.Vars, err = readVars(a.vars); err != nil {
		return err
	}
	if parts.Env, err = readSecrets(a.envDir); err != nil {
		return err
	}
	files, err := readFiles(a.files)
	if err != nil {
		return err
	}
	engine, err := docker.Open(docker.Config{Host: os.Getenv("DOCKER_HOST"), Log: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	folders, err := folder.Open(a.root)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folders.Close()) }()
	sw, err := traefik.OpenSwitch(a.root)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sw.Close()) }()
	own, err := apply.OpenOwner(a.root)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, own.Close()) }()
	parts.Engine, parts.Locks = engine, own.Locks(flock.New(filepath.Join(a.root, "locks")))
	parts.Switch, parts.Folders = own.Switch(sw), own.Folders(folders)
	return apply.New(parts).Run(ctx, files)
}

// readVars reads the values of the variables: one JSON object of names and texts.
func readVars(path string) (map[string]string, error) {
	vars := map[string]string{}
	if path == "" {
		return vars, nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, core.Errorf(core.CodeNotFound, "The variables cannot be read: %w", err)
	}
	if err := json.Unmarshal(raw, &vars); err != nil {
		return nil, core.Errorf(core.CodeInvalid, "%s is not a JSON object of names and texts: %w", path, err)
	}
	return vars, nil
}

// readSecrets reads a folder of folders of files: service, name, value. A final line feed belongs to the file, not to the value.
func readSecrets(dir string) (map[string]map[string]string, error) {
	secrets := map[string]map[string]string{}
	if dir == "" {
		return secrets, nil
	}
	services, err := os.ReadDir(dir)
	if err != nil {
		return nil, core.Errorf(core.CodeNotFound, "The secrets cannot be read: %w", err)
	}
	for _, service := range services {
		if !service.IsDir() {
			continue
		}
		own := map[string]string{}
		names, err := os.ReadDir(filepath.Join(dir, service.Name()))
		if err != nil {
			return nil, core.Errorf(core.CodeNotFound, "The secrets of %s cannot be read: %w", service.Name(), err)
		}
		for _, name := range names {
			if own[name.Name()], err = readSecret(filepath.Join(dir, service.Name(), name.Name())); err != nil {
				return nil, err
			}
		}
		secrets[service.Name()] = own
	}
	return secrets, nil
}

func readSecret(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", core.Errorf(core.CodeNotFound, "A secret cannot be read: %w", err)
	}
	raw, err := io.ReadAll(io.LimitReader(file, maxSecret+1))
	if err = errors.Join(err, file.Close()); err != nil {
		return "", core.Errorf(core.CodeUnavailable, "A secret cannot be read: %w", err)
	}
	if len(raw) > maxSecret {
		return "", core.Errorf(core.CodeInvalid, "%s is larger than %s.", path, core.FormatBytes(maxSecret))
	}
	return strings.TrimSuffix(string(raw), "\n"), nil
}

// readFiles reads the compose files; relative paths in them count from their own folder.
func readFiles(paths []string) ([]apply.File, error) {
	var files []apply.File
	for _, path := range paths {
		path, err := filepath.Abs(path)
		if err != nil {
			return nil, fmt.Errorf("find %s: %w", path, err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, core.Errorf(core.CodeNotFound, "A compose file cannot be read: %w", err)
		}
		files = append(files, apply.File{Name: path, Text: text})
	}
	return files, nil
}
