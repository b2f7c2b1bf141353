package api_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"rota/internal/api"
)

func event(i int) api.Message {
	return api.Message{Event: &api.Event{Text: fmt.Sprint(i)}}
}

// TestHub: a subscriber that reads gets every event; one that does not is dropped, and
// delays nobody.
func TestHub(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h api.Hub
		h.Publish(event(0)) // without subscribers
		if h.Watched() {
			t.Error("watched without a watcher")
		}
		ctx, end := context.WithCancel(t.Context())
		quick, slow := h.Watch(ctx), h.Watch(t.Context())
		got := 0
		go func() {
			for range quick {
				got++
			}
		}()
		const n = 10 * api.MaxBehind
		for i := range n {
			h.Publish(event(i))
			synctest.Wait()
		}
		kept := 0
		for m := range slow { // it ends, for it was dropped
			if m.Event.Text != fmt.Sprint(kept) {
				t.Fatalf("message %d is %s", kept, m.Event.Text)
			}
			kept++
		}
		if got != n || kept != api.MaxBehind {
			t.Errorf("%d and %d messages, want %d and %d", got, kept, n, api.MaxBehind)
		}
		end()
		synctest.Wait()
		if h.Watched() {
			t.Error("still watched after the end")
		}
		last := h.Watch(t.Context())
		h.Close()
		if _, more := <-last; more {
			t.Error("a closed hub continues")
		}
		if _, more := <-h.Watch(t.Context()); more {
			t.Error("a closed hub begins")
		}
	})
}

// A flood of output drops no subscriber: a slow one misses lines of output, and no
// events.
func TestHubFlood(t *testing.T) {
	const many = 10_000
	var h api.Hub
	c := h.Watch(t.Context())
	for range many {
		h.PublishLine(api.LogLine{Line: "x"})
	}
	h.Publish(api.Message{Event: &api.Event{Kind: "stop"}})
	h.Close()
	lines, events := 0, 0
	for m := range c {
		if m.Log != nil {
			lines++
		} else {
			events++
		}
	}
	if lines == 0 || lines > many/2 || events != 1 {
		t.Errorf("%d lines and %d events came, want some lines and the event", lines, events)
	}
}
