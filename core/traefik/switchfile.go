package traefik

import (
	"bytes"
	"fmt"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/codematrx/matrx-ship/core"
)

// mark is the first line of every file of ours.
const mark = "# Derived: matrx-ship writes this file"

// comment stands above what Traefik reads. Lines of comment are not looked at when the file is read.
const comment = mark + " by one rename, at each deployment.\n" +
	"# Do not edit it: deploy the service instead. When it is missing it is rendered anew from the running container.\n"

// fileOf is a service's file below MATRX_ROOT/traefik.
func fileOf(service string) (string, error) {
	if err := core.CheckSwitched(service); err != nil {
		return "", err
	}
	return path.Join(dynamicDir, service+".yml"), nil
}

// cut bounds text from outside.
func cut(s string) string { return s[:min(len(s), 80)] }

// render makes the file of a target. The alias and the port are checked, so nothing in it can end its quotes.
func render(t core.SwitchTarget) []byte {
	return []byte(comment + body(t))
}

// body is what Traefik reads.
func body(t core.SwitchTarget) string {
	return fmt.Sprintf("http:\n  services:\n    %q:\n      loadBalancer:\n        servers:\n          - url: %q\n",
		t.Service, t.URL())
}

// isOurs is true for files that begin with our mark.
func isOurs(text []byte) bool { return bytes.HasPrefix(text, []byte(mark)) }

// parse reads only what render writes, but for its comment.
func parse(service string, text []byte) (core.SwitchTarget, bool) {
	var read strings.Builder
	address := ""
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		read.WriteString(line)
		if quoted, ok := strings.CutPrefix(strings.TrimSpace(line), "- url: "); ok {
			address = strings.Trim(quoted, `"`)
		}
	}
	u, err := url.Parse(address)
	if err != nil {
		return core.SwitchTarget{}, false
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		return core.SwitchTarget{}, false
	}
	t := core.SwitchTarget{Service: service, Alias: u.Hostname(), Port: port}
	return t, t.Validate() == nil && read.String() == body(t)
}
