package core

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
)

// runAny sends an operation through its JSON door, whatever its kind.
func runAny(ctx context.Context, c *Core, op AnyOp, raw json.RawMessage) error {
	if !op.Info().Streams {
		_, err := op.Call(ctx, c, raw)
		return err
	}
	seq, err := op.Stream(ctx, c, raw)
	if err != nil {
		return err
	}
	for _, err := range seq {
		return err
	}
	return nil
}

func TestEveryOperationIsRefusedToNobodyAndBelowItsRoleAndTheAuditSaysSo(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	actors := []Actor{{}, {Name: "eve", Kind: ActorPerson}}
	for role := RoleViewer; role <= RoleAdmin; role++ {
		for _, kind := range []ActorKind{ActorPerson, ActorProgram, ActorModel} {
			actors = append(actors, Actor{Name: string(kind) + "-" + role.String(), Kind: kind, Role: role, Door: DoorAPI})
		}
	}
	refused := 0
	for _, op := range Ops() {
		info := op.Info()
		for _, actor := range actors {
			if actor.Name != "" && actor.Role >= c.roleFor(info) {
				if err := c.permit(actor, info); err != nil {
					t.Errorf("%s is refused to %s: %v", info.Name, actor.Name, err)
				}
				continue
			}
			before := len(w.journal.all())
			err := runAny(WithActor(t.Context(), actor), c, op, nil)
			if CodeOf(err) != CodeForbidden {
				t.Errorf("%s by %q with the role %s: got %v, want forbidden", info.Name, actor.Name, actor.Role, err)
			}
			refused++
			if wrote := len(w.journal.all()) - before; info.Audited != (wrote == 2) {
				t.Errorf("%s is audited: %v, and its refusal wrote %d records", info.Name, info.Audited, wrote)
			}
		}
	}
	t.Logf("%d refusals of %d operations", refused, len(Ops()))
	events := must2(ListAudit.Run(as(t, RoleViewer), c, ListAuditIn{Limit: 1000}))(t)
	for _, e := range events {
		if e.Outcome != string(CodeForbidden) {
			t.Errorf("%s by %s ended %s", e.Op, e.Actor.Name, e.Outcome)
		}
	}
}

func TestADestroyNeedsItsNameRepeatedByAPerson(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	for _, op := range Ops() {
		info := op.Info()
		if info.Risk != Destroy {
			continue
		}
		for name, tc := range map[string]struct {
			kind    ActorKind
			confirm string
			code    Code
		}{
			"a person without":          {ActorPerson, "", CodeInvalid},
			"a person with another":     {ActorPerson, "ship-other", CodeInvalid},
			"a model with the name":     {ActorModel, "ship-demo", CodeForbidden},
			"a program with the name":   {ActorProgram, "ship-demo", CodeForbidden},
			"a model that says true":    {ActorModel, "true", CodeForbidden},
			"nobody's kind of an actor": {"", "ship-demo", CodeForbidden},
		} {
			t.Run(info.Name+" by "+name, func(t *testing.T) {
				raw := fmt.Sprintf(`{"service":"ship-demo","confirm":%q}`, tc.confirm)
				if _, ok := info.In.FieldByName("Name"); ok {
					raw = fmt.Sprintf(`{"name":"ship-demo","confirm":%q}`, tc.confirm)
				}
				ctx := WithActor(t.Context(), Actor{Name: "x", Kind: tc.kind, Role: RoleAdmin, Door: DoorMCP})
				wantCode(t, runAny(ctx, c, op, json.RawMessage(raw)), tc.code)
			})
		}
	}
}

func TestEveryListedOperationIsWellFormed(t *testing.T) {
	if err := CheckOps(Ops()); err != nil {
		t.Fatal(err)
	}
	if info := ShellInfo(); checkOp(info) != nil || info.In != reflect.TypeFor[OpenShellIn]() {
		t.Fatalf("the shell's door is not: %v", checkOp(info))
	}
}

func TestTheAuditOfAnActorWithoutARoleCanBeReadAgain(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	_, err := EndSession.Run(t.Context(), c, EndSessionIn{"x"})
	wantCode(t, err, CodeForbidden)
	c.Close()
	if got := auditOf(t, w.open(t), "session.end"); len(got) != 1 || got[0] != "x forbidden" {
		t.Fatalf("after a restart the audit is %q", got)
	}
}
