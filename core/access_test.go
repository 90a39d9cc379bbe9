package core

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// write puts a file where a plane looks for it.
func write(t testing.TB, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// signIn opens a session as the owner of a key does; ended gets the reason when it is ended.
func signIn(t testing.TB, c *Core, fingerprint string) (s *OpenedSession, ended chan string) {
	t.Helper()
	_, person, ok := c.FindKey(fingerprint)
	if !ok {
		t.Fatalf("the key %s is not known", fingerprint)
	}
	actor := Actor{Name: person.Name, Kind: ActorPerson, Role: person.Role, Door: DoorSSH, Fingerprint: fingerprint, KeySource: person.Source}
	ended = make(chan string, 1)
	s, err := c.OpenSession(t.Context(), actor, "console", func(reason string) {
		ended <- reason
		s.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, ended
}

func TestABadLineOfTheEnvironmentIsNamedAndLocksNobodyOut(t *testing.T) {
	w := newWorld(t)
	good, print := newKeyText(t, "Ada Lovelace")
	nameless, print2 := newKeyText(t, "")
	w.cfg.AdminKeys = "# admins\nssh-rsa broken\n" + good + `\n` + nameless + "\n" + good + "\n"
	c := w.open(t)
	key, person, ok := c.FindKey(print)
	if !ok || person.Role != RoleAdmin || person.Name != "Ada-Lovelace" || key.Source != KeyFromEnvironment {
		t.Fatalf("got %+v %+v %v", key, person, ok)
	}
	if _, person, _ := c.FindKey(print2); !strings.HasPrefix(person.Name, "admin-") || checkPersonName(person.Name) != nil {
		t.Fatalf("a key without a comment is called %q", person.Name)
	}
	list := must2(ListAccess.Run(as(t, RoleViewer), c, struct{}{}))(t)
	if len(list.Warnings) != 2 || !strings.Contains(list.Warnings[0], "line 2") || !strings.Contains(list.Warnings[1], "line 5") {
		t.Fatalf("warnings: %q", list.Warnings)
	}
}

func TestPeopleAreAddedChangedAndRemovedAndTheAuditSaysByWhom(t *testing.T) {
	w := newWorld(t)
	c, admin := w.open(t), as(t, RoleAdmin)
	one, print1 := newKeyText(t, "ada@laptop")
	two, print2 := newKeyText(t, "ada@phone")
	person := must2(AddPerson.Run(admin, c, AddPersonIn{"ada", RoleAdmin, one}))(t)
	if person.AddedBy != "admin" || person.Role != RoleAdmin {
		t.Fatalf("got %+v", person)
	}
	must2(AddKey.Run(admin, c, AddKeyIn{"ada", two}))(t)
	other, _ := newKeyText(t, "bob")
	must2(AddPerson.Run(admin, c, AddPersonIn{"bob", RoleViewer, other}))(t)
	must2(SetRole.Run(admin, c, SetRoleIn{"bob", RoleAdmin}))(t)
	must2(RevokeKey.Run(admin, c, RevokeKeyIn{print1}))(t)
	if _, _, ok := c.FindKey(print1); ok {
		t.Fatal("the revoked key still works")
	}
	must2(RemovePerson.Run(admin, c, RemovePersonIn{"ada", Confirm{"ada"}}))(t)
	if _, _, ok := c.FindKey(print2); ok {
		t.Fatal("the key of a removed person still works")
	}
	for op, want := range map[string]string{
		"person.add": "admin ada ok|admin bob ok", "key.add": "admin ada ok", "person.role": "admin bob ok",
		"key.revoke": "admin " + print1 + " ok", "person.remove": "admin ada ok",
	} {
		if got := strings.Join(auditOf(t, c, op), "|"); got != want {
			t.Errorf("audit of %s: %q, want %q", op, got, want)
		}
	}
	c.Close()
	again := w.open(t)
	list := must2(ListAccess.Run(admin, again, struct{}{}))(t)
	if len(list.People) != 1 || list.People[0].Name != "bob" || list.People[0].Role != RoleAdmin || len(list.Keys) != 1 {
		t.Fatalf("after a restart: %+v", list)
	}
}

func TestAChangeOfPeopleThatCannotBeRightIsRefused(t *testing.T) {
	w := newWorld(t)
	env, envPrint := newKeyText(t, "root")
	w.cfg.AdminKeys = env
	c, admin := w.open(t), as(t, RoleAdmin)
	ada, adaPrint := newKeyText(t, "ada")
	fresh, _ := newKeyText(t, "fresh")
	must2(AddPerson.Run(admin, c, AddPersonIn{"ada", RoleViewer, ada}))(t)
	try := func(op AnyOp, in any) error {
		_, err := op.Call(admin, c, must2(json.Marshal(in))(t))
		return err
	}
	for name, tc := range map[string]struct {
		op   AnyOp
		in   any
		code Code
		says string
	}{
		"same name":              {AddPerson, AddPersonIn{"ada", RoleViewer, fresh}, CodeConflict, "ada already"},
		"name of environment":    {AddPerson, AddPersonIn{"root", RoleViewer, fresh}, CodeConflict, "root already"},
		"same key":               {AddPerson, AddPersonIn{"bob", RoleViewer, ada}, CodeConflict, "belongs to ada"},
		"key of environment":     {AddKey, AddKeyIn{"ada", env}, CodeConflict, "belongs to root"},
		"hostile name":           {AddPerson, AddPersonIn{"a\x1b[31m", RoleViewer, fresh}, CodeInvalid, "cannot be a name"},
		"no role":                {AddPerson, AddPersonIn{"bob", RoleNone, fresh}, CodeInvalid, "Which role"},
		"role none":              {SetRole, SetRoleIn{"ada", RoleNone}, CodeInvalid, "Which role"},
		"nobody":                 {SetRole, SetRoleIn{"eve", RoleViewer}, CodeNotFound, "eve"},
		"role of environment":    {SetRole, SetRoleIn{"root", RoleViewer}, CodeConflict, "MATRX_ADMIN_KEYS"},
		"revoke of environment":  {RevokeKey, RevokeKeyIn{envPrint}, CodeConflict, "MATRX_ADMIN_KEYS"},
		"revoke of nothing":      {RevokeKey, RevokeKeyIn{"SHA256:x"}, CodeNotFound, "SHA256:x"},
		"remove unconfirmed":     {RemovePerson, RemovePersonIn{Name: "ada"}, CodeInvalid, "Not confirmed"},
		"remove of environment":  {RemovePerson, RemovePersonIn{"root", Confirm{"root"}}, CodeConflict, "MATRX_ADMIN_KEYS"},
		"session that is not":    {EndSession, EndSessionIn{"x"}, CodeNotFound, "no live session"},
		"key that is a password": {AddKey, AddKeyIn{"ada", "hunter2"}, CodeInvalid, "not a public key"},
	} {
		t.Run(name, func(t *testing.T) { wantCode(t, try(tc.op, tc.in), tc.code, tc.says) })
	}
	if _, _, ok := c.FindKey(adaPrint); !ok {
		t.Fatal("a refused change took ada's key away")
	}
	if _, _, ok := c.FindKey(envPrint); !ok {
		t.Fatal("a refused change took the key of the environment away")
	}
}

func TestAPrivateKeyThatSomebodyPastesReachesNeitherJournalNorAnswer(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	secret := "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2g\n-----END OPENSSH PRIVATE KEY-----"
	_, err := AddPerson.Run(as(t, RoleAdmin), c, AddPersonIn{"ada", RoleAdmin, secret})
	wantCode(t, err, CodeInvalid, "private key")
	_, err2 := AddKey.Run(as(t, RoleViewer), c, AddKeyIn{"ada", secret}) // refused before it is looked at
	wantCode(t, err2, CodeForbidden)
	if text := w.journal.text(t) + err.Error(); strings.Contains(text, "b3BlbnNz") || strings.Contains(text, "BEGIN OPENSSH") {
		t.Fatalf("the private key is kept: %s", text)
	}
}

func TestTheLastAdminOfTheStoreStaysUnlessTheEnvironmentHasOne(t *testing.T) {
	line, print := newKeyText(t, "ada")
	env, _ := newKeyText(t, "root")
	for _, withEnv := range []bool{false, true} {
		t.Run(fmt.Sprint("environment key: ", withEnv), func(t *testing.T) {
			w := newWorld(t)
			if withEnv {
				w.cfg.AdminKeys = env
			}
			c, admin := w.open(t), as(t, RoleAdmin)
			must2(AddPerson.Run(admin, c, AddPersonIn{"ada", RoleAdmin, line}))(t)
			check := func(err error) {
				t.Helper()
				if withEnv && err != nil {
					t.Fatal(err)
				}
				if !withEnv {
					wantCode(t, err, CodeConflict, "last admin")
				}
			}
			_, err := SetRole.Run(admin, c, SetRoleIn{"ada", RoleOperator})
			check(err)
			_, err = RevokeKey.Run(admin, c, RevokeKeyIn{print})
			check(err)
			_, err = RemovePerson.Run(admin, c, RemovePersonIn{"ada", Confirm{"ada"}})
			check(err)
			if _, _, ok := c.FindKey(print); ok == withEnv {
				t.Fatalf("the key works: %v", ok)
			}
		})
	}
}

func TestARevokedKeyEndsItsSessionsOnBothPlanesWithin5Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		manager := newWorld(t)
		deploy := newWorld(t)
		deploy.cfg.Root, deploy.charter = manager.root, DeployCharter()
		m, d, admin := manager.open(t), deploy.open(t), as(t, RoleAdmin)
		ada, adaPrint := newKeyText(t, "ada")
		bob, bobPrint := newKeyText(t, "bob")
		must2(AddPerson.Run(admin, m, AddPersonIn{"ada", RoleAdmin, ada}))(t)
		must2(AddPerson.Run(admin, m, AddPersonIn{"bob", RoleAdmin, bob}))(t)
		time.Sleep(2 * time.Second)
		_, atManager := signIn(t, m, adaPrint)
		_, atDeploy := signIn(t, d, adaPrint)
		stays, stayed := signIn(t, d, bobPrint)
		done := must2(RevokeKey.Run(admin, m, RevokeKeyIn{adaPrint}))(t)
		if !strings.Contains(done.Message, "1 sessions ended") {
			t.Errorf("got %q", done.Message)
		}
		revoked := time.Now()
		for name, ended := range map[string]chan string{"manager": atManager, "deploy": atDeploy} {
			select {
			case reason := <-ended:
				if time.Since(revoked) > 5*time.Second || !strings.Contains(reason, "revoked") {
					t.Errorf("%s: %q after %s", name, reason, time.Since(revoked))
				}
			case <-time.After(5 * time.Second):
				t.Fatalf("the session at %s lives on", name)
			}
		}
		if _, _, ok := d.FindKey(adaPrint); ok {
			t.Error("the Deploy Server still lets the key in")
		}
		if len(stayed) != 0 {
			t.Error("a session of somebody else ended")
		}
		must2(SetRole.Run(admin, m, SetRoleIn{"bob", RoleAdmin}))(t)
		_, err := SetRole.Run(admin, m, SetRoleIn{"bob", RoleViewer})
		wantCode(t, err, CodeConflict, "last admin")
		stays.Close()
	})
}

func TestASessionEndsWhenItsRoleDropsAndNotWhenItRises(t *testing.T) {
	w := newWorld(t)
	c, admin := w.open(t), as(t, RoleAdmin)
	root, _ := newKeyText(t, "root")
	must2(AddPerson.Run(admin, c, AddPersonIn{"root", RoleAdmin, root}))(t)
	ada, print := newKeyText(t, "ada")
	must2(AddPerson.Run(admin, c, AddPersonIn{"ada", RoleOperator, ada}))(t)
	_, ended := signIn(t, c, print)
	must2(SetRole.Run(admin, c, SetRoleIn{"ada", RoleAdmin}))(t)
	if len(ended) != 0 {
		t.Fatal("a rise ended the session")
	}
	must2(SetRole.Run(admin, c, SetRoleIn{"ada", RoleViewer}))(t)
	select {
	case reason := <-ended:
		if !strings.Contains(reason, "viewer now") {
			t.Fatalf("the reason is %q", reason)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the session kept a role that is gone")
	}
}

func TestKeysOfTheEnvironmentFileFollowTheFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		path := filepath.Join(w.root, "admin_keys")
		one, print1 := newKeyText(t, "one")
		two, print2 := newKeyText(t, "two")
		write(t, path, one+"\n", 0o600)
		w.cfg.AdminKeys, w.cfg.AdminKeysFile = one+"\n", path
		c := w.open(t)
		_, ended := signIn(t, c, print1)
		warnings := func() string {
			return strings.Join(must2(ListAccess.Run(as(t, RoleViewer), c, struct{}{}))(t).Warnings, "|")
		}
		look := func() { time.Sleep(2500 * time.Millisecond) }

		write(t, path, "", 0o600) // half written, or a mistake
		look()
		if _, _, ok := c.FindKey(print1); !ok || !strings.Contains(warnings(), "no usable key") || len(ended) != 0 {
			t.Fatalf("an empty file locked the last admin out: %q", warnings())
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		look()
		if _, _, ok := c.FindKey(print1); !ok || !strings.Contains(warnings(), "cannot be read") {
			t.Fatalf("a missing file locked the last admin out: %q", warnings())
		}
		write(t, path, "garbage\n"+two+"\n", 0o600)
		look()
		if _, _, ok := c.FindKey(print1); ok || len(ended) != 1 {
			t.Fatalf("the key that vanished works: %v, sessions ended: %d", ok, len(ended))
		}
		if _, _, ok := c.FindKey(print2); !ok || !strings.Contains(warnings(), "line 1") {
			t.Fatalf("the new key works: %v; %q", ok, warnings())
		}
		write(t, path, one+"\n", 0o666)
		look()
		if _, _, ok := c.FindKey(print1); ok || !strings.Contains(warnings(), "others may write it") {
			t.Fatalf("a file that anybody may write gave an admin: %v; %q", ok, warnings())
		}
	})
}

func TestAKeyIsRevokedWhileTheDiskHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		path := filepath.Join(w.root, "admin_keys")
		one, print1 := newKeyText(t, "one")
		two, _ := newKeyText(t, "two")
		write(t, path, one+"\n"+two+"\n", 0o600)
		w.cfg.AdminKeys, w.cfg.AdminKeysFile = one+"\n"+two+"\n", path
		c := w.open(t)
		free := make(chan struct{})
		w.journal.set(func() { w.journal.stuck = free })
		s, ended := signIn(t, c, print1) // its first use is due to be written
		time.Sleep(2500 * time.Millisecond)
		if len(ended) != 0 {
			t.Fatal("the session ended too early")
		}
		write(t, path, two+"\n", 0o600)
		time.Sleep(4 * time.Second)
		if _, _, ok := c.FindKey(print1); ok || len(ended) != 1 {
			t.Errorf("the key works: %v, sessions ended: %d", ok, len(ended))
		}
		w.journal.set(func() { w.journal.stuck = nil })
		close(free)
		s.Close()
	})
}

func TestAnEmptyEnvironmentFileCountsWhenTheStoreHasAnAdmin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		path := filepath.Join(w.root, "admin_keys")
		env, envPrint := newKeyText(t, "env")
		write(t, path, env, 0o600)
		w.cfg.AdminKeys, w.cfg.AdminKeysFile = env, path
		c := w.open(t)
		ada, _ := newKeyText(t, "ada")
		must2(AddPerson.Run(as(t, RoleAdmin), c, AddPersonIn{"ada", RoleAdmin, ada}))(t)
		write(t, path, "", 0o600)
		time.Sleep(2500 * time.Millisecond)
		if _, _, ok := c.FindKey(envPrint); ok {
			t.Fatal("the key was taken out of the file and works on")
		}
	})
}

func TestDamagedSharedPeopleLeaveTheLastGoodOnesInForce(t *testing.T) {
	line, print := newKeyText(t, "ada")
	other, otherPrint := newKeyText(t, "eve")
	good := func(role string) string {
		return fmt.Sprintf(`{"people":[{"name":"ada","role":%q}],"keys":[{"fingerprint":%q,"person":"ada","line":%q}]}`, role, print, line)
	}
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
	}{
		"cut":               {good("admin")[:40], 0o600},
		"empty":             {"", 0o600},
		"another thing":     {"{}", 0o600},
		"null":              {"null", 0o600},
		"unknown role":      {good("owner"), 0o600},
		"no role":           {good("none"), 0o600},
		"binary":            {"\x00\xff\xfe" + good("admin"), 0o600},
		"two documents":     {good("admin") + good("admin"), 0o600},
		"key without owner": {`{"people":[],"keys":[{"fingerprint":"` + print + `","person":"ada","line":"` + line + `"}]}`, 0o600},
		"key that differs":  {strings.ReplaceAll(good("admin"), line, other), 0o600},
		"written by others": {strings.ReplaceAll(strings.ReplaceAll(good("admin"), line, other), print, otherPrint), 0o666},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.charter = DeployCharter()
				path := filepath.Join(w.root, "access", "people.json")
				write(t, path, good("operator"), 0o600)
				d := w.open(t)
				_, ended := signIn(t, d, print)
				write(t, path, c.text, c.mode)
				time.Sleep(2 * time.Second)
				if _, person, ok := d.FindKey(print); !ok || person.Role != RoleOperator || len(ended) != 0 {
					t.Fatalf("the last good people are gone: %+v %v", person, ok)
				}
				if _, _, ok := d.FindKey(otherPrint); ok {
					t.Fatal("a key of the damaged file works")
				}
				list := must2(ListAccess.Run(as(t, RoleViewer), d, struct{}{}))(t)
				if len(list.Warnings) != 1 || !strings.Contains(list.Warnings[0], "stay in force") {
					t.Fatalf("warnings: %q", list.Warnings)
				}
				write(t, path, good("viewer"), 0o600)
				time.Sleep(2 * time.Second)
				if _, person, _ := d.FindKey(print); person.Role != RoleViewer || len(ended) != 1 {
					t.Fatalf("the repaired file does not count: %+v", person)
				}
			})
		})
	}
}

func TestThePlaneThatReadsPeopleSaysWhoChangesThem(t *testing.T) {
	w := newWorld(t)
	w.charter = DeployCharter()
	d := w.open(t)
	line, _ := newKeyText(t, "ada")
	_, err := AddPerson.Run(as(t, RoleAdmin), d, AddPersonIn{"ada", RoleAdmin, line})
	wantCode(t, err, CodeConflict, ManagerName)
	list := must2(ListAccess.Run(as(t, RoleViewer), d, struct{}{}))(t)
	if !strings.Contains(list.Writable, ManagerName) || !strings.Contains(strings.Join(list.Warnings, ""), "not shared") {
		t.Fatalf("got %+v", list)
	}
	if _, err := os.Stat(filepath.Join(w.root, "access")); err == nil {
		t.Fatal("the plane that only reads wrote")
	}
}

func TestTheManagerKeepsTheSharedFileRightAndToItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.open(t)
		path := filepath.Join(w.root, "access", "people.json")
		line, print := newKeyText(t, "ada")
		must2(AddPerson.Run(as(t, RoleAdmin), c, AddPersonIn{"ada", RoleAdmin, line}))(t)
		for _, spoil := range []func(){
			func() {},
			func() { write(t, path, "{}", 0o600) },
			func() { _ = os.Remove(path) },
			func() { _ = os.Chmod(path, 0o666) },
		} {
			spoil()
			time.Sleep(2 * time.Second)
			info := must2(os.Stat(path))(t)
			raw := string(must2(os.ReadFile(path))(t))
			if info.Mode().Perm() != 0o600 || !strings.Contains(raw, print) || !strings.Contains(raw, "Derived state") {
				t.Fatalf("mode %v, content %s", info.Mode(), raw)
			}
		}
		if err := os.RemoveAll(filepath.Dir(path)); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Dir(path), "in the way", 0o600)
		time.Sleep(2 * time.Second)
		list := must2(ListAccess.Run(as(t, RoleViewer), c, struct{}{}))(t)
		if len(list.Warnings) != 1 || !strings.Contains(list.Warnings[0], DeployName) {
			t.Fatalf("warnings: %q", list.Warnings)
		}
	})
}

func TestAChangeOfPeopleIsRefusedWhileTheJournalIsInTroubleAndChangesNothing(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	w.journal.set(func() { w.journal.full = true })
	line, print := newKeyText(t, "ada")
	_, err := AddPerson.Run(as(t, RoleAdmin), c, AddPersonIn{"ada", RoleAdmin, line})
	wantCode(t, err, CodeUnavailable, "Nothing was done")
	if _, _, ok := c.FindKey(print); ok {
		t.Fatal("a key that is not durable works")
	}
}

func TestTheLastUseOfAKeyIsWrittenOnceAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		line, print := newKeyText(t, "ada")
		w.cfg.AdminKeys = line
		c := w.open(t)
		uses := func() (n int) {
			for _, e := range w.journal.all() {
				if e.Table == usesTable {
					n++
				}
			}
			return n
		}
		for range 30 {
			s, _ := signIn(t, c, print)
			s.Close()
			time.Sleep(time.Minute)
		}
		if n := uses(); n != 1 {
			t.Fatalf("30 logins in half an hour wrote %d rows", n)
		}
		time.Sleep(time.Hour)
		s, _ := signIn(t, c, print)
		s.Close()
		last := time.Now()
		time.Sleep(2 * time.Second)
		if n := uses(); n != 2 {
			t.Fatalf("the login an hour later is not written: %d rows", n)
		}
		c.Close()
		key := must2(ListAccess.Run(as(t, RoleViewer), w.open(t), struct{}{}))(t).Keys[0]
		if !key.LastUsed.Equal(last) {
			t.Fatalf("after a restart it was last used %s, want %s", key.LastUsed, last)
		}
	})
}

func TestKeysListsEveryKeyThatWorks(t *testing.T) {
	w := newWorld(t)
	env, envPrint := newKeyText(t, "root")
	w.cfg.AdminKeys = env
	c := w.open(t)
	ada, adaPrint := newKeyText(t, "ada")
	must2(AddPerson.Run(as(t, RoleAdmin), c, AddPersonIn{"ada", RoleViewer, "no-pty " + ada}))(t)
	keys := must2(ListAccess.Run(as(t, RoleViewer), c, struct{}{}))(t).Keys
	prints := []string{keys[0].Fingerprint, keys[1].Fingerprint}
	if !slices.Equal(prints, []string{adaPrint, envPrint}) || !strings.HasPrefix(keys[0].Line, "no-pty ") {
		t.Fatalf("got %+v", keys)
	}
}
