package core

import (
	"context"
	"iter"
	"sync"
	"testing"
	"testing/synctest"
)

func TestASlowSubscriberKeepsTheNewestAndLearnsWhatItLost(t *testing.T) {
	h := NewHub[int](3)
	stream, leave := h.Join(t.Context())
	defer leave()
	for i := range 10 {
		h.Publish(i)
	}
	next, stop := iter.Pull(stream)
	defer stop()
	want := []Received[int]{{7, 7}, {8, 0}, {9, 0}}
	for _, w := range want {
		if got, ok := next(); !ok || got != w {
			t.Fatalf("got %+v, want %+v", got, w)
		}
	}
	h.Publish(10)
	if got, _ := next(); got != (Received[int]{10, 0}) {
		t.Errorf("after it caught up: %+v", got)
	}
}

func TestASubscriptionEndsWithItsContextOrWhenItIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHub[int](1)
		ctx, cancel := context.WithCancel(t.Context())
		stream, _ := h.Join(ctx)
		var wg sync.WaitGroup
		wg.Go(func() {
			for range stream {
			}
		})
		synctest.Wait()
		cancel()
		wg.Wait()
		_, leave := h.Join(t.Context())
		leave()
		leave()
		broken, _ := h.Join(t.Context())
		h.Publish(1)
		for range broken {
			break
		}
		if n := h.Subscribers(); n != 0 {
			t.Errorf("%d subscribers left", n)
		}
	})
}

func TestAPublisherNeverWaits(t *testing.T) {
	h := NewHub[int](2)
	for range 100 {
		_, leave := h.Join(t.Context())
		defer leave()
	}
	for i := range 1000 { // nobody reads
		h.Publish(i)
	}
}

func TestSubscribersAndPublishersMayComeAndGoTogether(t *testing.T) {
	h := NewHub[int](4)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 200 {
				h.Publish(i)
			}
		})
		wg.Go(func() {
			for range 50 {
				stream, leave := h.Join(ctx)
				for range stream {
					break
				}
				leave()
			}
		})
	}
	wg.Go(func() { <-ctx.Done() })
	for h.Subscribers() > 0 { // readers that came late wait for one more
		h.Publish(0)
	}
	cancel()
	wg.Wait()
}
