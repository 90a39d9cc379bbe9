package docker

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// Shortened from what engines really answer: 20.10 with cgroup version 1, 28 with version 2.
const (
	statsV1 = `{"read":"2026-11-21T10:00:00.5Z","pids_stats":{"current":3},"blkio_stats":{"io_service_bytes_recursive":[
		{"major":8,"minor":0,"op":"Read","value":4096},{"major":8,"minor":0,"op":"Write","value":8192},{"major":8,"minor":0,"op":"Total","value":12288}]},
		"cpu_stats":{"cpu_usage":{"total_usage":1500000000}},"memory_stats":{"usage":30000000,"limit":4294967296,
		"stats":{"inactive_file":1,"total_inactive_file":10000000}},"networks":{"eth0":{"rx_bytes":1000,"tx_bytes":2000},"eth1":{"rx_bytes":1,"tx_bytes":2}}}`
	statsV2 = `{"read":"2026-11-21T10:00:00.5Z","pids_stats":{"current":3},"blkio_stats":{"io_service_bytes_recursive":[
		{"major":8,"minor":0,"op":"read","value":4096},{"major":8,"minor":0,"op":"write","value":8192}]},
		"cpu_stats":{"cpu_usage":{"total_usage":1500000000}},"memory_stats":{"usage":30000000,"limit":67108864,
		"stats":{"inactive_file":10000000}},"networks":{"eth0":{"rx_bytes":1001,"tx_bytes":2002}}}`
)

// statsEngine is an engine that answers with the sample, and a container in the state.
func statsEngine(t *testing.T, sample, state string) *Docker {
	t.Helper()
	path := filepath.Join(t.TempDir(), "engine.sock")
	standIn(t, path, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case pong(w, r, "1.41"):
		case strings.HasSuffix(r.URL.Path, "/stats"):
			if r.URL.Query().Get("one-shot") != "true" {
				t.Error("asked for two samples")
			}
			_, _ = w.Write([]byte(sample))
		case strings.HasSuffix(r.URL.Path, "/info"):
			_, _ = w.Write([]byte(`{"MemTotal":4294967296}`))
		default:
			_, _ = w.Write([]byte(`{"Id":"x","Name":"/app","State":{"Status":"` + state + `"}}`))
		}
	})
	d, err := Open(Config{Host: "unix://" + path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func TestAnEnginesSampleIsReadAsTheCommandLineReadsIt(t *testing.T) {
	want := core.StatsSample{At: time.Date(2026, 11, 21, 10, 0, 0, 5e8, time.UTC), CPU: 1500 * time.Millisecond, Memory: 20_000_000,
		NetRx: 1001, NetTx: 2002, DiskRead: 4096, DiskWrite: 8192, Pids: 3}
	for name, sample := range map[string]string{"version 1": statsV1, "version 2": statsV2} {
		got, err := statsEngine(t, sample, "running").Stats(t.Context(), "app")
		if name == "version 2" {
			want.MemoryLimit = 64 << 20
		} else {
			want.MemoryLimit = 0 // all of the server's memory is no limit
		}
		if err != nil || got != want {
			t.Errorf("%s: %v\ngot  %+v\nwant %+v", name, err, got, want)
		}
	}
}

func TestAnEmptySampleIsSaidToBeOne(t *testing.T) {
	const empty = `{"read":"0001-01-01T00:00:00Z","name":"/app"}`
	if _, err := statsEngine(t, empty, "exited").Stats(t.Context(), "app"); core.CodeOf(err) != core.CodeConflict {
		t.Errorf("stopped: %v", err)
	}
	if _, err := statsEngine(t, empty, "running").Stats(t.Context(), "app"); core.CodeOf(err) != core.CodeUnavailable {
		t.Errorf("running: %v", err)
	}
}
