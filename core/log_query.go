package core

import (
	"context"
	"errors"
	"iter"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// The bounds of a log query.
const (
	maxLogServices = 200
	maxLogMatch    = 1000 // bytes
)

// serviceName is what the name of a service can look like: that of a container.
var serviceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$`)

// Validate checks everything that can be known without the logs: names, times, the regular expression.
func (q LogQuery) Validate() error {
	if len(q.Services) > maxLogServices {
		return Errorf(CodeInvalid, "%d services are named; give at most %d, or none for all.", len(q.Services), maxLogServices)
	}
	for _, name := range q.Services {
		if !serviceName.MatchString(name) {
			return Errorf(CodeInvalid, "%q is not the name of a service.", SafeText(name))
		}
	}
	switch {
	case !q.Since.IsZero() && !q.Until.IsZero() && !q.Since.Before(q.Until):
		return Errorf(CodeInvalid, "Since (%s) is not before until (%s).", q.Since.UTC().Format("2006-01-02 15:04:05"), q.Until.UTC().Format("2006-01-02 15:04:05"))
	case q.Tail < 0 || q.Limit < 0:
		return Errorf(CodeInvalid, "A number of lines cannot be below 0.")
	case q.MinLevel < LevelUnknown || q.MinLevel > LevelFatal:
		return Errorf(CodeInvalid, "There is no such level; the levels are trace, debug, info, warn, error and fatal.")
	}
	return checkMatch(q.Match)
}

// checkMatch refuses a regular expression that is none, and says where it goes wrong.
func checkMatch(match string) error {
	if len(match) > maxLogMatch {
		return Errorf(CodeInvalid, "The regular expression is longer than %d bytes.", maxLogMatch)
	}
	_, err := regexp.Compile(match)
	var wrong *syntax.Error
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &wrong):
		return Errorf(CodeInvalid, "The regular expression cannot be used: %w.", err)
	}
	at := strings.Index(match, wrong.Expr)
	if wrong.Expr == "" || at < 0 {
		at = len(match)
	}
	return Errorf(CodeInvalid, "The regular expression is wrong at character %d (%s): %s.",
		utf8.RuneCountInString(match[:at])+1, SafeText(wrong.Expr), wrong.Code)
}

func readLogs(ctx context.Context, c *Core, q LogQuery) iter.Seq2[LogLine, error] {
	if err := c.services.checkLogs(ctx, q.Services); err != nil {
		return refuse[LogLine](err)
	}
	return c.logs.Read(ctx, q)
}

func followLogs(ctx context.Context, c *Core, q LogQuery) iter.Seq2[LogLine, error] {
	if q.Backwards || !q.Until.IsZero() {
		return refuse[LogLine](Errorf(CodeInvalid, "What is followed runs forward and has no end: leave out backwards and until."))
	}
	if err := c.services.checkLogs(ctx, q.Services); err != nil {
		return refuse[LogLine](err)
	}
	return c.logs.Follow(ctx, q)
}

// refuse is a stream that is an error.
func refuse[T any](err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		yield(none, err)
	}
}

func searchLogs(ctx context.Context, c *Core, q LogQuery) iter.Seq2[LogHit, error] {
	if err := c.services.checkLogs(ctx, q.Services); err != nil {
		return refuse[LogHit](err)
	}
	return c.logs.Search(ctx, q)
}

func listLogs(ctx context.Context, c *Core, _ struct{}) ([]LogService, error) {
	return c.logs.Services(ctx)
}

// Validate checks that nothing is below zero.
func (in TrimLogsIn) Validate() error {
	if in.MaxBytes < 0 || in.MaxBytesPerService < 0 || in.MaxAge < 0 {
		return Errorf(CodeInvalid, "A bound cannot be below 0; leave out those that keep their setting.")
	}
	return nil
}

func trimLogs(ctx context.Context, c *Core, in TrimLogsIn) (LogTrimmed, error) {
	bounds := c.logBounds()
	if in.MaxBytes > 0 {
		bounds.MaxBytes = in.MaxBytes
	}
	if in.MaxBytesPerService > 0 {
		bounds.MaxBytesPerService = in.MaxBytesPerService
	}
	if in.MaxAge > 0 {
		bounds.MaxAge = in.MaxAge
	}
	return c.logs.Trim(ctx, bounds)
}
