package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/codematrx/matrx-ship/core"
	"github.com/containerd/errdefs"
)

func TestEveryErrorOfTheSDKHasItsCode(t *testing.T) {
	for _, c := range []struct {
		err  error
		want core.Code
	}{
		{errdefs.ErrNotFound.WithMessage("No such container: x"), core.CodeNotFound},
		{errdefs.ErrConflict, core.CodeConflict},
		{errdefs.ErrAlreadyExists, core.CodeConflict},
		{errdefs.ErrInvalidArgument, core.CodeInvalid},
		{errdefs.ErrPermissionDenied, core.CodeForbidden},
		{errdefs.ErrUnavailable, core.CodeUnavailable},
		{errdefs.ErrInternal, core.CodeInternal},
		{errdefs.ErrInternal.WithMessage("driver failed: Bind for 0.0.0.0:80 failed: port is already allocated"), core.CodeConflict},
		{context.DeadlineExceeded, core.CodeUnavailable},
		{context.Canceled, core.CodeCanceled},
		{io.ErrUnexpectedEOF, core.CodeUnavailable},
		{errors.New("who knows"), core.CodeInternal},
	} {
		if got := core.CodeOf(wrap(fmt.Errorf("outer: %w", c.err), "try")); got != c.want {
			t.Errorf("%v is %s, want %s", c.err, got, c.want)
		}
	}
}

func TestAnErrorKeepsTheEnginesWordsAndIsWrappedOnce(t *testing.T) {
	err := wrap(fmt.Errorf("Error response from daemon: %w", errdefs.ErrConflict.WithMessage("name is taken")), "create x")
	if got := core.MessageOf(err); got != "Cannot create x: name is taken." {
		t.Errorf("message %q", got)
	}
	if again := wrap(err, "do more"); again != err {
		t.Errorf("wrapped again: %v", again)
	}
	if wrap(nil, "x") != nil {
		t.Error("nil became an error")
	}
	if strings.Contains(core.MessageOf(wrap(context.DeadlineExceeded, "x")), "context") {
		t.Error("the message speaks of contexts")
	}
}
