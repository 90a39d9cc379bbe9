package apply

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/codematrx/matrx-ship/core"
)

// portsFree fails when a published port is taken, and names who has it: the engine would say no more than that it is.
func (s *service) portsFree(ctx context.Context) error {
	for _, p := range s.def.Ports {
		if p.Protocol != "tcp" && p.Protocol != "" {
			continue
		}
		address := net.JoinHostPort(p.Address, strconv.Itoa(p.Host))
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err == nil {
			if err := listener.Close(); err != nil {
				return fmt.Errorf("look whether port %s is free: %w", address, err)
			}
			continue
		}
		if !errors.Is(err, unix.EADDRINUSE) {
			return core.Errorf(core.CodeInvalid, "port %s, which %s needs, cannot be used: %w", address, s.def.Container, err)
		}
		return core.Errorf(core.CodeConflict, "port %s, which %s needs, is taken by %s. End that, or move the whole stack with MATRX_PORT_SHIFT", address, s.def.Container, s.holder(ctx, p.Host))
	}
	return nil
}

// holder names who listens on a port of this machine: a container, or a program and its process.
func (s *service) holder(ctx context.Context, port int) string {
	if list, err := s.Engine.Containers(ctx); err == nil {
		for _, c := range list {
			for _, p := range c.Ports {
				if p.Host == port && c.State == "running" {
					return "container " + c.Name
				}
			}
		}
	}
	if pid := listener("/proc", port); pid != "" {
		if name, err := os.ReadFile("/proc/" + pid + "/comm"); err == nil {
			return fmt.Sprintf("%s (pid %s)", strings.TrimSpace(string(name)), pid)
		}
	}
	return "a program of another user"
}

// listener finds the process that listens on a TCP port; empty when it cannot be seen.
func listener(proc string, port int) string {
	sockets := map[string]bool{}
	for _, table := range []string{"net/tcp", "net/tcp6"} {
		listening(filepath.Join(proc, table), port, sockets)
	}
	links, err := filepath.Glob(filepath.Join(proc, "[0-9]*/fd/*"))
	if err != nil || len(sockets) == 0 {
		return ""
	}
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && sockets[target] {
			return filepath.Base(filepath.Dir(filepath.Dir(link)))
		}
	}
	return ""
}

// listening adds the sockets of a kernel table that listen on a port, as links of file descriptors name them.
func listening(table string, port int, sockets map[string]bool) {
	const listens = "0A"
	file, err := os.Open(table)
	if err != nil {
		return // without the table nobody is named
	}
	defer file.Close()
	suffix := fmt.Sprintf(":%04X", port)
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) > 9 && strings.HasSuffix(fields[1], suffix) && fields[3] == listens {
			sockets["socket:["+fields[9]+"]"] = true
		}
	}
}
