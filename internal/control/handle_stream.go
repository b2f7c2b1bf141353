package control

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"rota/internal/api"
)

func getLog(c call) (any, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	q := c.query("follow")
	follow := q.flag("follow")
	if q.err != nil {
		return nil, q.err
	}
	log, err := c.s.Log(c.r.Context(), id, follow)
	if err != nil {
		return nil, err
	}
	c.pour(log, "text/plain; charset=utf-8")
	return nil, nil
}

func getResult(c call) (any, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	result, err := c.s.Result(c.r.Context(), id)
	if err != nil {
		return nil, err
	}
	c.pour(result, "application/octet-stream")
	return nil, nil
}

// pour sends what it reads as it comes. Who reads it may take their time, as a
// pager does. If it cannot be read to its end the connection is broken off, so
// that nobody takes a part for the whole.
func (c call) pour(from io.ReadCloser, kind string) {
	defer from.Close()
	c.w.Header().Set("Content-Type", kind)
	flush := http.NewResponseController(c.w)
	flush.SetWriteDeadline(time.Time{})
	c.w.WriteHeader(http.StatusOK)
	flush.Flush()
	piece := make([]byte, 32<<10)
	for {
		n, err := from.Read(piece)
		if c.r.Context().Err() != nil { // the caller has gone, or lost the right to it
			panic(http.ErrAbortHandler)
		}
		if n > 0 {
			if _, err := c.w.Write(piece[:n]); err != nil {
				return
			}
			flush.Flush()
		}
		switch {
		case err == io.EOF:
			return
		case err != nil:
			panic(http.ErrAbortHandler)
		}
	}
}

// ndjson is the kind of a stream of one JSON object per line; blank lines say
// that it is alive.
const ndjson = "application/x-ndjson"

// getEvents sends messages as they come, as server-sent events or, if Accept
// asks for it, one per line. A reader that is too slow is dropped.
func getEvents(c call) (any, error) {
	if q := c.query(); q.err != nil {
		return nil, q.err
	}
	leave, err := c.streams.take(c.s.c.Share())
	if err != nil {
		return nil, err
	}
	defer leave()
	messages, err := c.s.Watch(c.r.Context())
	if err != nil {
		return nil, err
	}
	form, alive := event, ": alive\n\n"
	kind := "text/event-stream"
	if accepts(c.r, ndjson) {
		form, alive, kind = line, "\n", ndjson
	}
	c.w.Header().Set("Content-Type", kind)
	c.w.Header().Set("X-Accel-Buffering", "no") // a proxy in between must not collect
	timer := http.NewResponseController(c.w)
	send := func(text string) bool {
		timer.SetWriteDeadline(time.Now().Add(messageTime))
		_, err := io.WriteString(c.w, text)
		return err == nil && timer.Flush() == nil
	}
	beat := time.NewTicker(keepAlive)
	defer beat.Stop()
	for ok := send(alive); ok; {
		select {
		case m, more := <-messages:
			if !more {
				return nil, nil
			}
			// What cannot be written ends no stream.
			if text, err := form(m); err == nil {
				ok = c.r.Context().Err() == nil && send(text)
			}
		case <-beat.C:
			ok = send(alive)
		case <-c.r.Context().Done():
			return nil, nil
		}
	}
	return nil, nil
}

// accepts reports whether a request names a kind that it wants.
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

// line is a message on a line of its own.
func line(m api.Message) (string, error) {
	b, err := json.Marshal(m)
	return string(b) + "\n", err
}

// event is a message as a server-sent event.
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
