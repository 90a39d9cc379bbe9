// Package compose reads and writes service definitions as compose files. What a file may say is the documented subset of
// the compose specification with the block x-matrx; everything else is an error that names file, line and key.
package compose

import (
	"context"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v4"

	"github.com/codematrx/matrx-ship/core"
)

// Format implements core.Definitions.
type Format struct{}

// New makes a Format.
func New() Format { return Format{} }

// Parse reads a compose file, with one definition for each of its services in the order of the file. A variable that is
// not in vars and has no default is an error. Relative folders count from the file's when its path is absolute.
func (Format) Parse(file string, text []byte, vars map[string]string) ([]core.Definition, error) {
	f := &source{file: file, vars: vars}
	root := f.read(text)
	if f.failed() {
		return nil, f.err()
	}
	f.check(root, fileShape)
	f.expandAll(root)
	services := child(root, "services")
	if services == nil || len(services.Content) == 0 {
		f.fail(root, "services", "names no service")
	}
	if f.failed() {
		return nil, f.err()
	}
	project := f.load(root)
	if f.failed() {
		return nil, f.err()
	}
	defs := make([]core.Definition, 0, len(services.Content)/2)
	for key, node := range pairs(services) {
		r := &serviceReader{source: f, root: root, project: project, node: node, svc: project.Services[key.Value]}
		defs = append(defs, r.definition(key))
	}
	if f.failed() {
		return nil, f.err()
	}
	return defs, nil
}

// load has compose-go read the short and long forms of every value.
func (f *source) load(root *yaml.Node) *types.Project {
	var config map[string]any
	plain := withoutOurs(root)
	if err := plain.Decode(&config); err != nil {
		f.fail(root, "", "cannot be read: "+err.Error())
		return nil
	}
	details := types.ConfigDetails{
		WorkingDir:  "/",
		ConfigFiles: []types.ConfigFile{{Filename: f.file, Config: config}},
		Environment: types.Mapping{},
	}
	project, err := loader.LoadWithContext(context.Background(), details, func(o *loader.Options) {
		o.SetProjectName("matrx", true)
		o.ResolvePaths, o.SkipNormalization = false, true
		o.SkipInclude, o.SkipExtends, o.SkipResolveEnvironment, o.SkipResolveLabels = true, true, true, true
		o.Interpolate.Substitute = f.substitute
	})
	if err != nil {
		f.failLoad(root, err)
		return nil
	}
	return project
}

// withoutOurs copies the file without what compose-go need not see: the block that is read here, and env_file, which
// names the file that a control plane renders and which must not be opened.
func withoutOurs(root *yaml.Node) *yaml.Node {
	top := without(root, "version", "name")
	for i := 0; i+1 < len(top.Content); i += 2 {
		if top.Content[i].Value != "services" {
			continue
		}
		services := without(top.Content[i+1])
		for j := 1; j < len(services.Content); j += 2 {
			service := without(services.Content[j], "env_file", "x-matrx")
			if child(service, "image") == nil { // it is built: compose-go wants to see a name
				service.Content = append(service.Content, scalarKey("image"), scalar(core.CurrentImage(services.Content[j-1].Value)))
			}
			services.Content[j] = service
		}
		top.Content[i+1] = services
	}
	return top
}
