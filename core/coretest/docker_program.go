package coretest

import "github.com/codematrx/matrx-ship/core"

// Program is what runs as a container's main process and ends at once: with a line, and an exit code.
type Program func(spec core.ContainerSpec) (says string, code int)

// OnProgram makes a command run a program of the test's in every container that CreateContainer makes.
func (d *Docker) OnProgram(command string, run Program) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.programs[command] = run
}
