package core

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
)

// planePort is where both control planes serve HTTP (DESIGN, the house).
const planePort = 3000

// journal looks at what this plane promises on.
func (x *examiner) journal(context.Context) Check {
	head := x.core.journal.Head()
	found := fmt.Sprintf("record %d, %s in %d files, %s in reserve", head.Seq, FormatBytes(head.Bytes), head.Segments, FormatBytes(head.Reserve))
	switch {
	case !head.Writable:
		return failedCheck(head.Trouble+" ("+found+")", "Make room: prune the disk (prune), trim the logs (log-trim). It reopens by itself; until then only relief operations run.")
	case head.Torn != "":
		return warnedCheck(found+"; at the start an unfinished record was cut off: "+shortText(head.Torn), "Nothing that was acknowledged is lost. audit.verify walks the whole chain.")
	default:
		return passedCheck(found)
	}
}

// logs looks at the log store.
func (x *examiner) logs(context.Context) Check {
	s := x.core.logs.Stats()
	found := fmt.Sprintf("%s on disk, %d containers followed, %d lines dropped", FormatBytes(s.OnDisk), s.Following, s.Dropped)
	switch {
	case s.Trouble != "":
		return failedCheck(s.Trouble+" ("+found+")", "Trim the logs (log-trim) or prune the disk (prune).")
	case s.Dropped > 0:
		return warnedCheck(found, "Gaps are marked where they are. A service that writes faster than the disk takes it is the usual reason.")
	default:
		return passedCheck(found)
	}
}

// hostKey looks at the file by which clients know this server.
func (x *examiner) hostKey(context.Context) Check {
	path := x.core.cfg.HostKey(x.core.charter)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return failedCheck(path+" does not exist", "A new one is made at the next start, and every client will say that it changed. Restore it from a backup instead.")
	case err != nil:
		return unknownCheck(path+" cannot be looked at: "+err.Error(), "")
	case info.Mode().Perm()&0o077 != 0:
		return failedCheck(fmt.Sprintf("%s is readable by others (%s)", path, info.Mode().Perm()), "chmod 600 "+path)
	default:
		return passedCheck(path + ", " + info.Mode().Perm().String())
	}
}

// sibling asks the other control plane over the network, past its health as a service.
func (x *examiner) sibling(ctx context.Context) Check {
	name := x.core.charter.Sibling
	c, home, ok := x.core.services.placeOf(name)
	switch {
	case !ok:
		return failedCheck("there is no "+name+" on this server", "Deploy it: it is the only one that can repair this control plane.")
	case c.State != "running":
		return failedCheck("its container is "+orMissing(c.State), "Start it: start "+name)
	}
	host, reason := reach(c, home)
	if reason != "" {
		return unknownCheck(reason, "Connect both control planes to the network proxy.")
	}
	ctx, cancel := context.WithTimeout(ctx, ProbeTimeout)
	defer cancel()
	target := ProbeTarget{How: ProbeHTTP, Address: net.JoinHostPort(host, strconv.Itoa(planePort)), Path: "/healthz"}
	detail, err := x.core.services.prober.Probe(ctx, target)
	if err != nil {
		return failedCheck(shortText(detail), "Why: logs "+name+". Then restart it: restart "+name)
	}
	return passedCheck(shortText(detail))
}

// orMissing names the state of a container that is not there.
func orMissing(state string) string {
	if state == "" {
		return "missing"
	}
	return state
}

// placeOf gives the container of a service and where we stand in the networks.
func (s *services) placeOf(name string) (Container, place, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.board.rows[name]
	if k == nil {
		return Container{}, place{}, false
	}
	return k.container, s.board.home, true
}

// disks checks the file systems that hold our state and the engine's.
func (x *examiner) disks(ctx context.Context) {
	paths := []struct{ what, path string }{
		{"MATRX_ROOT", x.core.cfg.Root},
		{"the data of " + x.core.charter.Name, x.core.cfg.Data(x.core.charter)},
		{"the engine", x.snap.Engine.Info.Root},
	}
	for _, p := range paths {
		if p.path != "" {
			x.check(ctx, areaDisk, "Space for "+p.what, func(ctx context.Context) Check { return x.space(ctx, p.path) })
		}
	}
}

// space measures one file system.
func (x *examiner) space(ctx context.Context, path string) Check {
	if x.core.disks == nil {
		return unknownCheck("file systems are not measured here", "")
	}
	u, err := x.core.disks.FileSystem(ctx, path)
	switch {
	case CodeOf(err) == CodeNotFound:
		return unknownCheck(path+" cannot be seen from inside this container", "It is measured where it lies on the file system of MATRX_ROOT; otherwise look on the server: df "+path)
	case err != nil:
		return unknownCheck(MessageOf(err), "")
	}
	space, inodes := share(u.Used, u.Total), share(u.InodesUsed, u.InodesTotal)
	found := fmt.Sprintf("%s: %.0f %% of %s used, %s left; %.0f %% of the inodes", path, space*100, FormatBytes(u.Total), FormatBytes(u.Total-u.Used), inodes*100)
	const do = "Prune the disk on Infrastructure (prune), trim the logs (log-trim), or remove what is not needed."
	switch {
	case space >= diskFull || inodes >= inodesFull:
		return failedCheck(found, do)
	case space >= diskWarn || inodes >= inodesWarn:
		return warnedCheck(found, do)
	default:
		return passedCheck(found)
	}
}
