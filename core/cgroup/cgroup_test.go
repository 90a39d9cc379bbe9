package cgroup_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/cgroup"
	"github.com/codematrx/matrx-ship/core/coretest"
)

const id = "aaaabbbbccccddddeeeeffff0000111122223333444455556666777788889999"

// tree writes files below a folder.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

const netDev = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     999       9    0    0    0     0          0         0      999       9    0    0    0     0       0          0
  eth0:    1000      10    0    0    0     0          0         0     2000      20    0    0    0     0       0          0
  eth1:     100       1    0    0    0     0          0         0      200       2    0    0    0     0       0          0
`

var version2 = map[string]string{
	"cgroup.controllers": "cpu io memory pids\n",
	"@cpu.stat":          "usage_usec 1500000\nuser_usec 1\nsystem_usec 2\n",
	"@memory.current":    "30000000\n",
	"@memory.stat":       "anon 1\nfile 2\ninactive_anon 5\ninactive_file 10000000\nactive_file 3\n",
	"@memory.max":        "max\n",
	"@io.stat":           "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n8:16 rbytes=1 wbytes=2 rios=1 wios=1\n",
	"@pids.current":      "7\n",
}

var version1 = map[string]string{
	"memory/memory.stat":                               "x 1\n",
	"cpuacct/@cpuacct.usage":                           "1500000000\n",
	"memory/@memory.usage_in_bytes":                    "30000000\n",
	"memory/@memory.stat":                              "inactive_file 1\ntotal_cache 4\ntotal_inactive_file 10000000\n",
	"memory/@memory.limit_in_bytes":                    "9223372036854771712\n",
	"blkio/@blkio.throttle.io_service_bytes_recursive": "8:0 Read 4096\n8:0 Write 8192\n8:0 Sync 5\n8:16 Read 1\n8:16 Write 2\nTotal 99\n",
	"pids/@pids.current":                               "7\n",
}

// at puts the container's files (@) into its folder.
func at(files map[string]string, folder string) map[string]string {
	out := map[string]string{}
	for name, text := range files {
		dir, base := filepath.Split(name)
		if base[0] == '@' {
			name = filepath.Join(dir, folder, base[1:])
		}
		out[name] = text
	}
	return out
}

// engine is a fake engine with one running container of process 42.
func engine(t *testing.T) *coretest.Docker {
	t.Helper()
	d := coretest.NewDocker()
	c := core.ContainerDetail{}
	c.ID, c.Name = id, "app"
	d.Add(c)
	d.Update(id, func(c *core.ContainerDetail) { c.Pid = 42 })
	return d
}

func open(t *testing.T, root, proc string, d *coretest.Docker) *cgroup.Source {
	t.Helper()
	s, err := cgroup.Open(cgroup.Config{Root: root, Proc: proc, Engine: d, Else: d})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestEveryLayoutOfTheKernelGivesTheSameSample(t *testing.T) {
	want := core.StatsSample{CPU: 1500 * time.Millisecond, Memory: 20_000_000, NetRx: 1100, NetTx: 2200, DiskRead: 4097, DiskWrite: 8194, Pids: 7}
	for _, c := range []struct {
		name   string
		files  map[string]string
		folder string
		own    string // what the process says of itself
	}{
		{"version 2, systemd", version2, "system.slice/docker-" + id + ".scope", "0::/system.slice/docker-" + id + ".scope\n"},
		{"version 2, cgroupfs", version2, "docker/" + id, "0::/docker/" + id + "\n"},
		{"version 2, seen from a namespace of our own", version2, "docker/" + id, "0::/../" + id + "\n"},
		{"version 2, a nested engine", version2, "docker/outer/docker/" + id, "0::/../../" + id + "\n"},
		{"version 1", version1, "docker/" + id, "4:memory:/docker/" + id + "\n2:cpuacct,cpu:/docker/" + id + "\n"},
		{"version 1, a parent of its own", version1, "limits/apps/" + id, "4:memory:/limits/apps/" + id + "\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			proc := tree(t, map[string]string{"42/cgroup": c.own, "42/net/dev": netDev})
			d := engine(t)
			s := open(t, tree(t, at(c.files, c.folder)), proc, d)
			for range 2 {
				got, err := s.Stats(t.Context(), id)
				if err != nil {
					t.Fatal(err)
				}
				got.At = time.Time{}
				if got != want {
					t.Errorf("got  %+v\nwant %+v", got, want)
				}
			}
			if n := d.Calls("Stats") + d.Calls("Container"); n != 1 {
				t.Errorf("%d calls to the engine, want one inspect", n)
			}
		})
	}
}

func TestALimitIsReadAndNoLimitIsZero(t *testing.T) {
	files := at(version2, "docker/"+id)
	files["docker/"+id+"/memory.max"] = "67108864\n"
	proc := tree(t, map[string]string{"42/cgroup": "0::/docker/" + id, "42/net/dev": netDev})
	got, err := open(t, tree(t, files), proc, engine(t)).Stats(t.Context(), id)
	if err != nil || got.MemoryLimit != 64<<20 {
		t.Errorf("limit %d, %v", got.MemoryLimit, err)
	}
}

func TestAContainerWhoseProcessIsAnotherOneIsLeftToTheEngine(t *testing.T) {
	proc := tree(t, map[string]string{"42/cgroup": "0::/somebody/else", "42/net/dev": netDev})
	d := engine(t)
	d.SetStats(id, core.StatsSample{Memory: 1})
	s := open(t, tree(t, at(version2, "docker/"+id)), proc, d)
	for range 3 {
		got, err := s.Stats(t.Context(), id)
		if err != nil || got.Memory != 1 {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if n := d.Calls("Container"); n != 1 {
		t.Errorf("inspected %d times, want once", n)
	}
}

func TestTheServersNetworkIsNotAContainersOwn(t *testing.T) {
	proc := tree(t, map[string]string{"42/cgroup": "0::/docker/" + id, "42/net/dev": netDev})
	d := engine(t)
	d.Update(id, func(c *core.ContainerDetail) { c.Networks = []core.Attachment{{Network: "host"}} })
	got, err := open(t, tree(t, at(version2, "docker/"+id)), proc, d).Stats(t.Context(), id)
	if err != nil || got.NetRx != 0 || got.Memory == 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAStoppedOrUnknownContainerIsNotMeasured(t *testing.T) {
	d := engine(t)
	s := open(t, tree(t, at(version2, "docker/"+id)), t.TempDir(), d)
	if _, err := s.Stats(t.Context(), "nobody"); core.CodeOf(err) != core.CodeNotFound {
		t.Errorf("unknown: %v", err)
	}
	if err := d.Stop(context.Background(), id, time.Second); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stats(t.Context(), id); core.CodeOf(err) != core.CodeConflict {
		t.Errorf("stopped: %v", err)
	}
}

func TestAFolderWithoutCgroupsIsRefused(t *testing.T) {
	if _, err := cgroup.Open(cgroup.Config{Root: t.TempDir()}); core.CodeOf(err) != core.CodeUnavailable {
		t.Errorf("got %v", err)
	}
}
