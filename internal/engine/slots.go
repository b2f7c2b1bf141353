package engine

import (
	"cmp"
	"math"
	"slices"
	"time"

	"rota/internal/plan"
	"rota/runner"
	"rota/schedule"
)

const (
	// lateAfter is how late a slot may be and still simply run (rule 13).
	lateAfter = time.Minute
	// madeUp is the longest gap, lived through, after which what names a time
	// of the day still runs (rule 13, as cron does), and anything else while its
	// next slot is farther away than the one that was missed.
	madeUp = 3 * time.Hour
)

// slots puts together what came due, one slot for each task and each recurring
// request.
func (eng *Engine) slots(due []schedule.Due, now time.Time) []runner.Slot {
	slots := slices.Clone(eng.starts)
	type owner struct{ task, of string }
	byOwner := map[owner][]schedule.Due{}
	var order []owner
	for _, d := range due {
		e := eng.entries[d.Key]
		o := owner{e.Task, e.Request}
		if byOwner[o] == nil {
			order = append(order, o)
		}
		byOwner[o] = append(byOwner[o], d)
	}
	for _, o := range order {
		var more []runner.Slot
		before, held, free := eng.whileHeld(o.task, byOwner[o])
		switch {
		case len(before) == 0:
		case len(free) > 0 && eng.policyOf(o.task).Missed != runner.MissedAll:
			s := eng.merged(o.task, before)
			s.Skip = runner.Reason{Code: runner.ReasonCoalesced}
			more = append(more, s)
		default:
			more = append(more, eng.slot(o.task, before, now)...)
		}
		if len(held) > 0 {
			s := eng.merged(o.task, held)
			s.Skip = heldBecause(&eng.states[o.task].Held.Hold)
			more = append(more, s)
		}
		if len(free) > 0 {
			more = append(more, eng.slot(o.task, free, now)...)
		}
		if o.of == "" {
			more = eng.leftOut(o.task, more)
		} else {
			for i := range more {
				of, _ := eng.view.ParkedAs(o.of, runner.Recurring)
				more[i].Of = &of
			}
		}
		slots = append(slots, more...)
	}
	for i := range slots {
		slots[i].User = eng.cfg.Tasks[slots[i].Task].User
	}
	return slots
}

// whileHeld tells apart what came due of a task before, during and after the last hold
// that has ended: a row stands for slots without a gap.
func (eng *Engine) whileHeld(task string, due []schedule.Due) (before, held, free []schedule.Due) {
	h := eng.states[task].Held
	if h == nil {
		return nil, nil, due
	}
	for _, d := range due {
		late := eng.entries[d.Key].Delay()
		since, ended := late.Before(h.Since), late.Before(h.Ended) // a slot at the end of the hold is free
		if d.First.After(ended) {
			free = append(free, d)
			continue
		}
		before = append(before, stretch(d, d.First.Add(-time.Second), since)...)
		held = append(held, stretch(d, later(since, d.First.Add(-time.Second)), ended)...)
		free = append(free, stretch(d, ended, d.Last)...)
	}
	if len(held) == 0 { // it was held between two slots
		return nil, nil, append(before, free...)
	}
	return before, held, free
}

// later is the later one of two instants.
func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// stretch is what is due of an entry after an instant, and up to another.
func stretch(d schedule.Due, after, through time.Time) []schedule.Due {
	if through.After(d.Last) {
		through = d.Last
	}
	var a schedule.Agenda
	a.Put(schedule.Entry{Key: d.Key, When: d.When, Last: after})
	return a.Due(through)
}

// merged makes one slot of all that came due of one task.
func (eng *Engine) merged(task string, due []schedule.Due) runner.Slot {
	for i, d := range due {
		due[i] = eng.entries[d.Key].Slots(d)
	}
	s := merge(due)
	s.Task, s.Epoch, s.Cause = task, eng.cursor.Epoch, runner.CauseSchedule
	return s
}

// slot makes one slot of all that came due of one task, or with missed = "all"
// one of each, and decides what becomes of those that are late. This is the rule
// (13), whatever the cause:
//
//   - Up to a minute late a slot simply runs.
//   - Later, but within three hours, and while this rota was there, one run is made
//     up for the newest slot if it names a time of the day, or if it is late by
//     less than half the time to the next: the one after it is not near yet.
//   - All else, as what came due while there was no rota, is as missed says.
//   - missed = "skip" in the file excludes making up, and missed_within starting
//     anything later than it says.
func (eng *Engine) slot(task string, due []schedule.Due, now time.Time) []runner.Slot {
	p := eng.policyOf(task)
	p.Missed = eng.missedPolicy(p.Missed, due)
	how := eng.lateness(due, now)
	s := eng.merged(task, due)
	late := now.Sub(s.Last)
	switch {
	case p.Missed == runner.MissedAll && (s.N > 1 || !how.inTime) && !eng.nextOpen(task, now).After(now):
		return eng.each(s, due, p, now)
	case p.MissedWithin > 0 && how.least > p.MissedWithin:
		s.Missed = lateBy(late)
	case how.inTime:
	case eng.nextOpen(task, now).After(now):
		s.Missed = runner.Reason{Code: runner.ReasonLateOutside, Span: late.Round(time.Second)}
	case how.makeUp && p.Missed != runner.MissedSkip, p.Missed == runner.MissedOnce:
		s.Cause = runner.CauseCatchup
	default:
		s.Missed = lateBy(late)
	}
	return []runner.Slot{s}
}

// missedPolicy is what becomes of missed slots where the file says missed, or nothing.
func (eng *Engine) missedPolicy(missed runner.CatchUp, due []schedule.Due) runner.CatchUp {
	once := func(d schedule.Due) bool { return eng.entries[d.Key].Spec.Kind() == schedule.Once }
	switch {
	case missed != "":
		return missed
	case eng.options.Once: // it is there to do what came due meanwhile
		return runner.MissedOnce
	case slices.ContainsFunc(due, once):
		return runner.MissedOnce
	}
	return ""
}

// lateness is how late the slots of a task are that came due together.
type lateness struct {
	least  time.Duration // by which one of them is late, from its coming due
	inTime bool          // one of them is not late
	makeUp bool          // one of them may still be made up for
}

func (eng *Engine) lateness(due []schedule.Due, now time.Time) lateness {
	how := lateness{least: math.MaxInt64}
	for _, d := range due {
		e, by := eng.entries[d.Key], now.Sub(d.Last)
		how.least = min(how.least, by)
		how.inTime = how.inTime || by <= lateAfter
		how.makeUp = how.makeUp || by <= madeUp && !d.Last.Before(eng.since) && (e.Spec.Fixed() || by < beforeNext(d)/2)
	}
	return how
}

// beforeNext is the time from the newest slot of what came due to the next one;
// that of [madeUp] and more if there is none.
func beforeNext(d schedule.Due) time.Duration {
	next := d.When.Next(d.Last)
	if next.IsZero() {
		return 2*madeUp + time.Second
	}
	return next.Sub(d.Last)
}

// nextOpen is when, from an instant on, something may be made up for or tried again:
// within between, if the task has one.
func (eng *Engine) nextOpen(task string, at time.Time) time.Time {
	var first time.Time
	for _, spec := range eng.inForce.Load().Tasks[task].Triggers {
		if open := spec.NextOpen(at); first.IsZero() || open.Before(first) {
			first = open
		}
	}
	if first.IsZero() {
		return at
	}
	return first
}

func lateBy(d time.Duration) runner.Reason {
	return runner.Reason{Code: runner.ReasonLate, Span: d.Round(time.Second)}
}

// each makes a slot of each instant that is not too long ago and for which the
// queue has room, and one that stands for those before.
func (eng *Engine) each(all runner.Slot, due []schedule.Due, p runner.Policy, now time.Time) []runner.Slot {
	within := cmp.Or(p.MissedWithin, plan.MissedAllWithin)
	room := eng.cfg.Queues[p.Queue].Capacity
	if p.Queue == "" {
		room = runner.UnqueuedCapacity
	}
	at := instants(eng.limitEach(due, now.Add(-within)), now.Add(-within), room)
	var slots []runner.Slot
	if n := all.N - len(at); n > 0 {
		before := all
		before.N, before.Missed = n, lateBy(now.Sub(all.First))
		if len(at) > 0 {
			before.Last = last(due, at[0])
		}
		slots = append(slots, before)
	}
	for _, t := range at {
		s := all
		s.First, s.Prev, s.Last, s.N, s.Each = t, time.Time{}, t, 1, true
		if now.Sub(t) > lateAfter {
			s.Cause = runner.CauseCatchup
		}
		slots = append(slots, s)
	}
	return slots
}

// instants returns the newest slots from an instant on, at most n, oldest first.
func instants(due []schedule.Due, from time.Time, n int) []time.Time {
	var all []time.Time
	for _, d := range due {
		first := d.First
		if first.Before(from) {
			first = d.When.Next(from.Add(-time.Nanosecond))
		}
		for at := first; !at.IsZero() && !at.After(d.Last); at = d.When.Next(at) {
			all = append(all, at)
			if len(all) > 2*max(n, 1000) { // far more than there is room for
				all = newest(all, n)
			}
		}
	}
	return newest(all, n)
}

// newest sorts instants, takes out the doubles and keeps the newest n.
func newest(all []time.Time, n int) []time.Time {
	slices.SortFunc(all, time.Time.Compare)
	all = slices.CompactFunc(all, time.Time.Equal)
	return all[max(0, len(all)-n):]
}

// last returns the newest slot before an instant.
func last(due []schedule.Due, before time.Time) time.Time {
	var found time.Time
	for _, d := range due {
		if !d.First.Before(before) {
			continue
		}
		// Twice as far back each time: the slots may be seconds or years apart.
		for span := time.Minute; ; span *= 2 {
			at := d.When.Next(before.Add(-span))
			if at.IsZero() || !at.Before(before) {
				continue
			}
			for next := d.When.Next(at); !next.IsZero() && next.Before(before); next = d.When.Next(at) {
				at = next
			}
			if at.After(found) {
				found = at
			}
			break
		}
	}
	return found
}

// merge makes one slot of the slots of several triggers of one task; an instant
// that several of them name counts once, unless there are too many to count.
func merge(due []schedule.Due) runner.Slot {
	if d := due[0]; len(due) == 1 {
		return runner.Slot{First: d.First, Prev: d.Prev, Last: d.Last, N: d.N}
	}
	var all []time.Time
	n := 0
	for _, d := range due {
		if n += d.N; d.N < schedule.Many {
			all = slices.AppendSeq(all, d.Each())
		} else {
			all = append(all, d.First, d.Prev, d.Last)
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	all = slices.CompactFunc(all, time.Time.Equal)
	if n < schedule.Many {
		n = len(all)
	}
	s := runner.Slot{First: all[0], Last: all[len(all)-1], N: n}
	if len(all) > 1 {
		s.Prev = all[len(all)-2]
	}
	return s
}
