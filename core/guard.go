package core

import (
	"context"
	"strings"
)

// validator is an input that can tell whether it makes sense.
type validator interface{ Validate() error }

// targeted is an input that names what it acts on.
type targeted interface{ Target() string }

// guard is the one door: every operation of every surface passes here. Without a durable intent nothing is done.
func (c *Core) guard(ctx context.Context, op Info, in any, do func(context.Context) error) (err error) {
	actor := ActorFrom(ctx)
	if !op.Audited {
		if err := c.admit(actor, op, in); err != nil {
			return err
		}
		return do(ctx)
	}
	end, err := c.beginAudit(ctx, op, actor, in)
	if err != nil {
		return err
	}
	panicked := true
	defer func() {
		if panicked { // the panic goes on to the door, which contains it; the intent still gets its outcome
			_ = end(Errorf(CodeInternal, "%s ended in a panic.", op.Name))
		}
	}()
	if err = c.admit(actor, op, in); err == nil {
		err = do(withRelief(ctx, op.Relief))
	}
	panicked = false
	return end(err)
}

type reliefKey struct{}

// withRelief notes whether what runs may use the journal's reserve.
func withRelief(ctx context.Context, relief bool) context.Context {
	return context.WithValue(ctx, reliefKey{}, relief)
}

// reliefFrom tells whether what runs may use the journal's reserve: a relief operation, or the job it started.
func reliefFrom(ctx context.Context) bool {
	relief, _ := ctx.Value(reliefKey{}).(bool)
	return relief
}

// admit decides whether the actor may do this with this input now.
func (c *Core) admit(actor Actor, op Info, in any) error {
	if err := c.permit(actor, op); err != nil {
		return err
	}
	if v, ok := in.(validator); ok {
		if err := v.Validate(); err != nil {
			return err
		}
	}
	if op.Risk == Destroy {
		return confirmed(actor, in)
	}
	return nil
}

// permit compares the actor's role with the one the operation asks for.
func (c *Core) permit(actor Actor, op Info) error {
	if actor.Kind == ActorSystem && actor.Door == DoorSystem {
		return nil
	}
	if actor.Name == "" || actor.Role == RoleNone {
		return Errorf(CodeForbidden, "Nobody is signed in, so %s is refused.", op.Name)
	}
	if need := c.roleFor(op); actor.Role < need {
		return Errorf(CodeForbidden, "%s needs the role %s; %s is %s.", op.Name, need, actor.Name, actor.Role)
	}
	return nil
}

// confirmed checks that a person repeated the target's name.
func confirmed(actor Actor, in any) error {
	target, ok := in.(confirmable)
	if !ok {
		return Errorf(CodeInternal, "A destroying operation has an input without a confirmation.")
	}
	if actor.Kind != ActorPerson {
		return Errorf(CodeForbidden, "Only a person can confirm that %s is destroyed.", target.Target())
	}
	if target.Target() == "" {
		return Errorf(CodeInvalid, "Nothing is named that is to be destroyed.")
	}
	if strings.TrimSpace(target.Confirmation()) != target.Target() {
		return Errorf(CodeInvalid, "Not confirmed: repeat the name %q exactly (without a terminal: --confirm %s).", target.Target(), target.Target())
	}
	return nil
}
