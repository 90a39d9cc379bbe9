package notify

import (
	"context"
	"errors"
	"regexp"
	"strings"
)

// answered finds the status that an address answered with.
var answered = regexp.MustCompile(`(?i)status\D{0,16}\b([345]\d\d)\b`)

// causes are the words by which what went wrong is known, and what is said of it, in order of how much each tells.
var causes = [...]struct{ words, plain string }{
	{"no such host", "its host is not known"},
	{"connection refused", "the connection was refused"},
	{"connection reset", "the connection was cut"},
	{"network is unreachable", "the network is unreachable"},
	{"no route to host", "the network is unreachable"},
	{"certificate", "its certificate is not trusted"},
	{"tls:", "no TLS with it"},
	{"timeout", "no answer in time"},
	{"timed out", "no answer in time"},
	{"deadline exceeded", "no answer in time"},
	{"authenticat", "it refused the login"},
	{"unauthorized", "it refused the login"},
	{"forbidden", "it refused the login"},
	{"too many requests", "it takes no more messages now"},
	{"eof", "the connection was cut"},
}

// plain says what went wrong without a word of the error itself: the library puts the address, which is a secret, and what
// the other side answered into its errors.
func plain(err error) string {
	switch {
	case errors.Is(err, errBusy), errors.Is(err, errClosed), errors.Is(err, errLate):
		return err.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return errLate.Error()
	}
	text := strings.ToLower(err.Error())
	if found := answered.FindStringSubmatch(text); found != nil {
		return "it answered " + found[1]
	}
	for _, cause := range causes {
		if strings.Contains(text, cause.words) {
			return cause.plain
		}
	}
	return "it did not take the message"
}
