package core

import (
	"context"
	"iter"
	"sync"
)

// Hub passes every published item to every subscriber. A publisher never blocks: a subscriber that is too slow loses
// the oldest items of its buffer and is told how many.
type Hub[T any] struct {
	size int
	mu   sync.Mutex // guards subs and every mailbox in it
	subs map[*mailbox[T]]struct{}
}

// mailbox is one subscriber's bounded buffer.
type mailbox[T any] struct {
	items   []T
	dropped int
	ready   chan struct{} // capacity 1
}

// Received is one item and how many were lost before it.
type Received[T any] struct {
	Item    T
	Dropped int
}

// NewHub makes a hub whose subscribers buffer size items; with size 1 they only ever see the newest.
func NewHub[T any](size int) *Hub[T] {
	return &Hub[T]{size: max(size, 1), subs: map[*mailbox[T]]struct{}{}}
}

// Publish hands the item to every subscriber.
func (h *Hub[T]) Publish(item T) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for m := range h.subs {
		if len(m.items) >= h.size {
			m.items = m.items[1:]
			m.dropped++
		}
		m.items = append(m.items, item)
		select {
		case m.ready <- struct{}{}:
		default:
		}
	}
}

// Subscribers counts who listens.
func (h *Hub[T]) Subscribers() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.subs)
}

// Join subscribes at once and gives the stream of what is published from now on. The stream must be pulled, or leave
// called, to end the subscription; it ends with ctx.
func (h *Hub[T]) Join(ctx context.Context) (stream iter.Seq[Received[T]], leave func()) {
	m := &mailbox[T]{ready: make(chan struct{}, 1)}
	h.mu.Lock()
	h.subs[m] = struct{}{}
	h.mu.Unlock()
	leave = func() {
		h.mu.Lock()
		delete(h.subs, m)
		h.mu.Unlock()
	}
	return func(yield func(Received[T]) bool) {
		defer leave()
		for {
			select {
			case <-ctx.Done():
				return
			case <-m.ready:
			}
			items, dropped := h.take(m)
			for _, item := range items {
				if !yield(Received[T]{item, dropped}) {
					return
				}
				dropped = 0
			}
		}
	}, leave
}

// take empties a mailbox.
func (h *Hub[T]) take(m *mailbox[T]) ([]T, int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	items, dropped := m.items, m.dropped
	m.items, m.dropped = nil, 0
	return items, dropped
}
