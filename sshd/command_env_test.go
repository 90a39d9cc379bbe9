package sshd_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
	"github.com/codematrx/matrx-ship/core/planetest"
	"github.com/codematrx/matrx-ship/sshd"
)

// sealed is a Manager that can keep an env, and knows ship-demo.
func sealed(t *testing.T) *planetest.Plane {
	t.Helper()
	p := planetest.New(t, core.ManagerCharter(), func(p *planetest.Plane, _ map[string]string) {
		p.Ship.Sealer = coretest.NewSealer("k1")
		p.AddService("ship-demo", core.KindShip)
	})
	coretest.Wait(t, 5*time.Second, "the service is known", func() bool {
		list, err := core.ListServices.Run(p.As(t, core.RoleViewer), p.Core, core.ListServicesIn{})
		return err == nil && len(list) == 1
	})
	return p
}

func TestAnEnvIsSetFromTheInputShownMaskedRevealedAndUndone(t *testing.T) {
	p := sealed(t)
	ctx := p.As(t, core.RoleOperator)
	steps := []struct {
		in   string
		argv []string
		says []string
	}{
		{"", []string{"env", "ship-demo"}, []string{"ship-demo has no env in the store.", "There are no variables."}},
		{"A=1\nexport B='two words'\n", []string{"env", "set", "ship-demo"}, []string{"version 1 now"}},
		{"-----BEGIN\nabc\n-----END\n", []string{"env", "set", "ship-demo", "KEY", "--base", "1"}, []string{"version 2 now"}},
		{"", []string{"env", "ship-demo"}, []string{"version 2 by ann", "B     ***", "KEY   ***", "2        ", "set KEY", "Which version runs is not known."}},
		{"", []string{"env", "ship-demo", "--reveal"}, []string{"A=1\nB=two words\nKEY=\"-----BEGIN\\nabc\\n-----END\"\n"}},
		{"", []string{"env", "unset", "ship-demo", "A", "B"}, []string{"version 3 now"}},
		{"", []string{"env", "undo", "ship-demo", "1"}, []string{"version 4 now"}},
		{"", []string{"env", "ship-demo", "--reveal", "--version", "4"}, []string{"A=1\nB=two words\n"}},
	}
	for _, s := range steps {
		got := sayWith(ctx, p, s.in, s.argv...)
		if got.code != sshd.ExitOK {
			t.Fatalf("%v: exit %d, %s", s.argv, got.code, got.err)
		}
		for _, words := range s.says {
			if !strings.Contains(got.out, words) {
				t.Errorf("%v does not say %q:\n%s", s.argv, words, got.out)
			}
		}
	}
	var view core.EnvView
	got := say(ctx, p, "env", "ship-demo", "--json")
	if err := json.Unmarshal([]byte(got.out), &view); err != nil || view.Version != 4 || len(view.History) != 4 {
		t.Errorf("%v: %s", err, got.out)
	}
	events, err := core.ListAudit.Run(ctx, p.Core, core.ListAuditIn{Op: "env.reveal"})
	if err != nil || len(events) != 2 {
		t.Errorf("reveals in the audit: %+v, %v", events, err)
	}
}

func TestAValueOnTheCommandLineIsRefusedAndRepeatedNowhere(t *testing.T) {
	p := sealed(t)
	got := say(p.As(t, core.RoleOperator), p, "env", "set", "ship-demo", "A=hunter2")
	if got.code != sshd.ExitUsage || !strings.Contains(got.err, "history of your shell") || strings.Contains(got.err, "hunter2") {
		t.Errorf("exit %d: %s", got.code, got.err)
	}
}

func TestEnvCommandsRefuseWhatTheyCannotDo(t *testing.T) {
	p := sealed(t)
	for _, c := range []struct {
		name string
		role core.Role
		in   string
		argv []string
		code int
		err  string
	}{
		{"no service", core.RoleViewer, "", []string{"env"}, sshd.ExitUsage, "service"},
		{"nobody's", core.RoleViewer, "", []string{"env", "ship-dmo"}, sshd.ExitNotFound, "ship-demo"},
		{"revealed by a viewer", core.RoleViewer, "", []string{"env", "ship-demo", "--reveal"}, sshd.ExitForbidden, "operator"},
		{"set by a viewer", core.RoleViewer, "A=1", []string{"env", "set", "ship-demo"}, sshd.ExitForbidden, "operator"},
		{"nothing", core.RoleOperator, "", []string{"env", "set", "ship-demo"}, sshd.ExitUsage, "empty"},
		{"too much", core.RoleOperator, strings.Repeat("x", 3<<20), []string{"env", "set", "ship-demo", "A"}, sshd.ExitUsage, "2.0 MiB"},
		{"two names", core.RoleOperator, "1", []string{"env", "set", "ship-demo", "A", "B"}, sshd.ExitUsage, "one NAME"},
		{"a bad line", core.RoleOperator, "A=1\nhunter2", []string{"env", "set", "ship-demo"}, sshd.ExitUsage, "Line 2"},
		{"an older base", core.RoleOperator, "A=1", []string{"env", "set", "ship-demo", "--base", "9"}, sshd.ExitConflict, "meanwhile"},
		{"undo to nothing", core.RoleOperator, "", []string{"env", "undo", "ship-demo", "9"}, sshd.ExitNotFound, "version 9"},
		{"undo to no number", core.RoleOperator, "", []string{"env", "undo", "ship-demo", "first"}, sshd.ExitUsage, "first"},
		{"undo to nowhere", core.RoleOperator, "", []string{"env", "undo", "ship-demo"}, sshd.ExitUsage, "version"},
		{"unset what is not there", core.RoleOperator, "", []string{"env", "unset", "ship-demo", "Z"}, sshd.ExitNotFound, "no Z"},
	} {
		got := sayWith(p.As(t, c.role), p, c.in, c.argv...)
		if got.code != c.code || !strings.Contains(got.err, c.err) || got.out != "" || strings.Contains(got.err, "hunter2") {
			t.Errorf("%s: exit %d, want %d\nout: %s\nerr: %s", c.name, got.code, c.code, got.out, got.err)
		}
	}
}

func TestAlertsAreListedAndTested(t *testing.T) {
	p := planetest.New(t, core.ManagerCharter(), func(p *planetest.Plane, _ map[string]string) { p.Ship.Notifier = takes{} })
	if got := say(p.As(t, core.RoleViewer), p, "alerts"); got.code != sshd.ExitOK || !strings.Contains(got.out, "Alerts go to: smtp") || !strings.Contains(got.out, "no alerts") {
		t.Errorf("exit %d: %s%s", got.code, got.out, got.err)
	}
	if got := say(p.As(t, core.RoleOperator), p, "alerts", "--test"); got.code != sshd.ExitOK || !strings.Contains(got.out, "Sent to 1 address.") {
		t.Errorf("exit %d: %s%s", got.code, got.out, got.err)
	}
	silent := planetest.New(t, core.ManagerCharter(), nil)
	if got := say(silent.As(t, core.RoleOperator), silent, "alerts", "--test"); got.code != sshd.ExitUnavailable {
		t.Errorf("exit %d: %s%s", got.code, got.out, got.err)
	}
}

// takes is a Notifier that takes everything.
type takes struct{}

func (takes) Notify(_ context.Context, _, _ string) error { return nil }
func (takes) Targets() []string                           { return []string{"smtp"} }
