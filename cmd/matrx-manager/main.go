// Command matrx-manager is the Server Manager: the control plane that runs every other service of a server.
package main

import (
	"os"

	"github.com/codematrx/matrx-ship/cmd/internal/plane"
	"github.com/codematrx/matrx-ship/core"
)

func main() { os.Exit(plane.Main(core.ManagerCharter(), os.Args[1:])) }
