package logs

import (
	"context"
	"iter"

	"github.com/codematrx/matrx-ship/core"
)

// broken stands in for a Store that could not be opened: a control plane must come up to show why.
type broken struct{ reason string }

// Broken makes a store and a collector that keep nothing: every read is CodeUnavailable with the reason, and so is what
// Stats calls the trouble.
func Broken(reason string) interface {
	core.LogStore
	core.LogCollector
} {
	return broken{reason}
}

// err is the answer to every question.
func (b broken) err() error {
	return core.Errorf(core.CodeUnavailable, "Logs are not collected: %s", b.reason)
}

// Read yields the reason.
func (b broken) Read(context.Context, core.LogQuery) iter.Seq2[core.LogLine, error] {
	return refuse[core.LogLine](b.err())
}

// Follow yields the reason.
func (b broken) Follow(context.Context, core.LogQuery) iter.Seq2[core.LogLine, error] {
	return refuse[core.LogLine](b.err())
}

// Search yields the reason.
func (b broken) Search(context.Context, core.LogQuery) iter.Seq2[core.LogHit, error] {
	return refuse[core.LogHit](b.err())
}

// refuse yields one error.
func refuse[T any](err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		yield(zero, err)
	}
}

// Services gives the reason.
func (b broken) Services(context.Context) ([]core.LogService, error) { return nil, b.err() }

// Trim gives the reason.
func (b broken) Trim(context.Context, core.LogBounds) (core.LogTrimmed, error) {
	return core.LogTrimmed{}, b.err()
}

// SetBounds has nothing to bound.
func (broken) SetBounds(core.LogBounds) {}

// Stats says that nothing is stored, and why.
func (b broken) Stats() core.LogStats { return core.LogStats{Trouble: b.reason} }

// Track collects nothing.
func (broken) Track(string, string) {}

// Borrow reads nothing either.
func (broken) Borrow(string, string) {}

// Untrack has nothing to end.
func (broken) Untrack(string) {}
