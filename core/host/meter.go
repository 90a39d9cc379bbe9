// Package host measures the server itself from /proc and its file systems.
package host

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/codematrx/matrx-ship/core"
)

// ticks is the unit of /proc/stat: the kernel's USER_HZ, 100 on every architecture Linux has today.
const ticks = 100

// Meter implements core.HostMeter and core.FileSystems. It is safe for concurrent use.
type Meter struct {
	proc string
	root string
	now  func() time.Time

	mu   sync.Mutex // guards last
	last reading
}

// reading is one look at the processors.
type reading struct {
	at   time.Time
	busy int64 // ticks of all processors
}

// New makes a meter that reads below procRoot and measures the file system that holds root.
func New(procRoot, root string) *Meter {
	return &Meter{proc: procRoot, root: root, now: time.Now}
}

// Usage reads the server's load. CPU is the mean since the call before, 0 on the first one. A file system that cannot
// be measured leaves Disk at zero; an unreadable /proc is CodeUnavailable.
func (m *Meter) Usage(ctx context.Context) (core.HostUsage, error) {
	u := core.HostUsage{At: m.now()}
	busy, cpus, err := m.processors()
	if err != nil {
		return u, core.Errorf(core.CodeUnavailable, "The server's load cannot be read: %w.", err)
	}
	u.CPUs, u.CPU = cpus, m.cores(u.At, busy, cpus)
	if u.Load1, err = m.load(); err != nil {
		return u, core.Errorf(core.CodeUnavailable, "The server's load cannot be read: %w.", err)
	}
	if u.Memory, u.MemoryTotal, err = m.memory(); err != nil {
		return u, core.Errorf(core.CodeUnavailable, "The server's memory cannot be read: %w.", err)
	}
	disk, err := m.FileSystem(ctx, m.root)
	if err != nil {
		return u, err
	}
	u.Disk, u.DiskTotal = disk.Used, disk.Total
	return u, nil
}

// cores turns two readings into cores in use.
func (m *Meter) cores(at time.Time, busy int64, cpus int) float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	last := m.last
	m.last = reading{at, busy}
	seconds := at.Sub(last.at).Seconds()
	if last.at.IsZero() || seconds <= 0 || busy < last.busy {
		return 0
	}
	return min(float64(busy-last.busy)/ticks/seconds, float64(cpus))
}

// processors reads how long all processors have been busy, and how many there are.
func (m *Meter) processors() (busy int64, cpus int, err error) {
	raw, err := os.ReadFile(filepath.Join(m.proc, "stat"))
	if err != nil {
		return 0, 0, fmt.Errorf("read stat: %w", err)
	}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	lines.Buffer(nil, 1<<20) // the line of interrupts is long on big machines
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		switch {
		case len(f) < 5 || !strings.HasPrefix(f[0], "cpu"):
		case f[0] == "cpu":
			busy = busyTicks(f[1:])
		default:
			cpus++
		}
	}
	if cpus == 0 {
		return 0, 0, errors.New("no processor in stat")
	}
	return busy, cpus, lines.Err()
}

// busyTicks adds up user, nice, system, irq, softirq and steal: everything but idle and waiting for a disk.
func busyTicks(columns []string) int64 {
	var sum int64
	for i, column := range columns {
		if i == 3 || i == 4 || i > 7 { // idle, iowait; guest time is part of user
			continue
		}
		n, err := strconv.ParseInt(column, 10, 64)
		if err == nil {
			sum += n
		}
	}
	return sum
}

// load reads the load of the last minute.
func (m *Meter) load() (float64, error) {
	raw, err := os.ReadFile(filepath.Join(m.proc, "loadavg"))
	if err != nil {
		return 0, fmt.Errorf("read loadavg: %w", err)
	}
	first, _, _ := strings.Cut(string(raw), " ")
	load, err := strconv.ParseFloat(strings.TrimSpace(first), 64)
	if err != nil {
		return 0, fmt.Errorf("read loadavg: %w", err)
	}
	return load, nil
}

// memory reads used and total memory; what the kernel could give back counts as free.
func (m *Meter) memory() (used, total int64, err error) {
	raw, err := os.ReadFile(filepath.Join(m.proc, "meminfo"))
	if err != nil {
		return 0, 0, fmt.Errorf("read meminfo: %w", err)
	}
	values := map[string]int64{}
	for line := range strings.Lines(string(raw)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		if n, err := strconv.ParseInt(f[1], 10, 64); err == nil {
			values[f[0]] = n << 10
		}
	}
	total = values["MemTotal:"]
	if total == 0 {
		return 0, 0, errors.New("no MemTotal in meminfo")
	}
	free, ok := values["MemAvailable:"]
	if !ok {
		free = values["MemFree:"]
	}
	return total - free, total, nil
}

// FileSystem measures the file system that holds path.
func (m *Meter) FileSystem(_ context.Context, path string) (core.FileSystem, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return core.FileSystem{}, core.Errorf(core.CodeNotFound, "%s does not exist here.", path)
		}
		return core.FileSystem{}, core.Errorf(core.CodeUnavailable, "The file system of %s cannot be measured: %w.", path, err)
	}
	// Total leaves out root's reserve, so that a disk without a byte for anybody else is 100 % full.
	used := int64(s.Blocks-s.Bfree) * s.Frsize
	return core.FileSystem{
		Used: used, Total: used + int64(s.Bavail)*s.Frsize,
		InodesUsed: int64(s.Files - s.Ffree), InodesTotal: int64(s.Files),
	}, nil
}
