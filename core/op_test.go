package core

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
)

// nothing is what an operation does whose rules are looked at.
func nothing[In any](context.Context, *Core, In) (Done, error) { return Done{}, nil }

func TestOperationsThatBreakTheRulesOfTheDoorAreFound(t *testing.T) {
	type op = Op[struct{}, Done]
	good := op{"thing.do", "Do a thing", Change, RoleOperator, true, false, nothing[struct{}]}
	with := func(change func(*op)) AnyOp { o := good; change(&o); return o }
	cases := []struct {
		ops  []AnyOp
		says string
	}{
		{[]AnyOp{good}, ""},
		{Ops(), ""},
		{[]AnyOp{good, good}, "listed twice"},
		{[]AnyOp{with(func(o *op) { o.Name = "thing" })}, "noun.verb"},
		{[]AnyOp{with(func(o *op) { o.Name = "Thing.do" })}, "noun.verb"},
		{[]AnyOp{with(func(o *op) { o.Name = ".do" })}, "noun.verb"},
		{[]AnyOp{with(func(o *op) { o.Summary = "" })}, "imperative"},
		{[]AnyOp{with(func(o *op) { o.Summary = "Do." })}, "imperative"},
		{[]AnyOp{with(func(o *op) { o.Risk = 0 })}, "no risk"},
		{[]AnyOp{with(func(o *op) { o.Role = 0 })}, "no role"},
		{[]AnyOp{with(func(o *op) { o.Audited = false })}, "not audited"},
		{[]AnyOp{with(func(o *op) { o.Role = RoleViewer })}, "a viewer may"},
		{[]AnyOp{with(func(o *op) { o.Risk = Destroy })}, "no confirmation"},
		{[]AnyOp{Op[RemoveServiceIn, Done]{"thing.remove", "Remove it", Destroy, RoleAdmin, true, false, nothing[RemoveServiceIn]}}, ""},
	}
	for _, tc := range cases {
		err := CheckOps(tc.ops)
		if (err == nil) != (tc.says == "") || err != nil && !strings.Contains(err.Error(), tc.says) {
			t.Errorf("want %q, got %v", tc.says, err)
		}
	}
}

func TestJSONInputIsReadStrictly(t *testing.T) {
	for raw, code := range map[string]Code{
		`{"service":"web","grace":5}`: "", ``: "", `  `: "", `{}`: "",
		`{"service":"web","force":true}`: CodeInvalid, `{"service":1}`: CodeInvalid, `{"service":"web"} {}`: CodeInvalid,
		`[`: CodeInvalid, `null x`: CodeInvalid, `{"service":"web"}]`: CodeInvalid,
	} {
		if _, err := decode[StopServiceIn](json.RawMessage(raw)); CodeOf(err) != code {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func TestAnOperationDoesNotStreamAndAWatchIsNotCalled(t *testing.T) {
	if _, err := ListServices.Stream(t.Context(), nil, nil); CodeOf(err) != CodeInvalid {
		t.Error(err)
	}
	if _, err := WatchServices.Call(t.Context(), nil, nil); CodeOf(err) != CodeInvalid {
		t.Error(err)
	}
	if _, err := ReadLogs.Stream(t.Context(), nil, json.RawMessage(`{"nothing":1}`)); CodeOf(err) != CodeInvalid {
		t.Error(err)
	}
}
