package core

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
)

// mirror is a Sealer that turns bytes round: enough for what does not look at encryption.
type mirror struct{}

func (mirror) Seal(plain []byte) ([]byte, string, error) { return turned(plain), "mirror", nil }
func (mirror) Unseal(sealed []byte, _ string) ([]byte, error) {
	return turned(sealed), nil
}

func turned(b []byte) []byte {
	out := bytes.Clone(b)
	for i := range out {
		out[i] ^= 0x5a
	}
	return out
}

func envCore(t *testing.T) (*Core, context.Context) {
	w := newWorld(t)
	w.ship.Sealer = mirror{}
	return w.open(t), as(t, RoleAdmin)
}

func TestAnAdoptedEnvIsTheFirstVersionAndSayingItAgainChangesNothing(t *testing.T) {
	c, ctx := envCore(t)
	if v := must2(c.importEnv(ctx, "s", nil))(t); v.Version != 0 {
		t.Errorf("nothing became version %d", v.Version)
	}
	values := map[string]string{"A": "1", "B": "2"}
	for range 2 {
		if v := must2(c.importEnv(ctx, "s", values))(t); v.Version != 1 || v.Note != "adopted: 2 variables" {
			t.Errorf("%+v", v)
		}
	}
	_, err := c.importEnv(ctx, "s", map[string]string{"A": "other"})
	wantCode(t, err, CodeConflict, "version 1")
	_, err = c.importEnv(ctx, "z", map[string]string{"A": "\xff"})
	wantCode(t, err, CodeInvalid, "base64")
	got, v, err := c.envFor("s", 1)
	if err != nil || got["B"] != "2" || v.Version != 1 {
		t.Errorf("%q, %+v, %v", got, v, err)
	}
	_, _, err = c.envFor("s", 9)
	wantCode(t, err, CodeNotFound, "version 9")
	if got, v, err := c.envFor("nobody", 0); err != nil || v.Version != 0 || got == nil || len(got) > 0 {
		t.Errorf("a service without one: %q, %+v, %v", got, v, err)
	}
}

func TestADifferenceOfEnvsIsToldWithoutAValue(t *testing.T) {
	c, ctx := envCore(t)
	one := must2(c.writeEnv(ctx, EnvVersion{Service: "s"}, map[string]string{"A": "1", "B": "2", "C": "3"}, nil, ""))(t)
	content := must2(c.unsealEnv(one))(t)
	two := must2(c.writeEnv(ctx, one, map[string]string{"A": "1", "B": "x", "D": "4"}, content.MarkKey, ""))(t)
	var got []string
	for _, item := range diffEnv(one, two) {
		got = append(got, item.Kind+" "+item.What+" "+item.Need)
	}
	if want := "env B changed needs deploy, env C removed needs deploy, env D added needs deploy"; strings.Join(got, ", ") != want {
		t.Errorf("got %q", got)
	}
	if items := diffEnv(two, two); len(items) > 0 {
		t.Errorf("the same one differs: %v", items)
	}
	if len(content.MarkKey) != markKeyBytes || strings.Contains(w(t, c), fmt.Sprintf("%q", content.MarkKey)) {
		t.Error("the key of the marks is not kept inside")
	}
	other := must2(c.writeEnv(ctx, EnvVersion{Service: "other"}, map[string]string{"A": "1"}, nil, ""))(t)
	if other.Marks["A"] == one.Marks["A"] {
		t.Error("equal values of two services have the same mark")
	}
}

// w is what the journal holds.
func w(t *testing.T, c *Core) string { return c.journal.(*ledger).text(t) }

func TestARowThatIsPutInAnothersPlaceIsRefused(t *testing.T) {
	c, ctx := envCore(t)
	v := must2(c.writeEnv(ctx, EnvVersion{Service: "s"}, map[string]string{"A": "1"}, nil, ""))(t)
	for _, moved := range []EnvVersion{{Service: "other", Version: 1}, {Service: "s", Version: 2}} {
		moved.Sealed, moved.KeyID = v.Sealed, v.KeyID
		_, err := c.unsealEnv(moved)
		wantCode(t, err, CodeInvalid, "belongs elsewhere")
	}
}

func TestOldVersionsGoButThoseThatAReleaseNeeds(t *testing.T) {
	c, ctx := envCore(t)
	if err := c.commit(ctx, edit{releasesTable, "r1", Release{ID: "r1", Service: "s", EnvVersion: 2}}); err != nil {
		t.Fatal(err)
	}
	base := EnvVersion{Service: "s"}
	for i := range maxEnvVersions + 3 {
		base = must2(c.writeEnv(ctx, base, map[string]string{"A": fmt.Sprint(i)}, nil, ""))(t)
	}
	versions := c.envVersions("s")
	if len(versions) != maxEnvVersions+1 || versions[0].Version != 2 || versions[1].Version != 4 {
		t.Errorf("%d versions, from %d and %d on", len(versions), versions[0].Version, versions[1].Version)
	}
}
