package tui

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

// keyHint says what a key looks like.
const keyHint = "One line of an authorized_keys file: ssh-ed25519 AAAA… name. Paste it."

// roleNames are the roles a person may have.
func roleNames() []string {
	return []string{core.RoleViewer.String(), core.RoleOperator.String(), core.RoleAdmin.String()}
}

// personForm asks for a new person.
func (a *access) personForm() overlay {
	submit := func(v []string) (tea.Cmd, error) {
		role, err := core.ParseRole(v[1])
		if err != nil {
			return nil, err
		}
		if v[0] == "" || v[2] == "" {
			return nil, core.Errorf(core.CodeInvalid, "A person has a name and a key.")
		}
		in := core.AddPersonIn{Name: v[0], Role: role, Key: v[2]}
		return a.act(action{a.src.addPerson.info, in.Name, []string{
			"Lets " + in.Name + " sign in with this key, as " + role.String() + ".", "The key: " + cut(in.Key, 60),
		}, func(ctx context.Context, _ string) (outcome, error) {
			p, err := a.src.addPerson.run(ctx, in)
			return outcome{text: p.Name + " may sign in now, as " + p.Role.String() + "."}, err
		}}), nil
	}
	return newForm(a.env, "Add a person", submit, textField("name", "As it stands in the audit.", ""),
		choiceField("role", "viewer sees, operator changes what runs, admin also decides who may.", core.RoleViewer.String(), roleNames()...),
		textField("key", keyHint, ""))
}

// keyForm asks for one more key.
func (a *access) keyForm() overlay {
	submit := func(v []string) (tea.Cmd, error) {
		if v[0] == "" || v[1] == "" {
			return nil, core.Errorf(core.CodeInvalid, "Whose key, and which?")
		}
		in := core.AddKeyIn{Person: v[0], Key: v[1]}
		return a.act(action{a.src.addKey.info, in.Person, []string{"Lets " + in.Person + " sign in with this key too: " + cut(in.Key, 60)},
			func(ctx context.Context, _ string) (outcome, error) {
				k, err := a.src.addKey.run(ctx, in)
				return outcome{text: k.Person + " has one more key: " + k.Fingerprint}, err
			}}), nil
	}
	return newForm(a.env, "Add a key", submit, textField("person", "", a.person()), textField("key", keyHint, ""))
}

// roleForm asks for another role.
func (a *access) roleForm() overlay {
	submit := func(v []string) (tea.Cmd, error) {
		role, err := core.ParseRole(v[1])
		if err != nil {
			return nil, err
		}
		in := core.SetRoleIn{Name: v[0], Role: role}
		return a.act(action{a.src.setRole.info, in.Name, []string{
			"Makes " + in.Name + " " + role.String() + ". Sessions with a higher role end.",
		}, func(ctx context.Context, _ string) (outcome, error) {
			p, err := a.src.setRole.run(ctx, in)
			return outcome{text: p.Name + " is " + p.Role.String() + " now."}, err
		}}), nil
	}
	now := core.RoleViewer
	for _, p := range a.data.People {
		if p.Name == a.person() {
			now = p.Role
		}
	}
	return newForm(a.env, "Role", submit, textField("person", "", a.person()), choiceField("role", "", now.String(), roleNames()...))
}

// takeAway removes, revokes or ends what is under the cursor.
func (a *access) takeAway() tea.Cmd {
	if a.pane == paneSessions {
		s := a.sessions.current()
		if s == nil {
			return nil
		}
		effect := []string{"Ends " + s.What + " of " + s.Actor.Name + " from " + s.Actor.Address + " at once."}
		if s.ID == a.actor.Session {
			effect = append(effect, "This is your own session.")
		}
		return a.act(doneAction(a.src.endLive, s.ID, func(string) core.EndSessionIn { return core.EndSessionIn{ID: s.ID} }, effect...))
	}
	if a.data.Writable != "" {
		a.say(noticeWarn, a.data.Writable)
		return nil
	}
	if a.pane == paneKeys {
		return a.revoke()
	}
	p := a.people.current()
	if p == nil {
		return nil
	}
	return a.act(doneAction(a.src.rmPerson, p.Name, func(confirm string) core.RemovePersonIn {
		return core.RemovePersonIn{Name: p.Name, Confirm: core.Confirm{Confirm: confirm}}
	}, "Removes "+p.Name+" with every key. Open sessions end within 5 s. The audit keeps what was done."))
}

func (a *access) revoke() tea.Cmd {
	k := a.keys.current()
	if k == nil {
		return nil
	}
	return a.act(doneAction(a.src.revokeKey, k.Fingerprint, func(string) core.RevokeKeyIn { return core.RevokeKeyIn{Fingerprint: k.Fingerprint} },
		"Takes this key of "+k.Person+" away ("+blank(k.Comment)+"). Open sessions that use it end within 5 s."))
}
