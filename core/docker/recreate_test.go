package docker

import (
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
