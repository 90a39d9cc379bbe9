package git

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// searchPath is where git and what it starts are looked for.
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// command is one run of git.
type command struct {
	dir     string // the mirror
	args    []string
	remote  *remote       // nil: the network is out of reach
	within  time.Duration // 0 means readWithin
	keep    *os.File      // stays open in git and its children: the mirror's lock, so that it lives as long as they do
	maxSize int64         // of the mirror while it runs; 0: not watched
	input   io.Reader     // nil is none
	line    func(string)  // gets each line of the standard error, made safe
}

// setting is one line of git's configuration.
type setting struct{ key, value string }

// settings are in force for every run: nothing is executed, nothing is followed, nothing is asked.
func settings(dir string) []setting {
	return []setting{
		{"core.hooksPath", "/dev/null"}, {"core.attributesFile", "/dev/null"}, {"core.excludesFile", "/dev/null"},
		{"core.fsmonitor", "false"}, {"core.quotePath", "false"}, {"credential.helper", ""},
		{"protocol.allow", "never"}, {"http.followRedirects", "false"}, {"http.lowSpeedLimit", "1"}, {"http.lowSpeedTime", "60"},
		{"fetch.fsckObjects", "true"}, {"transfer.fsckObjects", "true"}, {"fetch.recurseSubmodules", "false"}, {"submodule.recurse", "false"},
		{"gc.autoDetach", "false"}, {"maintenance.auto", "false"}, {"log.showSignature", "false"}, {"i18n.logOutputEncoding", "UTF-8"},
		{"pack.windowMemory", "256m"}, {"pack.threads", "2"}, {"safe.directory", dir},
	}
}

// environ is the environment of a run, built from empty. Settings go through it and not through arguments, because
// arguments can be read by everybody on the machine, and one of the settings is the token.
func (c command) environ() []string {
	env := []string{
		"PATH=" + searchPath, "HOME=/nonexistent", "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_ATTR_NOSYSTEM=1",
		"GIT_TERMINAL_PROMPT=0", "GIT_NO_REPLACE_OBJECTS=1", "GIT_NO_LAZY_FETCH=1", "GIT_LITERAL_PATHSPECS=1", "GIT_OPTIONAL_LOCKS=0",
		"GIT_SSH_VARIANT=ssh",
	}
	all, allow, global := settings(c.dir), "none", "/dev/null"
	if c.remote != nil {
		all, allow = append(all, c.remote.settings...), c.remote.repo.Scheme
		env = append(env, c.remote.env...)
		if c.remote.global != "" {
			global = c.remote.global
		}
	}
	env = append(env, "GIT_ALLOW_PROTOCOL="+allow, "GIT_CONFIG_GLOBAL="+global, "GIT_CONFIG_COUNT="+strconv.Itoa(len(all)))
	for i, s := range all {
		n := strconv.Itoa(i)
		env = append(env, "GIT_CONFIG_KEY_"+n+"="+s.key, "GIT_CONFIG_VALUE_"+n+"="+s.value)
	}
	return env
}

// start makes the process, in a session of its own: it has no terminal to ask at, and all of it can be ended at once.
func (g *Git) start(ctx context.Context, c command) *exec.Cmd {
	cmd := exec.CommandContext(ctx, g.cfg.Program, append([]string{"--git-dir=" + c.dir}, c.args...)...)
	cmd.Env = c.environ()
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	if c.keep != nil {
		cmd.ExtraFiles = []*os.File{c.keep}
	}
	return cmd
}

// stream runs git and gives its output to parse, which reads it to the end or returns an error.
func (g *Git) stream(ctx context.Context, c command, parse func(*bufio.Reader) error) error {
	within := c.within
	if within == 0 {
		within = readWithin
	}
	timed, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	cmd := g.start(timed, c)
	tail := &tail{secrets: c.remote.secret(), line: c.line}
	cmd.Stderr, cmd.Stdin = tail, c.input
	out, err := cmd.StdoutPipe()
	if err != nil {
		return core.Errorf(core.CodeInternal, "prepare git: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return explainStart(err)
	}
	watch := g.watchSize(timed, c, cancel)
	parsed := parse(bufio.NewReader(out))
	if parsed != nil {
		cancel()
	}
	ended := cmd.Wait()
	cancel()
	tail.flush()
	switch {
	case watch.over():
		return core.Errorf(core.CodeInvalid, "The repository is larger than the bound of %s: fetching was stopped. Use a smaller one, or one without its large history.", core.FormatBytes(c.maxSize))
	case ctx.Err() != nil:
		return gaveUp(ctx)
	case parsed != nil && !errors.Is(timed.Err(), context.DeadlineExceeded):
		return parsed
	case parsed != nil, ended != nil && errors.Is(timed.Err(), context.DeadlineExceeded):
		return core.Errorf(core.CodeUnavailable, "git did not end within %s and was stopped.", within)
	case ended != nil:
		return explain(c.remote, tail.lines, ended)
	}
	return nil
}

// gaveUp is the error of a context that ended.
func gaveUp(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return core.Errorf(core.CodeUnavailable, "The repository did not answer in time; it was given up.")
	}
	return core.Errorf(core.CodeCanceled, "Cancelled.")
}

// output runs git and gives all it says, at most limit bytes.
func (g *Git) output(ctx context.Context, c command, limit int64) ([]byte, error) {
	var b bytes.Buffer
	err := g.stream(ctx, c, func(r *bufio.Reader) error {
		n, err := io.Copy(&b, io.LimitReader(r, limit+1))
		if err == nil && n > limit {
			return core.Errorf(core.CodeInvalid, "git answered with more than %s.", core.FormatBytes(limit))
		}
		return err
	})
	return b.Bytes(), err
}
