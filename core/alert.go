package core

import "time"

// The causes of alerts that end by themselves when what caused them does.
const (
	CauseCrashLoop   = "crash loop"
	CauseUnhealthy   = "unhealthy" // or down
	CauseDeployment  = "deployment failed"
	CauseCertificate = "certificate"
	CauseDisk        = "disk"
	CauseEngine      = "engine"
	CauseJournal     = "journal"
)

// Alert is one thing that people were told about: a row of the table "alerts", keyed by id.
type Alert struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Service string    `json:"service,omitempty"`
	Cause   string    `json:"cause"` // CauseUnhealthy and its like
	Title   string    `json:"title"`
	Text    string    `json:"text"`
	Over    time.Time `json:"over"`              // zero while it lasts
	Sent    bool      `json:"sent"`              // to every address: that it is there, or that it is over
	Problem string    `json:"problem,omitempty"` // why it was not
}

// AlertsView is the history of alerts and where they go.
type AlertsView struct {
	Targets []string `json:"targets"` // kinds of address, without secrets; empty: none is set
	Alerts  []Alert  `json:"alerts"`  // newest first
}

// The operations on alerts.
var (
	ListAlerts = Op[struct{}, AlertsView]{"alert.list", "List alerts", Read, RoleViewer, false, false, listAlerts}
	TestAlert  = Op[struct{}, Done]{"alert.test", "Send a test alert to every address", Change, RoleOperator, true, false, testAlert}
)
