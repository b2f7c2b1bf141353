package control_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rota/internal/control"
	"rota/internal/control/controltest"
	"rota/runner"
)

// calls are all calls of a Service that name the task "mail", or nothing.
var calls = []struct {
	name string
	call func(ctx context.Context, s control.Service) error
}{
	{"status", func(ctx context.Context, s control.Service) error { _, err := s.Status(ctx); return err }},
	{"tasks", func(ctx context.Context, s control.Service) error { _, err := s.Tasks(ctx); return err }},
	{"task", func(ctx context.Context, s control.Service) error { _, err := s.Tasks(ctx, "mail"); return err }},
	{"next", func(ctx context.Context, s control.Service) error {
		_, err := s.Next(ctx, control.NextQuery{Tasks: []string{"mail"}})
		return err
	}},
	{"runs", func(ctx context.Context, s control.Service) error {
		_, err := s.Runs(ctx, control.RunQuery{Task: "mail"})
		return err
	}},
	{"run", func(ctx context.Context, s control.Service) error { _, err := s.Run(ctx, "mail/old"); return err }},
	{"log", func(ctx context.Context, s control.Service) error {
		_, err := s.Log(ctx, "mail/old", false)
		return err
	}},
	{"result", func(ctx context.Context, s control.Service) error { _, err := s.Result(ctx, "mail/old"); return err }},
	{"wait", func(ctx context.Context, s control.Service) error { _, err := s.Wait(ctx, "mail/old"); return err }},
	{"why", func(ctx context.Context, s control.Service) error {
		_, err := s.Why(ctx, "mail", time.Time{})
		return err
	}},
	{"watch", func(ctx context.Context, s control.Service) error { _, err := s.Watch(ctx); return err }},
	{"request", func(ctx context.Context, s control.Service) error {
		_, err := s.Request(ctx, control.Request{Task: "mail", Held: true}, nil)
		return err
	}},
	{"force", func(ctx context.Context, s control.Service) error {
		_, err := s.Request(ctx, control.Request{Task: "mail", Force: true}, nil)
		return err
	}},
	{"cancel", func(ctx context.Context, s control.Service) error { _, err := s.Cancel(ctx, "mail"); return err }},
	{"cancel all of a task", func(ctx context.Context, s control.Service) error { _, err := s.CancelAll(ctx, "mail"); return err }},
	{"stop", func(ctx context.Context, s control.Service) error {
		_, err := s.Stop(ctx, "mail", false)
		if control.CodeOf(err) == control.Conflict { // it may, but nothing runs
			return nil
		}
		return err
	}},
	{"hold", func(ctx context.Context, s control.Service) error {
		_, err := s.Hold(ctx, control.Holding{Tasks: []string{"mail"}})
		return err
	}},
	{"release", func(ctx context.Context, s control.Service) error { _, err := s.Release(ctx, "mail"); return err }},
	{"reschedule", func(ctx context.Context, s control.Service) error {
		_, err := s.Reschedule(ctx, control.Rescheduling{Name: "mail", Expr: "never"})
		return err
	}},
	{"skip", func(ctx context.Context, s control.Service) error {
		_, err := s.Skip(ctx, "mail")
		if control.CodeOf(err) == control.Conflict { // it may, but there is no slot
			return nil
		}
		return err
	}},
	{"forget of a task", func(ctx context.Context, s control.Service) error {
		_, err := s.Forget(ctx, control.Forgetting{Task: "mail"})
		return err
	}},
	{"forget a run", func(ctx context.Context, s control.Service) error {
		_, err := s.Forget(ctx, control.Forgetting{IDs: []string{"mail/none"}})
		return err
	}},
	{"queues", func(ctx context.Context, s control.Service) error { _, err := s.Queues(ctx); return err }},
	{"cancel all", func(ctx context.Context, s control.Service) error { _, err := s.CancelAll(ctx, ""); return err }},
	{"hold all", func(ctx context.Context, s control.Service) error {
		_, err := s.Hold(ctx, control.Holding{All: true})
		return err
	}},
	{"hold all and one", func(ctx context.Context, s control.Service) error {
		_, err := s.Hold(ctx, control.Holding{All: true, Tasks: []string{"mail"}})
		return err
	}},
	{"hold nothing", func(ctx context.Context, s control.Service) error {
		_, err := s.Hold(ctx, control.Holding{})
		return err
	}},
	{"release all", func(ctx context.Context, s control.Service) error { _, err := s.Release(ctx); return err }},
	{"start queues", func(ctx context.Context, s control.Service) error { _, err := s.StartQueues(ctx); return err }},
	{"stop queues", func(ctx context.Context, s control.Service) error { _, err := s.StopQueues(ctx); return err }},
	{"forget", func(ctx context.Context, s control.Service) error {
		_, err := s.Forget(ctx, control.Forgetting{Outcomes: []runner.Outcome{runner.Lost}})
		return err
	}},
	{"reload", func(ctx context.Context, s control.Service) error { _, err := s.Reload(ctx, false); return err }},
	{"plan", func(ctx context.Context, s control.Service) error { _, err := s.Reload(ctx, true); return err }},
	{"drain", func(ctx context.Context, s control.Service) error { _, err := s.Drain(ctx, 1); return err }},
	{"notify", func(ctx context.Context, s control.Service) error {
		_, err := s.Notify(ctx, "ops")
		if control.CodeOf(err) == control.NotFound { // it may, but there is no target
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

// What each scope adds, on a task and on rota as a whole.
const (
	always     = "status, tasks, watch"
	reads      = "task, next, runs, run, log, result, wait, why"
	requests   = "request, cancel, cancel all of a task"
	owns       = "stop, hold, release, force"
	controls   = "reschedule, skip, forget of a task, forget a run"
	readsAll   = "queues"
	controlAll = "cancel all, hold all, hold all and one, hold nothing, release all, start queues, stop queues, forget, reload, plan, drain, notify"
)

func named(name string) func(string) bool { return func(task string) bool { return task == name } }

// TestRights is who may do what. What is not among what one may is forbidden
// or, of a task that one may not see, not found.
func TestRights(t *testing.T) {
	for _, test := range []struct {
		who    string
		grants []control.Grant
		may    []string
		no     control.Code // of a task
	}{
		{"nobody", nil, may(always), control.NotFound},
		{"who may nothing", []control.Grant{{}}, may(always), control.NotFound},
		{"reader of all", []control.Grant{{May: control.MayRead}}, may(always, reads, readsAll), control.Forbidden},
		{"reader of mail", []control.Grant{{May: control.MayRead, Tasks: named("mail")}}, may(always, reads), control.Forbidden},
		{"requester", []control.Grant{{May: control.MayRequest, Tasks: named("mail")}}, may(always, reads, requests), control.Forbidden},
		{"owner", []control.Grant{{May: control.MayOwn, Tasks: named("mail")}}, may(always, reads, requests, owns), control.Forbidden},
		{"controller of mail", []control.Grant{{May: control.MayControl, Tasks: named("mail")}}, may(always, reads, requests, owns, controls), control.Forbidden},
		{"controller of echo", []control.Grant{{May: control.MayControl, Tasks: named("echo")}}, may(always), control.NotFound},
		{"controller of echo who reads all", []control.Grant{{May: control.MayControl, Tasks: named("echo")}, {May: control.MayRead}},
			may(always, reads, readsAll), control.Forbidden},
		{"controller of all", []control.Grant{{May: control.MayControl}},
			may(always, reads, requests, owns, controls, readsAll, controlAll), ""},
	} {
		t.Run(test.who, func(t *testing.T) {
			for _, c := range calls {
				fake := controltest.NewFake("mail")
				request(t, fake, "mail", "old", false)
				request(t, fake, "mail", "waits", true)
				ctx, end := context.WithCancel(t.Context())
				err := c.call(ctx, control.Guard(fake, control.Caller{Who: test.who, Grants: test.grants}))
				end()
				want := control.Forbidden
				switch {
				case slices.Contains(test.may, c.name):
					want = ""
				case !slices.Contains(may(readsAll, controlAll), c.name):
					want = test.no
				}
				if got := control.CodeOf(err); got != want {
					t.Errorf("%s: %q (%v), want %q", c.name, got, err, want)
				}
			}
		})
	}
}

// request makes a run of a fake, as root.
func request(t *testing.T, fake *controltest.Fake, task, key string, held bool) {
	t.Helper()
	_, err := fake.Request(control.As(t.Context(), "root"), control.Request{Task: task, Key: key, Held: held}, strings.NewReader("input"))
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
	s := control.Guard(fake, control.Caller{Who: "alice", Grants: []control.Grant{{May: control.MayOwn, Tasks: named("mail")}}})

	tasks, err := s.Tasks(ctx)
	if err != nil || len(tasks) != 1 || tasks[0].Task != "mail" {
		t.Errorf("tasks: %v, %v", tasks, err)
	}
	runs, err := s.Runs(ctx, control.RunQuery{})
	if err != nil || len(runs) != 1 || runs[0].ID != "mail/a" {
		t.Errorf("runs: %v, %v", runs, err)
	}
	slots, err := s.Next(ctx, control.NextQuery{})
	if err != nil || len(slots) != 0 {
		t.Errorf("next: %v, %v", slots, err)
	}
	status, err := s.Status(ctx)
	if err != nil || status.Tasks != 1 || status.Config != "" || !status.Daemon {
		t.Errorf("status: %+v, %v", status, err)
	}
	for _, id := range []string{"echo", "nope"} { // there is one and there is none: the same
		_, err := s.Run(ctx, id)
		if want := `no task "` + id + `"`; err == nil || err.Error() != want {
			t.Errorf("run %s: %v, want %s", id, err, want)
		}
	}
	near := control.Guard(fake, control.Caller{Grants: []control.Grant{{May: control.MayRead, Tasks: named("nope")}}})
	if _, err := near.Tasks(ctx, "nope"); err == nil || strings.Contains(err.Error(), "echo") {
		t.Errorf("the error of a task that one could see if it were there: %v", err)
	}
	if r, err := s.Request(ctx, control.Request{Task: "mail", Key: "b"}, nil); err != nil || r.Who != "alice" {
		t.Errorf("who asked: %q, %v", r.Who, err)
	}
}

// TestHiddenMessages: what happens to other tasks, and to rota, is not told.
func TestHiddenMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := controltest.NewFake("mail")
		s := control.Guard(fake, control.Caller{Grants: []control.Grant{{May: control.MayRead, Tasks: named("mail")}}})
		ctx, end := context.WithCancel(t.Context())
		messages, err := s.Watch(ctx)
		if err != nil {
			t.Fatal(err)
		}
		fake.Publish(control.Message{Event: &control.Event{Kind: "reload"}})
		fake.Publish(control.Message{Event: &control.Event{Kind: "hold", Task: "echo"}})
		fake.Publish(control.Message{Log: &control.LogLine{Run: "echo/a", Line: "secret"}})
		fake.Publish(control.Message{Run: &runner.Run{ID: "echo/a", Task: "echo"}})
		fake.Publish(control.Message{Run: &runner.Run{ID: "mail/a", Task: "mail", Parent: "echo/a"}})
		fake.Publish(control.Message{Event: &control.Event{Kind: "hold", Task: "mail"}})
		fake.Publish(control.Message{Log: &control.LogLine{Run: "mail/a", Line: "seen"}})
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
