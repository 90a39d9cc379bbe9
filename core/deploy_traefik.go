package core

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// How a new Traefik is tried before the old one is stopped.
const (
	tryWait   = 30 * time.Second // for it to answer
	tryEvery  = 500 * time.Millisecond
	trySteady = time.Second // it goes on running after its first answer, and has read its files by then
)

// rehearseTraefik starts the new Traefik with its own flags, environment and files beside the old one: in a network of its own, without
// a port, the engine or the certificates. So it can neither ask for one nor write down any. It has to answer its own health check, stay
// up, and have no complaint; else the deployment fails while the old one serves.
func (r *deployRun) rehearseTraefik(ctx context.Context) (words string, err error) {
	ctx, cancel := context.WithTimeout(ctx, tryWait)
	defer cancel()
	def := rehearsed(r.def)
	id, err := r.c.ship.Maker.CreateContainer(ctx, ContainerSpec{
		Name: r.name + markTest + r.mark, Image: r.image.ID, Definition: def, Env: r.fullEnv(), Labels: r.testLabels(), Alone: true, Seen: def.Mounts,
	})
	if err != nil {
		return "", err
	}
	defer func() {
		own, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanWait)
		defer cancel()
		if err != nil {
			r.keepLog(own, id)
		}
		err = errors.Join(err, ignoreMissing(r.c.docker.Remove(own, id, 0)))
	}()
	if err := r.c.docker.Start(ctx, id); err != nil {
		return "", err
	}
	if err := r.answers(ctx, id, def); err != nil {
		return "", err
	}
	return r.complaints(ctx, id)
}

// rehearsed is a definition of Traefik for its trial: what it would write to, and the engine's socket, are not there. What it reads its
// configuration from is there to be read, however it is mounted.
func rehearsed(d Definition) Definition {
	d.Tmpfs = maps.Clone(d.Tmpfs)
	if d.Tmpfs == nil {
		d.Tmpfs = map[string]string{}
	}
	var seen []Mount
	for _, m := range d.Mounts {
		switch {
		case strings.HasSuffix(m.Target, "docker.sock") || strings.HasSuffix(m.Source, "docker.sock"):
		case m.ReadOnly || holdsConfiguration(d.Command, m.Target):
			m.ReadOnly = true
			seen = append(seen, m)
		case path.Ext(m.Target) != "": // one file, such as acme.json: it makes one of its own
		default:
			d.Tmpfs[m.Target] = "rw,nosuid,nodev,noexec,size=8m,mode=1777"
		}
	}
	d.Mounts = seen
	return d
}

// holdsConfiguration is true for a mount from which Traefik reads its static file, or the files of its file provider.
func holdsConfiguration(command []string, target string) bool {
	switch path.Ext(target) {
	case ".yml", ".yaml", ".toml":
		return true
	}
	for _, arg := range command {
		flag, value, _ := strings.Cut(strings.TrimLeft(strings.ToLower(arg), "-"), "=")
		named := flag == "configfile" || flag == "providers.file.directory" || flag == "providers.file.filename"
		if named && (value == target || strings.HasPrefix(value, strings.TrimSuffix(target, "/")+"/")) {
			return true
		}
	}
	return false
}

// answers waits until Traefik's own command for it says that it answers on its ping, and that it goes on running.
func (r *deployRun) answers(ctx context.Context, id string, def Definition) error {
	asks := slices.ContainsFunc(def.Command, func(arg string) bool { return strings.HasPrefix(strings.ToLower(arg), "--ping") })
	for answered := !asks; ; {
		late := !rest(ctx, tryEvery, nil)
		d, err := r.c.docker.Container(ctx, id)
		switch {
		case late || errors.Is(ctx.Err(), context.DeadlineExceeded):
			return noAnswer()
		case err != nil:
			return err
		case d.State != "running":
			return Errorf(CodeConflict, "The new Traefik does not start with its definition: %s", sentence(r.lastWords(ctx, id)))
		case answered && r.c.now().Sub(d.StartedAt) > trySteady:
			return nil
		case answered:
			continue
		}
		if answered, err = r.pings(ctx, id, def); err != nil {
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return noAnswer()
			}
			return err
		}
	}
}

// noAnswer is the error of a Traefik that took too long.
func noAnswer() error {
	return Errorf(CodeConflict, "The new Traefik does not answer on its ping within %s. The old one was not touched; the new one's last lines are in the record.", tryWait)
}

// pings has the image's own command ask a container from beside it.
func (r *deployRun) pings(ctx context.Context, id string, def Definition) (ok bool, err error) {
	command := []string{"healthcheck"}
	for _, arg := range def.Command {
		if strings.HasPrefix(arg, "--") {
			command = append(command, arg)
		}
	}
	def.Mounts = nil
	helper, err := r.c.ship.Maker.CreateContainer(ctx, ContainerSpec{
		Name: r.name + markTest + id[:8], Image: r.image.ID, Definition: def, Env: r.fullEnv(), Labels: r.testLabels(), Alone: true, Beside: id, Command: command,
	})
	if err != nil {
		return false, err
	}
	defer func() {
		own, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanWait)
		defer cancel()
		err = errors.Join(err, ignoreMissing(r.c.docker.Remove(own, helper, 0)))
	}()
	if err := r.c.docker.Start(ctx, helper); err != nil {
		return false, ignoreEnded(err) // the other one may have ended by now, and is looked at next
	}
	code, err := r.c.ship.Maker.WaitContainer(ctx, helper)
	return code == 0, ignoreEnded(err)
}

// ignoreEnded drops the error of a container that cannot be started because the one beside it has ended.
func ignoreEnded(err error) error {
	if code := CodeOf(err); code == CodeConflict || code == CodeNotFound || code == CodeInternal {
		return nil
	}
	return err
}

// traefikLine is one line of Traefik's log in JSON.
type traefikLine struct {
	Level    string `json:"level"`
	Provider string `json:"providerName"`
	Router   string `json:"routerName"`
	Service  string `json:"serviceName"`
	Message  string `json:"message"`
	Error    string `json:"error"`
}

// complaint is what a line of Traefik's log says is wrong with its configuration; empty for any other line. That the engine and the CA
// are away is how it is tried, and a single router that does not work is no reason to keep the old Traefik: it has the same.
func complaint(line string) string {
	var l traefikLine
	if json.Unmarshal([]byte(line), &l) != nil {
		if strings.Contains(line, " ERR ") && !strings.Contains(line, "providerName=docker") && !strings.Contains(line, ".acme") && !strings.Contains(line, "routerName=") {
			return line
		}
		return ""
	}
	own := l.Provider == "docker" || strings.HasSuffix(l.Provider, ".acme") || l.Router != "" || l.Service != "" || strings.Contains(l.Message, "dashboard")
	if own || l.Level != "error" && l.Level != "fatal" && l.Level != "panic" {
		return ""
	}
	return strings.TrimSpace(strings.TrimPrefix(l.Message+": "+l.Error, ": "))
}

// ofFiles is true for a complaint about the files of the file provider, which are all there when Traefik is tried. Any other may come
// from how it is tried: without a network, an engine and its certificates.
func ofFiles(line string) bool {
	return strings.Contains(line, `"providerName":"file"`) || strings.Contains(line, "providerName=file") || strings.Contains(line, "file.Provider")
}

// complaints refuses a Traefik that has written one about its files, and tells of any other.
func (r *deployRun) complaints(ctx context.Context, id string) (string, error) {
	lines, err := r.c.lastLines(ctx, id)
	if err != nil {
		return "", err
	}
	words := "it starts with its flags and files and answers"
	for _, line := range lines {
		said := complaint(line)
		switch {
		case said == "":
		case ofFiles(line):
			return "", Errorf(CodeConflict, "The new Traefik starts, and complains about its configuration: %s The old one was not touched.", sentence(shortText(said)))
		default:
			words = "it starts and answers, and says, where it has no network: " + shortText(said)
		}
	}
	return words, nil
}

// lastWords is why a Traefik has ended: its last complaint, else its last line.
func (r *deployRun) lastWords(ctx context.Context, id string) string {
	lines, err := r.c.lastLines(ctx, id)
	if err != nil {
		return "what it said cannot be read: " + MessageOf(err)
	}
	last := ""
	for _, line := range slices.Backward(lines) {
		if said := complaint(line); said != "" {
			return shortText(said)
		}
		last = cmp.Or(last, strings.TrimSpace(line))
	}
	return cmp.Or(shortText(last), "it ended without a word")
}
