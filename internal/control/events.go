package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"rota/internal/api"
	"rota/runner"
)

// ndjson is the content type of a stream with one JSON object per line. Blank lines keep
// the connection alive.
const ndjson = "application/x-ndjson"

var getEvents = endpoint(Endpoint[struct{}, <-chan api.Message]{
	Method: "GET", Path: "/v1/events",
	Call: func(ctx context.Context, s api.Service, _ struct{}) (<-chan api.Message, error) { return s.Watch(ctx) },
	Send: call.sendEvents,
})

// sendEvents sends messages as they arrive, as server-sent events or, if the client
// accepts ndjson, one per line. A client that reads too slowly is disconnected.
func (c call) sendEvents(messages <-chan api.Message) error {
	leave, err := c.server.streams.take(c.s.c.Share())
	if err != nil {
		return err
	}
	defer leave()
	form, alive := event, ": alive\n\n"
	kind := "text/event-stream"
	if accepts(c.r, ndjson) {
		form, alive, kind = line, "\n", ndjson
	}
	c.w.Header().Set("Content-Type", kind)
	c.w.Header().Set("X-Accel-Buffering", "no") // a proxy must not buffer
	timer := http.NewResponseController(c.w)
	send := func(text string) bool {
		timer.SetWriteDeadline(time.Now().Add(messageTimeout))
		_, err := io.WriteString(c.w, text)
		return err == nil && timer.Flush() == nil
	}
	beat := time.NewTicker(keepAlive)
	defer beat.Stop()
	for ok := send(alive); ok; {
		select {
		case m, more := <-messages:
			if !more {
				return nil
			}
			// A message that cannot be encoded is skipped.
			if text, err := form(m); err == nil {
				ok = c.r.Context().Err() == nil && send(text)
			}
		case <-beat.C:
			ok = send(alive)
		case <-c.r.Context().Done():
			return nil
		}
	}
	return nil
}

// accepts reports whether the header Accept of a request has the content type.
func accepts(r *http.Request, kind string) bool {
	for _, accept := range r.Header.Values("Accept") {
		for part := range strings.SplitSeq(accept, ",") {
			if got, _, err := mime.ParseMediaType(part); err == nil && got == kind {
				return true
			}
		}
	}
	return false
}

// line returns a message as a line of JSON.
func line(m api.Message) (string, error) {
	b, err := json.Marshal(m)
	return string(b) + "\n", err
}

// event returns a message as a server-sent event.
func event(m api.Message) (string, error) {
	name := "event"
	switch {
	case m.Run != nil:
		name = "run"
	case m.Log != nil:
		name = "log"
	}
	b, err := json.Marshal(m)
	return fmt.Sprintf("event: %s\ndata: %s\n\n", name, b), err
}

// maxMessage is the largest message in bytes. A message is a run with the tail of its
// output, or a line of output.
const maxMessage = 4 << 20

// Watch closes the channel also if the daemon has sent nothing for three keep-alive
// intervals.
func (c *Client) Watch(ctx context.Context) (<-chan api.Message, error) {
	ctx, cancel := context.WithCancel(ctx)
	answer, err := open(ctx, c, getEvents, struct{}{})
	if err != nil {
		cancel()
		return nil, err
	}
	out := make(chan api.Message)
	silent := time.AfterFunc(3*keepAlive, cancel)
	go func() {
		defer close(out)
		defer answer.Close()
		defer cancel()
		defer silent.Stop()
		lines := bufio.NewScanner(answer)
		lines.Buffer(nil, maxMessage)
		for lines.Scan() {
			silent.Reset(3 * keepAlive)
			if len(bytes.TrimSpace(lines.Bytes())) == 0 {
				continue
			}
			var m api.Message
			if json.Unmarshal(lines.Bytes(), &m) != nil {
				return
			}
			silent.Stop() // the time that the receiver takes does not count
			select {
			case out <- m:
			case <-ctx.Done():
				return
			}
			silent.Reset(3 * keepAlive)
		}
	}()
	return out, nil
}

// Watch omits messages about tasks that the caller may not see, and messages about rota
// as a whole unless the caller may see all tasks.
func (g *guard) Watch(ctx context.Context) (<-chan api.Message, error) {
	in, err := g.s.Watch(g.as(ctx))
	if err != nil {
		return in, g.hide(err)
	}
	out := make(chan api.Message)
	go func() {
		defer close(out)
		for m := range in {
			if m, ok := g.message(m); ok {
				select {
				case out <- m:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return out, nil
}

// message returns m with hidden names removed, and whether the caller may see it.
func (g *guard) message(m api.Message) (api.Message, bool) {
	switch {
	case m.Run != nil:
		r := g.run(*m.Run)
		return api.Message{Run: &r}, g.seesRun(*m.Run)
	case m.Log != nil:
		task, _ := runner.SplitID(m.Log.Run)
		return m, g.seesRun(api.Run{ID: m.Log.Run, Task: task, User: m.Log.User})
	case m.Event != nil:
		e, ok := g.event(*m.Event)
		return api.Message{Event: &e}, ok
	}
	return m, false
}
