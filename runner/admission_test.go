package runner

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// The table below is what may start, as a specification: the rules of overlap,
// queues, requests, retries and holds, one sentence after the other. Every row
// holds in every mode, because a queue and a policy apply in every mode.
//
// Slots are minutes of an hour. A run is task/minute if it came of a slot,
// task/xMINUTE if somebody asked for it, task/hMINUTE if a hook did, and
// task/s.MINUTE if it is of the recurring request task/s; a run that ends in
// "!" was asked for with force, one that ends in "@QUEUE" is in that queue and not
// in the one of the row. The task high has priority 1, the task low -1,
// and the recurring request a/high, too.
func TestAdmission(t *testing.T) {
	type view struct {
		live, waiting string           // runs
		apart         map[string]State // runs that wait for something else than a worker
		held          string           // a task
		stopped       string           // a queue
		draining      bool             // nothing starts
		noRoom        string           // a task whose runs wait for room on the disk
		max           int              // max_running
		queues        map[string]Queue // nil: main with one worker, wide with two; two may wait in each
	}
	const (
		skip    = string(OverlapSkip)
		queue   = string(OverlapQueue)
		replace = string(OverlapReplace)
		allow   = string(OverlapAllow)
	)
	for _, c := range []struct {
		situation string
		overlap   string // of all tasks; several words: the row holds for each
		queue     string // of all tasks
		view      view
		due       string // task/minute, task/first-last:n; + "!" if missed, "-" if skipped by request, "@" if it is one of several
		want      string
	}{
		// A slot of a task that is free starts.
		{"nothing waits or runs", "skip queue replace allow", "", view{}, "a/5", "start a/5"},
		{"nothing is due", "skip queue replace allow", "", view{live: "a/4"}, "", ""},
		{"two tasks are due", skip, "", view{}, "b/5 a/5", "start a/5, start b/5"},
		{"several slots of a task at once are one run, for the newest", "skip queue replace allow", "", view{}, "a/1-5:5", "start a/5, summary a/1-4:4 skipped by a/5"},
		{"several slots of a task that runs are one row", skip, "", view{live: "a/0"}, "a/1-5:5", "summary a/1-5:5 skipped by a/0"},
		{"at_start and a trigger name one instant", "skip queue replace allow", "", view{}, "a/5 a/5", "start a/5"},
		{"at_start and several slots, the last of that instant", "skip queue replace allow", "", view{}, "a/5 a/1-5:5", "start a/5, summary a/1-4:4 skipped by a/5"},
		{"at_start and a trigger are due at once", "skip queue replace", "", view{}, "a/4 a/5", "start a/4, summary a/5-5:1 skipped by a/4"},
		{"missed = all: one after another, whatever overlap says", "skip queue replace", "", view{}, "a/3@ a/4@ a/5@", "start a/3, wait a/4, wait a/5"},
		{"missed = all, and the task runs", "skip queue replace", "", view{live: "a/2"}, "a/3@ a/4@", "wait a/3, wait a/4"},
		{"missed", "skip queue replace allow", "", view{live: "a/0"}, "a/1-5:5!", "summary a/1-5:5 missed too late"},
		{"skipped by rota skip", "skip queue replace allow", "", view{live: "a/4"}, "a/5-", "summary a/5-5:1 skipped on request"},

		// skip: a slot that finds the task waiting or running is skipped, naming that run.
		{"skip: it runs", skip, "", view{live: "a/4"}, "a/5", "summary a/5-5:1 skipped by a/4"},
		{"skip: it waits", skip, "main", view{live: "z/4", waiting: "a/4"}, "a/5", "summary a/5-5:1 skipped by a/4"},
		{"skip: a request of it runs", skip, "", view{live: "a/x4"}, "a/5", "summary a/5-5:1 skipped by a/x4"},
		{"skip: a request of it waits", skip, "main", view{live: "z/4", waiting: "a/x4"}, "a/5", "summary a/5-5:1 skipped by a/x4"},
		{"skip: a run of a recurring request of it runs", skip, "", view{live: "a/s.4"}, "a/5", "summary a/5-5:1 skipped by a/s.4"},
		{"skip: another task runs", skip, "", view{live: "b/4"}, "a/5", "start a/5"},

		// queue: the first waits, newer ones are summarized under it.
		{"queue: it runs", queue, "", view{live: "a/4"}, "a/5", "wait a/5"},
		{"queue: one waits", queue, "", view{live: "a/3", waiting: "a/4"}, "a/5", "summary a/5-5:1 skipped by a/4"},
		{"queue: a request that waits is no slot that waits", queue, "", view{live: "a/3", waiting: "a/x4"}, "a/5", "wait a/5"},
		{"queue: nor is a run of a recurring request", queue, "", view{live: "a/3", waiting: "a/s.4"}, "a/5", "wait a/5"},
		{"queue: the one before has ended", queue, "", view{waiting: "a/4"}, "", "start a/4"},
		{"queue: the one before still runs", queue, "", view{live: "a/3", waiting: "a/4"}, "", ""},

		// replace: stops the running one, drops the waiting one.
		{"replace: it runs", replace, "", view{live: "a/4"}, "a/5", "wait a/5, stop a/4"},
		{"replace: one runs, one waits", replace, "", view{live: "a/3", waiting: "a/4"}, "a/5", "wait a/5, end a/4 replaced, stop a/3"},
		{"replace: one waits for a worker", replace, "main", view{live: "z/4", waiting: "a/4"}, "a/5", "wait a/5, end a/4 replaced"},
		{"replace: never drops a request", replace, "", view{live: "a/3", waiting: "a/x4"}, "a/5", "wait a/5, stop a/3"},
		{"replace: nor the run of a hook, nor of a recurring request", replace, "", view{live: "a/2", waiting: "a/h3 a/s.4"}, "a/5", "wait a/5, stop a/2"},
		{"replace: stops a request that runs", replace, "", view{live: "a/x4"}, "a/5", "wait a/5, stop a/x4"},
		{"replace: the one before has ended", replace, "", view{waiting: "a/5"}, "", "start a/5"},
		{"replace: what finds no place stops nothing", replace, "main", view{live: "a/4", waiting: "x/4 y/4"}, "a/5", "summary a/5-5:1 skipped queue full: main"},
		{"replace: what it drops leaves its place", replace, "main", view{live: "a/3", waiting: "a/4 y/4"}, "a/5", "wait a/5, end a/4 replaced, stop a/3"},
		{"replace: what finds no place drops nothing", replace, "main", view{live: "a/3", waiting: "a/4 w/4 x/4 y/4"}, "a/5", "summary a/5-5:1 skipped queue full: main"},
		{"replace: what may not start for now stops nothing", replace, "main", view{live: "a/3", waiting: "a/4", stopped: "main"}, "a/5", "wait a/5, end a/4 replaced"},

		// allow: no limit but the queue's.
		{"allow: it runs", allow, "", view{live: "a/3 a/4"}, "a/5", "start a/5"},
		{"allow: the queue has a worker", allow, "wide", view{live: "a/4"}, "a/5", "start a/5"},
		{"allow: the queue has none", allow, "wide", view{live: "a/3 a/4"}, "a/5", "wait a/5"},
		{"allow: several wait", allow, "main", view{live: "a/3", waiting: "a/4"}, "a/5", "wait a/5"},
		{"allow: the queue is full", allow, "main", view{live: "a/2", waiting: "a/3 a/4"}, "a/5", "summary a/5-5:1 skipped queue full: main"},

		// A queue applies in every mode: workers and capacity.
		{"a worker is free", skip, "main", view{}, "a/5 b/5", "start a/5, wait b/5"},
		{"two workers are free", skip, "wide", view{}, "a/5 b/5 c/5", "start a/5, start b/5, wait c/5"},
		{"no worker is free: an adopted run keeps its own", skip, "main", view{live: "z/4"}, "a/5", "wait a/5"},
		{"a worker is freed", skip, "main", view{waiting: "a/5 b/5"}, "", "start a/5"},
		{"a full queue: the slot is skipped", skip, "main", view{live: "z/4", waiting: "x/4 y/4"}, "a/5", "summary a/5-5:1 skipped queue full: main"},
		{"a full queue: several slots are skipped", skip, "main", view{live: "z/4", waiting: "x/4 y/4"}, "a/1-5:5", "summary a/1-4:4 skipped by a/5, summary a/5-5:1 skipped queue full: main"},
		{"a queue with room for one: the newer is skipped", skip, "main", view{live: "z/4", waiting: "y/4"}, "b/5 a/4", "wait a/4, summary b/5-5:1 skipped queue full: main"},
		{"a queue full of what starts now", skip, "main", view{waiting: "x/4 y/4"}, "a/5", "start x/4, wait a/5"},
		{"a queue full of requests: the slot is skipped", skip, "main", view{live: "z/4", waiting: "x/x4 y/x4"}, "a/5", "summary a/5-5:1 skipped queue full: main"},
		{"another queue is full", skip, "wide", view{live: "z/4@main", waiting: "x/4@main y/4@main"}, "a/5", "start a/5"},
		{"a queue that is declared no more: its runs go to the task's", skip, "main", view{live: "z/4@old"}, "a/5", "wait a/5"},
		{"no worker for one task does not keep another from its queue", skip, "main", view{live: "z/4", waiting: "y/4", queues: map[string]Queue{"main": {Workers: 2, Capacity: 9}}}, "z/5", "start y/4, summary z/5-5:1 skipped by z/4"},
		{"max_running holds over all queues", skip, "", view{live: "z/4", max: 2}, "a/5 b/5", "start a/5, wait b/5"},
		{"max_running is reached", skip, "wide", view{live: "z/4", waiting: "y/4", max: 1}, "a/5", "wait a/5"},

		// Order in a queue: priority, slot, id; a slot before the request of the same instant.
		{"the oldest first", skip, "main", view{waiting: "b/4 a/5 c/3"}, "", "start c/3"},
		{"of one instant, by id", skip, "main", view{waiting: "b/4 a/4"}, "", "start a/4"},
		{"the higher priority first", skip, "main", view{waiting: "b/4 a/5 high/5"}, "", "start high/5"},
		{"the lower priority last", skip, "main", view{waiting: "low/3 b/4 a/5"}, "", "start b/4"},
		{"a slot before a request", skip, "main", view{waiting: "a/x4 b/4"}, "", "start b/4"},
		{"an older request before a slot", skip, "main", view{waiting: "a/x3 b/4"}, "", "start a/x3"},
		{"a slot before a run of a recurring request", skip, "main", view{waiting: "a/s.4 b/4"}, "", "start b/4"},
		{"a slot that is due before what waits", skip, "main", view{waiting: "a/x5"}, "high/5", "start high/5"},
		{"a place for the higher priority", skip, "main", view{live: "z/4", waiting: "y/4"}, "a/4 high/5", "wait high/5, summary a/4-4:1 skipped queue full: main"},

		// Requests are never skipped: they wait, one at a time per task unless allow.
		{"request: the task runs", "skip queue replace", "", view{live: "a/4", waiting: "a/x4"}, "", ""},
		{"request: the task is free", "skip queue replace", "", view{waiting: "a/x4 a/x5"}, "", "start a/x4"},
		{"request: another one runs", "skip queue replace", "", view{live: "a/x3", waiting: "a/x4"}, "", ""},
		{"request of a hook: the task runs", "skip queue replace", "", view{live: "a/4", waiting: "a/h4"}, "", ""},
		{"request of a hook: the task is free", "skip queue replace", "", view{waiting: "a/h4"}, "", "start a/h4"},
		{"requests, allow", allow, "", view{live: "a/4", waiting: "a/x4 a/x5"}, "", "start a/x4, start a/x5"},
		{"requests, allow, in a queue", allow, "wide", view{live: "a/4", waiting: "a/x4 a/x5"}, "", "start a/x4"},
		{"a slot and a request of one task and instant", queue, "", view{waiting: "a/x5"}, "a/5", "start a/5"},

		// Held, recurring and not yet due delayed runs do not count as waiting,
		// neither for overlap nor for capacity.
		{"skip: a run of it is held", skip, "", view{apart: map[string]State{"a/x4": Held}}, "a/5", "start a/5"},
		{"skip: it has a recurring request", skip, "", view{apart: map[string]State{"a/x4": Recurring}}, "a/5", "start a/5"},
		{"skip: a request of it is for later", skip, "", view{apart: map[string]State{"a/x9": Delayed}}, "a/5", "start a/5"},
		{"queue: a run of it is held", queue, "", view{live: "a/3", apart: map[string]State{"a/x4": Held}}, "a/5", "wait a/5"},
		{"replace: a run of it is held", replace, "", view{apart: map[string]State{"a/x4": Held}}, "a/5", "start a/5"},
		{"capacity", skip, "main", view{live: "z/4", waiting: "y/4", apart: map[string]State{"u/x1": Held, "v/x2": Recurring, "w/3": Delayed}}, "a/5", "wait a/5"},

		// A run that waits for a retry is delayed: it holds no worker and does
		// not block the next slot. Once its time has come it waits as others do.
		{"retry: holds no worker", skip, "main", view{apart: map[string]State{"z/4": Delayed}}, "a/5", "start a/5"},
		{"retry: does not block the next slot", "skip queue replace allow", "", view{apart: map[string]State{"a/4": Delayed}}, "a/5", "start a/5"},
		{"retry: its time has come", "skip queue replace allow", "", view{waiting: "a/4"}, "", "start a/4"},
		{"retry: its time has come, and there is no worker", skip, "main", view{live: "z/4", waiting: "a/4"}, "a/5", "summary a/5-5:1 skipped by a/4"},
		{"retry: its time has come, and there is no worker; replace", replace, "main", view{live: "z/4", waiting: "a/4"}, "a/5", "wait a/5, end a/4 replaced"},

		// A held task starts no slots; running runs continue.
		{"held: a slot", "skip queue replace allow", "", view{held: "a"}, "a/5", "summary a/5-5:1 skipped held by ada: upgrade"},
		{"held: several slots", "skip queue replace allow", "", view{held: "a"}, "a/1-5:5", "summary a/1-5:5 skipped held by ada: upgrade"},
		{"held: a running run continues", "skip queue replace allow", "", view{held: "a", live: "a/4"}, "a/5", "summary a/5-5:1 skipped held by ada: upgrade"},
		{"held: what waits stays", "skip queue replace allow", "", view{held: "a", waiting: "a/4"}, "a/5", "summary a/5-5:1 skipped held by ada: upgrade"},
		{"held: requests and retries stay", "skip queue replace allow", "", view{held: "a", waiting: "a/4 a/x4 a/h4 a/s.4"}, "", ""},
		{"held: held time is not missed time", "skip queue replace allow", "", view{held: "a"}, "a/5!", "summary a/5-5:1 skipped held by ada: upgrade"},
		{"held: missed = all", "skip queue replace allow", "", view{held: "a"}, "a/4@ a/5@", "summary a/4-4:1 skipped held by ada: upgrade, summary a/5-5:1 skipped held by ada: upgrade"},
		{"held: a slot that is skipped on request", skip, "", view{held: "a"}, "a/5-", "summary a/5-5:1 skipped on request"},
		{"held: a slot of a recurring request", "skip queue replace allow", "", view{held: "a"}, "a/s.5", "summary a/s.5-5:1 skipped held by ada: upgrade"},
		{"held: force", "skip queue replace allow", "", view{held: "a", waiting: "a/x4 a/x5!"}, "", "start a/x5!"},
		{"held: force waits its turn", "skip queue replace", "", view{held: "a", live: "a/4", waiting: "a/x5!"}, "", ""},
		{"held: what waits takes no worker from others", skip, "main", view{held: "a", waiting: "a/x4 b/x5"}, "", "start b/x5"},
		{"held: what waits takes its place in the queue", skip, "main", view{held: "a", live: "z/3", waiting: "a/x3 a/x4"}, "b/5", "summary b/5-5:1 skipped queue full: main"},
		{"held: other tasks", skip, "", view{held: "a"}, "a/5 b/5", "start b/5, summary a/5-5:1 skipped held by ada: upgrade"},
		{"released: no catch-up, the waiting run starts", skip, "", view{waiting: "a/x4"}, "", "start a/x4"},

		// A stopped queue starts no runs; its running runs finish.
		{"stopped: slots queue", skip, "main", view{stopped: "main"}, "a/5 b/5", "wait a/5, wait b/5"},
		{"stopped: up to the capacity", skip, "main", view{stopped: "main", waiting: "x/4 y/4"}, "a/5", "summary a/5-5:1 skipped queue full: main"},
		{"stopped: one of a task", "skip queue", "main", view{stopped: "main", waiting: "a/4"}, "a/5", "summary a/5-5:1 skipped by a/4"},
		{"stopped: requests wait, forced ones too", "skip queue replace allow", "main", view{stopped: "main", waiting: "a/x4 b/x4!"}, "", ""},
		{"stopped: another queue", skip, "wide", view{stopped: "main"}, "a/5", "start a/5"},
		{"stopped: what has no queue", skip, "", view{stopped: "main"}, "a/5", "start a/5"},
		{"started again", skip, "wide", view{waiting: "a/4 b/x3"}, "", "start b/x3, start a/4"},

		// While rota is drained nothing starts; slots queue.
		{"no room: a slot waits", "skip queue replace allow", "", view{noRoom: "a"}, "a/5 b/5", "start b/5, wait a/5"},
		{"no room: so does what waits, and takes no worker from others", skip, "main", view{noRoom: "a", waiting: "a/x4 b/x4"}, "", "start b/x4"},
		{"draining: a slot", "skip queue replace allow", "", view{draining: true}, "a/5", "wait a/5"},
		{"draining: what waits", "skip queue replace allow", "", view{draining: true, waiting: "a/4 b/x4 c/x4!"}, "", ""},
		{"draining: up to the capacity", skip, "main", view{draining: true, waiting: "x/4 y/4"}, "a/5", "summary a/5-5:1 skipped queue full: main"},
		{"draining: replace stops nothing", replace, "", view{draining: true, live: "a/4"}, "a/5", "wait a/5"},

		// A slot of a recurring request waits its turn as a request does; overlap
		// is counted for each recurring request.
		{"recurring: the task is free", "skip queue replace allow", "", view{}, "a/s.5", "start a/s.5"},
		{"recurring: the task runs", "skip queue replace", "", view{live: "a/4"}, "a/s.5", "wait a/s.5"},
		{"recurring: the task runs; allow", allow, "", view{live: "a/4"}, "a/s.5", "start a/s.5"},
		{"recurring: one of its runs still runs", "skip queue replace", "", view{live: "a/s.4"}, "a/s.5", "wait a/s.5"},
		{"recurring: one of its runs waits", "skip queue replace", "", view{live: "a/3", waiting: "a/s.4"}, "a/s.5", "summary a/s.5-5:1 skipped by a/s.4"},
		{"recurring: one of its runs waits for a worker; allow", allow, "main", view{live: "a/3", waiting: "a/s.4"}, "a/s.5", "wait a/s.5"},
		{"recurring: a slot of the task waits", "skip queue replace", "", view{live: "a/3", waiting: "a/4"}, "a/s.5", "wait a/s.5"},
		{"recurring: a run of another request waits", "skip queue replace", "", view{live: "a/3", waiting: "a/other.4 a/x4"}, "a/s.5", "wait a/s.5"},
		{"recurring: several of its slots at once", "skip queue replace allow", "", view{}, "a/s.1-5:5", "start a/s.5, summary a/s.1-4:4 skipped by a/s.5"},
		{"recurring: two of one task and instant", "skip queue replace", "", view{}, "a/s.5 a/other.5", "start a/other.5, wait a/s.5"},
		{"recurring: and a slot of the task", "skip queue replace", "", view{}, "a/s.5 a/5", "start a/5, wait a/s.5"},
		{"recurring: missed", "skip queue replace allow", "", view{}, "a/s.5!", "summary a/s.5-5:1 missed too late"},
		{"recurring: a full queue", "skip queue replace allow", "main", view{live: "z/4", waiting: "x/4 y/4"}, "a/s.5", "summary a/s.5-5:1 skipped queue full: main"},
		{"recurring: it has the priority of the request", skip, "main", view{waiting: "b/4"}, "a/high.5", "start a/high.5"},
	} {
		for _, overlap := range strings.Fields(c.overlap) {
			for _, mode := range []Mode{Sequential, Threaded, Forked} {
				t.Run(c.situation+"/"+overlap+"/"+string(mode), func(t *testing.T) {
					v := &View{
						Queues: c.view.queues, MaxRunning: c.view.max, Draining: c.view.draining, NoRoom: func(task string) bool { return task == c.view.noRoom },
						Policy: func(task string) (Policy, bool) {
							return Policy{Mode: mode, Overlap: Overlap(overlap), Queue: c.queue, Priority: testPriority(task)}, true
						},
						Held: func(task string) (Reason, bool) {
							return Reason{Code: ReasonHeld, By: "ada", Detail: "upgrade"}, task == c.view.held
						},
						Stopped: func(queue string) bool { return queue == c.view.stopped },
					}
					if v.Queues == nil {
						v.Queues = map[string]Queue{"main": {Workers: 1, Capacity: 2}, "wide": {Workers: 2, Capacity: 2}}
					}
					for _, word := range strings.Fields(c.view.live) {
						v.Add(testRun(word, Running, c.queue))
					}
					for _, word := range strings.Fields(c.view.waiting) {
						v.Add(testRun(word, Queued, c.queue))
					}
					for word, state := range c.view.apart {
						v.Add(testRun(word, state, c.queue))
					}
					var slots []Slot
					for _, word := range strings.Fields(c.due) {
						slots = append(slots, testSlot(word))
					}
					before := fmt.Sprint(v.Live(""), v.Waiting(""), slots)
					batch := Decide(slots, v, minute(59))
					if got := describeBatch(batch); got != c.want {
						t.Errorf("got  %s\nwant %s", got, c.want)
					}
					if after := fmt.Sprint(v.Live(""), v.Waiting(""), slots); after != before {
						t.Errorf("what was looked at changed from %s to %s", before, after)
					}
					accounted(t, slots, batch)
				})
			}
		}
	}
}

// accounted checks that every instant of the slots is one of a run or of a row,
// once.
func accounted(t *testing.T, slots []Slot, b Batch) {
	t.Helper()
	instants := map[string]int{}
	for _, s := range slots {
		key := s.id(s.Last)
		if instants[key] > 0 {
			s.N-- // the same instant, from two triggers
		}
		instants[key] += s.N
	}
	total := 0
	for _, n := range instants {
		total += n
	}
	for _, f := range b.Summaries {
		total -= f.Count
	}
	if total -= len(b.Runs); total != 0 {
		t.Errorf("%d slots are not accounted for", total)
	}
}

// The values that a run of a recurring request gets, and the row of its slots.
func TestSlotOfARecurringRequest(t *testing.T) {
	of := Run{
		ID: "a/s", Task: "a", Cause: CauseManual, State: Recurring, On: "interval 30s", Priority: 1, Who: "ada",
		Params: map[string]string{"file": "x.html"}, Input: "text", InputFile: "/state/logs/a/s.input", Content: "digest",
	}
	v := &View{
		Policy: func(string) (Policy, bool) { return Policy{Queue: "main"}, true },
		Queues: map[string]Queue{"main": {Workers: 1, Capacity: 9}},
	}
	s := testSlot("a/1-5:5")
	s.Of, s.Epoch, s.Cause, s.User = &of, 2, CauseCatchup, "nobody"
	b := Decide([]Slot{s}, v, minute(59))
	run, summary := b.Runs[0], b.Summaries[0]
	if run.ID != "a/s.20261122T030500Z~2" || run.Parent != "a/s" || run.Task != "a" || run.Cause != CauseCatchup || run.State != Queued ||
		run.Queue != "main" || run.Priority != 1 || run.Who != "ada" || run.User != "nobody" || run.Params["file"] != "x.html" || run.Input != "text" ||
		run.InputFile != of.InputFile || run.On != "" || run.Content != "" || !run.Scheduled.Equal(minute(5)) {
		t.Errorf("the run is %+v", run)
	}
	if summary.ID != "a/s.20261122T030100Z~2" || summary.Parent != "a/s" || summary.By != run.ID || summary.Count != 4 || !summary.Last.Equal(minute(4)) {
		t.Errorf("the row is %+v", summary)
	}
}

// A task without a queue has room for many, and not for more.
func TestUnqueuedCapacity(t *testing.T) {
	v := &View{Policy: func(string) (Policy, bool) { return Policy{Overlap: OverlapAllow}, true }, Draining: true}
	for i := range UnqueuedCapacity - 1 {
		v.Add(Run{ID: fmt.Sprint("a/x", i), Task: "a", Cause: CauseManual, State: Queued})
	}
	if got := describeBatch(Decide([]Slot{testSlot("a/4"), testSlot("a/5"), testSlot("b/5")}, v, minute(59))); got != "wait a/4, wait b/5, summary a/5-5:1 skipped too many runs of the task are waiting" {
		t.Error(got)
	}
}

func minute(m int) time.Time { return time.Date(2026, 11, 22, 3, m, 0, 0, time.UTC) }

func testPriority(task string) int { return map[string]int{"high": 1, "low": -1}[task] }

// testRun reads what the table says of a run.
func testRun(word string, s State, queue string) Run {
	word, in, other := strings.Cut(word, "@")
	if other {
		queue = in
	}
	task, key := SplitID(word)
	r := Run{Task: task, State: s, Cause: CauseSchedule, Queue: queue, Priority: testPriority(task)}
	key, r.Force = strings.CutSuffix(key, "!")
	parent, at, recurring := strings.Cut(key, ".")
	switch {
	case recurring:
		r.Parent, key = task+"/"+parent, at
	case key[0] == 'x':
		r.ID, r.Cause, key = word, CauseManual, key[1:]
	case key[0] == 'h':
		r.ID, r.Cause, r.Parent, key = word, CauseChain, "z/1", key[1:]
	}
	var m int
	fmt.Sscan(key, &m)
	if r.Scheduled = minute(m); recurring {
		r.ID = RecurringID(r.Parent, r.Scheduled, 1)
	}
	r.ID = cmp.Or(r.ID, SlotID(task, r.Scheduled, 1))
	return r
}

// testSlot reads what the table says of a slot.
func testSlot(word string) Slot {
	task, key := SplitID(word)
	s := Slot{Task: task, Epoch: 1, N: 1, Cause: CauseSchedule}
	if parent, at, recurring := strings.Cut(key, "."); recurring {
		s.Of, key = &Run{ID: task + "/" + parent, Task: task, Priority: testPriority(parent)}, at
	}
	switch rest := key[:len(key)-1]; key[len(key)-1] {
	case '!':
		key, s.Missed = rest, TextReason("too late")
	case '-':
		key, s.Skip = rest, TextReason("on request")
	case '@':
		key, s.Each = rest, true
	}
	var first, last int
	if n, _ := fmt.Sscanf(key, "%d-%d:%d", &first, &last, &s.N); n < 3 {
		fmt.Sscan(key, &first)
		last = first
	} else {
		s.Prev = minute(last - 1)
	}
	s.First, s.Last = minute(first), minute(last)
	return s
}

// describeBatch formats the decisions in the words of the table.
func describeBatch(b Batch) string {
	short := func(id string) string {
		task, key := SplitID(id)
		parent, slot, recurring := strings.Cut(key, ".")
		if at, err := time.Parse(slotLayout, slot); recurring && err == nil {
			return fmt.Sprintf("%s/%s.%d", task, parent, at.Minute())
		}
		if at, err := time.Parse(slotLayout, key); err == nil {
			return fmt.Sprintf("%s/%d", task, at.Minute())
		}
		return id
	}
	var out []string
	for _, id := range b.Claim {
		out = append(out, "start "+short(id))
	}
	for _, r := range b.Runs {
		if !slices.Contains(b.Claim, r.ID) {
			out = append(out, "wait "+short(r.ID))
		}
	}
	for _, f := range b.Summaries {
		why := f.Why
		if f.By != "" {
			why = "by " + short(f.By)
		}
		out = append(out, fmt.Sprintf("summary %s-%d:%d %s %s", short(f.ID), f.Last.Minute(), f.Count, f.Outcome, why))
	}
	for _, e := range b.Ends {
		out = append(out, fmt.Sprintf("end %s %s", short(e.ID), e.Outcome))
	}
	for _, e := range b.Stops {
		out = append(out, "stop "+short(e.ID))
	}
	return strings.Join(out, ", ")
}
