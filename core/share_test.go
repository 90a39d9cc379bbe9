package core

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// sharingPlane is as much of a plane as shares rows. Its rows change by put.
type sharingPlane struct {
	*Core
	t   *testing.T
	seq uint64
}

func newSharingPlane(t *testing.T, root string, ch Charter) *sharingPlane {
	t.Helper()
	c := &Core{cfg: Config{Root: root}, charter: ch, state: newState(), now: time.Now, log: slog.New(slog.DiscardHandler)}
	c.shared = newSharing(c)
	return &sharingPlane{Core: c, t: t}
}

// run shares until the test ends.
func (p *sharingPlane) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); p.shared.run(ctx) }()
	p.t.Cleanup(func() { cancel(); <-done })
}

func (p *sharingPlane) put(table, key string, body any) {
	p.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		p.t.Fatal(err)
	}
	p.seq++
	if err := p.state.apply(Entry{Seq: p.seq, Record: Record{Table: table, Key: key, Op: RecordPut, Ver: int64(p.seq), Body: raw}}); err != nil {
		p.t.Fatal(err)
	}
}

// until polls a condition with a deadline.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatal("not in time: " + what)
		case <-tick.C:
		}
	}
}

func TestEachPlaneSeesTheOthersRowsAndTheNewerOneOfAKeyWins(t *testing.T) {
	root, began := t.TempDir(), time.Now()
	manager, deploy := newSharingPlane(t, root, ManagerCharter()), newSharingPlane(t, root, DeployCharter())
	manager.run()
	deploy.run()
	dv := func(version int, at time.Time) DefinitionVersion {
		return DefinitionVersion{Definition: Definition{Service: "web"}, Version: version, At: at}
	}
	manager.put(definitionsTable, "web", dv(1, began))
	manager.put(buildsTable, "b1", Build{ID: "b1", Service: "web"})
	manager.put(settingsTable, "x", "not shared")
	until(t, "the Deploy Server sees version 1", func() bool {
		got, ok := rowOf[DefinitionVersion](deploy.Core, definitionsTable, "web")
		return ok && got.Version == 1
	})
	deploy.put(definitionsTable, "web", dv(2, began.Add(time.Minute)))
	deploy.put(buildsTable, "b2", Build{ID: "b2", Service: "web"})
	until(t, "the Manager sees the override", func() bool {
		got, _ := rowOf[DefinitionVersion](manager.Core, definitionsTable, "web")
		return got.Version == 2 && len(rowsOf[Build](manager.Core, buildsTable)) == 2
	})
	if list := rowsOf[DefinitionVersion](manager.Core, definitionsTable); len(list) != 1 || list[0].Version != 2 {
		t.Errorf("definitions of the Manager: %+v", list)
	}
	manager.put(definitionsTable, "web", dv(3, began.Add(2*time.Minute)))
	until(t, "the owner's newer row wins again", func() bool {
		got, _ := rowOf[DefinitionVersion](deploy.Core, definitionsTable, "web")
		return got.Version == 3
	})
	path := filepath.Join(root, "state", "manager.json")
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	if raw, err := os.ReadFile(path); err != nil || strings.Contains(string(raw), "not shared") {
		t.Fatalf("a row that is not shared is in the file: %v", err)
	}
}

func TestADamagedFileLeavesTheLastGoodRowsAndIsAFault(t *testing.T) {
	root := t.TempDir()
	manager, deploy := newSharingPlane(t, root, ManagerCharter()), newSharingPlane(t, root, DeployCharter())
	manager.put(buildsTable, "b1", Build{ID: "b1", Service: "web"})
	if err := manager.shared.publish(); err != nil {
		t.Fatal(err)
	}
	deploy.shared.look()
	path := filepath.Join(root, "state", "manager.json")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"half": string(good[:len(good)/2]), "empty": "", "no tables": "{}"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		deploy.shared.look()
		if rows := rowsOf[Build](deploy.Core, buildsTable); len(rows) != 1 {
			t.Errorf("%s: %d rows", name, len(rows))
		}
		facts := keepingFaults(faultInput{journal: JournalHead{Writable: true}, sharing: deploy.shared.troubles()})
		if len(facts) != 1 || facts[0].Severity != Warning || !strings.Contains(facts[0].What, "Server Manager shares cannot be read") {
			t.Errorf("%s: %+v", name, facts)
		}
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	deploy.shared.look()
	if troubles := deploy.shared.troubles(); len(troubles) != 0 {
		t.Errorf("still: %v", troubles)
	}
}

func TestAFileThatCannotBeWrittenIsAFaultAndIsTriedAgain(t *testing.T) {
	root := t.TempDir()
	blocked := filepath.Join(root, "state")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	manager := newSharingPlane(t, root, ManagerCharter())
	manager.run()
	until(t, "the trouble is told", func() bool { return len(manager.shared.troubles()) > 0 })
	if err := os.Remove(blocked); err != nil {
		t.Fatal(err)
	}
	until(t, "it is written", func() bool {
		_, err := os.Stat(filepath.Join(blocked, "manager.json"))
		return err == nil && len(manager.shared.troubles()) == 0
	})
}

func TestAFileThatSomebodyTouchedIsWrittenAgain(t *testing.T) {
	manager := newSharingPlane(t, t.TempDir(), ManagerCharter())
	manager.run()
	until(t, "it is written", func() bool { _, err := os.Stat(manager.shared.own); return err == nil })
	if err := os.Remove(manager.shared.own); err != nil {
		t.Fatal(err)
	}
	until(t, "it is written again", func() bool { _, err := os.Stat(manager.shared.own); return err == nil })
}

func TestTheNewestRowsOfEachServiceAreShared(t *testing.T) {
	c := newSharingPlane(t, t.TempDir(), ManagerCharter())
	began := time.Now()
	for i := range 3 * maxSharedRows {
		for _, service := range []string{"a", "b"} {
			key := fmt.Sprintf("%s-%03d", service, i)
			c.put(deploymentsTable, key, map[string]any{"service": service, "started": began.Add(time.Duration(i) * time.Second)})
		}
	}
	rows := publishedRows(c.Core, deploymentsTable)
	if len(rows) != 2*maxSharedRows {
		t.Fatalf("%d rows", len(rows))
	}
	for _, key := range []string{"a-149", "b-149", "a-100"} {
		if rows[key] == nil {
			t.Errorf("%s is missing", key)
		}
	}
}

func TestAVersionOfAnEnvThatAReleaseNeedsIsSharedHoweverOldItIs(t *testing.T) {
	c := newSharingPlane(t, t.TempDir(), ManagerCharter())
	began := time.Now()
	for i := range maxSharedEnvs + 20 {
		v := EnvVersion{Service: "web", Version: i + 1, At: began.Add(time.Duration(i) * time.Second)}
		c.put(envTable, envKey("web", v.Version), v)
	}
	c.put(releasesTable, "r1", Release{ID: "r1", Service: "web", EnvVersion: 3})
	c.put(releasesTable, "r2", Release{ID: "r2", Service: "other", EnvVersion: 4})
	rows := publishedRows(c.Core, envTable)
	if len(rows) != maxSharedEnvs+1 || rows[envKey("web", 3)] == nil || rows[envKey("web", 21)] == nil {
		t.Errorf("%d rows, version 3: %t", len(rows), rows[envKey("web", 3)] != nil)
	}
}

func TestTheNewestDeploymentsAreSharedWithTheirLogsAndOlderOnesWithout(t *testing.T) {
	c := newSharingPlane(t, t.TempDir(), ManagerCharter())
	began := time.Now()
	for i := range 8 {
		for _, service := range []string{"a", "b"} {
			id := fmt.Sprintf("%s-%d", service, i)
			c.put(deploymentsTable, id, Deployment{ID: id, Service: service, Started: began.Add(time.Duration(i) * time.Second),
				Steps: []DeployStep{{Name: StepLock, State: "done"}}, LastLog: []string{"a line"}, Health: []string{"HTTP 200"}, Result: "done"})
		}
	}
	for key, body := range publishedRows(c.Core, deploymentsTable) {
		var d Deployment
		if err := json.Unmarshal(body, &d); err != nil {
			t.Fatal(err)
		}
		logs := 0
		if key[2:] >= "3" {
			logs = 1
		}
		if d.ID != key || len(d.Steps) != 1 || d.Result != "done" || len(d.LastLog) != logs || len(d.Health) != logs {
			t.Errorf("%s: %+v", key, d)
		}
	}
	if own, _ := rowOf[Deployment](c.Core, deploymentsTable, "a-0"); len(own.LastLog) != 1 {
		t.Error("the plane's own record lost its log")
	}
}
