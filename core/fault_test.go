package core

import (
	"strings"
	"testing"
	"time"
)

// wellInput is a server on which nothing is wrong.
func wellInput(details ...ContainerDetail) faultInput {
	b := newBoard(ManagerCharter(), "")
	details = append(details, ran("s1", DeployName))
	show(b, boardNow, details...)
	for name, k := range b.rows {
		b.probed(boardNow, probeTask{name: name, gen: k.probe.gen}, "fine", 0, nil)
	}
	return faultInput{
		now: boardNow, charter: ManagerCharter(), engine: EngineState{Up: true}, rows: b.rows,
		host:    HostUsage{Disk: 50, DiskTotal: 100, Memory: 50, MemoryTotal: 100},
		journal: JournalHead{Writable: true},
	}
}

func TestFaultsSayWhatIsWrongAndWhatToDo(t *testing.T) {
	row := func(name string, change func(*known)) func(*faultInput) {
		return func(in *faultInput) {
			k := in.rows[name]
			change(k)
			k.judge(in.now)
		}
	}
	cases := []struct {
		name   string
		change func(*faultInput)
		want   Severity
		what   string
		do     string
	}{
		{"engine", func(in *faultInput) { in.engine = EngineState{Problem: "It hangs."} }, Critical, "engine does not answer: It hangs.", "last known state"},
		{"journal", func(in *faultInput) { in.journal = JournalHead{Trouble: "no space left"} }, Critical, "journal cannot be written: no space left", "relief"},
		{"logs", func(in *faultInput) { in.logs.Trouble = "disk full" }, Warning, "disk full", "trim"},
		{"disk", func(in *faultInput) { in.host.Disk = 86 }, Warning, "disk is 86 % full", "Prune"},
		{"full disk", func(in *faultInput) { in.host.Disk = 96 }, Critical, "disk is 96 % full", "Prune"},
		{"memory", func(in *faultInput) { in.host.Memory = 92 }, Warning, "memory is 92 % used", "restart"},
		{"no sibling", func(in *faultInput) { delete(in.rows, DeployName) }, Warning, "no deploy-server", "Deploy"},
		{"sibling down", row(DeployName, func(k *known) { k.container.State = "exited" }), Critical, "deploy-server is down", "start deploy-server"},
		{"stopped database", row("ship-acme-db", func(k *known) { k.container.State = "exited" }), Critical, "ship-acme-db is down: exited with 0", "start ship-acme-db"},
		{"failed", row("ship-acme", func(k *known) { k.container.State, k.detail.ExitCode = "exited", 3 }), Critical, "exited with 3", "logs ship-acme"},
		{"missing", row("ship-acme", func(k *known) { k.missing = boardNow }), Critical, "ship-acme is missing", "remove ship-acme"},
		{"unhealthy", row("ship-acme", func(k *known) { k.probe.failing, k.probe.detail = 2, "HTTP 503 from /healthz" }), Critical,
			"does not pass its health check: HTTP 503", "restart ship-acme"},
		{"unhealthy over its database", func(in *faultInput) {
			row("ship-acme", func(k *known) { k.probe.failing = 2 })(in)
			row("ship-acme-db", func(k *known) { k.container.State = "exited" })(in)
		}, Critical, "ship-acme does not pass", "database ship-acme-db is down"},
		{"skip", row("ship-acme", func(k *known) { k.rule = parseHealthLabel("skip:a worker") }), Warning, "unproven: its definition says skip: a worker", labelHealth},
		{"unreachable", row("ship-acme", func(k *known) { k.probe.address, k.probe.reason = "", "none of its networks" }), Warning, "none of its networks", "Connect"},
		{"paused", row("ship-acme", func(k *known) { k.container.State = "paused" }), Warning, "is paused", "restart ship-acme"},
		{"crash loop", row("ship-acme", func(k *known) {
			k.crashes = []time.Time{boardNow.Add(-9 * time.Minute), boardNow.Add(-8 * time.Minute), boardNow}
		}), Critical, "restarted 3 times", "logs ship-acme"},
		{"out of memory", row("ship-acme", func(k *known) { k.oom = boardNow.Add(-time.Minute) }), Warning, "ran out of memory", "more memory"},
		{"at its limit", row("ship-acme", func(k *known) { k.meter.newest = Usage{Memory: 96, MemoryLimit: 100} }), Warning, "of its 100 B of memory", "limit"},
		{"rivals", row("ship-acme", func(k *known) { k.rivals, k.others = 1, []string{"ship-acme-2 0123"} }), Warning, "runs more than once", "ship-acme"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			in := wellInput(ran("a1", "ship-acme"), ran("b2", "ship-acme-db"))
			if facts := faultsOf(in); len(facts) != 0 {
				t.Fatalf("faults although all is well: %+v", facts)
			}
			tc.change(&in)
			for _, f := range faultsOf(in) {
				if strings.Contains(f.What, tc.what) && strings.Contains(f.Do, tc.do) && f.Severity == tc.want {
					return
				}
			}
			t.Errorf("not among %+v", faultsOf(in))
		})
	}
}

func TestOldRestartsAreNoCrashLoop(t *testing.T) {
	in := wellInput(ran("a1", "ship-acme"))
	in.rows["ship-acme"].crashes = []time.Time{boardNow.Add(-time.Hour), boardNow.Add(-11 * time.Minute), boardNow}
	if facts := faultsOf(in); len(facts) != 0 {
		t.Errorf("%+v", facts)
	}
}

func TestRestartsByTheEngineAreCounted(t *testing.T) {
	b := newBoard(ManagerCharter(), "")
	show(b, boardNow, ran("a1", "web"))
	for i := range 4 {
		d := ran("a1", "web")
		d.Restarts, d.StartedAt = i, boardNow.Add(time.Duration(i)*time.Second)
		show(b, boardNow.Add(time.Duration(i)*time.Minute), d)
	}
	if n := b.rows["web"].recentCrashes(boardNow.Add(4 * time.Minute)); n != 3 {
		t.Errorf("%d restarts", n)
	}
	fresh := ran("a2", "web")
	fresh.Restarts = 7 // of a life we did not see
	show(b, boardNow.Add(5*time.Minute), fresh)
	if n := b.rows["web"].recentCrashes(boardNow.Add(5 * time.Minute)); n != 3 {
		t.Errorf("%d restarts after it was recreated", n)
	}
}

func TestWhatWasRunByHandMayEndAndWhatIsMeantToRunMayNot(t *testing.T) {
	ended := func(name string, code int, policy string, labels map[string]string) ContainerDetail {
		d := ran("a1", name)
		d.State, d.ExitCode, d.RestartPolicy, d.Labels = "exited", code, policy, labels
		return d
	}
	compose := map[string]string{composeProject: "blog", composeService: "migrate", composeNumber: "1"}
	cases := []struct {
		name   string
		d      ContainerDetail
		faults int
	}{
		{"by hand, well", ended("migrate", 0, "no", nil), 0},
		{"by hand, badly", ended("brave_euler", 1, "", nil), 0},
		{"by hand, to be started again", ended("brave_euler", 1, "always", nil), 1},
		{"of compose, well", ended("blog-migrate-1", 0, "no", compose), 0},
		{"of compose, badly", ended("blog-migrate-1", 1, "no", compose), 1},
		{"by our label", ended("x", 0, "no", map[string]string{labelService: "x"}), 1},
		{"by its name", ended("ship-acme", 0, "no", nil), 1},
	}
	for _, tc := range cases {
		in := wellInput(tc.d)
		if facts := faultsOf(in); len(facts) != tc.faults || tc.faults > 0 && facts[0].Severity != Critical {
			t.Errorf("%s: %+v", tc.name, facts)
		}
		if len(in.rows) != 2 {
			t.Errorf("%s: it is not listed", tc.name)
		}
	}
}

func TestTheWorstFaultsComeFirstAndKeepTheirOrderAndAge(t *testing.T) {
	in := wellInput(ran("a1", "ship-b"), ran("b2", "ship-a"), ran("c3", "traefik"))
	for _, name := range []string{"ship-a", "ship-b", "traefik"} {
		in.rows[name].container.State = "exited"
		in.rows[name].judge(boardNow)
	}
	in.host.Disk = 86
	in.journal = JournalHead{Trouble: "x"}
	ages := faultAges{}
	order := func(faults []Fault) string {
		var b strings.Builder
		for _, f := range faults {
			b.WriteString(string(f.Severity) + ":" + f.Service + " ")
		}
		return b.String()
	}
	const want = "critical: critical:traefik critical:ship-a critical:ship-b warning: "
	first := ages.age(boardNow, faultsOf(in))
	if order(first) != want {
		t.Fatalf("order %s", order(first))
	}
	in.host.Disk = 87 // the words change, the fault is the same
	later := ages.age(boardNow.Add(time.Minute), faultsOf(in))
	if order(later) != want || !later[4].Since.Equal(boardNow) {
		t.Errorf("order %s, disk since %s", order(later), later[4].Since)
	}
	in.host.Disk = 10
	ages.age(boardNow.Add(2*time.Minute), faultsOf(in))
	in.host.Disk = 87
	again := ages.age(boardNow.Add(3*time.Minute), faultsOf(in))
	if !again[4].Since.Equal(boardNow.Add(3 * time.Minute)) {
		t.Errorf("a fault that came back is as old as before: %s", again[4].Since)
	}
}

func TestServicesWithFaultsComeFirst(t *testing.T) {
	list := []Service{{Name: "a", Layer: 3}, {Name: "traefik", Layer: 0}, {Name: "z", Layer: 3}, {Name: "y", Layer: 3}}
	sortServices(list, []Fault{{Severity: Warning, Service: "y"}, {Severity: Critical, Service: "z"}, {Severity: Warning, Service: "z"}})
	var names []string
	for _, s := range list {
		names = append(names, s.Name)
	}
	if got := strings.Join(names, " "); got != "z y traefik a" {
		t.Errorf("order %s", got)
	}
}
