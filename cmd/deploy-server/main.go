// Command deploy-server is the Deploy Server: the control plane that exists to operate, repair and redeploy the Server
// Manager.
package main

import (
	"os"

	"github.com/codematrx/matrx-ship/cmd/internal/plane"
	"github.com/codematrx/matrx-ship/core"
)

func main() { os.Exit(plane.Main(core.DeployCharter(), os.Args[1:])) }
