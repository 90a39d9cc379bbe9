package core

import "time"

// PlaneHealth is what a control plane tells anybody who asks, without a name of anything that runs: the page and the
// probes that need no login show it.
type PlaneHealth struct {
	Server   string              `json:"server"`
	Plane    string              `json:"plane"`
	Title    string              `json:"title"`
	Version  string              `json:"version"`
	Started  time.Time           `json:"started"`
	At       time.Time           `json:"at"`
	Ready    bool                `json:"ready"`
	Problems []string            `json:"problems,omitempty"` // why not ready, or what works only in part
	Engine   bool                `json:"engine"`             // answers now
	Age      time.Duration       `json:"age"`                // of what is known of the services
	Services map[HealthState]int `json:"services"`
	Critical int                 `json:"critical"` // faults
	Warnings int                 `json:"warnings"` // faults
}
