package core

import (
	"context"
	"fmt"
	"time"

	timerate "golang.org/x/time/rate"
)

// The bounds of telling people.
const (
	alertBurst   = 10               // messages at once
	alertEach    = 30 * time.Second // one more
	alertWait    = 15 * time.Second // for one message to all addresses
	alertRetry   = 30 * time.Second // after a failure, doubled each time
	maxAlertWait = 10 * time.Minute // between two attempts
)

// nobodyToTell is why an alert was not sent when there is no address.
const nobodyToTell = "MATRX_ALERT_URLS is not set: it shows here and on Home only."

// post is when messages go out.
type post struct {
	limit *timerate.Limiter
	pause time.Duration // after the last failure; 0 after a success
	next  time.Time     // not before
}

func newPost() post { return post{limit: timerate.NewLimiter(timerate.Every(alertEach), alertBurst)} }

// send tells people what they were not told yet, oldest first, and reports whether a row changed. What cannot be sent
// now is tried again, ever more rarely.
func (a *alerts) send(ctx context.Context) bool {
	changed := false
	for _, x := range a.unsent() {
		now := a.c.now()
		switch {
		case len(a.c.alertTargets()) == 0:
			changed = a.told(x, false, nobodyToTell) || changed
			continue
		case now.Before(a.post.next) || ctx.Err() != nil:
			return changed
		case !a.post.limit.AllowN(now, 1):
			return a.told(x, false, "Held back: too many alerts at once.") || changed
		}
		title, text := x.message(a.c.cfg.ServerName)
		err := a.c.notify(ctx, title, text)
		if err == nil {
			a.post.pause, a.post.next = 0, time.Time{}
			changed = a.told(x, true, "") || changed
			continue
		}
		a.post.pause = min(max(2*a.post.pause, alertRetry), maxAlertWait)
		a.post.next = now.Add(a.post.pause)
		return a.told(x, false, MessageOf(err)) || changed
	}
	return changed
}

// unsent are the alerts that people were not told of. What was over long ago is left.
func (a *alerts) unsent() []Alert {
	a.mu.Lock()
	defer a.mu.Unlock()
	var list []Alert
	for _, x := range a.rows {
		if !x.Sent && (x.Over.IsZero() || a.c.now().Sub(x.Over) < staleAlert) {
			list = append(list, *x)
		}
	}
	return list
}

// told notes what became of a message, unless the alert has changed since. It reports a change of the row.
func (a *alerts) told(sent Alert, ok bool, problem string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, x := range a.rows {
		if x.ID != sent.ID || !x.Over.Equal(sent.Over) || x.Sent == ok && x.Problem == problem {
			continue
		}
		x.Sent, x.Problem = ok, problem
		a.dirty[x.ID] = true
		return true
	}
	return false
}

// message is what people read. It is the same at every attempt.
func (x Alert) message(server string) (title, text string) {
	title, text = x.Title, x.Text+"\n"
	if !x.Over.IsZero() && x.Over.After(x.At) {
		title = "Over: " + title
		text += fmt.Sprintf("It was over at %s, after %s. ", x.Over.Format("15:04:05 UTC"), FormatAge(x.Over.Sub(x.At)))
	}
	return fmt.Sprintf("[%s] %s", server, title), text + fmt.Sprintf("On %s since %s.", server, x.At.Format("2006-01-02 15:04:05 UTC"))
}

// notify sends a message to all addresses.
func (c *Core) notify(ctx context.Context, title, text string) error {
	if len(c.alertTargets()) == 0 {
		return Errorf(CodeUnavailable, "There is nobody to tell: MATRX_ALERT_URLS is not set.")
	}
	ctx, cancel := context.WithTimeout(ctx, alertWait)
	defer cancel()
	return c.ship.Notifier.Notify(ctx, title, text)
}

// testAlert sends a message to every address now.
func testAlert(ctx context.Context, c *Core, _ struct{}) (Done, error) {
	title := fmt.Sprintf("[%s] Test alert", c.cfg.ServerName)
	text := fmt.Sprintf("%s of %s asked for it at %s. Nothing is wrong.", SafeText(ActorFrom(ctx).Name), c.charter.Title, c.now().UTC().Format(time.RFC3339Nano))
	if err := c.notify(ctx, title, text); err != nil {
		return Done{}, err
	}
	return Done{Message: "Sent to " + countOf(len(c.alertTargets()), "address") + "."}, nil
}
