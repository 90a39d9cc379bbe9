package sshd

import (
	"bytes"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/sshd/sshdtest"
)

func TestOneBadLineLocksNobodyOut(t *testing.T) {
	first, last := sshdtest.Line(sshdtest.Key(t), "first"), sshdtest.Line(sshdtest.Key(t), "the last one")
	third := sshdtest.Line(sshdtest.Key(t), "third") // good, but for what stands round it
	for name, bad := range map[string]string{
		"words":               "hello there",
		"half a key":          third[:40],
		"not base64":          "ssh-ed25519 AAAA*BBBB x",
		"wrong kind":          "ssh-rsa" + strings.TrimPrefix(third, "ssh-ed25519"),
		"unknown option":      `frobnicate ` + third,
		"option with a value": `permitopen="host:22" ` + third,
		"environment":         `environment="LD_PRELOAD=x" ` + third,
		"authority":           `cert-authority ` + third,
		"open quote":          `from="10.0.0.1 ` + third,
		"unquoted value":      `from=10.0.0.1 ` + third,
		"host name":           `from="*.example.com" ` + third,
		"crooked block":       `from="10.0.0.1/8" ` + third,
		"bad expiry":          `expiry-time="tomorrow" ` + third,
		"only options":        `restrict`,
		"touch waived":        `no-touch-required ` + third,
		"old kind":            "ssh-dss AAAAB3NzaC1kc3MAAACBAO x",
		"binary":              "\x00\x01\x02\xff\xfe",
		"huge":                strings.Repeat("A", 100_000),
		"certificate":         "ssh-ed25519-cert-v01@openssh.com AAAA x",
		"twice":               first,
	} {
		keys, problems := ParseAuthorizedKeys([]byte("# team\n\n" + first + "\n" + bad + "\n" + last + "\r\n"))
		if len(keys) != 2 || keys[0].Comment != "first" || keys[1].Comment != "the last one" || keys[1].Line != 5 {
			t.Errorf("%s: keys %+v", name, keys)
		}
		if len(problems) != 1 || problems[0].Line != 4 || problems[0].Reason == "" {
			t.Errorf("%s: problems %v", name, problems)
		}
	}
}

func TestOptionsAreTakenOrRefusedOneByOne(t *testing.T) {
	line := sshdtest.Line(sshdtest.Key(t), "k")
	parse := func(options string) AuthorizedKey {
		t.Helper()
		keys, problems := ParseAuthorizedKeys([]byte(options + " " + line))
		if len(keys) != 1 {
			t.Fatalf("%s: %v", options, problems)
		}
		return keys[0]
	}
	if k := parse("restrict"); !k.NoPTY {
		t.Error("restrict gives a terminal")
	}
	if k := parse("restrict,pty"); k.NoPTY {
		t.Error("restrict,pty gives none")
	}
	if k := parse("No-Pty,no-port-forwarding,no-X11-forwarding,no-agent-forwarding"); !k.NoPTY {
		t.Error("case counts")
	}
	if k := parse(`command="logs \"a b\", c"`); k.Command != `logs "a b", c` {
		t.Errorf("command %q", k.Command)
	}
	if k := parse(`expiry-time="20300102Z"`); !k.Expires.Equal(time.Date(2030, 1, 2, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("expires %s", k.Expires)
	}
	if k := parse(`expiry-time="203001021530"`); !k.Expires.Equal(time.Date(2030, 1, 2, 15, 30, 0, 0, time.Local)) {
		t.Errorf("expires %s", k.Expires)
	}
}

func TestFromIsHonoured(t *testing.T) {
	for _, c := range []struct {
		from, addr string
		want       bool
	}{
		{"10.0.0.1", "10.0.0.1", true},
		{"10.0.0.1", "10.0.0.2", false},
		{"10.0.0.0/8", "10.200.1.1", true},
		{"10.0.0.0/8", "11.0.0.1", false},
		{"192.168.*.?", "192.168.77.3", true},
		{"192.168.*.?", "192.168.77.33", false},
		{"10.0.0.0/8,!10.6.6.6", "10.6.6.6", false},
		{"!10.6.6.6,10.0.0.0/8", "10.6.6.7", true},
		{"!10.6.6.6", "10.6.6.7", false},
		{"2001:db8::/32", "2001:db8::1", true},
		{"2001:DB8::*", "2001:db8::1", true},
		{"10.0.0.1", "::ffff:10.0.0.1", true},
		{"::ffff:10.0.0.1", "10.0.0.1", true},
	} {
		patterns, err := ParseAddressPatterns(c.from)
		if err != nil {
			t.Fatalf("%s: %v", c.from, err)
		}
		if got := patterns.Match(&net.TCPAddr{IP: net.ParseIP(c.addr), Port: 1}); got != c.want {
			t.Errorf("from=%q, address %s: %v", c.from, c.addr, got)
		}
	}
	patterns, _ := ParseAddressPatterns("10.0.0.1")
	if patterns.Match(&net.UnixAddr{Name: "x"}) || patterns.Match(nil) {
		t.Error("an address that is none matches")
	}
}

func TestFromAndExpiryDecideAtTheDoor(t *testing.T) {
	for options, want := range map[string]bool{
		`from="127.0.0.0/8"`: true, `from="10.0.0.0/8"`: false, `from="*,!127.0.0.1"`: false,
		`expiry-time="20200101"`: false, `expiry-time="29990101"`: true,
	} {
		key := sshdtest.Key(t)
		keys, problems := EnvironmentKeys(options+" "+sshdtest.Line(key, "x"), core.RoleViewer)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		r := start(t, sayWho, func(c *Config) { c.Keys = keys })
		client, err := sshdtest.Login(r.addr, sshdtest.ClientConfig("x", key))
		if got := err == nil; got != want {
			t.Errorf("%s: let in %v", options, got)
		}
		if err == nil {
			_ = client.Close()
		}
	}
}

func TestAnEnvironmentVariableMayHoldItsLinesEscaped(t *testing.T) {
	text := sshdtest.Line(sshdtest.Key(t), "one") + `\n` + sshdtest.Line(sshdtest.Key(t), "two")
	keys, problems := EnvironmentKeys(text, core.RoleAdmin)
	if keys.Len() != 2 || len(problems) > 0 {
		t.Fatalf("%d keys, %v", keys.Len(), problems)
	}
}

func TestACommentCannotDrawOnTheScreen(t *testing.T) {
	key := sshdtest.Key(t)
	keys, _ := EnvironmentKeys(sshdtest.Line(key, "ada\x1b[2J\u202e"+strings.Repeat("x", 500)), core.RoleAdmin)
	id, err := keys.Lookup(t.Context(), Attempt{Key: key.PublicKey(), At: time.Now()})
	if err != nil || len(id.Name) > maxName || strings.ContainsAny(id.Name, "\x1b\u202e") {
		t.Fatalf("%q, %v", id.Name, err)
	}
}

// keyFile is a KeyFile with a clock that the test moves.
type keyFile struct {
	*KeyFile
	t    *testing.T
	path string
	now  time.Time
	log  bytes.Buffer
}

func newKeyFile(t *testing.T, text string) *keyFile {
	f := &keyFile{t: t, path: filepath.Join(t.TempDir(), "authorized_keys"), now: time.Now()}
	f.write(text)
	f.KeyFile = openKeyFile(f.path, "store", core.RoleOperator, slog.New(slog.NewTextHandler(&f.log, nil)), func() time.Time { return f.now })
	return f
}

// write replaces the file's text, with a modification time of its own.
func (f *keyFile) write(text string) {
	f.t.Helper()
	if err := os.WriteFile(f.path, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	f.now = f.now.Add(time.Second)
	if err := os.Chtimes(f.path, f.now, f.now); err != nil {
		f.t.Fatal(err)
	}
}

// knows asks for a key as often as it takes for a change to settle.
func (f *keyFile) knows(at Attempt) bool {
	f.t.Helper()
	var err error
	for range 3 {
		f.now = f.now.Add(lookEvery)
		_, err = f.Lookup(f.t.Context(), at)
	}
	return err == nil
}

func TestAChangedFileIsReadAgain(t *testing.T) {
	a, b := sshdtest.Key(t), sshdtest.Key(t)
	atA, atB := Attempt{Key: a.PublicKey(), At: time.Now()}, Attempt{Key: b.PublicKey(), At: time.Now()}
	f := newKeyFile(t, sshdtest.Line(a, "a"))
	if !f.knows(atA) || f.knows(atB) {
		t.Fatal("the first reading")
	}
	f.write(sshdtest.Line(b, "b"))
	if f.knows(atA) || !f.knows(atB) {
		t.Fatal("the second reading")
	}
	f.write("# nobody\n")
	if f.knows(atB) {
		t.Fatal("an emptied file still lets in")
	}
}

func TestAFileThatCannotBeUsedLeavesTheLastGoodSet(t *testing.T) {
	a := sshdtest.Key(t)
	at := Attempt{Key: a.PublicKey(), At: time.Now()}
	for name, spoil := range map[string]func(*keyFile) error{
		"damaged":    func(f *keyFile) error { f.write("\x00\x00garbage\nmore of it\n"); return nil },
		"gone":       func(f *keyFile) error { return os.Remove(f.path) },
		"too large":  func(f *keyFile) error { f.write(strings.Repeat("# x\n", maxKeyFile)); return nil },
		"open":       func(f *keyFile) error { f.write("# y\n"); return os.Chmod(f.path, 0o666) },
		"not a file": func(f *keyFile) error { return replaceByFolder(f.path) },
	} {
		f := newKeyFile(t, sshdtest.Line(a, "a"))
		if err := spoil(f); err != nil {
			t.Fatal(name, err)
		}
		if !f.knows(at) {
			t.Errorf("%s: locked out", name)
		}
		if name == "damaged" && !strings.Contains(f.log.String(), "line 1 skipped") {
			t.Errorf("%s: the log does not name the line: %s", name, f.log.String())
		}
		if n := strings.Count(f.log.String(), "last good set"); n > 1 {
			t.Errorf("%s: said %d times", name, n)
		}
	}
}

func replaceByFolder(path string) error {
	if err := os.Remove(path); err != nil {
		return err
	}
	return os.Mkdir(path, 0o700)
}

func TestAFileInTheMiddleOfBeingWrittenDoesNotCount(t *testing.T) {
	a := sshdtest.Key(t)
	at := Attempt{Key: a.PublicKey(), At: time.Now()}
	f := newKeyFile(t, sshdtest.Line(a, "a"))
	f.write("") // truncated, about to be written
	f.now = f.now.Add(lookEvery)
	if _, err := f.Lookup(t.Context(), at); err != nil {
		t.Fatalf("at the first look: %v", err)
	}
	f.write(sshdtest.Line(a, "a again"))
	if !f.knows(at) {
		t.Fatal("locked out")
	}
}

func TestAFileThatAppearsLaterCounts(t *testing.T) {
	a := sshdtest.Key(t)
	f := newKeyFile(t, "")
	if err := os.Remove(f.path); err != nil {
		t.Fatal(err)
	}
	f.knows(Attempt{Key: a.PublicKey()})
	f.write(sshdtest.Line(a, "a"))
	if !f.knows(Attempt{Key: a.PublicKey(), At: time.Now()}) {
		t.Fatal("not read")
	}
}
