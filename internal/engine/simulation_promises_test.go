package engine

import (
	"maps"
	"slices"
	"strings"
	"time"

	"rota/internal/ledger"
	"rota/runner"
)

// countNotices counts what is put into the outbox.
func (s *simulation) countNotices(notices []ledger.Notice) {
	for _, n := range notices {
		s.notices[[2]string{n.Kind, n.Run.ID}]++
	}
}

// holds reports whether a hold was in force at an instant, and a second before.
func holds(h *ledger.Hold, at time.Time) bool {
	return h != nil && h.Since.Add(time.Second).Before(at) && (h.Until.IsZero() || h.Until.After(at))
}

// check holds the records against the promises.
func (s *simulation) check(began, ended time.Time) {
	t := s.t
	rows, err := s.ledger.List(t.Context(), ledger.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	byID := map[string]runner.Run{}
	for _, r := range rows {
		if _, twice := byID[r.ID]; twice {
			t.Errorf("%s has two rows", r.ID)
		}
		byID[r.ID] = r
	}
	for _, task := range s.tasks {
		s.checkSlots(task, rows, began, ended)
	}
	for _, id := range s.accepted {
		if _, there := byID[id]; !there {
			t.Errorf("the request %s was accepted, and is not recorded", id)
		}
	}
	retries := map[string]int{"after": 0}
	for _, task := range s.tasks {
		retries[task.name] = task.retries
	}
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		r := byID[id]
		begun := s.begun[id]
		switch {
		case r.State != "" && r.State != runner.Running && r.State != runner.Delayed && r.State != runner.Queued:
			t.Errorf("%s is %s after hours of calm", id, r.State)
		case r.State == runner.Running && r.Started.Before(ended.Add(-time.Hour)):
			t.Errorf("%s has been running since %v, longer than any does", id, r.Started)
		case begun > r.Attempts:
			t.Errorf("%s began %d times, and has %d attempts", id, begun, r.Attempts)
		case r.Attempts > 1+retries[r.Task]:
			t.Errorf("%s has %d attempts of %d", id, r.Attempts, 1+retries[r.Task])
		case r.Outcome == runner.OK && begun == 0:
			t.Errorf("%s is ok and never began", id)
		}
	}
	s.checkConsequences(rows)
	s.checkHolds(rows)
	s.checkSkips(rows)
	if waiting, err := s.ledger.Outbox(t.Context(), 0); err != nil || len(waiting) > 0 {
		t.Errorf("the outbox holds %d notices, %v", len(waiting), err)
	}
}

// checkSlots holds the records of the slots of a task against its trigger: there is
// one for each, and none for anything else.
func (s *simulation) checkSlots(task simTask, rows []runner.Run, began, ended time.Time) {
	zone := s.cfg.Rota.Timezone
	var slots []runner.Run
	for _, r := range rows {
		if r.Task == task.name && r.Parent == "" && r.IsSlot() {
			slots = append(slots, r)
		}
	}
	recorded := map[time.Time]map[string]string{} // ids, by epoch
	ran := map[time.Time]string{}
	for _, r := range slots {
		first, last := r.Scheduled, r.Scheduled
		if r.IsSummary() {
			first, last = r.First, r.Last
		}
		n := 0
		for at := first; !at.After(last); at = at.Add(time.Minute) {
			if !task.due(at.In(zone)) {
				continue
			}
			n++
			if task.named && !r.Started.IsZero() { // it may come again, but not run again
				if other, twice := ran[at]; twice {
					s.t.Errorf("the slot %v of %s ran as %s and as %s", at.In(zone), task.name, other, r.ID)
				}
				ran[at] = r.ID
			}
			_, epoch, _ := strings.Cut(r.ID, "~")
			if other, twice := recorded[at][epoch]; twice {
				s.t.Errorf("the slot %v of %s is recorded by %s and by %s", at.In(zone), task.name, other, r.ID)
			}
			if recorded[at] == nil {
				recorded[at] = map[string]string{}
			}
			recorded[at][epoch] = r.ID
		}
		if count := max(1, r.Count); n < count || n > count && !s.stepped { // those that an earlier epoch handled are skipped
			s.t.Errorf("%s stands for %d slots, and there are %d from %v to %v", r.ID, max(1, r.Count), n, first.In(zone), last.In(zone))
		}
	}
	for at := began.Truncate(time.Minute).Add(time.Minute).UTC(); at.Before(ended.Add(-time.Second)); at = at.Add(time.Minute) {
		if task.due(at.In(zone)) && recorded[at] == nil {
			s.t.Errorf("the slot %v of %s is not recorded", at.In(zone), task.name)
		}
	}
}

// checkConsequences holds the notices and the runs that follow from failures against them:
// there is one of each for each.
func (s *simulation) checkConsequences(rows []runner.Run) {
	children := map[string]int{}
	for _, r := range rows {
		if r.Cause == runner.CauseChain {
			children[r.Parent]++
		}
	}
	for _, r := range rows {
		failures := 0
		if r.Task != "after" && r.Outcome.IsFailure() {
			failures = 1
		}
		if n := s.notices[[2]string{"failure", r.ID}]; n != failures {
			s.t.Errorf("%s is %s, and the outbox had %d notices of its failure", r.ID, r.Outcome, n)
		}
		if n := children[r.ID]; n != failures {
			s.t.Errorf("%s is %s, and %d runs follow from its failure", r.ID, r.Outcome, n)
		}
	}
}

// checkHolds checks that no slot within a hold became a run. When the clock is set, ends of
// holds are shifted, and times come again.
func (s *simulation) checkHolds(rows []runner.Run) {
	if s.stepped {
		return
	}
	events, err := s.ledger.Events(s.t.Context(), ledger.EventFilter{Kinds: []string{"hold", "release"}})
	if err != nil {
		s.t.Fatal(err)
	}
	slices.SortStableFunc(events, func(a, b ledger.Event) int { return a.Time.Compare(b.Time) })
	type period struct{ since, until time.Time }
	held := map[string][]period{}
	for _, e := range events {
		of := held[e.Task]
		if n := len(of); n > 0 && (of[n-1].until.IsZero() || of[n-1].until.After(e.Time)) {
			of[n-1].until = e.Time
		}
		if e.Kind == "hold" {
			held[e.Task] = append(of, period{e.Time, e.Data.Until})
		}
	}
	for _, r := range rows {
		if !r.IsSlot() || r.Outcome == runner.Skipped {
			continue
		}
		for _, p := range held[r.Task] {
			if r.Scheduled.After(p.since.Add(time.Second)) && (p.until.IsZero() || r.Scheduled.Before(p.until.Add(-time.Second))) {
				s.t.Errorf("%s is %s%s, and its task was held from %v to %v", r.ID, r.State, r.Outcome, p.since, p.until)
			}
		}
	}
}

// checkSkips checks that no slot became a run that was to be skipped.
func (s *simulation) checkSkips(rows []runner.Run) {
	for _, r := range rows {
		if !s.stepped && r.IsSlot() && r.Parent == "" && r.Outcome != runner.Skipped && r.Outcome != runner.Missed && slices.Contains(s.skipped[r.Task], r.Scheduled.UTC()) {
			s.t.Errorf("%s is %s%s, and its slot was to be skipped", r.ID, r.State, r.Outcome)
		}
	}
}
