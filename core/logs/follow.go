package logs

import (
	"context"
	"iter"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

const (
	// A follower reads history from disk until so few lines are new that they fit into its buffer with ease, but at
	// most so often: a service that writes faster than the follower reads would keep it there for ever.
	nearLines  = maxRingLines / 8
	maxCatchUp = 16
)

// Follow yields history as Read does, all of it, or the last q.Tail lines (none when it is negative), and then live
// lines, with neither a hole nor a repeat at the seam. Live lines of several services are put in order of time as far
// as they come within a tenth of a second. A reader that is too slow loses lines and gets a line with a gap that says
// how many. It ends with ctx, at q.Until, after q.Limit lines, or when the store is closed (unavailable).
func (st *Store) Follow(ctx context.Context, q core.LogQuery) iter.Seq2[core.LogLine, error] {
	return func(yield func(core.LogLine, error) bool) {
		f, err := newFilter(q)
		if err != nil {
			yield(core.LogLine{}, err)
			return
		}
		fl := &follower{store: st, query: q, filter: &f, viewer: newViewer(), yield: limited(q.Limit, yield)}
		more, err := fl.history(ctx)
		if err != nil {
			yield(core.LogLine{}, err)
			return
		}
		if fl.joined {
			defer st.leave(fl.viewer)
		}
		if more {
			fl.live(ctx)
		}
	}
}

type follower struct {
	store  *Store
	query  core.LogQuery
	filter *filter
	viewer *viewer
	yield  func(core.LogLine, error) bool
	joined bool
	joints map[string]*joint // what was read of loans, by container, until their live lines are past it

	selector *selector
	window   window
	timer    *time.Timer // when a held line is due
}

// history yields what is kept and joins the live stream; it is false when the reader wants no more.
func (fl *follower) history(ctx context.Context) (more bool, err error) {
	all := selection{fl.store.parts(fl.query), fl.store.lent(fl.query.Services, fl.filter)}
	began, lent := fl.store.now(), all.lent
	if fl.query.Tail != 0 {
		if err := tail(ctx, all, fl.filter, fl.query.Tail); err != nil {
			return false, err
		}
	}
	for i := 0; ; i++ {
		if !merge(ctx, all, fl.filter, false, fl.yield) {
			return false, nil
		}
		next := after(all.parts, fl.store.parts(fl.query))
		if i == maxCatchUp || pendingLines(next) <= nearLines {
			break
		}
		all = selection{parts: next}
	}
	joined, err := fl.store.follow(fl.viewer, fl.query.Services)
	if err != nil {
		return false, err
	}
	fl.joined = true
	rest := selection{after(all.parts, joined), fl.lentAfter(lent, began)}
	return merge(ctx, rest, fl.filter, false, fl.yield), nil
}

// after gives newer parts that start where the old ones end.
func after(old, newer []part) []part {
	reached := map[*service]uint64{}
	for _, p := range old {
		reached[p.snap.service] = p.snap.next
	}
	for i := range newer {
		newer[i].from = reached[newer[i].snap.service]
	}
	return newer
}

// lentAfter gives what has to be read of loans once the viewer has joined, so that nothing is missed between what was
// read of them and the live lines. One that has come since, or of which nothing was read, is read from a little earlier.
func (fl *follower) lentAfter(read []*lent, began time.Time) []*lent {
	all := fl.store.lent(fl.query.Services, fl.filter)
	fl.joints = map[string]*joint{}
	for _, l := range all {
		l.from = max(l.from, began.Add(-loanOverlap).UnixNano())
		for _, old := range read {
			if old.container == l.container && old.joint.last != 0 {
				l.from, l.known = old.joint.oldest(), old.joint
			}
		}
		l.joint = newJoint(l.from)
		l.joint.before = l.known
		fl.joints[l.short] = l.joint
	}
	return all
}

func pendingLines(parts []part) (n uint64) {
	for _, p := range parts {
		if p.snap.next > p.from {
			n += p.snap.next - max(p.from, 1)
		}
	}
	return n
}

// live yields what is published from now on.
func (fl *follower) live(ctx context.Context) {
	fl.selector = fl.filter.selector()
	fl.timer = time.NewTimer(time.Hour)
	defer fl.timer.Stop()
	until := fl.untilTimer()
	defer until.Stop()
	for ended := false; !ended; {
		select {
		case <-ctx.Done():
			fl.yield(core.LogLine{}, ctx.Err())
			return
		case <-fl.store.ctx.Done():
			fl.yield(core.LogLine{}, errClosed)
			return
		case <-until.C:
			ended = true
		case <-fl.viewer.ready:
		case <-fl.timer.C:
		}
		for _, l := range fl.ripe(ended) {
			if !fl.yield(*l, nil) {
				return
			}
		}
	}
}

// ripe gives the lines that may be shown now: of one service all there are, of several those that have waited for the
// others, and at the end everything.
func (fl *follower) ripe(all bool) []*core.LogLine {
	lines := fl.take()
	if len(fl.query.Services) == 1 {
		return lines
	}
	now := time.Now() // how long a line has waited is real time, whatever the store's clock says
	fl.window.add(lines, now)
	if all {
		return fl.window.ripe(now.Add(2 * mergeWindow))
	}
	lines = fl.window.ripe(now)
	if len(fl.window.held) > 0 {
		fl.timer.Reset(fl.window.due().Sub(now))
	}
	return lines
}

// take gives what is new and passes the filter. The gap of a slow reader always does: it has no sequence number.
func (fl *follower) take() []*core.LogLine {
	lines, dropped := fl.viewer.take()
	fl.store.viewerDropped.Add(dropped)
	kept := lines[:0]
	for _, l := range lines {
		if !fl.had(l) && (l.Gap != nil && l.Seq == 0 || fl.selector.keepLine(l)) {
			kept = append(kept, l)
		}
	}
	return kept
}

// had is true for a live line of a loan that was read before.
func (fl *follower) had(l *core.LogLine) bool {
	j := fl.joints[l.Container]
	if j == nil || l.Seq != 0 || l.Gap != nil {
		return false
	}
	hidden, done := j.hides(l)
	if done {
		delete(fl.joints, l.Container)
	}
	return hidden
}

// untilTimer fires when no line of the query can come any more.
func (fl *follower) untilTimer() *time.Timer {
	if fl.query.Until.IsZero() {
		t := time.NewTimer(time.Hour)
		t.Stop()
		return t
	}
	return time.NewTimer(fl.query.Until.Sub(fl.store.now()))
}
