package coretest

import "github.com/codematrx/matrx-ship/core"

// Ship is what building and deploying needs, all of it fakes, but for the definitions.
type Ship struct {
	Docker   *Docker
	Git      *Git
	Locks    *Locks
	Outputs  *Outputs
	Sealer   *Sealer
	Notifier *Notifier
	Switch   *Switch
	Through  *Through
	Folders  *Folders
}

// NewShip makes the fakes around an engine; env can be sealed, and alerts go to one address.
func NewShip(d *Docker) Ship {
	return Ship{d, NewGit(), NewLocks(), NewOutputs(), NewSealer("test-key"), NewNotifier("test"), NewSwitch(), NewThrough(), NewFolders()}
}

// Parts are the fakes as core takes them, beside the definitions given.
func (s Ship) Parts(defs core.Definitions) core.ShipParts {
	return core.ShipParts{Definitions: defs, Git: s.Git, Maker: s.Docker, Images: s.Docker, Locks: s.Locks, Outputs: s.Outputs,
		Sealer: s.Sealer, Notifier: s.Notifier, Switch: s.Switch, Through: s.Through, Folders: s.Folders, Made: s.Docker}
}
