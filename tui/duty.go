package tui

import (
	"charm.land/bubbles/v2/key"

	"github.com/codematrx/matrx-ship/core"
)

// duty is the least role that may do what a key does; RoleNone for keys that only look. The roles are those of the
// operations, so that the footer and the help cannot say another thing than the door.
func (e *env) duty(b key.Binding) core.Role {
	s := &e.src
	for _, d := range []struct {
		key  key.Binding
		info core.Info
	}{
		{keys.svcRestart, s.restart.info}, {keys.svcShell, core.Info{Role: core.RoleOperator}}, {keys.start, s.start.info}, {keys.stop, s.stop.info}, {keys.recreate, s.recreate.info},
		{keys.remove, s.remove.info}, {keys.prune, s.prune.info}, {keys.cancel, s.cancelJob.info}, {keys.edit, s.set.info},
		{keys.person, s.addPerson.info}, {keys.addKey, s.addKey.info}, {keys.role, s.setRole.info}, {keys.revoke, s.rmPerson.info},
		{keys.recordings, s.casts.info}, {keys.goDeploy, s.deploy.info}, {keys.goBack, s.rollback.info}, {keys.build, s.build.info},
		{keys.buildFresh, s.build.info}, {keys.cancelBuild, s.cancelJob.info}, {keys.cancelDeploy, s.cancelIt.info},
		{keys.change, s.setEnv.info}, {keys.add, s.setEnv.info}, {keys.drop, s.setEnv.info}, {keys.paste, s.setEnv.info},
		{keys.reveal, s.reveal.info}, {keys.undo, s.undoEnv.info}, {keys.testAlert, s.testAlert.info},
	} {
		if d.key.Help() == b.Help() {
			return d.info.Role
		}
	}
	return core.RoleNone
}
