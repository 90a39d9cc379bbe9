package core

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

func TestAnErrorsCodeAndSentenceSurviveWrapping(t *testing.T) {
	cause := errors.New("dial unix: refused")
	cases := []struct {
		err     error
		code    Code
		message string
	}{
		{nil, "", ""},
		{Errorf(CodeConflict, "It runs."), CodeConflict, "It runs."},
		{fmt.Errorf("stop web: %w", Errorf(CodeNotFound, "No such container.")), CodeNotFound, "No such container."},
		{Errorf(CodeUnavailable, "Not reached: %w.", cause), CodeUnavailable, "Not reached: dial unix: refused."},
		{fmt.Errorf("read: %w", context.Canceled), CodeCanceled, "Cancelled."},
		{fmt.Errorf("read: %w", context.DeadlineExceeded), CodeUnavailable, "No answer in time."},
		{fmt.Errorf("password is hunter2"), CodeInternal, "Internal error."},
	}
	for _, tc := range cases {
		if CodeOf(tc.err) != tc.code || MessageOf(tc.err) != tc.message {
			t.Errorf("%v: %s, %q", tc.err, CodeOf(tc.err), MessageOf(tc.err))
		}
	}
	err := Errorf(CodeInternal, "Not done: %w", cause)
	if !errors.Is(err, cause) || err.Error() != "Not done: dial unix: refused" {
		t.Errorf("%q loses its cause or says it twice", err)
	}
	hidden := &Error{Code: CodeInternal, Message: "Not done.", Err: cause}
	if hidden.Error() != "Not done.: dial unix: refused" || MessageOf(hidden) != "Not done." {
		t.Errorf("%q", hidden)
	}
}
