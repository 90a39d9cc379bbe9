package docker

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/flock"
)

// locksIn is the configuration with locks in a folder, or in the process without one.
func locksIn(dir string) Config {
	if dir == "" {
		return Config{}
	}
	return Config{Locks: flock.New(dir)}
}

func TestAContainerIsRecreatedByOneAtATime(t *testing.T) {
	for name, dir := range map[string]string{"in this process": "", "on this server": t.TempDir()} {
		first, err := Open(locksIn(dir))
		if err != nil {
			t.Fatal(err)
		}
		second := first
		if dir != "" {
			if second, err = Open(locksIn(dir)); err != nil {
				t.Fatal(err)
			}
		}
		unlock, err := first.lock("app")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := second.lock("app"); core.CodeOf(err) != core.CodeConflict {
			t.Errorf("%s: the second got %v", name, err)
		}
		other, err := second.lock("other")
		if err != nil {
			t.Errorf("%s: another container: %v", name, err)
		}
		other()
		unlock()
		again, err := second.lock("app")
		if err != nil {
			t.Fatalf("%s: afterwards: %v", name, err)
		}
		again()
	}
}

func TestARecreationThatStillMovesIsLeftAloneWithoutACommonLock(t *testing.T) {
	const id = "aaaabbbbccccddddeeeeffff0000111122223333444455556666777788889999"
	for state, want := range map[string]int32{"exited": 0, "running": 1} { // what it is at the second look, and the renames
		path := filepath.Join(t.TempDir(), "engine.sock")
		var looks, acts atomic.Int32
		standIn(t, path, func(w http.ResponseWriter, r *http.Request) {
			switch {
			case pong(w, r, "1.41"):
			case r.Method != http.MethodGet:
				acts.Add(1)
				w.WriteHeader(http.StatusNoContent)
			case strings.HasSuffix(r.URL.Path, "/containers/json"):
				now := "running"
				if looks.Add(1) > 1 {
					now = state
				}
				_, _ = fmt.Fprintf(w, `[{"Id":%q,"Names":["/app.old-%s"],"State":%q}]`, id, id[:12], now)
			case strings.HasSuffix(r.URL.Path, "/containers/"+id+"/json"):
				_, _ = fmt.Fprintf(w, `{"Id":%q,"Name":"/app.old-%s","State":{"Status":"running"},"Config":{"StopTimeout":0}}`, id, id[:12])
			default:
				w.WriteHeader(http.StatusNotFound)
			}
		})
		d, err := Open(Config{Host: "unix://" + path})
		if err != nil {
			t.Fatal(err)
		}
		d.quiet = 0
		if err := d.Reconcile(t.Context()); err != nil {
			t.Error(err)
		}
		if got := acts.Load(); got != want {
			t.Errorf("then %s: acted %d times, want %d", state, got, want)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestARecreationOfAnotherStackIsNeverReconciled(t *testing.T) {
	const id = "aaaabbbbccccddddeeeeffff0000111122223333444455556666777788889999"
	for _, c := range []struct {
		label, own string
		renames    int32
	}{{"mxother", "mxown", 0}, {"mxother", "", 0}, {"mxown", "mxown", 1}, {"", "mxown", 1}, {"", "", 1}} {
		path := filepath.Join(t.TempDir(), "engine.sock")
		var renames atomic.Int32
		standIn(t, path, func(w http.ResponseWriter, r *http.Request) {
			switch {
			case pong(w, r, "1.41"):
			case r.Method != http.MethodGet:
				renames.Add(1)
				w.WriteHeader(http.StatusNoContent)
			case strings.HasSuffix(r.URL.Path, "/containers/json"):
				_, _ = fmt.Fprintf(w, `[{"Id":%q,"Names":["/app.old-%s"],"State":"exited","Labels":{"com.matrx.project":%q}}]`, id, id[:12], c.label)
			case strings.HasSuffix(r.URL.Path, "/containers/"+id+"/json"):
				_, _ = fmt.Fprintf(w, `{"Id":%q,"Name":"/app.old-%s","State":{"Status":"exited"},"Config":{"StopTimeout":0}}`, id, id[:12])
			default:
				w.WriteHeader(http.StatusNotFound)
			}
		})
		d, err := Open(Config{Host: "unix://" + path, Project: c.own})
		if err != nil {
			t.Fatal(err)
		}
		d.quiet = 0
		if err := d.Reconcile(t.Context()); err != nil {
			t.Error(err)
		}
		if got := renames.Load(); got != c.renames {
			t.Errorf("a container of %q, we are %q: acted %d times, want %d", c.label, c.own, got, c.renames)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestARecreationAndADeploymentOfAServiceShareTheirLock(t *testing.T) {
	const id = "aaaabbbbccccddddeeeeffff0000111122223333444455556666777788889999"
	path := filepath.Join(t.TempDir(), "engine.sock")
	standIn(t, path, func(w http.ResponseWriter, r *http.Request) {
		if pong(w, r, "1.41") {
			return
		}
		_, _ = fmt.Fprintf(w, `{"Id":%q,"Name":"/mx-ship-demo","State":{"Status":"running"},"Config":{"Labels":{"com.matrx.service":"ship-demo"}},"HostConfig":{}}`, id)
	})
	locks := flock.New(t.TempDir())
	d, err := Open(Config{Host: "unix://" + path, Locks: locks})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	unlock, err := locks.Lock("ship-demo", "ann deploys")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if _, err := d.Recreate(t.Context(), id, 0, nil); core.CodeOf(err) != core.CodeConflict || !strings.Contains(err.Error(), "ann deploys") {
		t.Errorf("got %v", err)
	}
}
