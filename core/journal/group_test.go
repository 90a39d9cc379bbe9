package journal

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/codematrx/matrx-ship/core"
)

// gate makes every sync wait until the test lets it through.
type gate struct {
	waiting chan struct{} // one for each sync that has begun
	open    chan error    // what it answers
}

// gated gives a journal whose syncs wait at a gate from now on.
func gated(t *testing.T, stall time.Duration) (*Journal, *faultDisk, gate) {
	d := &faultDisk{}
	cfg := config(t.TempDir())
	cfg.disk, cfg.Probe, cfg.Stall, cfg.Reserve = d, time.Millisecond, stall, 1<<20
	j := mustOpen(t, cfg)
	mustAppend(t, j, "first")
	g := gate{make(chan struct{}, 100), make(chan error)}
	d.set(func(op, _ string) error {
		if op != "sync" {
			return nil
		}
		g.waiting <- struct{}{}
		return <-g.open
	})
	return j, d, g
}

// appending is an append in a goroutine of its own.
func appending(ctx context.Context, j *Journal, key string) chan error {
	done := make(chan error, 1)
	go func() {
		_, err := j.Append(ctx, note(key))
		done <- err
	}()
	return done
}

func (j *Journal) waiting() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.queue)
}

func TestAppendsThatWaitShareOneSync(t *testing.T) {
	j, d, g := gated(t, time.Minute)
	lead := appending(t.Context(), j, "lead")
	<-g.waiting
	want, others := "first lead", []chan error(nil)
	for i := range 20 {
		others = append(others, appending(t.Context(), j, fmt.Sprint(i)))
		want += fmt.Sprint(" ", i)
		eventually(t, "it waits", func() bool { return j.waiting() == i+1 })
	}
	before := d.count("sync")
	g.open <- nil
	g.open <- nil
	for _, done := range append(others, lead) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if n := d.count("sync") - before; n != 1 || j.Head().Seq != 22 {
		t.Errorf("20 appends took %d syncs, want 1; head %d", n, j.Head().Seq)
	}
	if got := keys(t, j); got != want {
		t.Errorf("it replays %q, want the order of arrival %q", got, want)
	}
}

func TestWhoGivesUpWhileWaitingLeavesNoTrace(t *testing.T) {
	j, d, g := gated(t, time.Minute)
	lead := appending(t.Context(), j, "lead")
	<-g.waiting
	ctx, cancel := context.WithCancel(t.Context())
	gone := appending(ctx, j, "gone")
	eventually(t, "the other waits", func() bool { return j.waiting() == 1 })
	cancel()
	if err := <-gone; core.CodeOf(err) != core.CodeCanceled {
		t.Errorf("error %v, want canceled", err)
	}
	d.set(nil)
	g.open <- nil
	if err := <-lead; err != nil {
		t.Error(err)
	}
	if got := keys(t, j); got != "first lead" {
		t.Errorf("it replays %q", got)
	}
}

func TestWhoGivesUpOnceItIsWrittenGetsTheOutcome(t *testing.T) {
	j, d, g := gated(t, time.Minute)
	lead := appending(t.Context(), j, "lead")
	<-g.waiting
	ctx, cancel := context.WithCancel(t.Context())
	taken := appending(ctx, j, "taken")
	eventually(t, "the other waits", func() bool { return j.waiting() == 1 })
	g.open <- nil
	<-g.waiting // taken leads now
	cancel()
	d.set(nil)
	g.open <- nil
	if err := <-taken; err != nil {
		t.Errorf("error %v, want the outcome", err)
	}
	if err := <-lead; err != nil {
		t.Error(err)
	}
	if got := keys(t, j); got != "first lead taken" {
		t.Errorf("it replays %q", got)
	}
}

func TestAFailedBatchFailsForAllWhoSharedIt(t *testing.T) {
	j, d, g := gated(t, time.Minute)
	lead := appending(t.Context(), j, "lead")
	<-g.waiting
	var others []chan error
	for i := range 5 {
		others = append(others, appending(t.Context(), j, fmt.Sprint(i)))
	}
	eventually(t, "all others wait", func() bool { return j.waiting() == 5 })
	g.open <- nil
	<-g.waiting
	d.set(nil)
	g.open <- fmt.Errorf("the disk is gone")
	if err := <-lead; err != nil {
		t.Error(err)
	}
	for _, done := range others {
		if err := <-done; core.CodeOf(err) != core.CodeUnavailable {
			t.Errorf("error %v, want unavailable", err)
		}
	}
	eventually(t, "the journal is writable", func() bool { return j.Head().Writable })
	if got := keys(t, j); got != "first lead" {
		t.Errorf("it replays %q", got)
	}
}

func TestADiskThatHangsHoldsNobodyButTheOneWhoWrites(t *testing.T) {
	j, d, g := gated(t, 20*time.Millisecond)
	lead := appending(t.Context(), j, "lead")
	<-g.waiting
	later := []chan error{appending(t.Context(), j, "later"), appending(t.Context(), j, "latest")}
	for _, done := range later {
		if err := <-done; core.CodeOf(err) != core.CodeUnavailable || !strings.Contains(err.Error(), "does not answer") {
			t.Errorf("error %v, want unavailable", err)
		}
	}
	mustRefuse(t, j, "the disk does not answer")
	if got := keys(t, j); got != "first" {
		t.Errorf("while it hangs it replays %q", got)
	}
	d.set(nil)
	g.open <- nil
	if err := <-lead; core.CodeOf(err) != core.CodeUnavailable {
		t.Errorf("the one who wrote got %v, want unavailable", err)
	}
	eventually(t, "the journal is writable", func() bool { return j.Head().Writable })
	mustAppend(t, j, "after")
	if got := keys(t, j); got != "first after" {
		t.Errorf("it replays %q", got)
	}
	mustVerify(t, j)
}

func TestADiskThatHangsUnderABatchIsGivenUpForAllOfIt(t *testing.T) {
	j, d, g := gated(t, time.Second)
	lead := appending(t.Context(), j, "lead")
	<-g.waiting
	one := appending(t.Context(), j, "one")
	eventually(t, "the first waits", func() bool { return j.waiting() == 1 })
	two := appending(t.Context(), j, "two")
	eventually(t, "the second waits", func() bool { return j.waiting() == 2 })
	g.open <- nil // the first leads now, and the second is in its hands
	if err := <-lead; err != nil {
		t.Fatal(err)
	}
	<-g.waiting
	if err := <-two; core.CodeOf(err) != core.CodeUnavailable {
		t.Errorf("the second got %v, want unavailable", err)
	}
	d.set(nil)
	g.open <- nil
	if err := <-one; core.CodeOf(err) != core.CodeUnavailable {
		t.Errorf("the first got %v, want unavailable", err)
	}
	eventually(t, "the journal is writable", func() bool { return j.Head().Writable })
	if got := keys(t, j); got != "first lead" {
		t.Errorf("it replays %q", got)
	}
}

func TestADiskThatHangsWhileItIsOpenedAgainIsGivenUp(t *testing.T) {
	j, d, g := gated(t, 20*time.Millisecond)
	gate := d.fault
	d.setFree(1) // so that the keeper waits
	d.set(func(op, _ string) error {
		if op == "write" {
			return unix.ENOSPC
		}
		return nil
	})
	mustRefuse(t, j, "disk is full")
	d.set(gate)
	relief := make(chan error, 1)
	go func() {
		_, err := j.AppendRelief(t.Context(), note("relief"))
		relief <- err
	}()
	<-g.waiting
	eventually(t, "it is given up", func() bool { return strings.Contains(j.Head().Trouble, "does not answer") })
	d.set(nil)
	d.setFree(0)
	g.open <- nil
	if err := <-relief; core.CodeOf(err) != core.CodeUnavailable {
		t.Errorf("relief got %v, want unavailable", err)
	}
	eventually(t, "the journal is writable", func() bool { return j.Head().Writable })
	mustAppend(t, j, "after")
	if got := keys(t, j); got != "first after" {
		t.Errorf("it replays %q", got)
	}
}

func TestTooManyThatWaitAreRefused(t *testing.T) {
	j, d, g := gated(t, time.Minute)
	lead := appending(t.Context(), j, "lead")
	<-g.waiting
	large := core.Record{Table: "t", Op: core.RecordNote, Body: []byte(`"` + strings.Repeat("x", core.MaxRecordBody-2) + `"`)}
	var wg sync.WaitGroup
	for range 21 {
		wg.Go(func() {
			if _, err := j.Append(t.Context(), large, large, large); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "all of them wait", func() bool { return j.waiting() == 21 })
	if _, err := j.Append(t.Context(), large, large, large); core.CodeOf(err) != core.CodeUnavailable {
		t.Errorf("error %v, want unavailable", err)
	}
	if _, err := j.Append(t.Context(), large, large, large, large); core.CodeOf(err) != core.CodeInvalid {
		t.Errorf("an append over 4 MiB: %v, want invalid", err)
	}
	d.set(nil)
	g.open <- nil
	wg.Wait()
	if err := <-lead; err != nil {
		t.Error(err)
	}
	if j.Head().Seq != 2+3*21 {
		t.Errorf("head %d", j.Head().Seq)
	}
}

func TestCloseLetsThoseWhoWaitFinish(t *testing.T) {
	j, d, g := gated(t, time.Minute)
	lead := appending(t.Context(), j, "lead")
	<-g.waiting
	other := appending(t.Context(), j, "other")
	eventually(t, "the other waits", func() bool { return j.waiting() == 1 })
	closed := make(chan error, 1)
	go func() { closed <- j.Close() }()
	eventually(t, "it closes", func() bool { return !j.Head().Writable })
	d.set(nil)
	g.open <- nil
	for _, done := range []chan error{lead, other, closed} {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if got := j.Head().Seq; got != 3 {
		t.Errorf("head %d, want 3", got)
	}
}
