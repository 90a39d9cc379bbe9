package logs

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"github.com/codematrx/matrx-ship/core"
)

// checkEvery is after how many lines a reader looks whether it was cancelled.
const checkEvery = 256

// Read yields collected lines merged by time over the services, oldest first unless q.Backwards. Within one service
// they come in the order they were collected. What can no longer be read is a line with a gap. Errors: invalid for the
// pattern, and that of ctx.
func (st *Store) Read(ctx context.Context, q core.LogQuery) iter.Seq2[core.LogLine, error] {
	return func(yield func(core.LogLine, error) bool) {
		f, err := newFilter(q)
		if err != nil {
			yield(core.LogLine{}, err)
			return
		}
		limit := q.Limit
		if q.Backwards && q.Tail > 0 && (limit == 0 || q.Tail < limit) {
			limit = q.Tail
		}
		all := selection{st.parts(q), st.lent(q.Services, &f)}
		switch {
		case q.Backwards:
			load(ctx, all.lent, &f, limit)
		case q.Tail != 0:
			err = tail(ctx, all, &f, q.Tail)
		}
		if err != nil {
			yield(core.LogLine{}, err)
			return
		}
		merge(ctx, all, &f, q.Backwards, limited(limit, yield))
	}
}

// selection is what a query reads: what is kept, and what is on loan.
type selection struct {
	parts []part
	lent  []*lent
}

// part is what is to be read of one service: the lines of a snapshot from a sequence number on.
type part struct {
	snap snapshot
	from uint64
}

func (st *Store) parts(q core.LogQuery) []part {
	var parts []part
	for _, s := range st.named(q.Services) {
		parts = append(parts, part{snap: s.view(nil)})
	}
	return parts
}

// limited ends the stream after n lines; 0 means no bound. Gaps do not count.
func limited(n int, yield func(core.LogLine, error) bool) func(core.LogLine, error) bool {
	if n <= 0 {
		return yield
	}
	return func(l core.LogLine, err error) bool {
		if !yield(l, err) {
			return false
		}
		if err == nil && l.Gap == nil {
			n--
		}
		return n > 0
	}
}

// tail moves the start of each part so that together they hold the last n lines that pass. It reads backwards until it
// has seen them, and keeps only where they start. A negative n skips everything.
func tail(ctx context.Context, all selection, f *filter, n int) (err error) {
	start, taken := map[string]uint64{}, map[string]int{}
	if n > 0 {
		load(ctx, all.lent, f, n)
		merge(ctx, all, f, true, limited(n, func(l core.LogLine, e error) bool {
			switch {
			case e != nil:
			case l.Seq > 0:
				start[l.Service] = min(l.Seq, cmp.Or(start[l.Service], l.Seq))
			default:
				taken[l.Container]++
			}
			err = e
			return e == nil
		}))
	}
	for i := range all.parts {
		p := &all.parts[i]
		p.from = cmp.Or(start[p.snap.service.name], p.snap.next)
	}
	for _, l := range all.lent {
		l.keepLast(taken[l.short])
	}
	return err
}

// merge yields the lines of all parts by time. It is false when the reader wants no more or the context has ended.
func merge(ctx context.Context, all selection, f *filter, back bool, yield func(core.LogLine, error) bool) bool {
	sel := f.selector() // cursors take turns, so one is enough
	before := func(a, b *cursor) bool { return a.before(b) }
	var heap []*cursor
	defer func() {
		for _, c := range heap {
			c.close()
		}
	}()
	add := func(c *cursor) {
		if c.advance(); c.stage != stageEnd {
			push(&heap, c, before)
		} else {
			c.close()
		}
	}
	for _, p := range all.parts {
		add(&cursor{snap: p.snap, sel: sel, back: back, from: p.from})
	}
	for _, l := range all.lent {
		add(l.cursor(ctx, f, back))
	}
	for n := 0; len(heap) > 0; n++ {
		c := heap[0]
		if n%checkEvery == 0 || !c.ready() {
			if err := ctx.Err(); err != nil {
				yield(core.LogLine{}, err)
				return false
			}
		}
		if c.ready() && !yield(c.current(), nil) {
			return false
		}
		if c.advance(); c.stage == stageEnd {
			pop(&heap, before).close()
		} else {
			fix(heap, before)
		}
	}
	return true
}

// before orders cursors by what they have next; equal times go by name, so that the order is always the same.
func (c *cursor) before(o *cursor) bool {
	if c.key != o.key {
		return (c.key < o.key) != c.back
	}
	if c.ready() != o.ready() {
		return !c.ready() // what is not open yet may have to come first
	}
	return (c.snap.service.name < o.snap.service.name) != c.back
}

// follow takes a snapshot of each service and lets v follow it; names that have no lines yet are made, so that v sees
// their first.
func (st *Store) follow(v *viewer, names []string) ([]part, error) {
	for _, name := range names {
		s, err := st.acquire(name)
		if err != nil {
			return nil, err
		}
		defer s.release()
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	var parts []part
	for _, s := range st.services {
		if len(names) == 0 || slices.Contains(names, s.name) {
			parts = append(parts, part{snap: s.view(v)})
		}
	}
	if len(names) == 0 {
		st.everyone = append(slices.Clone(st.everyone), v)
	}
	st.viewers.Add(1)
	st.attend()
	return parts, nil
}

// leave ends what follow began.
func (st *Store) leave(v *viewer) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.everyone = slices.DeleteFunc(slices.Clone(st.everyone), func(o *viewer) bool { return o == v })
	for _, s := range st.services {
		s.leave(v)
	}
	st.viewers.Add(-1)
	st.attend()
}
