package tui

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// person is an actor of the fixtures.
func person(name string, role core.Role) core.Actor {
	return core.Actor{
		Name: name, Kind: core.ActorPerson, Role: role, Door: core.DoorSSH, Address: "203.0.113.7:50122",
		Fingerprint: "SHA256:u9hN3QzS0Yb7l1J9x2b5m3w8c4Vt6KpQ", Session: "s-" + name, Client: "SSH-2.0-OpenSSH_9.2",
	}
}

// full is the sample with something on every screen.
func full() *world {
	w := sampled()
	w.detail = core.ServiceDetail{Service: sample().Services[1], Detail: &core.ContainerDetail{
		Container: core.Container{
			ID: sample().Services[1].ID, Name: "ship-demo",
			Networks: []core.Attachment{{Network: "proxy", Address: "172.20.0.5", Aliases: []string{"ship-demo"}}, {Network: "ship-demo-net", Address: "172.21.0.2"}},
		},
		Command: []string{"node", "server.js"}, User: "1000:1000", RestartPolicy: "unless-stopped", EnvNames: []string{"DATABASE_URL", "NODE_ENV", "PORT"},
		Mounts: []core.Mount{{Type: "volume", Name: "ship-demo-uploads", Source: "/var/lib/docker/volumes/x", Target: "/app/uploads"}}, MemoryLimit: 256 << 20, PidsLimit: 200, ReadOnly: true,
	}}
	w.done = core.Done{Message: "It runs, and its health check passed after 2 s."}
	w.job = core.Job{ID: "j-7", Kind: "service.recreate", Target: "ship-demo", By: person("ana", core.RoleAdmin), State: core.JobRunning, Started: epoch, Progress: 0.4, Step: "start the new container"}
	w.jobs = []core.Job{
		w.job,
		{ID: "j-6", Kind: "disk.prune", By: person("bo", core.RoleOperator), State: core.JobDone, Started: epoch.Add(-time.Hour), Ended: epoch.Add(-59 * time.Minute), Progress: 1, Result: "Removed 4 images, 1.2 GiB."},
		{ID: "j-5", Kind: "service.recreate", Target: "pgadmin", By: person("bo", core.RoleOperator), State: core.JobFailed, Started: epoch.Add(-26 * time.Hour), Progress: -1, Result: "The new container did not start; the old one runs again."},
	}
	w.checks = ending(
		core.Check{Area: "engine", Name: "the engine answers", State: core.CheckOK, Found: "Docker 20.10.24, API 1.41, 3 ms", Took: 3 * time.Millisecond},
		core.Check{Area: "services", Name: "ship-demo-db serves", State: core.CheckFail, Found: "It does not run: exited with 0 12 s ago.", Do: "Start it: :restart ship-demo-db", Took: time.Millisecond},
		core.Check{Area: "dns", Name: "the routed names resolve", State: core.CheckWarn, Found: "dev.codematrx.test is a local domain: no resolver knows it.", Do: "Nothing, on a developer's machine."},
		core.Check{Area: "certificates", Name: "demo.dev.codematrx.test", State: core.CheckUnknown, Found: "Traefik's entry point did not answer in time.", Took: 3 * time.Second},
	)
	w.audit = auditEvents(12)
	w.report = core.JournalReport{Records: 214, First: 1, Last: 214, Hash: "9f2c…", OK: true}
	w.access = core.AccessList{
		People: []core.Person{
			{Name: "ana", Role: core.RoleAdmin, Source: core.KeyFromEnvironment, Added: epoch},
			{Name: "bo", Role: core.RoleOperator, Source: core.KeyFromStore, Added: epoch.Add(-48 * time.Hour), AddedBy: "ana"},
		},
		Keys: []core.Key{
			{Fingerprint: "SHA256:u9hN3QzS0Yb7l1J9x2b5m3w8c4Vt6KpQ", Person: "ana", Line: "ssh-ed25519 AAAA ana@laptop", Comment: "ana@laptop", Source: core.KeyFromEnvironment, LastUsed: epoch},
			{Fingerprint: "SHA256:K1pLZxv0c9QmT3e8r2Yb7l1J9x2b5m3w", Person: "bo", Line: "ssh-ed25519 AAAA bo@desk", Comment: "bo@desk", Source: core.KeyFromStore},
		},
		Sessions: []core.LiveSession{{ID: "s-ana", Actor: person("ana", core.RoleAdmin), What: "console", Started: epoch.Add(-5 * time.Minute), Active: epoch}},
		Warnings: []string{"MATRX_ADMIN_KEYS line 3 was skipped: it is not a key."},
	}
	w.settings = []core.Setting{
		{Name: "logs.max-age", Value: "14d", Default: "30d", Summary: "How long collected logs are kept."},
		{Name: "logs.max-bytes", Value: "10GiB", Default: "10GiB", Summary: "How much collected logs take, all services together."},
	}
	w.docs = []core.Doc{{Name: "home", Title: "Home", Text: "# Home\n\nFaults come first.\n\n- one\n- two\n"}, {Name: "logs", Title: "Logs", Text: "# Logs\n\nEvery line is *collected*.\n\n## Search\n\nPress `S`.\n"}}
	w.recordings = []core.Recording{
		{ID: "r-2", Service: "ship-demo", By: person("ana", core.RoleAdmin), Started: epoch.Add(-time.Hour), Took: 95 * time.Second, Size: 18 << 10},
		{ID: "r-1", Service: "postgres", By: person("bo", core.RoleOperator), Started: epoch.Add(-50 * time.Hour), Took: 12 * time.Second, Size: 900, ExitCode: 130},
	}
	w.cast = []core.CastEvent{{Kind: "r", Data: "40x10"}, {At: 100 * time.Millisecond, Kind: "o", Data: "$ ls\r\n"}, {At: time.Second, Kind: "o", Data: "\x1b[32mserver.js\x1b[m  uploads\r\n$ "}, {At: time.Minute, Kind: "o", Data: "exit\r\n"}}
	w.lines = newTap(logLines("ship-demo", 60)...)
	w.logNames = []core.LogService{{Service: "ship-demo", Bytes: 1 << 20, Live: true}, {Service: "ship-old", Bytes: 3 << 20}}
	w.hits = ending(hits(3)...)
	w.infra = infrastructure()
	w.ship = fullShip()
	return w
}

func auditEvents(n int) []core.AuditEvent {
	var out []core.AuditEvent
	for i := n; i > 0; i-- {
		e := core.AuditEvent{
			ID: fmt.Sprintf("a-%04d", i), Seq: uint64(i), At: epoch.Add(time.Duration(i-n) * time.Minute), Actor: person("ana", core.RoleAdmin), Op: "service.restart",
			Target: "ship-demo", Outcome: core.OutcomeOK, Took: 2100 * time.Millisecond, Hash: "ab12", Input: json.RawMessage(`{"service":"ship-demo"}`),
		}
		if i%4 == 0 {
			e.Outcome, e.Message, e.Actor = string(core.CodeForbidden), "service.restart needs the role operator; vic is viewer.", person("vic", core.RoleViewer)
		}
		out = append(out, e)
	}
	return out
}

// logLines are lines with levels, JSON and a gap among them.
func logLines(service string, n int) []core.LogLine {
	out := make([]core.LogLine, n)
	for i := range out {
		l := core.LogLine{At: epoch.Add(time.Duration(i-n) * time.Second), Service: service, Container: "3f2a0b1c2d3e", Stream: "stdout", Seq: uint64(i + 1), Level: core.LevelInfo}
		l.Text = fmt.Sprintf("request %d GET /items took %d ms", i, i%7)
		switch {
		case i%10 == 9:
			l.Level, l.Text = core.LevelError, fmt.Sprintf(`{"level":"error","msg":"connection refused","attempt":%d,"db":{"host":"ship-demo-db"}}`, i)
		case i%10 == 5:
			l.Level, l.Text = core.LevelWarn, "slow query"
		case i == n-13:
			l = core.LogLine{At: l.At, Service: service, Seq: l.Seq, Gap: &core.LogGap{From: l.At, To: l.At.Add(time.Second), Dropped: 1030, Reason: "the reader was too slow"}}
		}
		out[i] = l
	}
	return out
}

func hits(n int) []core.LogHit {
	out := []core.LogHit{{Progress: &core.LogProgress{Bytes: 300 << 20, TotalBytes: 1 << 30, Oldest: epoch.Add(-24 * time.Hour)}}}
	for i := range n {
		out = append(out, core.LogHit{Line: &core.LogLine{At: epoch.Add(-time.Duration(i) * time.Hour), Service: "ship-old", Seq: uint64(100 - i), Level: core.LevelError, Text: fmt.Sprintf("panic: out of memory %d", i)}})
	}
	return out
}

func infrastructure() core.Infrastructure {
	return core.Infrastructure{
		Engine:  core.EngineInfo{Version: "20.10.24", API: "1.41", Driver: "overlay2", Cgroup: "1", Kernel: "6.1.0"},
		Traefik: "3.5.3",
		Networks: []core.Network{
			{Name: "proxy", Driver: "bridge", Subnets: []string{"172.20.0.0/24"}, Containers: []string{"traefik", "ship-demo", "matrx-manager"}},
			{Name: "ship-demo-net", Driver: "bridge", Internal: true, Subnets: []string{"172.21.0.0/24"}, Containers: []string{"ship-demo", "ship-demo-db"}},
		},
		Volumes: []core.Volume{{Name: "ship-demo-data", Driver: "local", Path: "/var/lib/docker/volumes/ship-demo-data", Created: epoch, Size: 41 << 20, UsedBy: 1}, {Name: "old", Driver: "local", Created: epoch, Size: -1, UsedBy: 0}},
		Images:  []core.Image{{ID: "sha256:9c1e000000000000", Tags: []string{"ship-demo:1.4.2"}, Created: epoch, Size: 180 << 20, UsedBy: 1}, {ID: "sha256:77aa000000000000", Created: epoch, Size: 90 << 20}},
		Routes: []core.Route{
			{Name: "ship-demo@docker", Rule: "Host(`demo.dev.codematrx.test`)", Hosts: []string{"demo.dev.codematrx.test"}, Service: "ship-demo@file", Servers: []string{"http://172.20.0.5:3000 UP"}, TLS: true, Status: "enabled"},
			{Name: "broken@docker", Rule: "Host(`x.test`)", Hosts: []string{"x.test"}, Status: "disabled", Errors: []string{"the service does not exist"}},
		},
		Disk:     core.DiskUsage{Images: 3 << 30, ImagesUnused: 1 << 30, Containers: 20 << 20, Volumes: 400 << 20, VolumesUnused: 10 << 20, BuildCache: 600 << 20, At: epoch},
		Problems: []string{"Sizes of volumes were not measured: the engine took too long."},
	}
}
