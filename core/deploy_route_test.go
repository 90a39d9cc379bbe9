package core_test

import (
	"context"
	"strings"
	"testing"

	"github.com/codematrx/matrx-ship/core"
)

const routedAtCommit = `services:
  web:
    container_name: web
    networks: [proxy]
    restart: unless-stopped
    x-matrx:
      kind: custom
      layer: 3
      health: {http: /healthz, port: 3000, within: 20s}
      source: {repo: "file:///srv/projects/web.git", ref: main, definition: compose.yml}
      route: {domains: [web.example.com], port: 3000, network: proxy}
networks:
  proxy: {name: proxy}
`

func TestARouteThatComesWithTheCommitIsRefusedWhereNoneCanBeSwitched(t *testing.T) {
	for name, first := range map[string]bool{"beside a running one": false, "the first deployment": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := newDeployRig(t, func(r *deployRig) { r.def.Route, r.def.Source.Definition = nil, "compose.yml" })
				if first {
					if err := r.engine.Remove(context.Background(), r.one().ID, 0); err != nil {
						t.Fatal(err)
					}
				}
				r.without(func(p *core.Parts) { p.Ship.Switch = nil })
				r.ship.Git.Push("web", "main", "routed", map[string]string{"Dockerfile": "FROM scratch\nCMD [\"v2\"]", "compose.yml": routedAtCommit})
				d := r.deploy(core.DeployIn{})
				if d.State != core.DeployFailed || !strings.Contains(d.Result, "web is routed, and this control plane cannot write Traefik's files") {
					t.Errorf("%s: %s", d.State, d.Result)
				}
				if !first {
					r.one()
				} else if all := r.containers(); len(all) != 0 {
					t.Errorf("the engine has %s", names(all))
				}
			})
		})
	}
}

// without opens the plane again with other parts.
func (r *deployRig) without(change func(p *core.Parts)) {
	r.t.Helper()
	if err := r.core.Close(); err != nil {
		r.t.Fatal(err)
	}
	parts := r.deployParts(r.gate)
	change(&parts)
	c, err := core.Open(r.t.Context(), parts)
	if err != nil {
		r.t.Fatal(err)
	}
	r.core = c
	r.t.Cleanup(func() { _ = c.Close() })
}
