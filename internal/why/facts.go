package why

import (
	"slices"
	"time"

	"rota/config"
	"rota/internal/ledger"
	"rota/internal/plan"
	"rota/runner"
	"rota/schedule"
)

// facts holds everything that an answer is derived from.
type facts struct {
	now   time.Time
	at    time.Time // the slot, or the instant of the query
	asked bool      // the query gave the instant, or a run: the answer omits the present
	zone  *time.Location

	cfg    *config.Config
	name   string
	task   config.Task
	known  bool // the task is in the file
	daemon bool // a daemon runs
	noRoom bool // the disk has no room to start runs of the task

	state  ledger.TaskState
	cursor ledger.Cursor
	terms  []term
	events []ledger.Event // of the task and of all of rota, oldest first
	next   time.Time      // the next slot

	rows        []runner.Run // the newest of the task
	run         *runner.Run  // the row of the slot; nil: none
	steps       []runner.Transition
	by          *runner.Run  // the run that superseded it
	queueHold   *ledger.Hold // since when its queue is stopped; nil: it is not
	ahead       []runner.Run // running runs of its task, or in its queue
	aheadHidden int          // how many more of these the caller may not see
	running     int          // running runs of all tasks

	first    time.Time // the oldest record of the task
	lastSign time.Time // the last sign of life before the start that followed
}

// term is a trigger and the time in which it is in force.
type term struct {
	spec   schedule.Spec
	from   time.Time // when it was first seen
	before time.Time // the end; zero: still in force
	late   plan.Delay
}

// termsOf returns the triggers of a task that are known to be, or to have been, in force.
func termsOf(cfg *config.Config, name string, state ledger.TaskState, now time.Time) []term {
	task := cfg.Tasks.Get(name)
	var all []term
	add := func(spec schedule.Spec, key string, seen, from, before time.Time) {
		if over := plan.CountedOut(spec, state, key); !over.IsZero() && (before.IsZero() || over.Before(before)) {
			before = over.Add(time.Nanosecond)
		}
		// The slots of a trigger that counts from the end of a run are not known here.
		if spec.AtStart() == "" && spec.Anchor() != "finish" {
			all = append(all, term{spec.From(seen), from, before, plan.NewDelay(name, spec.From(seen), before)})
		}
	}
	on := state.Reschedule
	if !plan.Applies(task, on) {
		on = nil
	}
	for _, spec := range task.Triggers {
		seen := state.FirstSeen.Of(plan.TriggerKey(spec))
		if seen.IsZero() {
			seen = now
		}
		if on == nil {
			add(spec, plan.TriggerKey(spec), seen, seen, time.Time{})
			continue
		}
		add(spec, plan.TriggerKey(spec), seen, seen, on.Since)
		if !on.Until.IsZero() {
			add(spec, plan.TriggerKey(spec), seen, on.Until.Add(-time.Nanosecond), time.Time{})
		}
	}
	if on != nil {
		specs, _ := plan.Rescheduled(cfg, name, on)
		for _, spec := range specs {
			add(spec, plan.TriggerKey(spec)+plan.RescheduledKey, on.Since, on.Since, on.Until)
		}
	}
	return all
}

// has reports whether an instant is a slot of the trigger, in force or not.
func (s term) has(at time.Time) bool { return s.spec.Next(at.Add(-time.Second)).Equal(at) }

// inForce reports whether the trigger is in force at an instant. Only an interval can
// be due at the instant when it was first seen.
func (s term) inForce(at time.Time) bool {
	if at.Before(s.from) || at.Equal(s.from) && s.spec.Kind() != schedule.Interval {
		return false
	}
	return s.before.IsZero() || at.Before(s.before)
}

// due reports whether an instant is a slot of the task.
func (f *facts) due(at time.Time) bool {
	return slices.ContainsFunc(f.terms, func(s term) bool { return s.inForce(at) && s.has(at) })
}

// after returns the first slot after an instant; zero: none.
func (f *facts) after(at time.Time) time.Time {
	var first time.Time
	for _, s := range f.terms {
		from := at
		if start := s.from.Add(-time.Nanosecond); start.After(from) {
			from = start
		}
		next := s.spec.Next(from)
		if next.Equal(s.from) && !s.inForce(next) {
			next = s.spec.Next(next)
		}
		if !next.IsZero() && s.inForce(next) && (first.IsZero() || next.Before(first)) {
			first = next
		}
	}
	return first
}

// before returns the last slot before an instant; zero: none.
func (f *facts) before(at time.Time) time.Time {
	var found time.Time
	for _, row := range f.rows {
		for _, slot := range []time.Time{row.Scheduled, row.Last} {
			if row.IsSlot() && slot.Before(at) && slot.After(found) {
				found = slot
			}
		}
	}
	for _, s := range f.terms {
		if last := s.lastBefore(at); last.After(found) {
			found = last
		}
	}
	return found
}

// lastEvent returns the newest event of the kinds up to an instant; nil: none.
func (f *facts) lastEvent(at time.Time, kinds ...string) *ledger.Event {
	for i := range slices.Backward(f.events) {
		if e := &f.events[i]; slices.Contains(kinds, e.Kind) && !e.Time.After(at) {
			return e
		}
	}
	return nil
}

// nextEvent returns the first event of the kinds after an instant; nil: none.
func (f *facts) nextEvent(at time.Time, kinds ...string) *ledger.Event {
	for i := range f.events {
		if e := &f.events[i]; slices.Contains(kinds, e.Kind) && e.Time.After(at) {
			return e
		}
	}
	return nil
}

// span is a period of time with its cause.
type span struct {
	from, until time.Time // zero until: it continues
	by, why     string
	sure        bool // from is exact; otherwise the period began some time after from
}

// hold returns the hold of the task at an instant; nil: not held.
func (f *facts) hold(at time.Time) *span {
	began := f.lastEvent(at, "hold", "release")
	if began == nil || began.Kind == "release" || began.Task != f.name {
		if h := f.state.Hold.At(at); h != nil && !h.Since.After(at) {
			return &span{from: h.Since, until: h.Until, by: h.By, why: h.Why, sure: true}
		}
		return nil
	}
	s := &span{from: began.Time, by: began.Who, why: began.Data.Reason, sure: true}
	if ended := f.nextEvent(at, "hold", "release"); ended != nil {
		s.until = ended.Time
	} else if h := f.state.Hold; h != nil {
		s.until = h.Until
	}
	return s
}

// away returns the period around an instant in which rota was down; nil: it was up, or that is not known.
func (f *facts) away(at time.Time) *span {
	prev, next := f.lastEvent(at, "start", "stop"), f.nextEvent(at, "start", "stop")
	s := &span{}
	switch {
	case next != nil && next.Kind == "stop", prev == nil:
		return nil
	case next != nil:
		s.until = next.Time
	case f.daemon:
		return nil
	}
	if prev.Kind == "stop" {
		s.from, s.sure = prev.Time, true
		return s
	}
	if f.lastSign.After(at) {
		return nil
	}
	s.from = f.lastSign
	if s.from.Before(prev.Time) {
		s.from = prev.Time
	}
	return s
}

// upSince reports whether rota has certainly been up from an instant until now.
func (f *facts) upSince(at time.Time) bool {
	return f.daemon && !at.IsZero() && f.lastEvent(at, "start") != nil && f.nextEvent(at, "start", "stop") == nil
}

// earliest returns the earliest time of the slot and its run.
func (f *facts) earliest() time.Time {
	first := f.at
	if r := f.run; r != nil {
		for _, at := range []time.Time{r.First, r.Scheduled, r.Queued, r.Started, r.Finished} {
			if !at.IsZero() && at.Before(first) {
				first = at
			}
		}
	}
	return first
}

// draining reports whether rota is draining now.
func (f *facts) draining() bool {
	e := f.lastEvent(f.now, "drain", "drain end", "start")
	return e != nil && e.Kind == "drain"
}

// queueStopped returns the period around an instant in which a queue was stopped; nil: it was not.
func (f *facts) queueStopped(queue string, at time.Time) *span {
	var s *span
	for _, e := range f.events {
		switch {
		case e.Data.Queue != queue || e.Kind != "queue stop" && e.Kind != "queue start":
		case e.Kind == "queue start":
			if s != nil && e.Time.After(at) && s.until.IsZero() {
				s.until = e.Time
			} else if !e.Time.After(at) {
				s = nil
			}
		case !e.Time.After(at):
			s = &span{from: e.Time, by: e.Who, sure: true}
		}
	}
	return s
}

// rescheduled returns the event of the reschedule in force at an instant; nil: none.
func (f *facts) rescheduled(at time.Time) *ledger.Event {
	e := f.lastEvent(at, "reschedule")
	if e == nil || e.Data.Expr == "default" || e.Task != f.name {
		return nil
	}
	return e
}

// edit is a change of a task by a reload.
type edit struct {
	at   time.Time
	what string // "added", "removed" or "changed"
	text string // details of a change: "timeout 1h → 4h"
}

// edits returns the edits of the task, oldest first.
func (f *facts) edits() []edit {
	var all []edit
	for _, e := range f.events {
		if e.Kind == "reload" && e.Task == f.name && e.Data.Change != "" {
			all = append(all, edit{at: e.Time, what: e.Data.Change, text: e.Data.Detail})
		}
	}
	return all
}

// wrongFile returns the period around an instant in which the file on the disk was not
// valid, so that edits had no effect; nil: it was valid.
func (f *facts) wrongFile(at time.Time) *span {
	var s *span
	for _, e := range f.events {
		if e.Kind != "reload" && e.Kind != "start" {
			continue
		}
		refused := e.Data.Refused != ""
		switch {
		case !e.Time.After(at) && refused && s == nil:
			s = &span{from: e.Time, why: e.Data.Refused, sure: true}
		case !e.Time.After(at) && !refused:
			s = nil
		case s != nil && !refused && s.until.IsZero():
			s.until = e.Time
		}
	}
	return s
}

// lastBefore returns the last slot of the trigger before an instant; zero: none.
func (s term) lastBefore(at time.Time) time.Time {
	end := at
	if !s.before.IsZero() && s.before.Before(end) {
		end = s.before
	}
	start := s.from.Add(-time.Nanosecond)
	// Search twice as far back each time: the slots may be seconds or years apart.
	for span := time.Minute; ; span *= 2 {
		from := end.Add(-span)
		if from.Before(start) {
			from = start
		}
		last := time.Time{}
		for next := s.spec.Next(from); !next.IsZero() && next.Before(end); next = s.spec.Next(next) {
			if s.inForce(next) {
				last = next
			}
		}
		if !last.IsZero() || !from.After(start) {
			return last
		}
	}
}
