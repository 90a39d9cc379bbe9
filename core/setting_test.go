package core

import (
	"encoding/json"
	"testing"
	"time"
)

func TestASettingIsAppliedAtOnceAndAfterARestart(t *testing.T) {
	w := newWorld(t)
	w.cfg.LogMaxBytes, w.cfg.LogMaxAge = "5GiB", "14d"
	c, admin := w.open(t), as(t, RoleAdmin)
	if got := w.logs.now(); got != (LogBounds{5 << 30, 2 << 30, 14 * 24 * time.Hour}) {
		t.Fatalf("at start the bounds are %+v", got)
	}
	set := must2(SetSetting.Run(admin, c, SetSettingIn{settingLogAge, " 7d "}))(t)
	if set.Value != "7d" || set.Default != "14d" || w.logs.now().MaxAge != 7*24*time.Hour {
		t.Fatalf("got %+v, bounds %+v", set, w.logs.now())
	}
	c.Close()
	w.logs.SetBounds(LogBounds{})
	again := w.open(t)
	if w.logs.now().MaxAge != 7*24*time.Hour {
		t.Fatalf("after a restart the bounds are %+v", w.logs.now())
	}
	must2(SetSetting.Run(admin, again, SetSettingIn{settingLogAge, ""}))(t)
	if w.logs.now().MaxAge != 14*24*time.Hour {
		t.Fatal("an empty value does not return it to its default")
	}
}

func TestASettingThatMakesNoSenseIsRefused(t *testing.T) {
	w := newWorld(t)
	c, admin := w.open(t), as(t, RoleAdmin)
	for name, tc := range map[string]struct {
		in   SetSettingIn
		code Code
	}{
		"unknown":  {SetSettingIn{"logs.colour", "red"}, CodeNotFound},
		"no size":  {SetSettingIn{settingLogBytes, "much"}, CodeInvalid},
		"negative": {SetSettingIn{settingLogBytes, "-1GiB"}, CodeInvalid},
		"tiny":     {SetSettingIn{settingLogBytes, "1"}, CodeInvalid},
		"no age":   {SetSettingIn{settingLogAge, "0s"}, CodeInvalid},
		"NaN":      {SetSettingIn{settingCastBytes, "NaN"}, CodeInvalid},
		"endless":  {SetSettingIn{settingLogAge, "99999d"}, CodeInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := SetSetting.Run(admin, c, tc.in)
			wantCode(t, err, tc.code)
		})
	}
	_, err := SetSetting.Run(as(t, RoleOperator), c, SetSettingIn{settingLogAge, "7d"})
	wantCode(t, err, CodeForbidden)
}

func TestEverySettingHasADefaultThatCanBeUsed(t *testing.T) {
	w := newWorld(t)
	for _, spec := range settingSpecs(w.cfg) {
		if _, err := spec.parse(spec.fallback); err != nil || spec.summary == "" {
			t.Errorf("%s: %v", spec.name, err)
		}
	}
	if list := must2(ListSettings.Run(as(t, RoleViewer), w.open(t), struct{}{}))(t); len(list) != len(settingSpecs(w.cfg)) {
		t.Fatalf("got %+v", list)
	}
}

func TestAStoredValueOfAnotherReleaseFallsBackToTheDefault(t *testing.T) {
	w := newWorld(t)
	body := must2(json.Marshal(settingRow{"a fortnight"}))(t)
	must2(w.journal.Append(t.Context(), Record{Table: settingsTable, Key: settingLogAge, Ver: 1, Op: RecordPut, Body: body}))(t)
	w.open(t)
	if w.logs.now().MaxAge != 30*24*time.Hour {
		t.Fatalf("got %+v", w.logs.now())
	}
}
