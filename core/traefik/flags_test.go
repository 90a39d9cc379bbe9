//go:build integration

package traefik

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
)

// definition is Traefik's own.
const definition = "../../infra/traefik/compose.yml"

// staticFlags are those of Traefik's definition, but for the ports, which are free ones, and without the engine: routers of
// other containers are none of these tests' business. The fifth port is of the SSH entry point, which the definition has not.
func staticFlags(t testing.TB, ports []int) []string {
	t.Helper()
	f, err := os.Open(definition)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fill := strings.NewReplacer(
		"web.address=:8080", fmt.Sprintf("web.address=127.0.0.1:%d", ports[0]),
		"websecure.address=:8443", fmt.Sprintf("websecure.address=127.0.0.1:%d", ports[1]),
		"traefik.address=:8082", fmt.Sprintf("traefik.address=127.0.0.1:%d", ports[2]),
		"${MATRX_PORT_WEBSECURE}", fmt.Sprint(ports[1]),
		"${MATRX_DASHBOARD:-false}", "false",
	)
	flags := []string{fmt.Sprintf("--entrypoints.ssh.address=127.0.0.1:%d", ports[4])}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		text, _, _ := strings.Cut(lines.Text(), " #") // what follows is a comment
		flag, ok := strings.CutPrefix(strings.TrimSpace(text), "- --")
		switch flag = "--" + fill.Replace(flag); {
		case !ok, strings.HasPrefix(flag, "--providers.docker"), strings.HasPrefix(flag, "--certificatesresolvers"), strings.HasPrefix(flag, "--accesslog"):
		case strings.Contains(flag, "${"):
			t.Fatalf("%s: the test does not know the variable in %s", definition, flag)
		default:
			flags = append(flags, flag)
		}
	}
	if len(flags) < 10 {
		t.Fatalf("%s has only the flags %v", definition, flags)
	}
	return flags
}
