package core

import (
	"strings"
	"testing"
	"time"
)

func TestAQuestionToTheLogsThatMakesNoSenseIsRefused(t *testing.T) {
	w := newWorld(t)
	c, now := w.open(t), time.Now()
	for name, tc := range map[string]struct {
		q    LogQuery
		says string
	}{
		"bad expression":     {LogQuery{Match: "é[a-"}, "character 2"},
		"unclosed group":     {LogQuery{Match: "a(b"}, "missing closing )"},
		"look-ahead":         {LogQuery{Match: "a(?=b)"}, "character 2"},
		"huge repeat":        {LogQuery{Match: "(a{1000}){1000}"}, "regular expression"},
		"long expression":    {LogQuery{Match: strings.Repeat("a", 2000)}, "longer"},
		"since after until":  {LogQuery{Since: now, Until: now.Add(-time.Hour)}, "not before"},
		"negative tail":      {LogQuery{Tail: -1}, "below 0"},
		"negative limit":     {LogQuery{Limit: -1}, "below 0"},
		"level":              {LogQuery{MinLevel: 99}, "levels are"},
		"path as a service":  {LogQuery{Services: []string{"../etc"}}, "not the name"},
		"escape in the name": {LogQuery{Services: []string{"a\x1b[2J"}}, "not the name"},
		"empty name":         {LogQuery{Services: []string{""}}, "not the name"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, err := range ReadLogs.Run(as(t, RoleViewer), c, tc.q) {
				wantCode(t, err, CodeInvalid, tc.says)
			}
			for _, err := range SearchLogs.Run(as(t, RoleViewer), c, tc.q) {
				wantCode(t, err, CodeInvalid, tc.says)
			}
		})
	}
	for _, err := range FollowLogs.Run(as(t, RoleViewer), c, LogQuery{Backwards: true}) {
		wantCode(t, err, CodeInvalid, "runs forward")
	}
	if len(w.logs.asked) != 0 {
		t.Fatalf("the store was asked %+v", w.logs.asked)
	}
}

func TestAGoodQuestionReachesTheLogs(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	q := LogQuery{Services: []string{"ship-demo"}, Match: `time=\d+ms`, Tail: 10, MinLevel: LevelWarn}
	for _, watch := range []Watch[LogQuery, LogLine]{ReadLogs, FollowLogs} {
		n := 0
		for line, err := range watch.Run(as(t, RoleViewer), c, q) {
			if err != nil || line.Text != "hello" {
				t.Fatalf("got %+v %v", line, err)
			}
			n++
		}
		if n != 1 {
			t.Fatalf("%d lines", n)
		}
	}
	for hit, err := range SearchLogs.Run(as(t, RoleViewer), c, q) {
		if err != nil || hit.Line.Text != q.Match {
			t.Fatalf("got %+v %v", hit, err)
		}
	}
	if list := must2(ListLogs.Run(as(t, RoleViewer), c, struct{}{}))(t); len(list) != 1 {
		t.Fatalf("got %+v", list)
	}
}

func TestALogThatNobodyKnowsIsNotFound(t *testing.T) {
	w := newWorld(t)
	c, q := w.open(t), LogQuery{Services: []string{"ship-demo", "ship-dmo"}}
	for _, watch := range []Watch[LogQuery, LogLine]{ReadLogs, FollowLogs} {
		n := 0
		for _, err := range watch.Run(as(t, RoleViewer), c, q) {
			wantCode(t, err, CodeNotFound, "Did you mean ship-demo?")
			n++
		}
		if n != 1 {
			t.Errorf("%s answered %d times", watch.Name, n)
		}
	}
	for _, err := range SearchLogs.Run(as(t, RoleViewer), c, q) {
		wantCode(t, err, CodeNotFound, `"ship-dmo"`)
	}
	if len(w.logs.asked) != 0 {
		t.Errorf("the store was asked %+v", w.logs.asked)
	}
}

func TestATrimKeepsTheSettingsItDoesNotName(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	must2(TrimLogs.Run(as(t, RoleOperator), c, TrimLogsIn{LogBounds{MaxBytes: 1 << 30}}))(t)
	if got := w.logs.now(); got != (LogBounds{1 << 30, 2 << 30, 30 * 24 * time.Hour}) {
		t.Fatalf("got %+v", got)
	}
	_, err := TrimLogs.Run(as(t, RoleOperator), c, TrimLogsIn{LogBounds{MaxAge: -1}})
	wantCode(t, err, CodeInvalid)
	_, err = TrimLogs.Run(as(t, RoleViewer), c, TrimLogsIn{})
	wantCode(t, err, CodeForbidden)
	w.journal.set(func() { w.journal.full = true })
	must2(TrimLogs.Run(as(t, RoleOperator), c, TrimLogsIn{}))(t) // relief: works when the disk is full
}
