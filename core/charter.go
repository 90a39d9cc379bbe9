package core

// The names of the two control planes; they are also the names of their services.
const (
	ManagerName = "matrx-manager"
	DeployName  = "deploy-server"
)

// Charter is what makes the same code one control plane or the other.
type Charter struct {
	Name    string // ManagerName or DeployName
	Title   string // "Server Manager"
	Writer  string // of the journal: "manager" or "deploy"
	Sibling string // the other plane's name: who can do what this one refuses
	Opens   string // service whose overview the console opens on; empty opens Home
	Access  bool   // writes people and keys; the other plane reads them
	DataDir string // below MATRX_ROOT
}

// ManagerCharter is the Server Manager's: it runs everything but itself.
func ManagerCharter() Charter {
	return Charter{
		Name: ManagerName, Title: "Server Manager", Writer: "manager", Sibling: DeployName,
		Access: true, DataDir: "apps/server-manager/data",
	}
}

// DeployCharter is the Deploy Server's: it exists to operate the Manager.
func DeployCharter() Charter {
	return Charter{
		Name: DeployName, Title: "Deploy Server", Writer: "deploy", Sibling: ManagerName,
		Opens: ManagerName, DataDir: "apps/deploy/data",
	}
}

// SiblingTitle is what people call the other control plane.
func (ch Charter) SiblingTitle() string {
	if ch.Sibling == DeployName {
		return DeployCharter().Title
	}
	return ManagerCharter().Title
}

// HomeOf names the plane that looks after a service: collects its log and metrics, runs its schedules, alerts.
func HomeOf(kind Kind) string {
	if kind == KindManager || kind == KindTraefik {
		return DeployName
	}
	return ManagerName
}
