package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// procOf makes a /proc with the busy ticks given.
func procOf(t *testing.T, dir string, user string) {
	t.Helper()
	files := map[string]string{
		"stat":    "cpu  " + user + " 0 100 5" + user + " 7" + user + " 0 0 0 9" + user + " 0\ncpu0 1 2 3 4\ncpu1 1 2 3 4\nintr " + strings.Repeat("1 ", 50000) + "\n",
		"loadavg": "1.25 0.5 0.1 1/200 4711\n",
		"meminfo": "MemTotal:        4000 kB\nMemFree:          100 kB\nMemAvailable:    1000 kB\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheServersLoadComesFromProc(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	m := New(dir, dir)
	m.now = func() time.Time { return now }
	procOf(t, dir, "1000")
	u, err := m.Usage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if u.CPUs != 2 || u.CPU != 0 || u.Load1 != 1.25 || u.MemoryTotal != 4000<<10 || u.Memory != 3000<<10 || u.DiskTotal == 0 || u.Disk == 0 {
		t.Errorf("%+v", u)
	}
	procOf(t, dir, "1300") // 300 ticks in 2 s: a core and a half; idle, waiting and guest time do not count
	now = now.Add(2 * time.Second)
	if u, err = m.Usage(t.Context()); err != nil || u.CPU != 1.5 {
		t.Errorf("%.2f cores, %v", u.CPU, err)
	}
	procOf(t, dir, "10") // a counter that went back
	now = now.Add(2 * time.Second)
	if u, err = m.Usage(t.Context()); err != nil || u.CPU != 0 {
		t.Errorf("%.2f cores after the counter went back, %v", u.CPU, err)
	}
}

func TestTheRealServerCanBeMeasured(t *testing.T) {
	u, err := New("/proc", "/").Usage(t.Context())
	if err != nil || u.CPUs < 1 || u.Memory <= 0 || u.Memory >= u.MemoryTotal || u.Disk <= 0 || u.Disk > u.DiskTotal {
		t.Errorf("%+v, %v", u, err)
	}
}

func TestWhatCannotBeReadIsNamed(t *testing.T) {
	dir := t.TempDir()
	if _, err := New(dir, "/").Usage(t.Context()); core.CodeOf(err) != core.CodeUnavailable || !strings.Contains(err.Error(), "stat") {
		t.Errorf("%v", err)
	}
	procOf(t, dir, "1")
	if err := os.WriteFile(filepath.Join(dir, "meminfo"), []byte("garbage\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(dir, "/").Usage(t.Context()); core.CodeOf(err) != core.CodeUnavailable || !strings.Contains(err.Error(), "MemTotal") {
		t.Errorf("%v", err)
	}
	if _, err := New("/proc", "/nowhere").FileSystem(t.Context(), "/nowhere"); core.CodeOf(err) != core.CodeNotFound {
		t.Errorf("%v", err)
	}
}
