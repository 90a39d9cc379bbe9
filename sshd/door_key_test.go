package sshd

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/fstest"

	gossh "golang.org/x/crypto/ssh"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
	"github.com/codematrx/matrx-ship/sshd/sshdtest"
)

// quiet is the surroundings of a plane with nothing to see. What no test here asks for is not there.
type quiet struct{ core.LogStore }

func (quiet) Track(string, string)                                    {}
func (quiet) Borrow(_, _ string)                                      {}
func (quiet) Untrack(string)                                          {}
func (quiet) SetBounds(core.LogBounds)                                {}
func (quiet) Stats() core.LogStats                                    { return core.LogStats{} }
func (quiet) Usage(context.Context) (core.HostUsage, error)           { return core.HostUsage{}, nil }
func (quiet) Routes(context.Context) ([]core.Route, error)            { return nil, nil }
func (quiet) Version(context.Context) (string, error)                 { return "", nil }
func (quiet) Probe(context.Context, core.ProbeTarget) (string, error) { return "", nil }

// startPlane runs a Manager over fakes behind the SSH door, as cmd wires it.
func startPlane(t *testing.T, admin, ca gossh.Signer) *rig {
	t.Helper()
	engine := coretest.NewDocker()
	log := slog.New(slog.DiscardHandler)
	c, err := core.Open(t.Context(), core.Parts{
		Config: core.Config{
			ServerName: "test", Root: t.TempDir(), ShellRole: "operator",
			AdminKeys: sshdtest.Line(admin, "ada"), SSHCA: sshdtest.Line(ca, "company"),
		},
		Charter: core.ManagerCharter(), Version: "test", Journal: coretest.NewJournal(), Docker: engine, Usage: engine,
		Logs: quiet{}, Collect: quiet{}, Prober: quiet{}, Proxy: quiet{}, Host: quiet{}, Docs: fstest.MapFS{}, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	authority, _ := NewAuthority(sshdtest.Line(ca, "company"), map[string]core.Role{"role-operator": core.RoleOperator}, core.RoleNone)
	return start(t, NewDoor(c, log).Handle, func(cfg *Config) {
		quick(cfg)
		cfg.Keys = JoinKeys(CoreKeys(c), authority)
	})
}

func TestAKeyOfTheEnvironmentAndACertificateGetThroughTheDoor(t *testing.T) {
	admin, ca, holder := sshdtest.Key(t), sshdtest.Key(t), sshdtest.Key(t)
	r := startPlane(t, admin, ca)
	if got := sshdtest.Run(t, sshdtest.Dial(t, r.addr, admin), "audit --json", ""); got.Code != 0 {
		t.Fatalf("the key of the environment: %+v", got)
	}
	cert := certificate(t, ca, holder, func(c *gossh.Certificate) { c.ValidPrincipals = []string{"role-operator"} })
	client := sshdtest.Dial(t, r.addr, cert)
	if got := sshdtest.Run(t, client, "audit --json", ""); got.Code != 0 || !strings.Contains(got.Stdout, "ada-2026 (serial 7)") {
		t.Fatalf("the certificate: %+v", got)
	}
	console := sshdtest.Open(t, client, sshdtest.ScreenConfig{})
	console.WaitFor("the console", func(string) bool { return console.AltScreen() })
	if err := r.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	console.Wait("Session ended: The server is shutting down.")
}

func TestACertificateOverAKeyThatIsKnownGivesNothingByItself(t *testing.T) {
	admin, ca, stranger := sshdtest.Key(t), sshdtest.Key(t), sshdtest.Key(t)
	r := startPlane(t, admin, ca)
	cert := certificate(t, stranger, admin, nil) // the admin's key, certified by nobody we know
	if _, err := sshdtest.Login(r.addr, sshdtest.ClientConfig("ada", cert)); err == nil {
		t.Fatal("got in")
	}
}
