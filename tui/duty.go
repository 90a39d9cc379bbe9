package tui

import (
	"charm.land/bubbles/v2/key"

	"github.com/codematrx/matrx-ship/core"
)

// duties are the roles that keys ask for. A key is told by where its strings stand: two keys may look alike and do
// different things on different screens.
type duties map[*string]core.Role

// newDuties takes the roles from the operations, so that the footer and the help cannot say another thing than the door.
func newDuties(s *source) duties {
	d := duties{}
	for _, one := range []struct {
		info core.Info
		keys []key.Binding
	}{
		{s.restart.info, []key.Binding{keys.svcRestart}}, {core.ShellInfo(), []key.Binding{keys.svcShell}}, {s.start.info, []key.Binding{keys.start}},
		{s.stop.info, []key.Binding{keys.stop}}, {s.recreate.info, []key.Binding{keys.recreate}}, {s.remove.info, []key.Binding{keys.remove}},
		{s.prune.info, []key.Binding{keys.prune}}, {s.cancelJob.info, []key.Binding{keys.cancel, keys.cancelBuild}}, {s.set.info, []key.Binding{keys.edit}},
		{s.addPerson.info, []key.Binding{keys.person}}, {s.addKey.info, []key.Binding{keys.addKey}}, {s.setRole.info, []key.Binding{keys.role}},
		{s.rmPerson.info, []key.Binding{keys.revoke}}, {s.casts.info, []key.Binding{keys.recordings}}, {s.deploy.info, []key.Binding{keys.goDeploy}},
		{s.rollback.info, []key.Binding{keys.goBack}}, {s.build.info, []key.Binding{keys.build, keys.buildFresh}}, {s.cancelIt.info, []key.Binding{keys.cancelDeploy}},
		{s.setEnv.info, []key.Binding{keys.change, keys.add, keys.drop, keys.paste}}, {s.reveal.info, []key.Binding{keys.reveal}},
		{s.undoEnv.info, []key.Binding{keys.undo}}, {s.testAlert.info, []key.Binding{keys.testAlert}}, {s.rmDefinition.info, []key.Binding{keys.removeAll, keys.goRemove}},
	} {
		for _, k := range one.keys {
			d[&k.Keys()[0]] = one.info.Role
		}
	}
	return d
}

// of is the least role that may do what a key does; RoleNone for keys that only look.
func (d duties) of(b key.Binding) core.Role { return d[&b.Keys()[0]] }
