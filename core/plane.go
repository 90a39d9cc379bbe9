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

// Health is what this control plane tells anybody who asks. It answers from memory. An engine that is away does not make
// a plane unready: the console is needed then most of all.
func (c *Core) Health() PlaneHealth {
	snap, head := c.services.snapshot(), c.journal.Head()
	h := PlaneHealth{
		Server: c.cfg.ServerName, Plane: c.charter.Name, Title: c.charter.Title, Version: c.version, Started: c.started,
		At: snap.At, Ready: head.Writable && snap.Engine.Problem != notAsked, Engine: snap.Engine.Up, Services: map[HealthState]int{},
	}
	if !snap.Engine.Seen.IsZero() {
		h.Age = snap.At.Sub(snap.Engine.Seen)
	}
	if !head.Writable {
		h.Problems = append(h.Problems, "The journal cannot be written.")
	}
	if !snap.Engine.Up {
		h.Problems = append(h.Problems, "The Docker engine does not answer.")
	}
	for i := range snap.Services {
		h.Services[snap.Services[i].Health.State]++
	}
	for _, f := range snap.Faults {
		if f.Severity == Critical {
			h.Critical++
		} else {
			h.Warnings++
		}
	}
	return h
}
