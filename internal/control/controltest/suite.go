// Package controltest is the contract of a Service as a test: one script of
// calls that says the same in process, over a unix socket and over TCP, on a
// real rota and on a fake one.
package controltest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"rota/internal/api"
	"rota/runner"
)

// File is a file with the tasks that the script is about.
const File = `
[queues.side]

[tasks.echo]
params = { word = "" }
command = 'tee "$ROTA_RESULT_FILE"'

[tasks.sleep]
command = ["sleep", "1000"]
stop_signal = "KILL"

[tasks.yearly]
cron = "0 0 1 1 *"
log = "a year has passed"
`

// Way is a way to reach a rota that may do everything.
type Way struct {
	Name    string // of letters
	Service api.Service
}

// Test runs the script over each of the ways to the same rota, and fails if a
// call does not do what it says or two ways do not say the same.
func Test(t *testing.T, ways ...Way) {
	var first []string
	for _, way := range ways {
		t.Run(way.Name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			s := &script{t: t, ctx: ctx, s: way.Service, tag: way.Name}
			s.play()
			if first == nil {
				first = s.said
			}
			for i, line := range s.said {
				if i < len(first) && line != first[i] {
					t.Errorf("%s says\n\t%s\nbut %s says\n\t%s", ways[0].Name, first[i], way.Name, line)
				}
			}
			if len(s.said) != len(first) {
				t.Errorf("%d answers, but %d of %s", len(s.said), len(first), ways[0].Name)
			}
		})
	}
}

// script is one run of the script.
type script struct {
	t    *testing.T
	ctx  context.Context
	s    api.Service
	tag  string // of all keys
	said []string
}

// say notes an answer, which is an error of the Code want; "" for none.
func (s *script) say(call string, want api.Code, answer any, err error) {
	s.t.Helper()
	if got := api.CodeOf(err); got != want {
		s.t.Errorf("%s: the error is %q (%v), want %q", call, got, err, want)
	}
	if err != nil {
		s.said = append(s.said, fmt.Sprintf("%s: %s: %s", call, api.CodeOf(err), s.plain(err.Error())))
		return
	}
	b, err := json.Marshal(answer)
	if err != nil {
		s.t.Fatalf("%s: %v", call, err)
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		s.t.Fatalf("%s: %v", call, err)
	}
	b, err = json.Marshal(timeless(v))
	if err != nil {
		s.t.Fatalf("%s: %v", call, err)
	}
	s.said = append(s.said, call+": "+s.plain(string(b)))
}

// refuse says that an error has the Code want; in what words is a matter of
// who finds it.
func (s *script) refuse(call string, want api.Code, err error) {
	s.t.Helper()
	if got := api.CodeOf(err); got != want {
		s.t.Errorf("%s: the error is %q (%v), want %q", call, got, err, want)
	}
}

// plain is a text without what differs from way to way.
func (s *script) plain(text string) string { return strings.ReplaceAll(text, s.tag+"-", "") }

// passing are the names of what differs from one call to the next.
var passing = []string{
	"at", "content", "finished", "input_file", "not_before", "queued", "scheduled", "since", "started", "time", "took_seconds", "until", "was", "who", "by", "why", "next",
}

// timeless is v, of JSON, without what differs from one call to the next, and
// without lists that are empty: no list is an empty one.
func timeless(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			list, ok := inner.([]any)
			switch {
			case inner == nil || ok && len(list) == 0:
				delete(v, name)
			case slices.Contains(passing, name) && !ok:
				v[name] = "…"
			default:
				v[name] = timeless(inner)
			}
		}
	case []any:
		for i := range v {
			v[i] = timeless(v[i])
		}
	}
	return v
}

// id is the id of a run of the script.
func (s *script) id(task, key string) string { return task + "/" + s.tag + "-" + key }

// request asks for a run.
func (s *script) request(call string, want api.Code, q api.Request, input io.Reader) {
	s.t.Helper()
	q.Key = s.tag + "-" + q.Key
	r, err := s.s.Request(s.ctx, q, input)
	// What waits for a worker and what has ended are a matter of time.
	s.say(call, want, map[string]any{"run": r.ID, "params": r.Params, "on": r.On}, err)
}

// text reads a stream, and says how much and what it begins with.
func text(r io.ReadCloser, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(r)
	return map[string]any{"bytes": len(b), "begin": string(b[:min(len(b), 32)])}, errors.Join(err, r.Close())
}

// until reads messages until one is of a run that stands as is said.
func (s *script) until(messages <-chan api.Message, id string, state runner.State) {
	s.t.Helper()
	for m := range messages {
		if m.Run != nil && m.Run.ID == id && m.Run.State == state {
			return
		}
	}
	s.t.Fatalf("no message says that %s is %s", id, state)
}
