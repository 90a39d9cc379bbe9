package sshd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
	"github.com/codematrx/matrx-ship/core/planetest"
	"github.com/codematrx/matrx-ship/sshd"
)

// demo is a Manager that knows a sample app and its database.
func demo(t *testing.T) *planetest.Plane {
	t.Helper()
	p := planetest.New(t, core.ManagerCharter(), func(p *planetest.Plane, _ map[string]string) {
		p.AddService("ship-demo", core.KindShip)
		p.AddService("ship-demo-db", core.KindShipDB)
		p.AddService(core.ManagerName, core.KindManager)
	})
	coretest.Wait(t, 5*time.Second, "the services are known", func() bool {
		list, err := core.ListServices.Run(p.As(t, core.RoleViewer), p.Core, core.ListServicesIn{})
		return err == nil && len(list) == 3
	})
	return p
}

// said is what a command printed and how it ended.
type said struct {
	out, err string
	code     int
}

func say(ctx context.Context, p *planetest.Plane, argv ...string) said {
	return sayWith(ctx, p, "", argv...)
}

// sayWith runs a command with an input.
func sayWith(ctx context.Context, p *planetest.Plane, in string, argv ...string) said {
	var out, errw bytes.Buffer
	code := sshd.Run(ctx, p.Core, argv, sshd.IO{In: strings.NewReader(in), Out: &out, Err: &errw})
	return said{out.String(), errw.String(), code}
}

func TestCommandsEndWithTheExitCodeOfTheirError(t *testing.T) {
	p := demo(t)
	cases := []struct {
		name string
		role core.Role
		argv []string
		code int
		out  string
		err  string
	}{
		{"status", core.RoleViewer, []string{"status"}, sshd.ExitOK, "ship-demo-db", ""},
		{"services of a kind", core.RoleViewer, []string{"services", "--kind", "ship-db"}, sshd.ExitOK, "ship-demo-db", ""},
		{"flags after the argument", core.RoleViewer, []string{"show", "ship-demo", "--json"}, sshd.ExitOK, `"name": "ship-demo"`, ""},
		{"help of one", core.RoleViewer, []string{"help", "logs"}, sshd.ExitOK, "--since", ""},
		{"help of the shell", core.RoleViewer, []string{"help", "shell"}, sshd.ExitOK, "SERVICE [COMMAND...]", ""},
		{"help of nothing", core.RoleViewer, []string{"help", "frobnicate"}, sshd.ExitUsage, "", `no command "frobnicate"`},
		{"help of two", core.RoleViewer, []string{"help", "logs", "status"}, sshd.ExitUsage, "", "exactly one command"},
		{"help of help", core.RoleViewer, []string{"help", "--help"}, sshd.ExitOK, "Usage: help", ""},
		{"help as a flag", core.RoleViewer, []string{"--help"}, sshd.ExitOK, "Commands:", ""},
		{"help by flag", core.RoleViewer, []string{"restart", "--help"}, sshd.ExitOK, "--grace", ""},
		{"unknown command", core.RoleAdmin, []string{"frobnicate"}, sshd.ExitUsage, "", `no command "frobnicate"`},
		{"unknown flag", core.RoleAdmin, []string{"status", "--frob"}, sshd.ExitUsage, "", "frob"},
		{"unknown service", core.RoleAdmin, []string{"restart", "ship-dmo"}, sshd.ExitNotFound, "", "ship-demo"},
		{"no service", core.RoleAdmin, []string{"restart"}, sshd.ExitUsage, "", "exactly one service"},
		{"one argument too many", core.RoleAdmin, []string{"status", "x"}, sshd.ExitUsage, "", "too many"},
		{"a viewer may not", core.RoleViewer, []string{"restart", "ship-demo"}, sshd.ExitForbidden, "", "operator"},
		{"itself", core.RoleAdmin, []string{"stop", "matrx-manager"}, sshd.ExitConflict, "", "Deploy Server"},
		{"unconfirmed", core.RoleAdmin, []string{"remove", "ship-demo"}, sshd.ExitUsage, "", "--confirm ship-demo"},
		{"bad grace", core.RoleAdmin, []string{"stop", "ship-demo", "--grace", "soon"}, sshd.ExitUsage, "", `"soon"`},
		{"logs of nobody", core.RoleViewer, []string{"logs", "ship-dmo"}, sshd.ExitNotFound, "", "ship-demo"},
		{"logs of nobody, followed", core.RoleViewer, []string{"logs", "ship-dmo", "--follow"}, sshd.ExitNotFound, "", "ship-demo"},
		{"bad pattern", core.RoleViewer, []string{"logs", "ship-demo", "--grep", "a("}, sshd.ExitUsage, "", "a("},
		{"bad time", core.RoleViewer, []string{"logs", "--since", "yesterday"}, sshd.ExitUsage, "", "yesterday"},
		{"a trim", core.RoleOperator, []string{"log-trim", "--max-bytes", "1GiB", "--max-age", "7d"}, sshd.ExitOK, "0 files removed, 0 B.", ""},
		{"a trim by a viewer", core.RoleViewer, []string{"log-trim"}, sshd.ExitForbidden, "", "operator"},
		{"a trim to no size", core.RoleOperator, []string{"log-trim", "--max-bytes", "much"}, sshd.ExitUsage, "", "much"},
		{"a trim to no age", core.RoleOperator, []string{"log-trim", "--max-age", "long"}, sshd.ExitUsage, "", "long"},
		{"bad level", core.RoleViewer, []string{"logs", "--level", "loud"}, sshd.ExitUsage, "", "loud"},
		{"no such job", core.RoleViewer, []string{"job", "x"}, sshd.ExitNotFound, "", ""},
		{"no such page", core.RoleViewer, []string{"docs", "nope"}, sshd.ExitNotFound, "", ""},
		{"a page", core.RoleViewer, []string{"docs", "start"}, sshd.ExitOK, "Woken at night.", ""},
		{"a bad key", core.RoleAdmin, []string{"person-add", "bob", "--key", "nonsense"}, sshd.ExitUsage, "", "public key"},
		{"a role that is none", core.RoleAdmin, []string{"person-add", "bob", "--role", "king"}, sshd.ExitUsage, "", "king"},
		{"one setting", core.RoleViewer, []string{"settings", "logs.max-age"}, sshd.ExitOK, "30d", ""},
		{"a changed setting", core.RoleAdmin, []string{"settings", "logs.max-age", "7d"}, sshd.ExitOK, "7d now", ""},
		{"back to its default", core.RoleAdmin, []string{"settings", "logs.max-age", "--default"}, sshd.ExitOK, "30d now", ""},
		{"a setting that is none", core.RoleAdmin, []string{"settings", "logs.colour"}, sshd.ExitNotFound, "", "logs.colour"},
		{"a default of nothing", core.RoleAdmin, []string{"settings", "--default"}, sshd.ExitUsage, "", "NAME --default"},
		{"an operation", core.RoleViewer, []string{"op", "service.show", `{"service":"ship-demo"}`}, sshd.ExitOK, `"name": "ship-demo"`, ""},
		{"an unknown operation", core.RoleViewer, []string{"op", "service.fly"}, sshd.ExitNotFound, "", "service.fly"},
		{"an operation with a misspelt field", core.RoleViewer, []string{"op", "service.show", `{"servce":"x"}`}, sshd.ExitUsage, "", "servce"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(p.As(t, c.role), 20*time.Second)
			defer cancel()
			got := say(ctx, p, c.argv...)
			if got.code != c.code || !strings.Contains(got.out, c.out) || !strings.Contains(got.err, c.err) {
				t.Errorf("exit %d, want %d\nout: %s\nerr: %s", got.code, c.code, got.out, got.err)
			}
			if c.code == sshd.ExitOK && got.err != "" || c.code != sshd.ExitOK && got.out != "" {
				t.Errorf("results belong on out and errors on err\nout: %s\nerr: %s", got.out, got.err)
			}
		})
	}
}

func TestEveryCommandAnswersJSONAndRefusesNobody(t *testing.T) {
	p := demo(t)
	lists := [][]string{
		{"status"}, {"services"}, {"show", "ship-demo"}, {"log-services"}, {"audit"}, {"audit", "--verify"}, {"people"}, {"jobs"},
		{"infra"}, {"recordings"}, {"settings"}, {"docs"}, {"docs", "--grep", "woken"},
	}
	for _, argv := range lists {
		got := say(p.As(t, core.RoleAdmin), p, append(argv, "--json")...)
		if got.code != sshd.ExitOK || !json.Valid([]byte(got.out)) || strings.TrimSpace(got.out) == "null" {
			t.Errorf("%v: exit %d, %s%s", argv, got.code, got.out, got.err)
		}
		nobody := say(t.Context(), p, argv...)
		if nobody.code != sshd.ExitForbidden || nobody.out != "" {
			t.Errorf("%v without an actor: exit %d, %s", argv, nobody.code, nobody.out)
		}
	}
}

func TestAnErrorWithJSONIsJSONOnTheErrorOutput(t *testing.T) {
	p := demo(t)
	got := say(p.As(t, core.RoleAdmin), p, "restart", "nothing", "--json")
	var answer struct {
		Error struct{ Code, Message string }
	}
	if err := json.Unmarshal([]byte(got.err), &answer); err != nil || answer.Error.Code != "not_found" || answer.Error.Message == "" {
		t.Fatalf("%v: %s", err, got.err)
	}
}

func TestRestartIsObservedAndAudited(t *testing.T) {
	p := demo(t)
	if got := say(p.As(t, core.RoleOperator), p, "restart", "ship-demo"); got.code != sshd.ExitOK || got.out == "" {
		t.Fatalf("exit %d: %s%s", got.code, got.out, got.err)
	}
	if p.Engine.Calls("Restart") != 1 {
		t.Errorf("the engine was asked to restart %d times", p.Engine.Calls("Restart"))
	}
	got := say(p.As(t, core.RoleViewer), p, "audit", "--op", "service.restart", "--json")
	var events []core.AuditEvent
	if err := json.Unmarshal([]byte(got.out), &events); err != nil {
		t.Fatal(err)
	}
	if len(events) != 1 || events[0].Actor.Name != "ann" || events[0].Actor.Address != "192.0.2.1:4711" || events[0].Outcome != core.OutcomeOK {
		t.Errorf("audit: %+v", events)
	}
}

func TestRemoveNeedsTheNameAgain(t *testing.T) {
	p := demo(t)
	if got := say(p.As(t, core.RoleAdmin), p, "remove", "ship-demo", "--confirm", "ship-demo-db"); got.code != sshd.ExitUsage {
		t.Errorf("with another name: exit %d", got.code)
	}
	if p.Engine.Calls("Remove") != 0 {
		t.Fatal("something was removed")
	}
	if got := say(p.As(t, core.RoleAdmin), p, "remove", "ship-demo", "--confirm", "ship-demo"); got.code != sshd.ExitOK {
		t.Errorf("with its name: exit %d, %s", got.code, got.err)
	}
}

func TestHostileNamesCannotMoveTheCursor(t *testing.T) {
	p := planetest.New(t, core.ManagerCharter(), func(p *planetest.Plane, _ map[string]string) {
		p.Engine.Add(core.ContainerDetail{Container: core.Container{
			Name: "evil\x1b[2J\u202ename", Image: "x\x1b]0;title\x07", State: "running", Created: time.Now(), Labels: map[string]string{},
		}})
	})
	for _, argv := range [][]string{{"status"}, {"services"}, {"infra"}} {
		var got said
		coretest.Wait(t, 5*time.Second, "an answer", func() bool {
			got = say(p.As(t, core.RoleViewer), p, argv...)
			return got.code == sshd.ExitOK
		})
		if strings.ContainsAny(got.out, "\x1b\x07\u202e") {
			t.Errorf("%v: %q", argv, got.out)
		}
	}
}

func TestHelpNamesEveryCommand(t *testing.T) {
	p := demo(t)
	got := say(p.As(t, core.RoleViewer), p, "help")
	for _, name := range sshd.Names() {
		if !slices.ContainsFunc(strings.Split(got.out, "\n"), func(l string) bool { return strings.HasPrefix(l, "  "+name) }) {
			t.Errorf("help does not name %s", name)
		}
	}
}

// gone is a reader that has gone.
type gone struct{}

func (gone) Write([]byte) (int, error) { return 0, context.Canceled }

func TestACommandWhoseReaderHasGoneEnds(t *testing.T) {
	p := demo(t)
	ctx, cancel := context.WithTimeout(p.As(t, core.RoleViewer), 10*time.Second)
	defer cancel()
	var errw bytes.Buffer
	if code := sshd.Run(ctx, p.Core, []string{"status"}, sshd.IO{Out: gone{}, Err: &errw}); code != sshd.ExitFailed {
		t.Errorf("exit %d", code)
	}
}

func TestHelpAnswersAsJSON(t *testing.T) {
	p := planetest.New(t, core.ManagerCharter(), nil)
	got := say(p.As(t, core.RoleViewer), p, "help", "--json")
	var list []struct{ Name, Args, Summary string }
	if err := json.Unmarshal([]byte(got.out), &list); err != nil || got.code != sshd.ExitOK {
		t.Fatalf("%v: exit %d, %s%s", err, got.code, got.out, got.err)
	}
	var names []string
	for _, c := range list {
		names = append(names, c.Name)
		if c.Summary == "" {
			t.Errorf("%s has no summary", c.Name)
		}
	}
	if !slices.Equal(names, sshd.Names()) {
		t.Errorf("got %v", names)
	}
	got = say(p.As(t, core.RoleViewer), p, "help", "logs", "--json")
	var one struct {
		Flags []struct{ Name, Usage string }
	}
	if err := json.Unmarshal([]byte(got.out), &one); err != nil || len(one.Flags) < 5 {
		t.Errorf("%v: %s%s", err, got.out, got.err)
	}
}
