package coretest

import (
	"testing"

	"github.com/codematrx/matrx-ship/core"
)

func TestTheFakeSwitchPassesTheContract(t *testing.T) {
	TestSwitch(t, func(testing.TB) core.Switch { return NewSwitch() })
}

func TestTheFakeWayThroughTraefikPassesTheContract(t *testing.T) {
	TestRouteProber(t, func(testing.TB) ThroughRig {
		p := NewThrough()
		p.OnProbe(func(probe core.RouteProbe) (int, error) {
			return map[string]int{"/ready": 204, "/moved": 302, "/broken": 503}[probe.Path], nil
		})
		return ThroughRig{
			Prober: p, Address: "traefik:8443", Host: "demo.example.com",
			Hang:  func() { p.Hang("ProbeRoute", true) },
			Close: func() { p.Fail("ProbeRoute", core.Errorf(core.CodeUnavailable, "It does not listen.")) },
		}
	})
}
