package core

// Setting is one thing an admin can decide at run time.
type Setting struct {
	Name    string `json:"name"` // "logs.max-age"
	Value   string `json:"value"`
	Default string `json:"default"`
	Summary string `json:"summary"` // with the unit
}

// SetSettingIn gives a setting a value; an empty one returns it to its default.
type SetSettingIn struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Target is the setting.
func (in SetSettingIn) Target() string { return in.Name }

// The operations on settings.
var (
	ListSettings = Op[struct{}, []Setting]{"setting.list", "List settings", Read, RoleViewer, false, false, listSettings}
	SetSetting   = Op[SetSettingIn, Setting]{"setting.set", "Change a setting", Change, RoleAdmin, true, false, setSetting}
)
