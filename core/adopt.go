package core

// AdoptItem is one thing that runs and could be taken over.
type AdoptItem struct {
	Service   string   `json:"service"`
	Container string   `json:"container"`
	Found     string   `json:"found"` // how it was found: "label", "name", "/srv/instances/demo/docker-compose.yml"
	File      string   `json:"file,omitempty"`
	Kind      Kind     `json:"kind"`
	EnvNames  []string `json:"env_names"`          // that become its env
	Adopted   bool     `json:"adopted"`            // it has a definition already
	Problems  []string `json:"problems,omitempty"` // why it cannot be adopted
	Differs   []string `json:"differs,omitempty"`  // what a first deployment would change, in words
	Image     string   `json:"image"`
	Commit    string   `json:"commit,omitempty"`
}

// AdoptPlan is what an adoption would do. Nothing is restarted by it.
type AdoptPlan struct {
	Items []AdoptItem `json:"items"`
}

// AdoptIn names what is taken over; empty means all that can be.
type AdoptIn struct {
	Services []string `json:"services,omitempty"`
}

// DefinitionIn sets a definition in the store.
type DefinitionIn struct {
	Text    string            `json:"text"` // a compose file with one service
	Vars    map[string]string `json:"vars,omitempty"`
	Version int               `json:"version,omitempty"` // the version the edit began from; another one now is CodeConflict. 0: any
}

// DefinitionView is a definition with its file.
type DefinitionView struct {
	DefinitionVersion
	Rendered string `json:"rendered"`
	Editable string `json:"editable"` // a compose file that definition.set takes as this very definition: what was given, when that is one
	Folder   string `json:"folder"`   // where its docker-compose.yml lies
}

// The operations on definitions.
var (
	PlanAdopt       = Op[AdoptIn, AdoptPlan]{"adopt.plan", "Show what runs and could be taken over", Read, RoleViewer, false, false, planAdopt}
	Adopt           = Op[AdoptIn, AdoptPlan]{"adopt.start", "Take over what runs, without a restart", Change, RoleAdmin, true, false, adopt}
	ListDefinitions = Op[struct{}, []DefinitionVersion]{"definition.list", "List service definitions", Read, RoleViewer, false, false, listDefinitions}
	ShowDefinition  = Op[ServiceIn, DefinitionView]{"definition.show", "Show a service's definition", Read, RoleViewer, false, false, showDefinition}
	SetDefinition   = Op[DefinitionIn, DefinitionView]{"definition.set", "Set a service's definition", Change, RoleAdmin, true, false, setDefinition}
)
