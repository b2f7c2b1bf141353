package controltest

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"rota/internal/api"
	"rota/runner"
)

// play is the script, as one would tell it. It leaves nothing behind.
func (s *script) play() {
	s.look()
	s.ask()
	s.wait()
	s.stop()
	s.hold()
	s.change()
	s.end()
}

// look asks what there is.
func (s *script) look() {
	ctx := s.ctx
	status, err := s.s.Status(ctx)
	s.say("status", "", map[string]any{"daemon": status.Daemon, "tasks": status.Tasks}, err)
	tasks, err := s.s.Tasks(ctx)
	var names []string
	for _, t := range tasks {
		names = append(names, t.Task)
	}
	s.say("tasks", "", names, err)
	tasks, err = s.s.Tasks(ctx, "sleep", "echo")
	if len(tasks) != 2 || tasks[0].Task != "sleep" || tasks[1].Task != "echo" {
		s.t.Errorf("the tasks sleep and echo are %v", tasks)
	}
	s.say("two tasks", "", len(tasks), err)
	tasks, err = s.s.Tasks(ctx, "nope")
	s.say("no task", api.NotFound, tasks, err)
	slots, err := s.s.Next(ctx, api.NextQuery{Tasks: []string{"yearly"}, N: 3})
	if len(slots) != 3 {
		s.t.Errorf("3 slots are %v", slots)
	}
	s.say("next", "", slots, err)
	slots, err = s.s.Next(ctx, api.NextQuery{Tasks: []string{"yearly"}, Until: time.Now().Add(-time.Hour)})
	s.say("next until an hour ago", "", len(slots), err)
	slots, err = s.s.Next(ctx, api.NextQuery{Tasks: []string{"nope"}})
	s.say("next of no task", api.NotFound, slots, err)
	s.say("health", "", "ok", s.s.Health(ctx, api.HealthQuery{Task: "yearly"}))
	s.say("health of no task", api.NotFound, "", s.s.Health(ctx, api.HealthQuery{Task: "nope"}))
	s.say("health of no tag", api.NotFound, "", s.s.Health(ctx, api.HealthQuery{Tags: []string{"nope"}}))
	metrics, err := s.s.Metrics(ctx)
	if err == nil {
		var b []byte
		b, err = io.ReadAll(metrics)
		metrics.Close()
		s.say("metrics", "", strings.Contains(string(b), `rota_task_held{task="yearly"} 0`), err)
	}
	s.refuse("metrics", "", err)
	why, err := s.s.Why(ctx, "yearly", time.Now())
	if len(why.Text) == 0 || why.Reason == "" {
		s.t.Errorf("why says nothing: %+v", why)
	}
	s.say("why", "", why.Reason, err)
	why, err = s.s.Why(ctx, "nope", time.Time{})
	s.say("why of no task", api.NotFound, why, err)
}

// ask asks for runs.
func (s *script) ask() {
	ctx := s.ctx
	words := map[string]string{"word": "two\nlines; $(touch /tmp/x)"}
	s.request("run", "", api.Request{Task: "echo", Key: "a", Params: words}, strings.NewReader("hello\n"))
	s.request("the same", "", api.Request{Task: "echo", Key: "a", Params: words}, strings.NewReader("hello\n"))
	s.request("another of that id", api.Conflict, api.Request{Task: "echo", Key: "a"}, nil)
	r, err := s.s.Wait(ctx, s.id("echo", "a"))
	s.say("wait", "", []any{r.ID, r.Outcome}, err)
	shown, err := s.s.Run(ctx, s.id("echo", "a"))
	var steps []string
	for _, step := range shown.Transitions {
		steps = append(steps, string(step.State)+string(step.Outcome))
	}
	s.say("show", "", []any{shown.ID, shown.Outcome, shown.Result, shown.Outputs, steps}, err)
	answer, err := text(s.s.Result(ctx, s.id("echo", "a")))
	s.say("result", "", answer, err)
	_, err = text(s.s.Log(ctx, api.LogQuery{Run: s.id("echo", "a")}))
	s.say("log", "", "read", err)
	large := strings.Repeat("0123456789abcde\n", 40_000)
	s.request("with large input", "", api.Request{Task: "echo", Key: "large"}, strings.NewReader(large))
	r, err = s.s.Wait(ctx, s.id("echo", "large"))
	s.say("wait for it", "", []any{r.Outcome, r.Result}, err)
	answer, err = text(s.s.Result(ctx, s.id("echo", "large")))
	s.say("its result", "", answer, err)
	runs, err := s.s.Runs(ctx, api.RunQuery{Task: "echo", N: 1, Outcomes: []runner.Outcome{runner.OK}})
	if len(runs) != 1 || runs[0].ID != s.id("echo", "large") {
		s.t.Errorf("the newest run is %v", runs)
	}
	s.say("the newest", "", len(runs), err)

	s.request("run of no task", api.NotFound, api.Request{Task: "nope", Key: "b"}, nil)
	s.request("run with no such parameter", api.Usage, api.Request{Task: "echo", Key: "b", Params: map[string]string{"nope": "x"}}, nil)
	for call, q := range map[string]api.Request{
		"run with a zero byte":          {Task: "echo", Params: map[string]string{"word": "a\x00b"}},
		"run with 1 MiB in a parameter": {Task: "echo", Params: map[string]string{"word": strings.Repeat("x", 1<<20)}},
		"run with an id that is none":   {Task: "echo", Key: "../b"},
		"run with an id of dots":        {Task: "echo", Key: ".."},
		"run with two times":            {Task: "echo", In: time.Hour, On: "interval 3h"},
	} {
		_, err = s.s.Request(ctx, q, nil)
		s.refuse(call, api.Usage, err)
	}
	s.request("run with too much input", api.Usage, api.Request{Task: "echo", Key: "b"}, strings.NewReader(strings.Repeat("x", 4<<20)))
	for _, id := range []string{"echo/nope", "nope/nope", "nope", "echo/../echo", "echo/..", "../echo", ""} {
		_, err = s.s.Run(ctx, id)
		s.refuse("show "+id, api.NotFound, err)
		_, err = s.s.Result(ctx, id)
		s.refuse("result of "+id, api.NotFound, err)
		_, err = s.s.Log(ctx, api.LogQuery{Run: id, Follow: true})
		s.refuse("log of "+id, api.NotFound, err)
		_, err = s.s.Wait(ctx, id)
		s.refuse("wait for "+id, api.NotFound, err)
	}
}

// wait asks for runs that wait.
func (s *script) wait() {
	ctx := s.ctx
	s.request("run in an hour", "", api.Request{Task: "echo", Key: "later", In: time.Hour}, nil)
	answer, err := text(s.s.Result(ctx, s.id("echo", "later")))
	s.say("result of what waits", api.NotNow, answer, err)
	r, err := s.s.Cancel(ctx, s.id("echo", "later"))
	s.say("cancel", "", []any{r.ID, r.Outcome}, err)
	r, err = s.s.Cancel(ctx, s.id("echo", "later"))
	s.say("cancel again", api.Conflict, r, err)
	r, err = s.s.Cancel(ctx, s.id("echo", "nope"))
	s.say("cancel no run", api.NotFound, r, err)

	s.request("run, held", "", api.Request{Task: "echo", Key: "held", Held: true}, nil)
	done, err := s.s.Release(ctx, s.id("echo", "held"))
	s.say("release it", "", done, err)
	r, err = s.s.Wait(ctx, s.id("echo", "held"))
	s.say("wait for it", "", []any{r.ID, r.Outcome}, err)

	s.request("run, recurring", "", api.Request{Task: "echo", Key: "recurring", On: "interval 3h"}, nil)
	tasks, err := s.s.Tasks(ctx, "echo")
	if len(tasks) != 1 || len(tasks[0].Recurring) != 1 || tasks[0].Recurring[0].ID != s.id("echo", "recurring") {
		s.t.Errorf("a recurring request is not among those of its task: %+v", tasks)
	}
	s.say("its task", "", len(tasks), err)
	moved, err := s.s.Reschedule(ctx, api.Rescheduling{Name: s.id("echo", "recurring"), Expr: "interval 4h"})
	s.say("reschedule it", "", moved.Name, err)
	s.request("run in a day", "", api.Request{Task: "echo", Key: "day", In: 24 * time.Hour}, nil)
	ids, err := s.s.CancelAll(ctx, "echo")
	s.say("cancel all", "", ids, err)
	shown, err := s.s.Run(ctx, s.id("echo", "recurring"))
	s.say("which leaves what is a schedule", "", shown.State, err)
	r, err = s.s.Cancel(ctx, s.id("echo", "recurring"))
	s.say("end that", "", []any{r.ID, r.Outcome}, err)
}

// stop stops a run under way, and watches it.
func (s *script) stop() {
	watching, end := context.WithCancel(s.ctx)
	defer end()
	messages, err := s.s.Watch(watching)
	if err != nil {
		s.t.Fatalf("watch: %v", err)
	}
	ctx, id := s.ctx, s.id("sleep", "a")
	s.request("run what sleeps", "", api.Request{Task: "sleep", Key: "a"}, nil)
	s.until(messages, id, runner.Running)
	tasks, err := s.s.Tasks(ctx, "sleep")
	if len(tasks) != 1 || len(tasks[0].Running) != 1 || tasks[0].Running[0] != id {
		s.t.Errorf("the task of a run under way is %+v", tasks)
	}
	s.say("its task", "", len(tasks), err)
	answer, err := text(s.s.Result(ctx, id))
	s.say("result of what runs", api.NotNow, answer, err)
	r, err := s.s.Cancel(ctx, id)
	s.say("cancel what runs", api.Conflict, r.ID, err)
	log, err := s.s.Log(ctx, api.LogQuery{Run: id, Follow: true})
	if err != nil {
		s.t.Fatalf("follow: %v", err)
	}
	runs, err := s.s.Stop(ctx, id, true)
	if len(runs) != 1 || runs[0].ID != id {
		s.t.Errorf("what was stopped is %+v", runs)
	}
	s.say("stop", "", len(runs), err)
	answer, err = text(log, nil)
	s.say("what was followed", "", answer, err)
	s.until(messages, id, "")
	r, err = s.s.Wait(ctx, "sleep")
	s.say("wait for the newest", "", []any{r.ID, r.Outcome}, err)
	runs, err = s.s.Stop(ctx, "nope", false)
	s.say("stop no task", api.NotFound, runs, err)
	end()
	for range messages { // it ends
	}
}

// hold holds and releases.
func (s *script) hold() {
	ctx := s.ctx
	tasks, err := s.s.Hold(ctx, api.Holding{Tasks: []string{"echo"}, For: time.Hour, Why: "a test"})
	if len(tasks) != 1 || tasks[0].Hold == nil || tasks[0].Hold.Why != "a test" || tasks[0].Hold.By == "" || tasks[0].Hold.Until.IsZero() {
		s.t.Errorf("a held task is %+v", tasks)
	}
	s.say("hold", "", len(tasks), err)
	_, err = s.s.Request(ctx, api.Request{Task: "echo"}, nil)
	s.refuse("run what is held", api.Conflict, err)
	s.request("run it all the same", "", api.Request{Task: "echo", Key: "forced", Force: true}, nil)
	r, err := s.s.Wait(ctx, s.id("echo", "forced"))
	s.say("wait for it", "", r.Outcome, err)
	events, err := s.s.Events(ctx, api.EventQuery{Task: "echo", N: 1})
	if len(events) != 1 || events[0].Kind != "hold" || events[0].Task != "echo" || events[0].Who == "" || events[0].Time.IsZero() {
		s.t.Errorf("the newest event is %v", events)
	}
	s.say("events", "", len(events), err)
	tasks, err = s.s.Hold(ctx, api.Holding{Tasks: []string{"nope"}})
	s.say("hold no task", api.NotFound, tasks, err)
	done, err := s.s.Release(ctx, "echo")
	s.say("release", "", done, err)
	done, err = s.s.Release(ctx, "nope")
	s.say("release no task", api.NotFound, done, err)
	_, err = s.s.Hold(ctx, api.Holding{Tasks: []string{"echo"}})
	s.say("hold once more", "", nil, err)
	done, err = s.s.Release(ctx, "sleep", "echo", s.id("echo", "forced"))
	s.say("release several of which one is held", api.Conflict, done, err)
	if !slices.Equal(done.Tasks, []string{"echo"}) {
		s.t.Errorf("released are %q", done.Tasks)
	}
	if names := notDone(err); !slices.Equal(names, []string{"sleep", s.id("echo", "forced")}) {
		s.t.Errorf("not released are %q", names)
	}
	tasks, err = s.s.Hold(ctx, api.Holding{All: true})
	s.say("hold all", "", len(tasks), err)
	done, err = s.s.Release(ctx)
	s.say("release all", "", done, err)
}

// notDone are the names with which a call failed.
func notDone(err error) (names []string) {
	if e := (*api.Error)(nil); errors.As(err, &e) {
		for _, n := range e.NotDone {
			names = append(names, n.Name)
		}
	}
	return names
}

// change changes when tasks run, and what may.
func (s *script) change() {
	ctx := s.ctx
	moved, err := s.s.Reschedule(ctx, api.Rescheduling{Name: "yearly", Expr: "interval 3h"})
	s.say("reschedule", "", moved.Name, err)
	tasks, err := s.s.Tasks(ctx, "yearly")
	if len(tasks) != 1 || tasks[0].On == nil || tasks[0].On.By == "" {
		s.t.Errorf("a task on another trigger is %+v", tasks)
	}
	s.say("its task", "", len(tasks), err)
	moved, err = s.s.Reschedule(ctx, api.Rescheduling{Name: "yearly", Expr: "default"})
	s.say("reschedule to default", "", moved.Expr, err)
	moved, err = s.s.Reschedule(ctx, api.Rescheduling{Name: "yearly", Expr: "now and then"})
	s.say("reschedule to nonsense", api.Usage, moved, err)
	slot, err := s.s.Skip(ctx, "yearly")
	s.say("skip", "", slot.Task, err)
	slot, err = s.s.Skip(ctx, "nope")
	s.say("skip no task", api.NotFound, slot, err)

	queues, err := s.s.StopQueues(ctx, "side")
	s.say("stop a queue", "", states(queues), err)
	queues, err = s.s.Queues(ctx)
	s.say("queues", "", states(queues), err)
	queues, err = s.s.StartQueues(ctx, "side", "nope")
	if len(queues.Warnings) != 1 {
		s.t.Errorf("a pattern that matches none has the warnings %q", queues.Warnings)
	}
	s.say("start it", "", states(queues), err)
	reloaded, err := s.s.Reload(ctx, true)
	s.say("plan a reload", "", []any{reloaded.Plan, len(reloaded.Added), len(reloaded.Removed), len(reloaded.Changed)}, err)
	reloaded, err = s.s.Reload(ctx, false)
	s.say("reload", "", []any{reloaded.Plan, len(reloaded.Added), len(reloaded.Removed), len(reloaded.Changed)}, err)
	sent, err := s.s.Notify(ctx, "nope")
	s.say("notify nobody", api.NotFound, sent, err)
	left, err := s.s.Drain(ctx, time.Millisecond)
	s.say("drain", "", len(left.Forked), err)
}

// states are the states of queues by name.
func states(q api.Queues) map[string]string {
	m := map[string]string{}
	for _, queue := range q.Queues {
		m[queue.Queue] = queue.State
	}
	return m
}

// end forgets all that the script did.
func (s *script) end() {
	ctx := s.ctx
	n, err := s.s.Forget(ctx, api.Forgetting{IDs: []string{s.id("echo", "a")}})
	s.say("forget", "", n, err)
	shown, err := s.s.Run(ctx, s.id("echo", "a"))
	s.say("show what is forgotten", api.NotFound, shown, err)
	for _, task := range []string{"echo", "sleep"} {
		n, err = s.s.Forget(ctx, api.Forgetting{Task: task})
		s.say("forget all of "+task, "", n, err)
	}
	runs, err := s.s.Runs(ctx, api.RunQuery{})
	s.say("what is left", "", len(runs), err)
}
