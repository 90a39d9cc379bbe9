package docker

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/codematrx/matrx-ship/core"
)

func TestAContainerIsRecreatedByOneAtATime(t *testing.T) {
	for name, dir := range map[string]string{"in this process": "", "on this server": t.TempDir()} {
		first, err := Open(Config{LockDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		second := first
		if dir != "" {
			if second, err = Open(Config{LockDir: dir}); err != nil {
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
