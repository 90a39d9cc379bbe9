package core

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// clashing is a Manager and what the Deploy Server shares: a version of the env of "s" that the Manager had made as well.
func clashing(t *testing.T, service string, ours, theirs time.Time) *world {
	t.Helper()
	w := newWorld(t)
	w.ship.Sealer = mirror{}
	c, ctx := w.open(t), as(t, RoleAdmin)
	made := func(of string, at time.Time) EnvVersion {
		v := must2(c.sealEnv(ctx, EnvVersion{Service: service}, map[string]string{"OF": of}, nil, ""))(t)
		v.At = at
		return v
	}
	other := made("deploy", theirs)
	if err := c.commit(ctx, edit{envTable, envKey(service, 1), made("manager", ours)}); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(sharedFile{Writer: "deploy", Tables: map[string]map[string]json.RawMessage{envTable: {envKey(service, 1): must2(json.Marshal(other))(t)}}})
	if err == nil {
		err = os.MkdirAll(filepath.Join(w.root, "state"), 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(w.root, "state", "deploy.json"), raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestAVersionOfAnEnvThatTheOtherPlaneHidesGetsANumberOfItsOwnAndWhatIsInForceStays(t *testing.T) {
	now := time.Now()
	for name, tc := range map[string]struct {
		ours, theirs  time.Time
		force, hidden string
	}{
		"ours is older":   {now, now.Add(time.Minute), "deploy", "manager"},
		"theirs is older": {now.Add(time.Minute), now, "manager", "deploy"},
	} {
		t.Run(name, func(t *testing.T) {
			w := clashing(t, "s", tc.ours, tc.theirs)
			c := w.open(t)
			until(t, "both are kept", func() bool { return c.newestEnv("s").Version > 1 })
			for version, of := range map[int]string{0: tc.force, 1: tc.force, 2: tc.hidden, 3: tc.force} {
				values, v, err := c.envFor("s", version)
				if err != nil || !maps.Equal(values, map[string]string{"OF": of}) {
					t.Errorf("version %d: %q, %+v, %v", version, values, v, err)
				}
			}
			for range 2 { // and again after every look
				if err := c.keepHiddenEnvs(context.Background()); err != nil {
					t.Fatal(err)
				}
			}
			if newest := c.newestEnv("s"); newest.Version != 3 || newest.By != "matrx-manager" {
				t.Errorf("the newest is %+v", newest)
			}
		})
	}
}

func TestTheEnvOfAServiceThatTheOtherPlaneLooksAfterIsLeftToIt(t *testing.T) {
	w := clashing(t, "traefik", time.Now(), time.Now().Add(time.Minute))
	c := w.open(t)
	if err := c.keepHiddenEnvs(context.Background()); err != nil {
		t.Fatal(err)
	}
	if versions := c.envVersions("traefik"); len(versions) != 1 {
		t.Errorf("%d versions", len(versions))
	}
}

func TestAReleaseHasTheEnvItRanWithAlsoWhenItsNumberBecameThatOfAnother(t *testing.T) {
	now := time.Now()
	w := clashing(t, "s", now, now.Add(time.Minute)) // the Deploy Server's version 1 is newer, and is seen as version 1
	w.ship.Sealer = mirror{}
	c := w.open(t)
	var ours EnvVersion
	body, ok := c.state.body(envTable, envKey("s", 1))
	if !ok || json.Unmarshal(body, &ours) != nil {
		t.Fatal("our version is gone")
	}
	eventually(t, "the hidden version has a number of its own", func() bool { return len(c.envVersions("s")) == 3 })
	for name, rel := range map[string]Release{"manager": {Service: "s", EnvVersion: 1, EnvMark: envDigest(ours)}, "deploy": {Service: "s", EnvVersion: 1, EnvMark: envDigest(c.envVersions("s")[0])}} {
		if values, _, err := c.envOf(rel); err != nil || values["OF"] != name {
			t.Errorf("the release of the %s has the env %v, %v", name, values, err)
		}
	}
	_, _, err := c.envOf(Release{Service: "s", EnvVersion: 1, EnvMark: "0123"})
	wantCode(t, err, CodeNotFound, "both control planes had made one")
	if values, _, err := c.envOf(Release{Service: "s", EnvVersion: 1}); err != nil || values["OF"] != "deploy" {
		t.Errorf("a release without a digest: %v, %v", values, err)
	}
	if values, _, err := c.envOf(Release{Service: "s"}); err != nil || len(values) > 0 {
		t.Errorf("a release without an env: %v, %v", values, err)
	}
}
