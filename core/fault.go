package core

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Where resources become faults.
const (
	diskWarn, diskFull     = 0.85, 0.95
	memoryWarn, memoryFull = 0.90, 0.97
	serviceMemory          = 0.95 // of the container's own limit
	inodesWarn, inodesFull = 0.85, 0.95
	maxClockSkew           = 2 * time.Second
	certificateSoon        = 14 * 24 * time.Hour
)

// The classes of faults: the server before its services.
const (
	classServer = iota
	classServices
)

// weight orders severities, worst heaviest.
func (s Severity) weight() int {
	switch s {
	case Critical:
		return 2
	case Warning:
		return 1
	default:
		return 0
	}
}

// faultInput is everything that faults come from.
type faultInput struct {
	now      time.Time
	charter  Charter
	engine   EngineState
	rows     map[string]*known
	host     HostUsage
	journal  JournalHead
	logs     LogStats
	switches map[string]string // what is wrong with switch files, by service
	removals map[string]string // removals that nobody goes on with, by service
	sharing  []string          // what keeps the planes from seeing the same
}

// faultFact is a fault with what keeps it the same one while its words change.
type faultFact struct {
	Fault
	key   string
	layer int
	class int
}

// faultAges remembers since when a fault is there, for those that do not say so themselves.
type faultAges map[string]time.Time

// age gives every fault its beginning, and forgets faults that have gone.
func (a faultAges) age(now time.Time, facts []faultFact) []Fault {
	faults := make([]Fault, len(facts))
	seen := make(map[string]bool, len(facts))
	for i, f := range facts {
		key := f.key + " " + f.Service
		seen[key] = true
		if _, ok := a[key]; !ok {
			a[key] = now
		}
		if f.Since.IsZero() {
			f.Since = a[key]
		}
		faults[i] = f.Fault
		faults[i].key = f.key
	}
	for key := range a {
		if !seen[key] {
			delete(a, key)
		}
	}
	return faults
}

// faultsOf lists what is wrong now, the worst first, in an order that does not jump.
func faultsOf(in faultInput) []faultFact {
	var facts []faultFact
	facts = append(facts, engineFaults(in)...)
	facts = append(facts, keepingFaults(in)...)
	facts = append(facts, serverFaults(in.host)...)
	facts = append(facts, switchFaults(in)...)
	facts = append(facts, removalFaults(in)...)
	for _, k := range in.rows {
		facts = append(facts, serviceFaults(in, k)...)
	}
	slices.SortFunc(facts, func(a, b faultFact) int {
		return cmp.Or(
			cmp.Compare(b.Severity.weight(), a.Severity.weight()), cmp.Compare(a.class, b.class),
			cmp.Compare(a.layer, b.layer), cmp.Compare(a.Service, b.Service), cmp.Compare(a.key, b.key))
	})
	return facts
}

// serverFault makes a fault that is no service's.
func serverFault(severity Severity, key, what, do string, since time.Time) faultFact {
	return faultFact{Fault: Fault{Severity: severity, What: what, Do: do, Since: since}, key: key, class: classServer}
}

// engineFaults are those of the engine and of the two control planes seen from here.
func engineFaults(in faultInput) []faultFact {
	if !in.engine.Up {
		if in.engine.Problem == notAsked {
			return nil
		}
		return []faultFact{serverFault(Critical, "engine", "The Docker engine does not answer: "+in.engine.Problem,
			"What is shown is the last known state. Look at the engine on the server (systemctl status docker, its log, the disk); the consoles, logs and the audit work without it.",
			in.engine.Since)}
	}
	if in.rows[in.charter.Sibling] == nil {
		return []faultFact{serverFault(Warning, "sibling", "There is no "+in.charter.Sibling+" on this server: nobody could repair this control plane.",
			"Deploy "+in.charter.Sibling+".", time.Time{})}
	}
	return nil
}

// keepingFaults are those of the journal and the logs.
func keepingFaults(in faultInput) []faultFact {
	var facts []faultFact
	if !in.journal.Writable {
		facts = append(facts, serverFault(Critical, "journal", "The journal cannot be written: "+in.journal.Trouble,
			"Nothing but relief can be done until it is back: stop or restart a service, prune the disk (prune), trim the logs (log-trim). It reopens by itself.", in.journal.Since))
	}
	if in.logs.Trouble != "" {
		facts = append(facts, serverFault(Warning, "logs", "Logs are not kept: "+in.logs.Trouble,
			"Make room: trim the logs (log-trim) or prune the disk (prune). Live logs still show.", time.Time{}))
	}
	for _, trouble := range in.sharing {
		facts = append(facts, serverFault(Warning, "sharing", trouble,
			"Look at the files in MATRX_ROOT/state and at the disk; each control plane renders its own again.", time.Time{}))
	}
	return facts
}

// serverFaults are those of the machine.
func serverFaults(u HostUsage) []faultFact {
	var facts []faultFact
	if part := share(u.Disk, u.DiskTotal); part >= diskWarn {
		facts = append(facts, serverFault(above(part, diskFull), "disk",
			fmt.Sprintf("The disk is %.0f %% full: %s left.", part*100, FormatBytes(u.DiskTotal-u.Disk)),
			"Prune the disk on Infrastructure (prune), trim the logs (log-trim), or remove what is not needed.", time.Time{}))
	}
	if part := share(u.Memory, u.MemoryTotal); part >= memoryWarn {
		facts = append(facts, serverFault(above(part, memoryFull), "memory",
			fmt.Sprintf("The memory is %.0f %% used: %s left.", part*100, FormatBytes(u.MemoryTotal-u.Memory)),
			"Home shows the memory of each service: restart or stop the greediest.", time.Time{}))
	}
	return facts
}

// share is a part of a total, 0 when the total is not known.
func share(part, total int64) float64 {
	if total <= 0 {
		return 0
	}
	return float64(part) / float64(total)
}

// above is Critical from a limit on.
func above(part, full float64) Severity {
	if part >= full {
		return Critical
	}
	return Warning
}

// serviceFaults are those of one service.
func serviceFaults(in faultInput, k *known) []faultFact {
	var facts []faultFact
	add := func(severity Severity, key, what, do string, since time.Time) {
		fault := Fault{Severity: severity, Service: k.name, What: k.name + " " + what, Do: do, Since: since}
		facts = append(facts, faultFact{fault, key, k.layer, classServices})
	}
	switch k.health.State {
	case Down:
		if !mayEnd(k) {
			add(Critical, "health", downWords(k), downAdvice(in, k), k.health.Since)
		}
	case Unhealthy:
		add(Critical, "health", unhealthyWords(k), unhealthyAdvice(in, k), k.health.Since)
	case Paused:
		add(Warning, "health", "is paused", "Restart it: restart "+k.name, k.health.Since)
	case Unproven:
		add(Warning, "health", "is unproven: "+k.health.Detail, unprovenAdvice(k), k.health.Since)
	}
	if n := k.recentCrashes(in.now); n >= crashLoop {
		add(Critical, "crashes", fmt.Sprintf("restarted %d times within %s", n, FormatAge(crashWindow)),
			"It ends by itself again and again. Its log says why: logs "+k.name, k.crashes[len(k.crashes)-n])
	}
	if !k.oom.IsZero() && in.now.Sub(k.oom) < oomFor {
		add(Warning, "oom", "ran out of memory", "Give it more memory, or find out what took it: logs "+k.name, k.oom)
	}
	if u := k.meter.usage(k.runs()); share(u.Memory, cmp.Or(u.MemoryLimit, k.detail.MemoryLimit)) >= serviceMemory {
		add(Warning, "memory", fmt.Sprintf("uses %s of its %s of memory", FormatBytes(u.Memory), FormatBytes(cmp.Or(u.MemoryLimit, k.detail.MemoryLimit))),
			"The kernel kills it at the limit. Raise the limit, or restart it: restart "+k.name, time.Time{})
	}
	if k.rivals > 0 && k.runs() {
		add(Warning, "rivals", "runs more than once: "+strings.Join(k.others, ", "),
			"Operations act on "+k.container.Name+", the newest. Remove the others with the engine's own tools when they are not wanted.", time.Time{})
	}
	return facts
}

// mayEnd is true for a container that somebody ran by hand and that nothing says should run on: that it has come to its end, well or
// badly, is listed and is no fault of the server. One of a compose project may end well.
func mayEnd(k *known) bool {
	if !k.missing.IsZero() || restartsItself(k.detail.RestartPolicy) || k.kind != KindCustom || k.labelled {
		return false
	}
	return !k.declared || k.detail.ExitCode == 0
}

func downWords(k *known) string {
	if !k.missing.IsZero() {
		return "is missing: " + k.health.Detail
	}
	return "is down: " + k.health.Detail
}

// downAdvice says how to get a service back.
func downAdvice(in faultInput, k *known) string {
	switch {
	case k.renamed != "":
		return "Rename the container back, or forget the service: remove " + k.name
	case !k.missing.IsZero():
		return "Deploy it again; its log is kept: logs " + k.name + ". If it is not wanted any more: remove " + k.name
	case k.name == in.charter.Name:
		return "Start it from the other control plane."
	default:
		return "Start it: start " + k.name + ". Why it ended: logs " + k.name
	}
}

func unhealthyWords(k *known) string {
	if k.container.State == "restarting" {
		return k.health.Detail
	}
	return "does not pass its health check: " + k.health.Detail
}

// unhealthyAdvice looks first at the database the service stands on.
func unhealthyAdvice(in faultInput, k *known) string {
	if k.kind == KindShip {
		for _, db := range in.rows {
			if db.kind == KindShipDB && db.instance == k.instance && db.health.State.Rank() <= Starting.Rank() {
				return "Its database " + db.name + " is " + string(db.health.State) + ": look there first."
			}
		}
	}
	return "Why: logs " + k.name + ". Then restart it: restart " + k.name
}

func unprovenAdvice(k *known) string {
	if k.rule.how == ProbeSkip {
		return "Give it a health check: the label " + labelHealth + " with http:/path:port, postgres or tcp:port."
	}
	return "Connect this control plane to one of its networks."
}
