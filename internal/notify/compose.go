package notify

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"rota/internal/escape"
	"rota/runner"
)

// compose returns the action of a target for a notification, and its input. Where the
// action has no text of its own, compose adds one.
func (n *Notifier) compose(t Target, b batch) (runner.Action, runner.Input) {
	b = n.local(b)
	e, r := b.first, b.first.Run
	h := runner.NewHook(string(e.Kind), r, n.o.StateDir, tailMax)
	h.Why, h.Tail, h.More = why(e), escape.Lines(h.Tail), b.others()
	h.Text, h.Time, h.URL = sentence(n.host, b), e.Time, n.page(r)
	in := runner.Input{
		Task: r.Task, Run: r.ID, Scheduled: r.Scheduled, Started: r.Started, Attempt: r.Attempts, Cause: r.Cause,
		Host: n.host, Params: r.Params, Process: t.Process, Hook: h,
		Policy: runner.Policy{StopSignal: "TERM", KillAfter: time.Second},
	}
	switch a := t.Action.(type) {
	case *runner.Mail:
		return composeMail(*a, n.host, b, h), in
	case *runner.HTTP:
		return composeHTTP(*a, n.host, b, h), in
	case *runner.Command:
		in.Process.Stdin = body(n.host, b, h)
		in.Process.Env = environment(t.Process.Env, b, h)
	}
	return t.Action, in
}

// page returns the address of the run, or of its task, on the page; "" if not known.
func (n *Notifier) page(r runner.Run) string {
	base := ""
	if n.o.Page != nil {
		base = n.o.Page()
	}
	switch {
	case base == "":
		return ""
	case r.ID != "":
		return base + "/runs/" + r.ID
	case r.Task != "":
		return base + "/tasks/" + r.Task
	}
	return base + "/"
}

// local returns the bundle with the times of each event in the zone of its task.
func (n *Notifier) local(b batch) batch {
	if n.o.Zone == nil {
		return b
	}
	in := func(e Event) Event {
		zone := n.o.Zone(e.Run.Task)
		for _, t := range []*time.Time{&e.Time, &e.Run.Scheduled, &e.Run.Queued, &e.Run.Started, &e.Run.Finished, &e.Run.First, &e.Run.Last, &e.Run.NotBefore} {
			if !t.IsZero() {
				*t = t.In(zone)
			}
		}
		return e
	}
	b.first, b.rest = in(b.first), slices.Clone(b.rest)
	for i, e := range b.rest {
		b.rest[i] = in(e)
	}
	return b
}

func composeMail(a runner.Mail, host string, b batch, h *runner.Hook) runner.Action {
	if a.Subject == "" {
		a.Subject = literal(subject(host, b))
	} else if h.More > 0 {
		a.Subject += literal(fmt.Sprintf(" (and %d more)", h.More))
	}
	if a.Body == "" {
		a.Body = literal(body(host, b, h))
	} else if more := others(b); more != "" {
		a.Body += literal("\n" + more)
	}
	return &a
}

// composeHTTP adds a body to a webhook that has none. It does not add other events to a
// body of its own, which might then not be readable for the receiver; such a body can use
// .More.
func composeHTTP(a runner.HTTP, host string, b batch, h *runner.Hook) runner.Action {
	if a.Method == "" {
		a.Method = http.MethodPost
	}
	if a.Body != "" || a.BodyFile != "" || a.Method == http.MethodGet || a.Method == http.MethodHead {
		return &a
	}
	a.Body = literal(jsonBody(host, b, h))
	headers := map[string]string{"Content-Type": "application/json"}
	for name, value := range a.Headers {
		if strings.EqualFold(name, "Content-Type") {
			delete(headers, "Content-Type")
		}
		headers[name] = value
	}
	a.Headers = headers
	return &a
}

// environment adds the variables of a notification to the environment of a command.
func environment(env map[string]string, b batch, h *runner.Hook) map[string]string {
	all := map[string]string{}
	maps.Copy(all, env)
	all["ROTA_EVENT"] = h.Event
	all["ROTA_OUTCOME"] = string(h.Outcome)
	all["ROTA_EXIT"] = ""
	if h.Exit != nil {
		all["ROTA_EXIT"] = strconv.Itoa(*h.Exit)
	}
	all["ROTA_WHY"] = oneLine(h.Why)
	if h.URL != "" {
		all["ROTA_URL"] = h.URL
	}
	all["ROTA_MORE"] = strconv.Itoa(b.others())
	return all
}

// literal returns a template that produces the text.
func literal(text string) string { return "{{" + strconv.Quote(text) + "}}" }
