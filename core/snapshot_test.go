package core

import (
	"fmt"
	"testing"
	"time"
)

// stillJournal and stillLogs say that all is well.
type stillJournal struct{ Journal }

func (stillJournal) Head() JournalHead { return JournalHead{Writable: true} }

type stillLogs struct{ LogStore }

func (stillLogs) Stats() LogStats { return LogStats{} }

// crowd is a services with n healthy services that have a history.
func crowd(n int) *services {
	c := &Core{charter: ManagerCharter(), now: func() time.Time { return boardNow }}
	s := newServices(c, Parts{Journal: stillJournal{}, Logs: stillLogs{}})
	var details []ContainerDetail
	for i := range n {
		details = append(details, ran(fmt.Sprintf("%064x", i), fmt.Sprintf("ship-acme-%03d", i)))
	}
	show(s.board, boardNow, details...)
	for name, k := range s.board.rows {
		s.board.probed(boardNow, probeTask{name: name, gen: k.probe.gen}, "HTTP 200 from /healthz", time.Millisecond, nil)
		for i := range maxUsagePoints {
			k.meter.add(k.container.ID, reading(i))
		}
	}
	s.engine.Up = true
	return s
}

func TestASnapshotOfTwoHundredServicesIsCheapAndMadeOnlyOnce(t *testing.T) {
	s := crowd(200)
	if a, b := s.snapshot(), s.snapshot(); a != b || len(a.Services) != 200 {
		t.Errorf("%d services, made again although nothing changed: %v", len(a.Services), a != b)
	}
	allocs := testing.AllocsPerRun(20, func() {
		s.stale = true
		s.snapshot()
	})
	if allocs > 800 {
		t.Errorf("%.0f allocations for a snapshot of 200 services", allocs)
	}
}

func BenchmarkSnapshotOf200Services(b *testing.B) {
	s := crowd(200)
	b.ReportAllocs()
	for b.Loop() {
		s.stale = true
		s.snapshot()
	}
}

func BenchmarkListingOf200Containers(b *testing.B) {
	s := crowd(200)
	var list []Container
	for _, k := range s.board.rows {
		list = append(list, k.container)
	}
	b.ReportAllocs()
	for b.Loop() {
		c := takeCensus(list)
		s.board.suspects(c, doubt{})
		s.board.merge(boardNow, c, nil)
	}
}
