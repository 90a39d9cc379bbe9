package core

import "context"

// Door is the surface through which an actor acts.
type Door string

// The doors.
const (
	DoorSSH    Door = "ssh"
	DoorWeb    Door = "web"
	DoorAPI    Door = "api"
	DoorMCP    Door = "mcp"
	DoorCLI    Door = "cli"
	DoorSystem Door = "system" // the control plane itself: schedules, recovery
)

// ActorKind says what stands behind an actor. Only a person can confirm a Destroy.
type ActorKind string

// The kinds of actor.
const (
	ActorPerson  ActorKind = "person"
	ActorProgram ActorKind = "program" // an API token that is not a person's
	ActorModel   ActorKind = "model"   // an AI agent
	ActorSystem  ActorKind = "system"
)

// Actor is who does it, and through which door. The zero Actor may do nothing.
type Actor struct {
	Name        string    `json:"name"`                  // the person, or the program
	Kind        ActorKind `json:"kind"`                  //
	Role        Role      `json:"role"`                  //
	Door        Door      `json:"door"`                  //
	Address     string    `json:"address,omitempty"`     // host:port of the other side
	Fingerprint string    `json:"fingerprint,omitempty"` // of the key that signed, SHA256:...
	KeySource   string    `json:"key_source,omitempty"`  // where the key's right comes from: KeyFromEnvironment, KeyFromStore or KeyFromCA
	Session     string    `json:"session,omitempty"`     // id of the live session
	Client      string    `json:"client,omitempty"`      // what the client calls itself; untrusted text
}

type actorKey struct{}

// WithActor puts the actor into the context that operations run with.
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// ActorFrom finds the actor; it is the zero Actor, which may do nothing, when there is none.
func ActorFrom(ctx context.Context) Actor {
	a, _ := ctx.Value(actorKey{}).(Actor)
	return a
}

type requestKey struct{}

// WithRequest puts the id of the request into the context; it appears in the audit and in the log.
func WithRequest(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestKey{}, id)
}

// RequestFrom finds the id of the request, or "".
func RequestFrom(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}
