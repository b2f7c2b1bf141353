package control_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rota/internal/api"
	"rota/internal/control"
	"rota/internal/control/controltest"
	"rota/runner"
)

// calls are all calls of a Service that name the task "mail", or nothing.
var calls = []struct {
	name string
	call func(ctx context.Context, s api.Service) error
}{
	{"status", func(ctx context.Context, s api.Service) error { _, err := s.Status(ctx); return err }},
	{"tasks", func(ctx context.Context, s api.Service) error { _, err := s.Tasks(ctx); return err }},
	{"task", func(ctx context.Context, s api.Service) error { _, err := s.Tasks(ctx, "mail"); return err }},
	{"next", func(ctx context.Context, s api.Service) error {
		_, err := s.Next(ctx, api.NextQuery{Tasks: []string{"mail"}})
		return err
	}},
	{"runs", func(ctx context.Context, s api.Service) error {
		_, err := s.Runs(ctx, api.RunQuery{Task: "mail"})
		return err
	}},
	{"events", func(ctx context.Context, s api.Service) error {
		_, err := s.Events(ctx, api.EventQuery{Task: "mail"})
		return err
	}},
	{"run", func(ctx context.Context, s api.Service) error { _, err := s.Run(ctx, "mail/old"); return err }},
	{"log", func(ctx context.Context, s api.Service) error {
		_, err := s.Log(ctx, api.LogQuery{Run: "mail/old"})
		return err
	}},
	{"result", func(ctx context.Context, s api.Service) error { _, err := s.Result(ctx, "mail/old"); return err }},
	{"wait", func(ctx context.Context, s api.Service) error { _, err := s.Wait(ctx, "mail/old"); return err }},
	{"why", func(ctx context.Context, s api.Service) error {
		_, err := s.Why(ctx, "mail", time.Time{})
		return err
	}},
	{"health", func(ctx context.Context, s api.Service) error { return s.Health(ctx, api.HealthQuery{}) }},
	{"health of a task", func(ctx context.Context, s api.Service) error {
		return s.Health(ctx, api.HealthQuery{Task: "mail"})
	}},
	{"metrics", func(ctx context.Context, s api.Service) error { _, err := s.Metrics(ctx); return err }},
	{"watch", func(ctx context.Context, s api.Service) error { _, err := s.Watch(ctx); return err }},
	{"request", func(ctx context.Context, s api.Service) error {
		_, err := s.Request(ctx, api.Request{Task: "mail", Held: true}, nil)
		return err
	}},
	{"force", func(ctx context.Context, s api.Service) error {
		_, err := s.Request(ctx, api.Request{Task: "mail", Force: true}, nil)
		return err
	}},
	{"cancel", func(ctx context.Context, s api.Service) error { _, err := s.Cancel(ctx, "mail"); return err }},
	{"cancel all of a task", func(ctx context.Context, s api.Service) error { _, err := s.CancelAll(ctx, "mail"); return err }},
	{"stop", func(ctx context.Context, s api.Service) error {
		_, err := s.Stop(ctx, "mail", false)
		if api.CodeOf(err) == api.Conflict { // it may, but nothing runs
			return nil
		}
		return err
	}},
	{"hold", func(ctx context.Context, s api.Service) error {
		_, err := s.Hold(ctx, api.Holding{Tasks: []string{"mail"}})
		return err
	}},
	{"release", func(ctx context.Context, s api.Service) error {
		_, err := s.Release(ctx, "mail")
		if api.CodeOf(err) == api.Conflict { // it may, but it is not held
			return nil
		}
		return err
	}},
	{"reschedule", func(ctx context.Context, s api.Service) error {
		_, err := s.Reschedule(ctx, api.Rescheduling{Name: "mail", Expr: "never"})
		return err
	}},
	{"skip", func(ctx context.Context, s api.Service) error {
		_, err := s.Skip(ctx, "mail")
		if api.CodeOf(err) == api.Conflict { // it may, but there is no slot
			return nil
		}
		return err
	}},
	{"forget of a task", func(ctx context.Context, s api.Service) error {
		_, err := s.Forget(ctx, api.Forgetting{Task: "mail"})
		return err
	}},
	{"forget a run", func(ctx context.Context, s api.Service) error {
		_, err := s.Forget(ctx, api.Forgetting{IDs: []string{"mail/none"}})
		return err
	}},
	{"queues", func(ctx context.Context, s api.Service) error { _, err := s.Queues(ctx); return err }},
	{"cancel all", func(ctx context.Context, s api.Service) error { _, err := s.CancelAll(ctx, ""); return err }},
	{"hold all", func(ctx context.Context, s api.Service) error {
		_, err := s.Hold(ctx, api.Holding{All: true})
		return err
	}},
	{"hold all and one", func(ctx context.Context, s api.Service) error {
		_, err := s.Hold(ctx, api.Holding{All: true, Tasks: []string{"mail"}})
		return err
	}},
	{"hold nothing", func(ctx context.Context, s api.Service) error {
		_, err := s.Hold(ctx, api.Holding{})
		return err
	}},
	{"release all", func(ctx context.Context, s api.Service) error { _, err := s.Release(ctx); return err }},
	{"start queues", func(ctx context.Context, s api.Service) error { _, err := s.StartQueues(ctx); return err }},
	{"stop queues", func(ctx context.Context, s api.Service) error { _, err := s.StopQueues(ctx); return err }},
	{"forget", func(ctx context.Context, s api.Service) error {
		_, err := s.Forget(ctx, api.Forgetting{Outcomes: []runner.Outcome{runner.Lost}})
		return err
	}},
	{"reload", func(ctx context.Context, s api.Service) error { _, err := s.Reload(ctx, false); return err }},
	{"plan", func(ctx context.Context, s api.Service) error { _, err := s.Reload(ctx, true); return err }},
	{"drain", func(ctx context.Context, s api.Service) error { _, err := s.Drain(ctx, 1); return err }},
	{"end a drain", func(ctx context.Context, s api.Service) error {
		_, err := s.EndDrain(ctx)
		if api.CodeOf(err) == api.Conflict { // allowed, but not set
			return nil
		}
		return err
	}},
	{"notify", func(ctx context.Context, s api.Service) error {
		_, err := s.Notify(ctx, "ops")
		if api.CodeOf(err) == api.NotFound { // it may, but there is no target
			return nil
		}
		return err
	}},
}

// may is a set of calls by name.
func may(lists ...string) (names []string) {
	for _, list := range lists {
		for name := range strings.SplitSeq(list, ", ") {
			names = append(names, name)
		}
	}
	return names
}

// The calls that each scope adds, on a task and on rota as a whole.
const (
	always     = "status, tasks, watch, health, metrics"
	reads      = "task, health of a task, next, runs, events, run, log, result, wait, why"
	requests   = "request, cancel, cancel all of a task"
	owns       = "stop, hold, release, force"
	controls   = "reschedule, skip, forget of a task, forget a run"
	readsAll   = "queues"
	controlAll = "cancel all, hold all, hold all and one, hold nothing, release all, start queues, stop queues, forget, reload, plan, drain, end a drain, notify"
)

func tokenCaller(name string) func(string) bool {
	return func(task string) bool { return task == name }
}

// TestRights tests which caller may call what. A call without the right is forbidden or,
// for a task that the caller may not see, not found.
func TestRights(t *testing.T) {
	for _, test := range []struct {
		who    string
		grants []api.Grant
		may    []string
		no     api.Code // of a task
	}{
		{"nobody", nil, may(always), api.NotFound},
		{"who may nothing", []api.Grant{{}}, may(always), api.NotFound},
		{"reader of all", []api.Grant{{May: api.MayRead}}, may(always, reads, readsAll), api.Forbidden},
		{"reader of mail", []api.Grant{{May: api.MayRead, Tasks: tokenCaller("mail")}}, may(always, reads), api.Forbidden},
		{"requester", []api.Grant{{May: api.MayRequest, Tasks: tokenCaller("mail")}}, may(always, reads, requests), api.Forbidden},
		{"owner", []api.Grant{{May: api.MayOwn, Tasks: tokenCaller("mail")}}, may(always, reads, requests, owns), api.Forbidden},
		{"controller of mail", []api.Grant{{May: api.MayControl, Tasks: tokenCaller("mail")}}, may(always, reads, requests, owns, controls), api.Forbidden},
		{"controller of echo", []api.Grant{{May: api.MayControl, Tasks: tokenCaller("echo")}}, may(always), api.NotFound},
		{"controller of echo who reads all", []api.Grant{{May: api.MayControl, Tasks: tokenCaller("echo")}, {May: api.MayRead}},
			may(always, reads, readsAll), api.Forbidden},
		{"controller of all", []api.Grant{{May: api.MayControl}},
			may(always, reads, requests, owns, controls, readsAll, controlAll), ""},
	} {
		t.Run(test.who, func(t *testing.T) {
			for _, c := range calls {
				fake := controltest.NewFake("mail")
				request(t, fake, "mail", "old", false)
				request(t, fake, "mail", "waits", true)
				ctx, end := context.WithCancel(t.Context())
				err := c.call(ctx, control.Guard(fake, api.Caller{Who: test.who, Grants: test.grants}))
				end()
				want := api.Forbidden
				switch {
				case slices.Contains(test.may, c.name):
					want = ""
				case !slices.Contains(may(readsAll, controlAll), c.name):
					want = test.no
				}
				if got := api.CodeOf(err); got != want {
					t.Errorf("%s: %q (%v), want %q", c.name, got, err, want)
				}
			}
		})
	}
}

// request makes a run of a fake, as root.
func request(t *testing.T, fake *controltest.Fake, task, key string, held bool) {
	t.Helper()
	_, err := fake.Request(api.As(t.Context(), "root"), api.Request{Task: task, Key: key, Held: held}, strings.NewReader("input"))
	if err != nil {
		t.Fatal(err)
	}
}

// TestHidden: tasks that a caller may not see are nowhere.
func TestHidden(t *testing.T) {
	fake := controltest.NewFake("mail", "post")
	for i := range 300 { // more than what is asked for at once
		request(t, fake, "echo", "e"+string(rune('a'+i%26))+string(rune('a'+i/26)), false)
	}
	request(t, fake, "mail", "a", false)
	request(t, fake, "echo", "newest", false)
	ctx := t.Context()
	s := control.Guard(fake, api.Caller{Who: "alice", Grants: []api.Grant{{May: api.MayOwn, Tasks: tokenCaller("mail")}}})

	tasks, err := s.Tasks(ctx)
	if err != nil || len(tasks) != 1 || tasks[0].Task != "mail" {
		t.Errorf("tasks: %v, %v", tasks, err)
	}
	runs, err := s.Runs(ctx, api.RunQuery{})
	if err != nil || len(runs) != 1 || runs[0].ID != "mail/a" {
		t.Errorf("runs: %v, %v", runs, err)
	}
	slots, err := s.Next(ctx, api.NextQuery{})
	if err != nil || len(slots) != 0 {
		t.Errorf("next: %v, %v", slots, err)
	}
	status, err := s.Status(ctx)
	if err != nil || status.Tasks != 1 || status.Config != "" || !status.Daemon {
		t.Errorf("status: %+v, %v", status, err)
	}
	for _, id := range []string{"echo", "nope"} { // an existing task and a missing one: the same answer
		_, err := s.Run(ctx, id)
		if want := `no task "` + id + `"`; err == nil || err.Error() != want {
			t.Errorf("run %s: %v, want %s", id, err, want)
		}
	}
	near := control.Guard(fake, api.Caller{Grants: []api.Grant{{May: api.MayRead, Tasks: tokenCaller("nope")}}})
	if _, err := near.Tasks(ctx, "nope"); err == nil || strings.Contains(err.Error(), "echo") {
		t.Errorf("the error of a task that one could see if it were there: %v", err)
	}
	if r, err := s.Request(ctx, api.Request{Task: "mail", Key: "b"}, nil); err != nil || r.Who != "alice" {
		t.Errorf("who asked: %q, %v", r.Who, err)
	}
}

// TestHiddenMessages: messages about hidden tasks, and about rota, are omitted.
func TestHiddenMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := controltest.NewFake("mail")
		s := control.Guard(fake, api.Caller{Grants: []api.Grant{{May: api.MayRead, Tasks: tokenCaller("mail")}}})
		ctx, end := context.WithCancel(t.Context())
		messages, err := s.Watch(ctx)
		if err != nil {
			t.Fatal(err)
		}
		fake.Publish(api.Message{Event: &api.Event{Kind: "reload"}})
		fake.Publish(api.Message{Event: &api.Event{Kind: "hold", Task: "echo"}})
		fake.Publish(api.Message{Log: &api.LogLine{Run: "echo/a", Line: "secret"}})
		fake.Publish(api.Message{Run: &api.Run{ID: "echo/a", Task: "echo"}})
		fake.Publish(api.Message{Run: &api.Run{ID: "mail/a", Task: "mail", Parent: "echo/a"}})
		fake.Publish(api.Message{Event: &api.Event{Kind: "hold", Task: "mail"}})
		fake.Publish(api.Message{Log: &api.LogLine{Run: "mail/a", Line: "seen"}})
		if m := <-messages; m.Run == nil || m.Run.ID != "mail/a" || m.Run.Parent != "" {
			t.Errorf("first: %+v", m)
		}
		if m := <-messages; m.Event == nil || m.Event.Task != "mail" {
			t.Errorf("second: %+v", m)
		}
		if m := <-messages; m.Log == nil || m.Log.Line != "seen" {
			t.Errorf("third: %+v", m)
		}
		end()
		if m, more := <-messages; more {
			t.Errorf("after the end: %+v", m)
		}
	})
}
