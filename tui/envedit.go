package tui

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

// takesEffect is when a change of an env is felt.
const takesEffect = "Nothing is restarted: the new version reaches its container with the next deployment (D). The version before stays, and can be made the newest again."

// change makes an action of a new version of the env.
func (s *envScreen) change(in core.SetEnvIn, effect ...string) tea.Cmd {
	in.Service, in.Base = s.service, s.view.Version
	return s.act(action{s.src.setEnv.info, s.service, append(effect, takesEffect), func(ctx context.Context, _ string) (outcome, error) {
		v, err := s.src.setEnv.run(ctx, in)
		return outcome{text: "The env of " + s.service + " is v" + number(int64(v.Version)) + " now. D deploys it."}, err
	}})
}

// edit asks for another value of the variable under the cursor.
func (s *envScreen) edit() tea.Cmd {
	n := s.names.current()
	if n == nil {
		return nil
	}
	hint := "Type or paste the new value; the one it has is not shown. It is taken exactly as it is. ctrl+s takes it."
	if !s.stored(n.Name) {
		hint = "Type or paste the new value. It wins over the one in the definition. ctrl+s takes it."
	}
	return s.askFor(s.src.setEnv.info, func() overlay { return s.valueArea(n.Name, "Sets ", hint) })
}

// valueArea takes the value of a variable.
func (s *envScreen) valueArea(name, verb, hint string) overlay {
	return newTextArea(s.env, "The value of "+safe(name), hint, false, func(text string) (tea.Cmd, error) {
		return s.change(core.SetEnvIn{Set: map[string]core.Secret{name: core.Secret(text)}},
			verb+name+" to what was typed ("+plural(len(text), "byte", "bytes")+")."), nil
	})
}

// addForm asks for the name of a variable, and then for its value.
func (s *envScreen) addForm() overlay {
	return newForm(s.env, "Add a variable", func(v []string) (tea.Cmd, error) {
		name, verb := v[0], "Adds "
		if !isEnvName(name) {
			return nil, core.Errorf(core.CodeInvalid, "A name has letters, digits and _, and does not begin with a digit.")
		}
		if s.stored(name) {
			verb = "Changes "
		}
		return s.over(s.valueArea(name, verb, "Type or paste the value. It is taken exactly as it is. ctrl+s takes it.")), nil
	}, textField("name", "Letters, digits and _; not a digit first. The value comes next.", ""))
}

// drop takes the variable under the cursor away.
func (s *envScreen) drop() tea.Cmd {
	n := s.names.current()
	if n == nil {
		return nil
	}
	if !s.stored(n.Name) {
		s.say(noticeInfo, n.Name+" stands in the definition; it goes when it is taken out there.")
		return nil
	}
	return s.change(core.SetEnvIn{Remove: []string{n.Name}}, "Removes "+n.Name+" from the env.")
}

// pasteArea takes the text of a .env file.
func (s *envScreen) pasteArea() overlay {
	return newTextArea(s.env, "Paste a .env file for "+safe(s.service), "Paste it here: lines NAME=value. Values are hidden. ctrl+s takes it, esc cancels.", true, func(text string) (tea.Cmd, error) {
		names := envNames(text)
		if len(names) == 0 {
			return nil, core.Errorf(core.CodeInvalid, "There is no line NAME=value in it.")
		}
		return s.change(core.SetEnvIn{Paste: core.Secret(text)}, "Sets "+plural(len(names), "variable", "variables")+": "+few(names, 12)+".",
			"Variables that are not in the text stay as they are."), nil
	})
}

// undo makes the version under the cursor the newest.
func (s *envScreen) undo() tea.Cmd {
	v := s.versions.current()
	if v == nil {
		return nil
	}
	if v.Version == s.view.Version {
		s.say(noticeInfo, "That is the newest version already.")
		return nil
	}
	in := core.UndoEnvIn{ServiceIn: core.ServiceIn{Service: s.service}, Version: v.Version}
	return s.act(action{s.src.undoEnv.info, s.service, []string{
		"Makes a new version of the env, equal to v" + number(int64(v.Version)) + " of " + ago(s.now(), v.At) + " by " + v.By + ".", takesEffect,
	}, func(ctx context.Context, _ string) (outcome, error) {
		now, err := s.src.undoEnv.run(ctx, in)
		return outcome{text: "The env of " + s.service + " is v" + number(int64(now.Version)) + " now, equal to v" + number(int64(in.Version)) + ". D deploys it."}, err
	}})
}
