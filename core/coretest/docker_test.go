package coretest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
)

func TestTheFakeKeepsTheContract(t *testing.T) {
	coretest.TestDocker(t, func(testing.TB) coretest.Rig { return coretest.NewFakeRig() })
}

func TestTheFakeMakesWhatTheContractSays(t *testing.T) {
	coretest.TestMaker(t, func(testing.TB) coretest.Rig { return coretest.NewFakeRig() })
}

func TestTheFakeKeepsImagesAsTheContractSays(t *testing.T) {
	coretest.TestImages(t, func(testing.TB) coretest.Rig { return coretest.NewFakeRig() })
}

func TestAHungFakeAnswersNobodyUntilItGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := coretest.NewDocker()
		d.SetHung(true)
		begin := time.Now()
		_, err := d.Containers(t.Context())
		if core.CodeOf(err) != core.CodeUnavailable || time.Since(begin) != 5*time.Second {
			t.Errorf("after %s: %v", time.Since(begin), err)
		}
		done := make(chan error, 1)
		go func() { _, err := d.Containers(t.Context()); done <- err }()
		synctest.Wait()
		d.SetHung(false)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestADownFakeFailsCallsAndBreaksStreams(t *testing.T) {
	d := coretest.NewDocker()
	id := d.Add(core.ContainerDetail{})
	next := make(chan error, 2)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	events, logs := d.Events(ctx), d.ContainerLogs(ctx, id, time.Time{}, true)
	go func() {
		for _, err := range events {
			next <- err
			return
		}
	}()
	go func() {
		for _, err := range logs {
			next <- err
			return
		}
	}()
	coretest.Wait(t, 5*time.Second, "both streams are open", func() bool { return d.Calls("ContainerLogs")+d.Calls("Events") == 2 })
	d.SetDown(errors.New("connection refused"))
	for range 2 {
		if err := <-next; core.CodeOf(err) != core.CodeUnavailable {
			t.Errorf("stream ended with %v", err)
		}
	}
	if _, err := d.Info(ctx); core.CodeOf(err) != core.CodeUnavailable {
		t.Errorf("call ended with %v", err)
	}
}

func TestAnInjectedFailureLastsUntilItIsTakenBack(t *testing.T) {
	d := coretest.NewDocker()
	id := d.Add(core.ContainerDetail{})
	d.Fail("Start", core.Errorf(core.CodeConflict, "port is taken"))
	if err := d.Start(t.Context(), id); core.CodeOf(err) != core.CodeConflict {
		t.Error(err)
	}
	d.Fail("Start", nil)
	if err := d.Start(t.Context(), id); err != nil {
		t.Error(err)
	}
	if n := d.Calls("Start"); n != 2 {
		t.Errorf("%d calls counted", n)
	}
}
