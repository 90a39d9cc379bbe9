package sshd

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

func accessCommands() []command {
	return []command{
		{"people", "", "List people, keys and live sessions", nil, runPeople},
		{"person-add", "NAME", "Add a person with a key", func(k *call) {
			k.flags.StringVar(&k.opt.role, "role", "viewer", "viewer, operator or admin")
			k.flags.StringVar(&k.opt.key, "key", "", "the public key, quoted as one argument")
		}, runPersonAdd},
		{"person-role", "NAME ROLE", "Give a person another role", nil, runPersonRole},
		{"person-remove", "NAME", "Remove a person with all keys; sessions end", func(k *call) {
			k.flags.StringVar(&k.opt.confirm, "confirm", "", "the name again: without it nothing is removed")
		}, runPersonRemove},
		{"key-add", "PERSON KEY...", "Give a person one more key", nil, runKeyAdd},
		{"key-revoke", "FINGERPRINT", "Take a key away; its sessions end within 5 s", nil, runKeyRevoke},
		{"session-end", "ID", "End a live session", nil, runSessionEnd},
	}
}

func runPeople(k *call) error {
	if err := k.none(); err != nil {
		return err
	}
	list, err := core.ListAccess.Run(k.ctx, k.core, struct{}{})
	if err != nil {
		return err
	}
	list.People, list.Keys, list.Sessions = notNil(list.People), notNil(list.Keys), notNil(list.Sessions)
	return k.answer(list, func(w io.Writer) { printAccess(w, list, time.Now()) })
}

func printAccess(w io.Writer, list core.AccessList, now time.Time) {
	people := table{head: []string{"PERSON", "ROLE", "FROM"}}
	for _, p := range list.People {
		people.add(p.Name, p.Role.String(), p.Source)
	}
	people.print(w, "There are no people.")
	fmt.Fprintln(w)
	keys := table{head: []string{"KEY", "PERSON", "FROM", "LAST USED"}}
	for _, key := range list.Keys {
		keys.add(key.Fingerprint, key.Person, key.Source, stamp(key.LastUsed))
	}
	keys.print(w, "There are no keys.")
	fmt.Fprintln(w)
	sessions := table{head: []string{"SESSION", "WHO", "ROLE", "DOOR", "ADDRESS", "WHAT", "SINCE", "IDLE"}}
	for _, s := range list.Sessions {
		sessions.add(s.ID, s.Actor.Name, s.Actor.Role.String(), string(s.Actor.Door), s.Actor.Address, s.What,
			stamp(s.Started), core.FormatAge(now.Sub(s.Active)))
	}
	sessions.print(w, "Nobody is connected.")
	for _, warning := range list.Warnings {
		fmt.Fprintf(w, "\n▲ %s\n", core.SafeText(warning))
	}
	if list.Writable != "" {
		fmt.Fprintf(w, "\n%s\n", core.SafeText(list.Writable))
	}
}

func runPersonAdd(k *call) error {
	name, err := k.one("name")
	if err != nil {
		return err
	}
	role, err := core.ParseRole(k.opt.role)
	if err != nil {
		return err
	}
	p, err := core.AddPerson.Run(k.ctx, k.core, core.AddPersonIn{Name: name, Role: role, Key: k.opt.key})
	return k.person(p, err)
}

// person prints a person after a change.
func (k *call) person(p core.Person, err error) error {
	if err != nil {
		return err
	}
	return k.answer(p, func(w io.Writer) { fmt.Fprintf(w, "%s is %s now.\n", core.SafeText(p.Name), p.Role) })
}

func runPersonRole(k *call) error {
	if len(k.args) != 2 {
		return core.Errorf(core.CodeInvalid, "Give a name and a role.")
	}
	role, err := core.ParseRole(k.args[1])
	if err != nil {
		return err
	}
	p, err := core.SetRole.Run(k.ctx, k.core, core.SetRoleIn{Name: k.args[0], Role: role})
	return k.person(p, err)
}

func runPersonRemove(k *call) error {
	name, err := k.one("name")
	if err != nil {
		return err
	}
	return k.done(core.RemovePerson.Run(k.ctx, k.core, core.RemovePersonIn{Name: name, Confirm: core.Confirm{Confirm: k.opt.confirm}}))
}

func runKeyAdd(k *call) error {
	if len(k.args) < 2 {
		return core.Errorf(core.CodeInvalid, "Give a person and a public key.")
	}
	key, err := core.AddKey.Run(k.ctx, k.core, core.AddKeyIn{Person: k.args[0], Key: strings.Join(k.args[1:], " ")})
	if err != nil {
		return err
	}
	return k.answer(key, func(w io.Writer) {
		fmt.Fprintf(w, "%s may sign in with %s.\n", core.SafeText(key.Person), key.Fingerprint)
	})
}

func runKeyRevoke(k *call) error {
	fingerprint, err := k.one("fingerprint")
	if err != nil {
		return err
	}
	return k.done(core.RevokeKey.Run(k.ctx, k.core, core.RevokeKeyIn{Fingerprint: fingerprint}))
}

func runSessionEnd(k *call) error {
	id, err := k.one("session")
	if err != nil {
		return err
	}
	return k.done(core.EndSession.Run(k.ctx, k.core, core.EndSessionIn{ID: id}))
}
