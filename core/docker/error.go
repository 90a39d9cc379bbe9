package docker

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/codematrx/matrx-ship/core"
	"github.com/containerd/errdefs"
	dockersdk "github.com/moby/moby/client"
)

// wrap makes a core error of what the SDK returned, once: an error that is one already stays as it is. The engine's own
// words are kept, because they are what an operator needs ("port is already allocated").
func wrap(err error, action string) error {
	var done *core.Error
	if err == nil || errors.As(err, &done) {
		return err
	}
	return &core.Error{Code: codeOf(err), Message: "Cannot " + action + ": " + words(err), Err: err}
}

// codeOf is the one table from the SDK's errors to ours.
func codeOf(err error) core.Code {
	var network net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return core.CodeCanceled
	case errors.Is(err, context.DeadlineExceeded), dockersdk.IsErrConnectionFailed(err), errdefs.IsUnavailable(err),
		errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.As(err, &network):
		return core.CodeUnavailable
	case errdefs.IsNotFound(err):
		return core.CodeNotFound
	case errdefs.IsConflict(err), errdefs.IsAlreadyExists(err), errdefs.IsFailedPrecondition(err), occupied(err):
		return core.CodeConflict
	case errdefs.IsInvalidArgument(err), errdefs.IsOutOfRange(err), errdefs.IsNotImplemented(err):
		return core.CodeInvalid
	case errdefs.IsPermissionDenied(err), errdefs.IsUnauthorized(err):
		return core.CodeForbidden
	default:
		return core.CodeInternal
	}
}

// occupied knows the states that the engine reports as its own failure (500) though they are a conflict.
func occupied(err error) bool {
	text := err.Error()
	for _, sign := range []string{"is already allocated", "address already in use", "Address already in use", "is not running"} {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}

// words is the error as a sentence for the operator.
func words(err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return "cancelled."
	case errors.Is(err, context.DeadlineExceeded):
		return "the engine did not answer in time."
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "the engine ended the connection."
	}
	text := strings.TrimPrefix(err.Error(), "Error response from daemon: ")
	return strings.TrimRight(text, ".\n") + "."
}
