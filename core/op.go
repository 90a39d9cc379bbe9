package core

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"reflect"
)

// Op is one verb of the control plane. Every door runs it through the same steps: durable audit intent, permission,
// Validate of the input, confirmation, Do, audit outcome.
type Op[In, Out any] struct {
	Name    string // "service.restart"
	Summary string // one imperative line: "Restart a service"
	Risk    Risk   // decides the confirmation
	Role    Role   // the least that may
	Audited bool   // always for Change and Destroy; also reveals, shells and SQL
	Relief  bool   // may use the journal's reserve: it frees what the machine is short of
	Do      func(context.Context, *Core, In) (Out, error)
}

// Watch is the sibling of Op for streams: logs, stats, progress, events. The stream is pulled and ends with ctx.
type Watch[In, T any] struct {
	Name    string
	Summary string
	Role    Role
	Audited bool
	Open    func(context.Context, *Core, In) iter.Seq2[T, error]
}

// Info describes an operation to doors that derive their plumbing from the list.
type Info struct {
	Name    string
	Summary string
	Risk    Risk
	Role    Role
	Audited bool
	Relief  bool
	Streams bool
	In, Out reflect.Type // Out is the item of a stream
}

// AnyOp is an operation whose types the caller does not know.
type AnyOp interface {
	Info() Info
	// Call runs it with JSON input, as the API, MCP, ssh commands and the CLI do. A stream cannot be called.
	Call(ctx context.Context, c *Core, raw json.RawMessage) (any, error)
	// Stream opens it with JSON input. Only a Watch streams.
	Stream(ctx context.Context, c *Core, raw json.RawMessage) (iter.Seq2[any, error], error)
}

// Info describes the operation.
func (o Op[In, Out]) Info() Info {
	return Info{o.Name, o.Summary, o.Risk, o.Role, o.Audited, o.Relief, false, reflect.TypeFor[In](), reflect.TypeFor[Out]()}
}

// Run is the typed door.
func (o Op[In, Out]) Run(ctx context.Context, c *Core, in In) (Out, error) {
	var out Out
	err := c.guard(ctx, o.Info(), in, func(ctx context.Context) error {
		var err error
		out, err = o.Do(ctx, c, in)
		return err
	})
	if err != nil {
		var zero Out
		return zero, err
	}
	return out, nil
}

// Call is the JSON door.
func (o Op[In, Out]) Call(ctx context.Context, c *Core, raw json.RawMessage) (any, error) {
	in, err := decode[In](raw)
	if err != nil {
		return nil, err
	}
	return o.Run(ctx, c, in)
}

// Stream refuses: an Op answers once.
func (o Op[In, Out]) Stream(context.Context, *Core, json.RawMessage) (iter.Seq2[any, error], error) {
	return nil, Errorf(CodeInvalid, "%s does not stream; call it.", o.Name)
}

// Info describes the watch. Its risk is Read: a stream changes nothing.
func (w Watch[In, T]) Info() Info {
	return Info{w.Name, w.Summary, Read, w.Role, w.Audited, false, true, reflect.TypeFor[In](), reflect.TypeFor[T]()}
}

// Run is the typed door. A refusal arrives as the only item of the stream.
func (w Watch[In, T]) Run(ctx context.Context, c *Core, in In) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		err := c.guard(ctx, w.Info(), in, func(ctx context.Context) error {
			return forward(w.Open(ctx, c, in), yield)
		})
		if err != nil && !errors.Is(err, errStopped) {
			var zero T
			yield(zero, err)
		}
	}
}

// errStopped says that the reader of a stream had enough.
var errStopped = errors.New("the reader stopped")

// forward passes a stream on; it returns the error that ended it.
func forward[T any](seq iter.Seq2[T, error], yield func(T, error) bool) error {
	for item, err := range seq {
		if err != nil {
			return err
		}
		if !yield(item, nil) {
			return errStopped
		}
	}
	return nil
}

// Call refuses: a Watch has no single answer.
func (w Watch[In, T]) Call(context.Context, *Core, json.RawMessage) (any, error) {
	return nil, Errorf(CodeInvalid, "%s streams; open it as a stream.", w.Name)
}

// Stream is the JSON door.
func (w Watch[In, T]) Stream(ctx context.Context, c *Core, raw json.RawMessage) (iter.Seq2[any, error], error) {
	in, err := decode[In](raw)
	if err != nil {
		return nil, err
	}
	return func(yield func(any, error) bool) {
		for item, err := range w.Run(ctx, c, in) {
			if !yield(item, err) {
				return
			}
		}
	}, nil
}

// decode reads JSON input strictly: unknown fields and trailing data are errors. Empty input is the zero value.
func decode[In any](raw json.RawMessage) (In, error) {
	var in In
	if len(bytes.TrimSpace(raw)) == 0 {
		return in, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return in, Errorf(CodeInvalid, "The input cannot be read: %w.", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return in, Errorf(CodeInvalid, "There is something after the input's end.")
	}
	return in, nil
}
