package docker

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/moby/moby/api/types/events"
	dockersdk "github.com/moby/moby/client"
)

// eventFilter asks the engine for what changes the picture only: a container with a health check runs an exec, three
// events, each few seconds.
func eventFilter() dockersdk.Filters {
	f := dockersdk.Filters{}.Add("type", "container", "network", "volume", "image")
	return f.Add("event", "create", "start", "restart", "stop", "pause", "unpause", "update", "rename", "kill", "die", "oom",
		"destroy", "health_status", "connect", "disconnect", "remove", "pull", "tag", "untag", "delete", "import", "load", "prune")
}

// Events yields what happens after the call, also when the stream is pulled later: list in between, and nothing is missed.
// It ends with an error when the stream breaks, and silently with ctx.
func (d *Docker) Events(ctx context.Context) iter.Seq2[core.EngineEvent, error] {
	since := time.Now()
	return func(yield func(core.EngineEvent, error) bool) {
		stream, end, err := openStream(ctx, d, "follow the engine's events", func(ctx context.Context, api *dockersdk.Client) (dockersdk.EventsResult, error) {
			res := api.Events(ctx, dockersdk.EventsListOptions{Since: sinceOf(since), Filters: eventFilter()})
			select {
			case err := <-res.Err:
				return res, err
			default:
				return res, nil
			}
		})
		if err == nil {
			err = pumpEvents(stream, yield)
			end()
			for range stream.Err { // closed when the SDK's reader is gone
			}
		}
		if err != nil && ctx.Err() == nil {
			yield(core.EngineEvent{}, wrap(err, "follow the engine's events"))
		}
	}
}

// pumpEvents hands events on until the consumer has enough (nil) or the stream breaks.
func pumpEvents(stream dockersdk.EventsResult, yield func(core.EngineEvent, error) bool) error {
	for {
		select {
		case m := <-stream.Messages:
			if !yield(eventOf(m), nil) {
				return nil
			}
		case err := <-stream.Err:
			return err
		}
	}
}

// eventOf converts an event. What is not the name counts as a label: the engine mixes them.
func eventOf(m events.Message) core.EngineEvent {
	labels := maps.Clone(m.Actor.Attributes)
	delete(labels, "name")
	return core.EngineEvent{At: time.Unix(0, m.TimeNano).UTC(), Type: string(m.Type), Action: string(m.Action), ID: m.Actor.ID,
		Name: m.Actor.Attributes["name"], Labels: labels}
}

// sinceOf writes a time with nanoseconds as the API wants it.
func sinceOf(t time.Time) string { return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond()) }
