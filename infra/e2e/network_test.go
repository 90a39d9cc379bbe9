//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/codematrx/matrx-ship/core"
)

// loneFile is a service that is on a network of its own alone, and not routed.
const loneFile = `services:
  %[1]s:
    image: %[2]s
    container_name: %[3]s
    command: [app, "3000"]
    networks: [own]
    x-matrx:
      kind: custom
      project: %[4]s
      health: {http: /healthz, port: 3000, within: 20s}
networks:
  own: {name: %[5]s, internal: true}
`

func TestAServiceOnANetworkOfItsOwnIsProbedAndItsRemovalTakesTheNetworkAway(t *testing.T) {
	s := theStack(t)
	const name = "lone"
	network := s.Prefix + name + "-own"
	t.Cleanup(func() {
		s.ssh(t, "definition", "remove", name, "--confirm", name) // when the test did not come to it
		run(t, "docker", "rm", "-f", s.container(name))
		for _, plane := range []string{"matrx-manager", "deploy-server"} {
			run(t, "docker", "network", "disconnect", "-f", network, s.container(plane))
		}
		run(t, "docker", "network", "rm", network)
	})
	if r := s.feed(t, fmt.Sprintf(loneFile, name, guestImage(t, "docker"), s.container(name), s.Project, network), "definition", "set"); r.code != 0 {
		t.Fatalf("definition set: exit %d\n%s%s", r.code, r.out, r.err)
	}
	s.ship(t, "deploy", name)
	answered(t, name+" is healthy", func() error {
		status := sshJSON[core.Status](t, s, "status")
		if svc, ok := status.Service(name); !ok || svc.Health.State != core.Healthy {
			return fmt.Errorf("it is %s: %s", svc.Health.State, svc.Health.Detail)
		}
		return nil
	})
	for _, plane := range []string{"matrx-manager", "deploy-server"} {
		answered(t, plane+" is in the network", func() error {
			if _, ok := inspect(t, s.container(plane)).NetworkSettings.Networks[network]; !ok {
				return fmt.Errorf("%s is not in %s", plane, network)
			}
			return nil
		})
	}
	answered(t, "both planes count as its guests", func() error {
		r := s.ssh(t, "definition", "remove", name, "--plan")
		if goes, _, _ := strings.Cut(r.out, "What stays"); r.code != 0 || !strings.Contains(goes, "the network "+network) {
			return fmt.Errorf("exit %d: %s%s", r.code, r.out, r.err)
		}
		return nil
	})
	if r := s.ssh(t, "definition", "remove", name, "--confirm", name); r.code != 0 {
		t.Fatalf("definition remove: exit %d\n%s%s", r.code, r.out, r.err)
	}
	answered(t, "the network is gone", func() error {
		if r := run(t, "docker", "network", "inspect", network); r.code == 0 {
			return fmt.Errorf("there still is %s: %s", network, r.out)
		}
		return nil
	})
}
