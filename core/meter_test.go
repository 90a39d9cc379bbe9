package core

import (
	"errors"
	"testing"
	"time"
)

// reading is the counters after so many seconds of one core, a MiB a second on the network and half of it on the disk.
func reading(seconds int) StatsSample {
	n := int64(seconds)
	return StatsSample{At: boardNow.Add(time.Duration(seconds) * time.Second), CPU: time.Duration(seconds) * time.Second,
		Memory: 100, NetRx: n << 20, NetTx: n << 20, DiskRead: n << 19, DiskWrite: n << 19, Pids: 3}
}

func TestRatesComeFromTwoReadings(t *testing.T) {
	var m meter
	m.add("a", reading(10))
	if u := m.usage(true); u.CPU != 0 || u.NetRx != 0 || u.Memory != 100 || len(u.History) != 0 {
		t.Errorf("after one reading: %+v", u)
	}
	m.add("a", reading(12))
	u := m.usage(true)
	if u.CPU != 1 || u.NetRx != 1<<20 || u.DiskWrite != 1<<19 || len(u.History) != 1 || u.History[0].Net != 2<<20 {
		t.Errorf("after two readings: %+v", u)
	}
	if u := m.usage(false); u.CPU != 0 || u.Memory != 0 || len(u.History) != 1 {
		t.Errorf("of a stopped container: %+v", u)
	}
}

func TestACounterThatWentBackGivesNoRate(t *testing.T) {
	var m meter
	m.add("a", reading(100))
	m.add("a", reading(110))
	again := reading(1)
	again.At = reading(120).At
	m.add("a", again)
	if u := m.usage(true); u.CPU != 0 || u.NetRx != 0 {
		t.Errorf("after a restart: %+v", u)
	}
	next := reading(2)
	next.At = reading(121).At
	m.add("a", next)
	if u := m.usage(true); u.CPU != 1 {
		t.Errorf("a second later: %+v", u)
	}
	m.add("b", reading(500))
	if u := m.usage(true); u.CPU != 0 {
		t.Errorf("of another container: %+v", u)
	}
	same := reading(500)
	m.add("b", same)
	if u := m.usage(true); u.CPU != 0 || u.CPU != u.CPU {
		t.Errorf("of the same moment: %+v", u)
	}
}

func TestHistoryIsBoundedAndWhatWasHandedOutStays(t *testing.T) {
	var points, early []UsagePoint
	for i := range 1000 {
		points = appendPoint(points, UsagePoint{Memory: int64(i)})
		if i == 150 {
			early = points
		}
		if len(points) > maxUsagePoints || cap(points) > 2*maxUsagePoints {
			t.Fatalf("%d points in space for %d", len(points), cap(points))
		}
	}
	for i, p := range early {
		if p.Memory != int64(150-maxUsagePoints+1+i) {
			t.Fatalf("point %d of an early history became %d", i, p.Memory)
		}
	}
	if last := points[len(points)-1].Memory; last != 999 || points[0].Memory != 880 {
		t.Errorf("history from %d to %d", points[0].Memory, last)
	}
}

func TestAFailedReadingOfTheServerKeepsTheLastOne(t *testing.T) {
	var h hostUsage
	h.add(HostUsage{At: boardNow, Memory: 5}, nil)
	h.add(HostUsage{}, errors.New("no /proc"))
	if h.newest.Memory != 5 || h.trouble == "" || len(h.newest.History) != 1 {
		t.Errorf("%+v", h)
	}
}
