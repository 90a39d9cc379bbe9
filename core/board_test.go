package core

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// boardNow is the time in tests of the board.
var boardNow = time.Date(2026, 5, 1, 2, 0, 0, 0, time.UTC)

// ran is a container that has run for an hour on the network "proxy".
func ran(id, name string) ContainerDetail {
	return ContainerDetail{
		Container: Container{
			ID: id, Name: name, State: "running", Created: boardNow.Add(-2 * time.Hour),
			Ports: []Port{{Container: 80, Protocol: "tcp"}}, Networks: []Attachment{{Network: "proxy", Address: "172.18.0.9"}},
		},
		StartedAt: boardNow.Add(-time.Hour), RestartPolicy: "unless-stopped",
	}
}

// show merges containers into a board, every one inspected.
func show(b *board, at time.Time, details ...ContainerDetail) []string {
	var list []Container
	inspected := map[string]ContainerDetail{}
	for _, d := range details {
		list = append(list, d.Container)
		inspected[d.ID] = d
	}
	return b.merge(at, takeCensus(list), inspected)
}

func TestAServiceWithoutItsContainerStaysListedForADay(t *testing.T) {
	b := newBoard(ManagerCharter(), "")
	show(b, boardNow, ran("a1", "ship-acme"), ran("b2", "traefik"))
	changed := show(b, boardNow.Add(time.Minute), ran("b2", "traefik"))
	k := b.rows["ship-acme"]
	if k == nil || k.missing.IsZero() || k.health.State != Down || strings.Join(changed, " ") != "ship-acme" {
		t.Fatalf("row %+v, changed %v", k, changed)
	}
	show(b, boardNow.Add(23*time.Hour), ran("b2", "traefik"))
	if b.rows["ship-acme"] == nil {
		t.Fatal("forgotten too early")
	}
	show(b, boardNow.Add(25*time.Hour), ran("b2", "traefik"))
	if b.rows["ship-acme"] != nil {
		t.Fatal("never forgotten")
	}
}

func TestAContainerRunByHandVanishesWithoutAFault(t *testing.T) {
	b := newBoard(ManagerCharter(), "")
	byHand := ran("a1", "brave_euler")
	byHand.RestartPolicy = "no"
	show(b, boardNow, byHand)
	show(b, boardNow.Add(time.Second))
	if len(b.rows) != 0 {
		t.Fatalf("rows left: %v", b.rows)
	}
}

func TestAStepOfAnImagesBuildIsNoService(t *testing.T) {
	step := ran("a1", "nice_ellis")
	step.Image, step.LogDriver, step.RestartPolicy = "sha256:e0220d0167e7", "none", ""
	scratch := ran("a2", "happy_hopper")
	scratch.State, scratch.LogDriver, scratch.RestartPolicy = "created", "none", ""
	ours := step
	ours.ID, ours.Name, ours.Labels = "a3", "local-agent", map[string]string{labelService: "agent-one"}
	byHand := ran("a4", "brave_euler") // of an image whose tag went to another one
	byHand.Image, byHand.LogDriver, byHand.RestartPolicy = step.Image, "json-file", ""
	b := newBoard(ManagerCharter(), "")
	for range 2 {
		show(b, boardNow, step, scratch, ours, byHand)
		if len(b.rows) != 2 || b.rows["agent-one"] == nil || b.rows["brave_euler"] == nil {
			t.Fatalf("listed: %v", slices.Sorted(maps.Keys(b.rows)))
		}
	}
}

func TestAContainerRunByHandThatIsGoneBeforeItIsLookedAtIsNotListed(t *testing.T) {
	b := newBoard(ManagerCharter(), "")
	c := takeCensus([]Container{ran("a1", "nice_ellis").Container, ran("a2", "ship-acme").Container})
	b.merge(boardNow, c, nil)
	if _, owned := c.owners["a1"]; owned || len(b.rows) != 1 || b.rows["ship-acme"] == nil {
		t.Fatalf("rows %v, owners %v", b.rows, c.owners)
	}
	one := ran("a1", "nice_ellis")
	show(b, boardNow, one)
	b.merge(boardNow, takeCensus([]Container{one.Container}), nil) // nothing to look at again
	if b.rows["nice_ellis"] == nil {
		t.Fatal("one that was looked at before is not listed")
	}
}

func TestARecreatedContainerKeepsTheOneRow(t *testing.T) {
	b := newBoard(ManagerCharter(), "")
	show(b, boardNow, ran("a1", "ship-acme"))
	b.probed(boardNow, probeTask{name: "ship-acme", gen: b.rows["ship-acme"].probe.gen}, "fine", 0, nil)
	show(b, boardNow.Add(time.Second), ran("a2", "ship-acme"))
	k := b.rows["ship-acme"]
	if len(b.rows) != 1 || k.container.ID != "a2" || k.health.State != Starting {
		t.Fatalf("%d rows, %+v", len(b.rows), k.health)
	}
}

func TestARenamedContainerTakesItsRowAlong(t *testing.T) {
	b := newBoard(ManagerCharter(), "")
	show(b, boardNow, ran("a1", "one"))
	b.rows["one"].meter.add("a1", StatsSample{At: boardNow})
	b.rows["one"].meter.add("a1", StatsSample{At: boardNow.Add(time.Second), CPU: time.Second})
	show(b, boardNow.Add(time.Second), ran("a1", "two"))
	if len(b.rows) != 1 || b.rows["two"] == nil || len(b.rows["two"].meter.points) != 1 {
		t.Fatalf("rows %v", b.rows)
	}
}

func TestADatabaseRenamedBehindOurBackIsMissingAndSaysWhereItIs(t *testing.T) {
	b := newBoard(ManagerCharter(), "")
	show(b, boardNow, ran("a1", "ship-acme-db"))
	show(b, boardNow.Add(time.Second), ran("a1", "mine"))
	k := b.rows["ship-acme-db"]
	if k == nil || k.missing.IsZero() || !strings.Contains(k.health.Detail, "named mine now") || b.rows["mine"] == nil {
		t.Fatalf("rows %v", b.rows)
	}
	show(b, boardNow.Add(2*time.Second), ran("a1", "ship-acme-db"))
	if k := b.rows["ship-acme-db"]; len(b.rows) != 1 || !k.missing.IsZero() || k.renamed != "" {
		t.Fatalf("after it was renamed back: %v", b.rows)
	}
}

func TestOfSeveralClaimantsTheNewestRunningOneIsTheService(t *testing.T) {
	labelled := func(id, name, state string, age time.Duration) ContainerDetail {
		d := ran(id, name)
		d.Labels, d.State, d.Created = map[string]string{labelService: "web"}, state, boardNow.Add(-age)
		return d
	}
	b := newBoard(ManagerCharter(), "")
	show(b, boardNow, labelled("a1", "web-a", "running", 3*time.Hour), labelled("b2", "web-b", "running", 2*time.Hour), labelled("c3", "web-c", "exited", time.Hour))
	k := b.rows["web"]
	if len(b.rows) != 1 || k.container.ID != "b2" || len(k.others) != 2 || k.rivals != 1 {
		t.Fatalf("%d rows, chose %s, others %v, rivals %d", len(b.rows), k.container.ID, k.others, k.rivals)
	}
	show(b, boardNow, labelled("c3", "web-c", "exited", time.Hour), labelled("a1", "web-a", "running", 3*time.Hour))
	if k.container.ID != "a1" {
		t.Fatalf("chose %s, which does not run", k.container.ID)
	}
	helper := labelled("d4", "helper", "running", 0)
	helper.Labels[labelHelper] = "reap"
	show(b, boardNow, labelled("a1", "web-a", "running", 3*time.Hour), helper)
	if k.container.ID != "a1" || len(b.rows) != 1 {
		t.Fatalf("a helper counts as a service: %v", b.rows)
	}
}

func TestTheVerdictFollowsTheContainerTheImageAndTheProbes(t *testing.T) {
	with := func(change func(*ContainerDetail)) ContainerDetail { d := ran("a1", "web"); change(&d); return d }
	image := func(status string) func(*ContainerDetail) {
		return func(d *ContainerDetail) { d.ImageHealth = &ImageHealth{Status: status, Last: "no \x1b[31mdisk"} }
	}
	skip := func(d *ContainerDetail) { d.Labels = map[string]string{labelHealth: "skip:a worker"} }
	young := func(d *ContainerDetail) { d.StartedAt = boardNow.Add(-time.Second) }
	cases := []struct {
		name   string
		d      ContainerDetail
		probes string // p passes, f fails
		state  HealthState
		detail string
	}{
		{"not probed", ran("a1", "web"), "", Starting, "not probed yet"},
		{"passes", ran("a1", "web"), "p", Healthy, "fine"},
		{"one failure", ran("a1", "web"), "pf", Healthy, "the last probe failed: bad"},
		{"two failures", ran("a1", "web"), "pff", Unhealthy, "bad"},
		{"one pass heals", ran("a1", "web"), "pffp", Healthy, "fine"},
		{"never passed, old", ran("a1", "web"), "ff", Unhealthy, "bad"},
		{"never passed, young", with(young), "fff", Starting, "bad"},
		{"image unhealthy", with(image("unhealthy")), "p", Unhealthy, "no disk"},
		{"image healthy beside", with(image("healthy")), "p", Healthy, "fine"},
		{"nothing to probe", with(func(d *ContainerDetail) { d.Ports = nil }), "", Unproven, "nothing to probe"},
		{"only the image's check", with(func(d *ContainerDetail) { d.Ports = nil; image("healthy")(d) }), "", Healthy, "image's own"},
		{"skip", with(skip), "", Unproven, "a worker"},
		{"paused", with(func(d *ContainerDetail) { d.State = "paused" }), "", Paused, "paused"},
		{"restarting", with(func(d *ContainerDetail) { d.State, d.ExitCode = "restarting", 1 }), "", Unhealthy, "keeps restarting: exited with 1"},
		{"exited", with(func(d *ContainerDetail) { d.State, d.ExitCode = "exited", 137 }), "", Down, "exited with 137 (killed)"},
		{"out of memory", with(func(d *ContainerDetail) { d.State, d.ExitCode, d.OOMKilled = "exited", 137, true }), "", Down, "out of memory"},
		{"never started", with(func(d *ContainerDetail) { d.State, d.Error = "created", "port is taken" }), "", Down, "was never started: port is taken"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			b := newBoard(ManagerCharter(), "")
			show(b, boardNow, tc.d)
			k := b.rows["web"]
			for _, c := range tc.probes {
				if c == 'p' {
					b.probed(boardNow, probeTask{name: "web", gen: k.probe.gen}, "fine", 0, nil)
				} else {
					b.probed(boardNow, probeTask{name: "web", gen: k.probe.gen}, "bad", 0, errors.New("bad"))
				}
			}
			if k.health.State != tc.state || !strings.Contains(k.health.Detail, tc.detail) || strings.Contains(k.health.Detail, "\x1b") {
				t.Errorf("%s: %s", k.health.State, k.health.Detail)
			}
		})
	}
}

func TestAProbeOfAnEarlierLifeDoesNotCount(t *testing.T) {
	b := newBoard(ManagerCharter(), "")
	show(b, boardNow, ran("a1", "web"))
	old := b.rows["web"].probe.gen
	restarted := ran("a1", "web")
	restarted.StartedAt = boardNow
	show(b, boardNow.Add(time.Second), restarted)
	b.probed(boardNow.Add(time.Second), probeTask{name: "web", gen: old}, "fine", 0, nil)
	if state := b.rows["web"].health.State; state != Starting {
		t.Errorf("%s after a pass of the process before", state)
	}
}

func TestAServiceIsProbedOnlyOverANetworkWeShare(t *testing.T) {
	on := func(nets ...string) Container {
		c := Container{ID: "x"}
		for _, n := range nets {
			a := Attachment{Network: n, Address: "10.0.0.1"}
			if n == hostNetwork || n == noNetwork {
				a.Address = ""
			}
			c.Networks = append(c.Networks, a)
		}
		return c
	}
	inside := func(nets ...string) place {
		p := place{container: "own", inside: true, networks: map[string]bool{}}
		for _, n := range nets {
			p.networks[n] = true
		}
		return p
	}
	cases := []struct {
		name   string
		c      Container
		home   place
		host   string
		reason string
	}{
		{"shared", on("a", "proxy"), inside("proxy"), "10.0.0.1", ""},
		{"none shared", on("a", "b"), inside("proxy"), "", "none of its networks (a, b)"},
		{"we are on the host", on("a"), place{}, "10.0.0.1", ""},
		{"both on the host's network", on("host"), inside("host"), "127.0.0.1", ""},
		{"it alone on the host's network", on("host"), inside("proxy"), "", "none of its networks (host)"},
		{"no network", on("none"), inside("proxy"), "", "on no network"},
		{"no address yet", Container{Networks: []Attachment{{Network: "proxy"}}}, inside("proxy"), "", "no address on the network proxy yet"},
		{"ourselves", Container{ID: "own"}, inside("proxy"), "127.0.0.1", ""},
	}
	for _, tc := range cases {
		host, reason := reach(tc.c, tc.home)
		if host != tc.host || !strings.Contains(reason, tc.reason) || (host == "") == (reason == "") {
			t.Errorf("%s: %q %q", tc.name, host, reason)
		}
	}
}

func TestHungTargetsLeavePlacesForTheOthers(t *testing.T) {
	b := newBoard(ManagerCharter(), "")
	var all []ContainerDetail
	for i := range 100 {
		all = append(all, ran(fmt.Sprintf("h%02d", i), fmt.Sprintf("hung-%02d", i)))
	}
	show(b, boardNow, all...)
	if tasks, _ := b.due(boardNow); len(tasks) != probesQuick {
		t.Fatalf("%d at the start", len(tasks))
	}
	for name, k := range b.rows { // every one was slow before
		k.probe = probing{gen: k.probe.gen, address: k.probe.address, slow: true}
		_ = name
	}
	tasks, _ := b.due(boardNow)
	if len(tasks) != probesSlow {
		t.Fatalf("%d slow ones under way", len(tasks))
	}
	all = append(all, ran("q1", "quick"))
	show(b, boardNow, all...)
	tasks, _ = b.due(boardNow)
	if len(tasks) != 1 || tasks[0].name != "quick" {
		t.Fatalf("due beside hung targets: %v", tasks)
	}
}

func TestProbesThatHangMakeRoomForQuickOnes(t *testing.T) {
	b := newBoard(ManagerCharter(), "")
	var all []ContainerDetail
	for i := range 20 {
		all = append(all, ran(fmt.Sprintf("h%02d", i), fmt.Sprintf("web-%02d", i)))
	}
	show(b, boardNow, all...)
	first, wait := b.due(boardNow)
	if len(first) != probesQuick || wait > probeRecheck {
		t.Fatalf("%d at first, then %s", len(first), wait)
	}
	second, _ := b.due(boardNow.Add(probeSlow))
	if len(second) != probesQuick {
		t.Fatalf("%d after the first ones hang", len(second))
	}
}

func TestMatesOfAnInstanceAreProbedWithIt(t *testing.T) {
	b := newBoard(ManagerCharter(), "")
	show(b, boardNow, ran("a1", "ship-acme"), ran("b2", "ship-acme-db"), ran("c3", "ship-other"))
	got := b.heeded(nil, doubt{containers: map[string]bool{"b2": true}})
	if strings.Join(got, " ") != "ship-acme ship-acme-db" {
		t.Errorf("heeded %v", got)
	}
}

func TestOnlyContainersInDoubtAreInspected(t *testing.T) {
	b := newBoard(ManagerCharter(), "")
	one, two := ran("a1", "one"), ran("b2", "two")
	show(b, boardNow, one, two)
	two.Status = "Up 5 minutes (unhealthy)"
	c := takeCensus([]Container{one.Container, two.Container})
	if ids := b.suspects(c, doubt{}); strings.Join(ids, " ") != "b2" {
		t.Errorf("after a changed status: %v", ids)
	}
	if ids := b.suspects(c, doubt{containers: map[string]bool{"a1": true}}); len(ids) != 2 {
		t.Errorf("after an event: %v", ids)
	}
	if ids := b.suspects(c, doubt{all: true}); len(ids) != 2 {
		t.Errorf("after the stream broke: %v", ids)
	}
}

func TestAContainerHasTheGraceThatWasAskedForOrItsOwn(t *testing.T) {
	cases := []struct{ asked, own, want time.Duration }{
		{0, 0, defaultGrace}, {0, time.Minute, time.Minute}, {time.Second, time.Minute, time.Second}, {0, 24 * time.Hour, maxGrace},
	}
	for _, tc := range cases {
		if got := graceOf(tc.asked, ContainerDetail{StopGrace: tc.own}); got != tc.want {
			t.Errorf("asked %s, own %s: %s", tc.asked, tc.own, got)
		}
	}
}
