package apply

import (
	"maps"
	"path"
	"slices"

	"github.com/codematrx/matrx-ship/core"
)

// readEnv takes the secrets that the service's folder has. Those that were handed over win, unless a control plane deployed
// it: then its store says what they are, and the folder has them from there.
func (s *service) readEnv() error {
	s.env = map[string]string{}
	text, err := s.Folders.ReadFile(s.file(".env"))
	if err != nil && core.CodeOf(err) != core.CodeNotFound {
		return err
	}
	if err == nil {
		if s.env, err = core.ParseEnvFile(string(text)); err != nil {
			return core.Errorf(core.CodeInvalid, "%s cannot be read: %w", s.file(".env"), err)
		}
	}
	handed := s.Env[s.def.Service]
	if s.deployed() || handed == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(s.env)) {
		if _, ok := handed[name]; !ok {
			s.gone = append(s.gone, name)
		}
	}
	s.env = maps.Clone(handed)
	return core.CheckEnv(s.env)
}

// write renders what the service's folder has, so that docker compose can start it by hand and a control plane can take it
// over: the definition, and beside it the secrets.
func (s *service) write() error {
	text, err := s.Definitions.Render(s.def)
	if err != nil {
		return err
	}
	if err := s.Folders.WriteFile(s.file(".env"), core.RenderEnvFile(s.env)); err != nil {
		return err
	}
	return s.Folders.WriteFile(s.file("docker-compose.yml"), text)
}

// file is a file of the service's folder, below MATRX_ROOT.
func (s *service) file(name string) string { return path.Join(core.FolderOf(s.def), name) }
