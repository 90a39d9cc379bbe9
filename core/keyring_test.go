package core

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// expiring writes a key that counts until a day.
func expiring(t testing.TB, day time.Time, comment string) string {
	t.Helper()
	return `expiry-time="` + day.UTC().Format("20060102") + `Z" ` + keyText(t, comment)
}

func TestAKeyThatCannotSignInIsNoWayInForAnAdmin(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		line string
		want bool
	}{
		"a good one":       {keyText(t, "ada"), true},
		"expires later":    {expiring(t, now.AddDate(0, 0, 2), "ada"), true},
		"expired":          {expiring(t, now.AddDate(0, 0, -2), "ada"), false},
		"one command only": {`command="status" ` + keyText(t, "ada"), false},
	} {
		if got := environmentKeyring(c.line, "MATRX_ADMIN_KEYS").hasAdmin(now); got != c.want {
			t.Errorf("%s: a way in %v", name, got)
		}
	}
}

func TestTheLastAdminStaysWhenTheEnvironmentHasOnlyAnExpiredKey(t *testing.T) {
	w := newWorld(t)
	w.cfg.AdminKeys = expiring(t, time.Now().AddDate(0, 0, -2), "root")
	c := w.open(t)
	admin := as(t, RoleAdmin)
	must2(AddPerson.Run(admin, c, AddPersonIn{"ada", RoleAdmin, keyText(t, "ada")}))(t)
	_, err := SetRole.Run(admin, c, SetRoleIn{"ada", RoleViewer})
	wantCode(t, err, CodeConflict, "last admin")
	list := must2(ListAccess.Run(admin, c, struct{}{}))(t)
	if len(list.Warnings) != 1 || !strings.Contains(list.Warnings[0], "has expired") {
		t.Errorf("warnings: %q", list.Warnings)
	}
	_, err = AddKey.Run(admin, c, AddKeyIn{"ada", expiring(t, time.Now().AddDate(0, 0, -2), "old")})
	wantCode(t, err, CodeInvalid, "expired")
}

func TestAFileWithOnlyExpiredKeysLeavesTheOnesBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		line, print := newKeyText(t, "root")
		w.cfg.AdminKeysFile = filepath.Join(w.root, "admins")
		write(t, w.cfg.AdminKeysFile, line, 0o600)
		c := w.open(t)
		write(t, w.cfg.AdminKeysFile, expiring(t, time.Now().AddDate(0, 0, -2), "root"), 0o600)
		time.Sleep(2 * time.Second)
		if _, _, ok := c.FindKey(print); !ok {
			t.Fatal("everybody is locked out")
		}
		if err := os.Remove(w.cfg.AdminKeysFile); err != nil {
			t.Fatal(err)
		}
	})
}

func TestAStoredLineThatIsNotAcceptedIsAWarningAndTheOthersCount(t *testing.T) {
	good, print := newKeyText(t, "ada")
	bad, badPrint := newKeyText(t, "old")
	ring := storedKeyring([]Person{{Name: "ada", Role: RoleAdmin}}, []Key{
		{Fingerprint: badPrint, Person: "ada", Line: `from="office.example.com" ` + bad},
		{Fingerprint: print, Person: "ada", Line: good},
	})
	if _, ok := ring.keys[print]; !ok || len(ring.keys) != 1 {
		t.Errorf("keys: %v", ring.keys)
	}
	if len(ring.warnings) != 1 || !strings.Contains(ring.warnings[0], "host names are not looked up") || ring.damage != "" {
		t.Errorf("warnings %q, damage %q", ring.warnings, ring.damage)
	}
}
