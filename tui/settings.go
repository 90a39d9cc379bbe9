package tui

import (
	"context"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

// settings lists what an admin can decide at run time.
type settings struct {
	scope
	loaded
	rows[core.Setting]
}

func newSettings(s scope) Screen {
	return &settings{scope: s, rows: newRows(func(s *core.Setting) string { return s.Name },
		func(s *core.Setting) []string { return []string{s.Name, s.Value, s.Summary} })}
}

// Title is the breadcrumb.
func (s *settings) Title() string { return "Settings" }

// Copy is the setting under the cursor.
func (s *settings) Copy() string {
	if one := s.current(); one != nil {
		return one.Name + "=" + one.Value
	}
	return ""
}

// Keys are those of this screen.
func (s *settings) Keys() []key.Binding { return []key.Binding{keys.edit} }

// Init lists the settings.
func (s *settings) Init() tea.Cmd { return ask(s.scope, s.src.settings, struct{}{}) }

// Update takes an answer, a newer state or a key in.
func (s *settings) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case result[[]core.Setting]:
		if s.take(msg.err) {
			s.set(msg.val)
		}
	case tea.KeyPressMsg:
		if one := s.current(); one != nil && key.Matches(msg, keys.edit) {
			return s.askFor(s.src.set.info, func() overlay { return s.valueForm(*one) })
		}
		s.moveIn(msg)
	}
	return nil
}

// valueForm asks for another value.
func (s *settings) valueForm(one core.Setting) overlay {
	submit := func(v []string) (tea.Cmd, error) {
		in := core.SetSettingIn{Name: one.Name, Value: v[0]}
		effect := "Sets " + one.Name + " to " + in.Value + " at once. It is " + one.Value + " now."
		if in.Value == "" {
			effect = "Returns " + one.Name + " to its default, " + one.Default + ". It is " + one.Value + " now."
		}
		return s.act(action{s.src.set.info, one.Name, []string{effect, one.Summary}, func(ctx context.Context, _ string) (outcome, error) {
			now, err := s.src.set.run(ctx, in)
			return outcome{text: now.Name + " is " + now.Value + " now."}, err
		}}), nil
	}
	return newForm(s.env, one.Name, submit, textField("value", one.Summary+" Empty: the default, "+one.Default+".", one.Value))
}

// settingColumns are never written.
var settingColumns = []column{{title: "SETTING", min: 22, max: 32}, {title: "VALUE", min: 10, max: 16}, {title: "DEFAULT", min: 10, max: 16}, {title: "WHAT IT DECIDES", min: 20}}

// View draws the screen.
func (s *settings) View(w, h int) string {
	return s.frame(s.st, w, h, "Settings", func(h int) []string {
		return s.draw(s.st, w, h, settingColumns, true, func(one *core.Setting) []value {
			style := s.st.text
			if one.Value != one.Default {
				style = s.st.accent
			}
			return []value{{safe(one.Name), s.st.text}, {safe(one.Value), style}, {safe(one.Default), s.st.dim}, {safe(one.Summary), s.st.dim}}
		})
	})
}
