package sshd

import (
	"fmt"
	"io"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

func auditCommands() []command {
	return []command{{"audit", "", "List what was done: who, from where, what, outcome", func(k *call) {
		k.flags.IntVar(&k.opt.limit, "limit", 0, "how many, newest first; 100 unless said")
		k.flags.StringVar(&k.opt.since, "since", "", "only since then: 1h, 7d, or a time")
		k.flags.StringVar(&k.opt.actor, "actor", "", "only of this person")
		k.flags.StringVar(&k.opt.op, "op", "", "only this operation, or those that begin so: service.")
		k.flags.StringVar(&k.opt.target, "target", "", "only on this target")
		k.flags.StringVar(&k.opt.outcome, "outcome", "", "only with this outcome: ok, open, interrupted, or an error code")
		k.flags.BoolVar(&k.opt.follow, "follow", false, "go on with what is done from now on")
		k.flags.BoolVar(&k.opt.verify, "verify", false, "walk the journal's chain and name the first bad record")
	}, runAudit}}
}

func runAudit(k *call) error {
	if err := k.none(); err != nil {
		return err
	}
	if k.opt.verify {
		return runVerify(k)
	}
	if k.opt.follow {
		return followAudit(k)
	}
	since, err := parseTime(k.opt.since, time.Now())
	if err != nil {
		return err
	}
	events, err := core.ListAudit.Run(k.ctx, k.core, core.ListAuditIn{
		Limit: k.opt.limit, Since: since, Actor: k.opt.actor, Op: k.opt.op, Target: k.opt.target, Outcome: k.opt.outcome,
	})
	if err != nil {
		return err
	}
	return k.answer(notNil(events), func(w io.Writer) {
		t := table{head: []string{"SEQ", "WHEN", "WHO", "ROLE", "DOOR", "FROM", "OPERATION", "TARGET", "OUTCOME", "TOOK", "MESSAGE"}}
		for _, e := range events {
			t.add(fmt.Sprint(e.Seq), stamp(e.At), e.Actor.Name, e.Actor.Role.String(), string(e.Actor.Door), e.Actor.Address,
				e.Op, e.Target, e.Outcome, e.Took.Round(time.Millisecond).String(), e.Message)
		}
		t.print(w, "Nothing was done.")
	})
}

func followAudit(k *call) error {
	for e, err := range core.FollowAudit.Run(k.ctx, k.core, struct{}{}) {
		if err != nil {
			return err
		}
		text := fmt.Sprintf("%s  %s  %s  %s %s  %s %s", stamp(e.At), core.SafeText(e.Actor.Name), core.SafeText(e.Actor.Address),
			e.Op, core.SafeText(e.Target), e.Outcome, core.SafeText(e.Message))
		if err := k.line(e, text); err != nil {
			return err
		}
	}
	return nil
}

func runVerify(k *call) error {
	r, err := core.VerifyAudit.Run(k.ctx, k.core, struct{}{})
	if err != nil {
		return err
	}
	if err := k.answer(r, func(w io.Writer) { printReport(w, r) }); err != nil {
		return err
	}
	if !r.OK {
		return core.Errorf(core.CodeConflict, "The chain is broken at record %d.", r.Seq)
	}
	return nil
}

func printReport(w io.Writer, r core.JournalReport) {
	if r.OK {
		fmt.Fprintf(w, "● The chain holds: %d records, %d to %d, head %.16s.\n", r.Records, r.First, r.Last, r.Hash)
		return
	}
	fmt.Fprintf(w, "✗ The first bad record is %d, line %d of %s: %s\n", r.Seq, r.Line, core.SafeText(r.Segment), core.SafeText(r.Reason))
}
