package sshd

import (
	"slices"
	"sync"

	tea "charm.land/bubbletea/v2"
)

// Mailbox holds messages for one program, the newest of each topic. Putting never waits, so a hub that serves many
// sessions is not held up by the one whose client has stopped reading or whose user is in a shell.
type Mailbox struct {
	wake chan struct{} // capacity 1

	mu      sync.Mutex
	pending map[string]tea.Msg
	order   []string // of the topics in pending, oldest first
}

// maxTopics bounds a mailbox; beyond it the topic that has waited longest is dropped.
const maxTopics = 64

// NewMailbox makes an empty mailbox.
func NewMailbox() *Mailbox {
	return &Mailbox{wake: make(chan struct{}, 1), pending: map[string]tea.Msg{}}
}

// Put leaves a message in place of an earlier one of the same topic that was not delivered yet.
func (m *Mailbox) Put(topic string, msg tea.Msg) {
	m.mu.Lock()
	if _, waiting := m.pending[topic]; !waiting {
		if len(m.order) >= maxTopics {
			delete(m.pending, m.order[0])
			m.order = m.order[1:]
		}
		m.order = append(m.order, topic)
	}
	m.pending[topic] = msg
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// take removes the message that has waited longest.
func (m *Mailbox) take() (tea.Msg, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.order) == 0 {
		return nil, false
	}
	topic := m.order[0]
	m.order = slices.Delete(m.order, 0, 1)
	msg := m.pending[topic]
	delete(m.pending, topic)
	return msg, true
}

// deliver sends what comes until done is closed. send may wait; what is put meanwhile is delivered later.
func (m *Mailbox) deliver(done <-chan struct{}, send func(tea.Msg)) {
	for {
		select {
		case <-done:
			return
		case <-m.wake:
		}
		for msg, ok := m.take(); ok; msg, ok = m.take() {
			select {
			case <-done:
				return
			default:
				send(msg)
			}
		}
	}
}
