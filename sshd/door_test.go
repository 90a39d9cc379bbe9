package sshd_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
	"github.com/codematrx/matrx-ship/core/planetest"
	"github.com/codematrx/matrx-ship/sshd"
	"github.com/codematrx/matrx-ship/sshd/sshdtest"
)

// opened is a control plane with its SSH door open, and the key of an admin.
type opened struct {
	*planetest.Plane
	addr string
	key  gossh.Signer
}

func openDoor(t *testing.T) opened {
	t.Helper()
	o := opened{key: sshdtest.Key(t)}
	o.Plane = planetest.New(t, core.ManagerCharter(), func(p *planetest.Plane, env map[string]string) {
		env["MATRX_ADMIN_KEYS"] = sshdtest.Line(o.key, "ada@laptop")
		p.AddService("ship-demo", core.KindShip)
		p.AddService("ship-demo-db", core.KindShipDB)
	})
	server, err := sshd.Listen(t.Context(), sshd.Config{
		Addr: "127.0.0.1:0", HostKeyPath: filepath.Join(t.TempDir(), "host_key"), Logger: slog.New(slog.DiscardHandler),
		Keys: sshd.CoreKeys(o.Core), Handle: sshd.NewDoor(o.Core, slog.New(slog.DiscardHandler)).Handle,
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(t.Context()) }()
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	o.addr = server.Addr().String()
	return o
}

func TestTheConsoleOpensOnHomeAndIsALiveSession(t *testing.T) {
	o := openDoor(t)
	client := sshdtest.Dial(t, o.addr, o.key)
	screen := sshdtest.Open(t, client, sshdtest.ScreenConfig{Width: 120, Height: 40})
	screen.Wait("Server Manager")
	screen.Wait("ship-demo-db")
	access, err := core.ListAccess.Run(o.As(t, core.RoleViewer), o.Core, struct{}{})
	if err != nil {
		t.Fatal(err)
	}
	if len(access.Sessions) != 1 || access.Sessions[0].What != "console" || access.Sessions[0].Actor.Name != "ada@laptop" {
		t.Errorf("live sessions: %+v", access.Sessions)
	}
	o.Engine.Die(find(t, o, "ship-demo-db"), 137)
	screen.Wait("ship-demo-db is down")
}

// find gives the id of a service's container.
func find(t *testing.T, o opened, name string) string {
	t.Helper()
	d, err := core.ShowService.Run(o.As(t, core.RoleViewer), o.Core, core.ServiceIn{Service: name})
	if err != nil {
		t.Fatal(err)
	}
	return d.ID
}

func TestACommandOverSSHIsTheOperationOfTheOneWhoseKeySigned(t *testing.T) {
	o := openDoor(t)
	client := sshdtest.Dial(t, o.addr, o.key)
	coretest.Wait(t, 5*time.Second, "the restart", func() bool {
		return sshdtest.Run(t, client, "restart ship-demo", "").Code == 0
	})
	r := sshdtest.Run(t, client, "audit --op service.restart --json", "")
	var events []core.AuditEvent
	if err := json.Unmarshal([]byte(r.Stdout), &events); err != nil {
		t.Fatalf("%v: %s%s", err, r.Stdout, r.Stderr)
	}
	if a := events[0].Actor; a.Name != "ada@laptop" || a.Fingerprint != gossh.FingerprintSHA256(o.key.PublicKey()) || a.Door != core.DoorSSH || a.Session == "" {
		t.Errorf("actor: %+v", a)
	}
	if r := sshdtest.Run(t, client, `op service.show {"service":"ship-demo"}`, ""); r.Code != 0 || !strings.Contains(r.Stdout, `"name": "ship-demo"`) {
		t.Errorf("an operation with bare JSON: exit %d, %s%s", r.Code, r.Stdout, r.Stderr)
	}
	if r := sshdtest.Run(t, client, "restart nothing", ""); r.Code != sshd.ExitNotFound || r.Stdout != "" {
		t.Errorf("exit %d, out %q", r.Code, r.Stdout)
	}
}

func TestAShellOverSSHGivesOutputAndExitCodeAndIsRecorded(t *testing.T) {
	o := openDoor(t)
	o.Engine.OnExec(func(p coretest.Process) int {
		fmt.Fprint(p.Out, "hello from inside\r\n")
		return 7
	})
	client := sshdtest.Dial(t, o.addr, o.key)
	coretest.Wait(t, 5*time.Second, "the service is known", func() bool {
		return sshdtest.Run(t, client, "show ship-demo", "").Code == 0
	})
	screen := sshdtest.Open(t, client, sshdtest.ScreenConfig{Width: 80, Height: 24, Command: "shell ship-demo tool"})
	screen.Wait("hello from inside")
	if code := screen.Exit(); code != 7 {
		t.Errorf("exit code %d", code)
	}
	recordings, err := core.ListRecordings.Run(o.As(t, core.RoleOperator), o.Core, struct{}{})
	if err != nil || len(recordings) != 1 {
		t.Fatalf("recordings: %v, %v", recordings, err)
	}
	if r := sshdtest.Run(t, client, "replay "+recordings[0].ID, ""); !strings.Contains(r.Stdout, "hello from inside") {
		t.Errorf("replay: exit %d, %s%s", r.Code, r.Stdout, r.Stderr)
	}
	if r := sshdtest.Run(t, client, "shell ship-demo", ""); r.Code != sshd.ExitUsage || !strings.Contains(r.Stderr, "-t") {
		t.Errorf("a shell without a terminal: exit %d, %s", r.Code, r.Stderr)
	}
}

func TestTheConsoleSaysAtOnceThatItOpensAShell(t *testing.T) {
	o := openDoor(t)
	goOn := make(chan struct{})
	o.Engine.OnExec(func(p coretest.Process) int {
		select {
		case <-goOn:
			fmt.Fprint(p.Out, "hello from inside\r\n")
			<-p.Hangup
		case <-p.Hangup:
		}
		return 0
	})
	screen := sshdtest.Open(t, sshdtest.Dial(t, o.addr, o.key), sshdtest.ScreenConfig{Width: 80, Height: 24})
	screen.Wait("ship-demo-db")
	screen.Type(":shell ship-demo\r")
	screen.WaitFor("the line on the shell's own screen", func(string) bool {
		raw := screen.Raw()
		left := strings.LastIndex(raw, "\x1b[?1049l")
		return left >= 0 && strings.Contains(raw[left:], "Opening a shell in ship-demo")
	})
	close(goOn)
	screen.Wait("hello from inside")
	if text := screen.Text(); strings.Contains(text, "Opening a shell") {
		t.Errorf("the line stays:\n%s", text)
	}
}

func TestARevokedKeyEndsItsConsole(t *testing.T) {
	o := openDoor(t)
	key := sshdtest.Key(t)
	ctx := o.As(t, core.RoleAdmin)
	if _, err := core.AddPerson.Run(ctx, o.Core, core.AddPersonIn{Name: "erin", Role: core.RoleViewer, Key: sshdtest.Line(key, "erin")}); err != nil {
		t.Fatal(err)
	}
	screen := sshdtest.Open(t, sshdtest.Dial(t, o.addr, key), sshdtest.ScreenConfig{Width: 80, Height: 24})
	screen.Wait("Server Manager")
	began := time.Now()
	if _, err := core.RevokeKey.Run(ctx, o.Core, core.RevokeKeyIn{Fingerprint: gossh.FingerprintSHA256(key.PublicKey())}); err != nil {
		t.Fatal(err)
	}
	screen.Exit()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the console ended after %s", took)
	}
}
