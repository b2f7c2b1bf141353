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

// facts is all that an answer is derived from.
type facts struct {
	now   time.Time
	at    time.Time // the slot, or the instant that was asked about
	asked bool      // it was given: the answer is about it and not about today
	zone  *time.Location

	cfg    *config.Config
	name   string
	task   config.Task
	known  bool // the task is in the file
	daemon bool // one runs
	noRoom bool // on the disk, for runs of the task to start

	state  ledger.TaskState
	cursor ledger.Cursor
	sights []sight
	events []ledger.Event // of the task and of all of rota, oldest first
	next   time.Time      // slot to come

	rows        []runner.Run // the newest of the task
	run         *runner.Run  // the row that the slot is in; nil: there is none
	steps       []runner.Transition
	by          *runner.Run  // the run that it gave way to
	lane        *ledger.Hold // its queue is stopped
	ahead       []runner.Run // what runs of its task, or in its queue
	aheadHidden int          // of these that are not there for whoever asks
	running     int          // runs under way, of all tasks

	first time.Time // the oldest record of the task
	sign  time.Time // the last sign of life before the start that followed
}

// sight is a trigger and the time for which it is in force.
type sight struct {
	spec   schedule.Spec
	from   time.Time // its first sight
	before time.Time // zero: it still is
	late   plan.Delay
}

// sightsOf returns the triggers of a task that are known to be, or to have been,
// in force.
func sightsOf(cfg *config.Config, name string, state ledger.TaskState, now time.Time) []sight {
	task := cfg.Tasks[name]
	var all []sight
	add := func(spec schedule.Spec, key string, seen, from, before time.Time) {
		if over := plan.CountedOut(spec, state, key); !over.IsZero() && (before.IsZero() || over.Before(before)) {
			before = over.Add(time.Nanosecond)
		}
		// What counts from the end of a run has no slots that can be told from here.
		if spec.AtStart() == "" && spec.Anchor() != "finish" {
			all = append(all, sight{spec.From(seen), from, before, plan.NewDelay(name, spec.From(seen), before)})
		}
	}
	on := state.On
	if !plan.Applies(task, on) {
		on = nil
	}
	for _, spec := range task.Triggers {
		seen, known := state.Seen[plan.TriggerKey(spec)]
		if !known {
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
func (s sight) has(at time.Time) bool { return s.spec.Next(at.Add(-time.Second)).Equal(at) }

// holds reports whether the trigger is in force at an instant. Only an interval
// may come due at its very first sight.
func (s sight) holds(at time.Time) bool {
	if at.Before(s.from) || at.Equal(s.from) && s.spec.Kind() != schedule.Interval {
		return false
	}
	return s.before.IsZero() || at.Before(s.before)
}

// due reports whether an instant is a slot of the task.
func (f *facts) due(at time.Time) bool {
	return slices.ContainsFunc(f.sights, func(s sight) bool { return s.holds(at) && s.has(at) })
}

// after returns the first slot after an instant; zero: there is none.
func (f *facts) after(at time.Time) time.Time {
	var first time.Time
	for _, s := range f.sights {
		from := at
		if start := s.from.Add(-time.Nanosecond); start.After(from) {
			from = start
		}
		next := s.spec.Next(from)
		if next.Equal(s.from) && !s.holds(next) {
			next = s.spec.Next(next)
		}
		if !next.IsZero() && s.holds(next) && (first.IsZero() || next.Before(first)) {
			first = next
		}
	}
	return first
}

// before returns the last slot before an instant; zero: there is none.
func (f *facts) before(at time.Time) time.Time {
	var found time.Time
	for _, row := range f.rows {
		for _, slot := range []time.Time{row.Scheduled, row.Last} {
			if row.IsSlot() && slot.Before(at) && slot.After(found) {
				found = slot
			}
		}
	}
	for _, s := range f.sights {
		if last := s.lastBefore(at); last.After(found) {
			found = last
		}
	}
	return found
}

// lastEvent returns the newest event of one of those kinds up to an instant;
// nil: there is none.
func (f *facts) lastEvent(at time.Time, kinds ...string) *ledger.Event {
	for i := range slices.Backward(f.events) {
		if e := &f.events[i]; slices.Contains(kinds, e.Kind) && !e.Time.After(at) {
			return e
		}
	}
	return nil
}

// nextEvent returns the first event of one of those kinds after an instant.
func (f *facts) nextEvent(at time.Time, kinds ...string) *ledger.Event {
	for i := range f.events {
		if e := &f.events[i]; slices.Contains(kinds, e.Kind) && e.Time.After(at) {
			return e
		}
	}
	return nil
}

// span is a stretch of time of which somebody or something is the cause.
type span struct {
	from, until time.Time // zero until: it lasts
	by, why     string
	sure        bool // from is known; else it is the last sign of the opposite
}

// hold returns the hold of the task at an instant; nil: it was not held.
func (f *facts) hold(at time.Time) *span {
	began := f.lastEvent(at, "hold", "release")
	if began == nil || began.Kind == "release" || began.Task != f.name {
		if h := f.state.Hold.At(at); h != nil && !h.Since.After(at) {
			return &span{from: h.Since, until: h.Until, by: h.By, why: h.Why, sure: true}
		}
		return nil
	}
	s := &span{from: began.Time, by: began.Who, why: began.Data.Said, sure: true}
	if ended := f.nextEvent(at, "hold", "release"); ended != nil {
		s.until = ended.Time
	} else if h := f.state.Hold; h != nil {
		s.until = h.Until
	}
	return s
}

// away returns when rota was down at an instant; nil: it was up, or nobody knows.
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
	if f.sign.After(at) {
		return nil
	}
	s.from = f.sign
	if s.from.Before(prev.Time) {
		s.from = prev.Time
	}
	return s
}

// draining reports whether a drain lasts.
func (f *facts) draining() bool {
	e := f.lastEvent(f.now, "drain", "drain end", "start")
	return e != nil && e.Kind == "drain"
}

// queueStopped returns when a queue was stopped at an instant; nil: it was not.
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

// rescheduled returns the event that put another trigger in the place of the
// task's for an instant; nil: there is none.
func (f *facts) rescheduled(at time.Time) *ledger.Event {
	e := f.lastEvent(at, "reschedule")
	if e == nil || e.Data.Expr == "default" || e.Task != f.name {
		return nil
	}
	return e
}

// edit is what a reload did to a task.
type edit struct {
	at   time.Time
	what string // "added", "removed" or "changed"
	text string // of a change: "timeout 1h → 4h"
}

// edits are those of the task, oldest first.
func (f *facts) edits() []edit {
	var all []edit
	for _, e := range f.events {
		if e.Kind == "reload" && e.Task == f.name && e.Data.Change != "" {
			all = append(all, edit{at: e.Time, what: e.Data.Change, text: e.Data.Detail})
		}
	}
	return all
}

// wrongFile returns when the file on the disk was wrong at an instant, so that
// edits did not count; nil: it was not.
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

// lastBefore is the last instant before another one at which a slot was due; zero: none
// was.
func (s sight) lastBefore(at time.Time) time.Time {
	end := at
	if !s.before.IsZero() && s.before.Before(end) {
		end = s.before
	}
	start := s.from.Add(-time.Nanosecond)
	// Twice as far back each time: the slots may be seconds or years apart.
	for span := time.Minute; ; span *= 2 {
		from := end.Add(-span)
		if from.Before(start) {
			from = start
		}
		last := time.Time{}
		for next := s.spec.Next(from); !next.IsZero() && next.Before(end); next = s.spec.Next(next) {
			if s.holds(next) {
				last = next
			}
		}
		if !last.IsZero() || !from.After(start) {
			return last
		}
	}
}
