package core

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Code says what kind of failure an Error is; each door has one table from Code to its own status.
type Code string

// The codes. Anything an adapter cannot map is CodeInternal.
const (
	CodeInvalid     Code = "invalid"     // the input is wrong; the message says what, where and what to do
	CodeNotFound    Code = "not_found"   // the named thing does not exist
	CodeConflict    Code = "conflict"    // the thing is in a state that excludes the action
	CodeForbidden   Code = "forbidden"   // the actor may not
	CodeUnavailable Code = "unavailable" // something outside does not answer; trying again may help
	CodeCanceled    Code = "canceled"    // the caller gave up
	CodeInternal    Code = "internal"    // our fault, or an unmapped one
)

// Error is the one error type that crosses the border of core. Message is a sentence for the operator; Err, when set,
// is the cause and goes to the log only.
type Error struct {
	Code    Code
	Message string
	Err     error
}

// Error gives the message, followed by the cause when the message does not already hold it.
func (e *Error) Error() string {
	if e.Err == nil || strings.Contains(e.Message, e.Err.Error()) {
		return e.Message
	}
	return e.Message + ": " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error. A %w in the format keeps its operand as the cause; its text is then part of the message.
func Errorf(code Code, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Err: errors.Unwrap(err)}
}

// CodeOf finds the code of an error: that of the outermost Error in its chain, CodeCanceled for a cancelled context,
// CodeUnavailable for a deadline, else CodeInternal. It is empty for nil.
func CodeOf(err error) Code {
	var e *Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Code
	case errors.Is(err, context.Canceled):
		return CodeCanceled
	case errors.Is(err, context.DeadlineExceeded):
		return CodeUnavailable
	default:
		return CodeInternal
	}
}

// MessageOf gives the sentence that may be shown: the Message of an Error, a plain one for context errors, and
// "Internal error." for everything else, whose text may hold what is nobody's business.
func MessageOf(err error) string {
	var e *Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Message
	case errors.Is(err, context.Canceled):
		return "Cancelled."
	case errors.Is(err, context.DeadlineExceeded):
		return "No answer in time."
	default:
		return "Internal error."
	}
}
