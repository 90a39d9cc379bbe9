package sshd_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/compose"
	"github.com/codematrx/matrx-ship/core/coretest"
	"github.com/codematrx/matrx-ship/core/planetest"
	"github.com/codematrx/matrx-ship/sshd"
)

const blogFile = "services:\n  blog:\n    image: nginx:1\n    networks: [proxy]\n    volumes: [\"blog-data:/data\"]\n" +
	"    x-matrx:\n      health: {http: /, port: 80}\n      route: {domains: [blog.example.com], port: 80}\n" +
	"networks: {proxy: {name: proxy, external: true}}\nvolumes: {blog-data: {name: blog-data}}\n"

func TestAServiceIsRemovedWithItsDefinitionOnceItsNameIsRepeated(t *testing.T) {
	p := planetest.New(t, core.ManagerCharter(), func(p *planetest.Plane, _ map[string]string) {
		p.Ship = coretest.NewShip(p.Engine).Parts(compose.New())
	})
	ctx := p.As(t, core.RoleAdmin)
	for _, s := range []struct {
		in   string
		argv []string
		code int
		says string
	}{
		{blogFile, []string{"definition", "set"}, sshd.ExitOK, "blog is version 1"},
		{"A=hush\n", []string{"env", "set", "blog"}, sshd.ExitOK, "version 1 now"},
		{"", []string{"definition", "remove", "blog", "--plan"}, sshd.ExitOK, "What goes:\n  its definition\n  its env"},
		{"", []string{"definition", "remove", "blog", "--plan"}, sshd.ExitOK, "the volume blog-data"},
		{"", []string{"definition", "remove", "blog"}, sshd.ExitUsage, "--confirm blog"},
		{"", []string{"definition", "remove"}, sshd.ExitUsage, "exactly one service"},
		{"", []string{"definition", "remove", "blog", "--confirm", "blog", "--json"}, sshd.ExitOK, `"state": "done"`},
		{"", []string{"definition", "remove", "blog", "--confirm", "blog"}, sshd.ExitNotFound, "ann removed it"},
		{"", []string{"definition"}, sshd.ExitOK, "There are no definitions"},
		{blogFile, []string{"definition", "set"}, sshd.ExitOK, "blog is version 4"},
		{"", []string{"env", "blog"}, sshd.ExitOK, "the service was removed"},
	} {
		got := sayWith(ctx, p, s.in, s.argv...)
		if got.code != s.code || !strings.Contains(got.out+got.err, s.says) {
			t.Errorf("%v: exit %d\nout: %s\nerr: %s", s.argv, got.code, got.out, got.err)
		}
	}
	var plan core.RemovalPlan
	got := say(ctx, p, "definition", "remove", "blog", "--plan", "--keep-container", "--json")
	if err := json.Unmarshal([]byte(got.out), &plan); err != nil || !plan.KeepContainer || len(plan.Steps) != 2 {
		t.Errorf("%s %v", got.out, err)
	}
}
