package apply

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/codematrx/matrx-ship/core"
)

func TestATakenPortIsNamedWithTheProgramThatHasIt(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	r := newRig(t)
	s := &service{Applier: New(r.parts), def: core.Definition{Container: "mx-web", Ports: []core.Port{{Address: "127.0.0.1", Host: port, Container: 80}}}}
	err = s.portsFree(t.Context())
	want := fmt.Sprintf("port 127.0.0.1:%d, which mx-web needs, is taken by", port)
	if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), fmt.Sprintf("(pid %d)", os.Getpid())) {
		t.Errorf("ports: %v, want %q and the pid %d", err, want, os.Getpid())
	}
	r.eng.Add(core.ContainerDetail{Container: core.Container{Name: "holder", State: "running", Ports: []core.Port{{Host: port, Container: 80}}}})
	if err := s.portsFree(t.Context()); err == nil || !strings.Contains(err.Error(), "container holder") {
		t.Errorf("ports: %v", err)
	}
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.portsFree(t.Context()); err != nil {
		t.Errorf("a free port: %v", err)
	}
}
