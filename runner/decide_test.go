package runner

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// The table below reads as the rules of overlap, queues and requests: what waits
// and runs before, what comes due, and what is decided. Slots are minutes of an
// hour; a run is task/minute.
func TestDecide(t *testing.T) {
	type step struct {
		name    string
		overlap Overlap
		queue   string
		max     int    // max_running
		live    string // runs before
		waiting string
		due     string // task/minute, task/first-last:n
		want    string
	}
	for _, c := range []step{
		// Free: it starts.
		{"free", OverlapSkip, "", 0, "", "", "a/5", "start a/5"},
		{"several tasks", OverlapSkip, "", 0, "", "", "b/5 a/5", "start a/5, start b/5"},
		{"several slots of one task", OverlapSkip, "", 0, "", "", "a/1-5:5", "start a/5, fold a/1-4:4 skipped by a/5"},

		// The task is under way.
		{"skip, running", OverlapSkip, "", 0, "a/4", "", "a/5", "fold a/5-5:1 skipped by a/4"},
		{"skip, waiting", OverlapSkip, "main", 0, "b/4", "a/4", "a/5", "fold a/5-5:1 skipped by a/4"},
		{"skip, several slots", OverlapSkip, "", 0, "a/0", "", "a/1-5:5", "fold a/1-5:5 skipped by a/0"},
		{"queue, running", OverlapQueue, "", 0, "a/4", "", "a/5", "wait a/5"},
		{"queue, running and waiting", OverlapQueue, "", 0, "a/3", "a/4", "a/5", "fold a/5-5:1 skipped by a/4"},
		{"replace, running", OverlapReplace, "", 0, "a/4", "", "a/5", "wait a/5, stop a/4"},
		{"replace, running and waiting", OverlapReplace, "", 0, "a/3", "a/4", "a/5", "wait a/5, end a/4 replaced, stop a/3"},
		{"allow, running", OverlapAllow, "", 0, "a/3 a/4", "", "a/5", "start a/5"},

		// A freed worker takes what waits.
		{"nothing waits", OverlapSkip, "", 0, "a/4", "", "", ""},
		{"queue, ended", OverlapQueue, "", 0, "", "a/4", "", "start a/4"},
		{"replace, ended", OverlapReplace, "", 0, "", "a/5", "", "start a/5"},
		{"still running", OverlapQueue, "", 0, "a/3", "a/4", "", ""},
		{"oldest first", OverlapSkip, "main", 0, "", "b/4 a/5 c/3", "", "start c/3"},
		{"higher priority first", OverlapSkip, "main", 0, "", "b/4 a/5 high/5", "", "start high/5"},
		{"slots before requests", OverlapSkip, "main", 0, "", "a/x4 b/4", "", "start b/4"},

		// Queues have workers and a capacity.
		{"worker free", OverlapSkip, "main", 0, "", "", "a/5 b/5", "start a/5, wait b/5"},
		{"two workers", OverlapSkip, "wide", 0, "", "", "a/5 b/5 c/5", "start a/5, start b/5, wait c/5"},
		{"no worker", OverlapSkip, "main", 0, "z/4", "", "a/5", "wait a/5"},
		{"full", OverlapSkip, "main", 0, "z/4", "x/4 y/4", "a/5", "fold a/5-5:1 skipped queue full: main"},
		{"full but for one", OverlapSkip, "main", 0, "z/4", "y/4", "b/5 a/5", "wait a/5, fold b/5-5:1 skipped queue full: main"},
		{"full of what starts", OverlapSkip, "main", 0, "", "x/4 y/4", "a/5", "start x/4, wait a/5"},
		{"replace without a place stops nothing", OverlapReplace, "main", 0, "a/4", "x/4 y/4", "a/5", "fold a/5-5:1 skipped queue full: main"},
		{"replace frees a place", OverlapReplace, "main", 0, "a/3", "a/4 y/4", "a/5", "wait a/5, end a/4 replaced, stop a/3"},

		// max_running holds over all queues.
		{"max_running", OverlapSkip, "", 2, "z/4", "", "a/5 b/5", "start a/5, wait b/5"},
		{"max_running reached", OverlapSkip, "", 1, "z/4", "y/4", "a/5", "wait a/5"},

		// Requests are never skipped, and wait for their turn.
		{"request, running", OverlapSkip, "", 0, "a/4", "a/x4", "", ""},
		{"request, free", OverlapSkip, "", 0, "", "a/x4 a/x5", "", "start a/x4"},
		{"requests, allow", OverlapAllow, "", 0, "a/4", "a/x4 a/x5", "", "start a/x4, start a/x5"},
		{"a waiting request is no waiting slot", OverlapQueue, "", 0, "a/3", "a/x4", "a/5", "wait a/5"},

		// Too late.
		{"missed", OverlapSkip, "", 0, "", "", "a/1-5:5!", "fold a/1-5:5 missed too late"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := &View{
				Queues: map[string]Queue{"main": {Workers: 1, Capacity: 2}, "wide": {Workers: 2, Capacity: 2}}, MaxRunning: c.max,
				Policy: func(task string) (Policy, bool) {
					p := Policy{Overlap: c.overlap, Queue: c.queue}
					if task == "high" {
						p.Priority = 1
					}
					return p, true
				},
			}
			for _, word := range strings.Fields(c.live) {
				v.Add(testRun(word, Running, c.queue))
			}
			for _, word := range strings.Fields(c.waiting) {
				v.Add(testRun(word, Queued, c.queue))
			}
			var slots []Slot
			for _, word := range strings.Fields(c.due) {
				slots = append(slots, testSlot(word))
			}
			before := fmt.Sprint(v.Live(""), v.Waiting(""))
			got := describeBatch(Decide(slots, v, minute(59)))
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if after := fmt.Sprint(v.Live(""), v.Waiting("")); after != before {
				t.Errorf("the view changed from %s to %s", before, after)
			}
		})
	}
}

func minute(m int) time.Time { return time.Date(2026, 11, 22, 3, m, 0, 0, time.UTC) }

// testRun reads task/minute; task/xMINUTE is a request.
func testRun(word string, s State, queue string) Run {
	task, key := SplitID(word)
	r := Run{Task: task, State: s, Cause: CauseSchedule, Queue: queue}
	if strings.HasPrefix(key, "x") {
		r.Cause, r.ID = CauseManual, word
	}
	var m int
	fmt.Sscan(strings.TrimPrefix(key, "x"), &m)
	if r.Scheduled = minute(m); r.ID == "" {
		r.ID = SlotID(task, r.Scheduled, 1)
	}
	if task == "high" {
		r.Priority = 1
	}
	return r
}

// testSlot reads task/minute or task/first-last:n, with ! if it is missed.
func testSlot(word string) Slot {
	task, key := SplitID(word)
	s := Slot{Task: task, Epoch: 1, N: 1, Cause: CauseSchedule}
	if rest, ok := strings.CutSuffix(key, "!"); ok {
		key, s.Missed = rest, "too late"
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

func describeBatch(b Batch) string {
	short := func(id string) string {
		task, key := SplitID(id)
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
	for _, f := range b.Folds {
		why := f.Why
		if f.By != "" {
			why = "by " + short(f.By)
		}
		out = append(out, fmt.Sprintf("fold %s/%d-%d:%d %s %s", f.Task, f.First.Minute(), f.Last.Minute(), f.Count, f.Outcome, why))
	}
	for _, e := range b.Ends {
		out = append(out, fmt.Sprintf("end %s %s", short(e.ID), e.Outcome))
	}
	for _, e := range b.Stops {
		out = append(out, "stop "+short(e.ID))
	}
	return strings.Join(out, ", ")
}

func TestViewForgetsWhatEnded(t *testing.T) {
	var v View
	v.Add(testRun("a/1", Running, "q"))
	v.Add(testRun("a/2", Queued, "q"))
	v.Add(testRun("b/3", Held, "q"))
	for _, id := range []string{"a/20261122T030100Z", "a/20261122T030200Z"} {
		if _, ok := v.Remove(id); !ok {
			t.Errorf("%s was not there", id)
		}
		if _, ok := v.Remove(id); ok {
			t.Errorf("%s was there twice", id)
		}
	}
	if len(v.live)+len(v.waiting)+v.running["q"]+v.queued["q"]+v.total != 0 {
		t.Errorf("something is left: %+v", v)
	}
}

func BenchmarkDecide10000(b *testing.B) {
	v := &View{Policy: func(string) (Policy, bool) { return Policy{Overlap: OverlapSkip}, true }}
	slots := make([]Slot, 10000)
	for i := range slots {
		slots[i] = Slot{Task: fmt.Sprintf("task%d", i), Epoch: 1, First: minute(1), Last: minute(1), N: 1, Cause: CauseSchedule}
	}
	for b.Loop() {
		if n := len(Decide(slots, v, minute(1)).Claim); n != len(slots) {
			b.Fatal(n)
		}
	}
}
