//go:build integration

package traefik

import (
	"fmt"
	"strings"
	"testing"
)

// staticFlags are those of infra/traefik, but for the ports, which are free ones, and without the engine: routers of other
// containers are none of these tests' business. The fifth port is of the SSH entry point.
func staticFlags(t testing.TB, ports []int) []string {
	t.Helper()
	return strings.Fields(fmt.Sprintf(`--global.checknewversion=false --global.sendanonymoususage=false --log.level=INFO --log.format=json
		--entrypoints.web.address=127.0.0.1:%d --entrypoints.web.http.redirections.entrypoint.to=:%d
		--entrypoints.web.http.redirections.entrypoint.scheme=https
		--entrypoints.websecure.address=127.0.0.1:%d --entrypoints.traefik.address=127.0.0.1:%d --entrypoints.ssh.address=127.0.0.1:%d
		--api=true --api.insecure=true --api.dashboard=false --ping=true
		--providers.providersthrottleduration=200ms --providers.file.directory=/etc/traefik/dynamic --providers.file.watch=true`,
		ports[0], ports[1], ports[1], ports[2], ports[4]))
}
