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
	// lateTolerance is how late a slot may be and still run as if it were on time (rule 13).
	lateTolerance = time.Minute
	// catchUpLimit is how late a slot may still be started, if rota was running when it
	// was due and either the trigger names a time of the day (as cron does), or the next slot
	// is farther away than the missed one (rule 13).
	catchUpLimit = 3 * time.Hour
)

// makeSlots merges due entries into one slot for each task and each recurring request.
func (eng *Engine) makeSlots(due []schedule.Due, now time.Time) []runner.Slot {
	slots := slices.Grow(slices.Clone(eng.startSlots), len(due))
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
		before, held, free := eng.splitByHold(o.task, byOwner[o])
		switch {
		case len(before) == 0:
		case len(free) > 0 && eng.policyOf(o.task).Missed != runner.MissedAll:
			s := eng.mergedSlot(o.task, before)
			s.Skip = runner.Reason{Code: runner.ReasonCoalesced}
			more = append(more, s)
		default:
			more = append(more, eng.makeSlot(o.task, before, now)...)
		}
		if len(held) > 0 {
			s := eng.mergedSlot(o.task, held)
			s.Skip = reasonOfHold(&eng.states[o.task].LastHold.Hold)
			more = append(more, s)
		}
		if len(free) > 0 {
			more = append(more, eng.makeSlot(o.task, free, now)...)
		}
		if o.of == "" {
			more = eng.applySkips(o.task, more)
		} else {
			for i := range more {
				of, _ := eng.view.ParkedAs(o.of, runner.Recurring)
				more[i].Of = &of
			}
		}
		slots = append(slots, more...)
	}
	for i := range slots {
		slots[i].User = eng.cfg.Tasks.Get(slots[i].Task).User
	}
	return slots
}

// splitByHold splits the due entries of a task into those before, during and after its last
// hold that has ended: a row stands for slots without a gap.
func (eng *Engine) splitByHold(task string, due []schedule.Due) (before, held, free []schedule.Due) {
	h := eng.states[task].LastHold
	if h == nil {
		return nil, nil, due
	}
	for _, d := range due {
		late := eng.entries[d.Key].Delay()
		since, ended := late.Before(h.Since), late.Before(h.Ended) // a slot at the end of the hold is not held
		if d.First.After(ended) {
			free = append(free, d)
			continue
		}
		before = append(before, dueBetween(d, d.First.Add(-time.Second), since)...)
		held = append(held, dueBetween(d, later(since, d.First.Add(-time.Second)), ended)...)
		free = append(free, dueBetween(d, ended, d.Last)...)
	}
	if len(held) == 0 { // it was held between two slots
		return nil, nil, append(before, free...)
	}
	return before, held, free
}

// later returns the later of two instants.
func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// dueBetween returns the part of a due entry after one instant and up to another.
func dueBetween(d schedule.Due, after, through time.Time) []schedule.Due {
	if through.After(d.Last) {
		through = d.Last
	}
	var a schedule.Agenda
	a.Put(schedule.Entry{Key: d.Key, When: d.When, Last: after})
	return a.Due(through)
}

// mergedSlot merges the due entries of a task into one slot.
func (eng *Engine) mergedSlot(task string, due []schedule.Due) runner.Slot {
	for i, d := range due {
		due[i] = eng.entries[d.Key].Slots(d)
	}
	s := mergeDue(due)
	s.Task, s.Epoch, s.Cause = task, eng.cursor.Epoch, runner.CauseSchedule
	return s
}

// makeSlot merges the due entries of a task into one slot, or with missed = "all" into one
// for each instant, and decides about late ones. This is rule 13, whatever the
// cause:
//
//   - Up to a minute late, a slot runs as usual.
//   - Up to three hours late, if it was due while this daemon was running, the newest slot
//     is started if it names a time of the day, or if it is late by less than half the
//     time to the next slot.
//   - For all others, such as those due while no daemon was running, missed decides.
//   - With missed = "skip" in the file none is started; none starts later than
//     missed_within.
func (eng *Engine) makeSlot(task string, due []schedule.Due, now time.Time) []runner.Slot {
	p := eng.policyOf(task)
	p.Missed = eng.missedPolicy(p.Missed, due)
	how := eng.lateness(due, now)
	s := eng.mergedSlot(task, due)
	late := now.Sub(s.Last)
	switch {
	case p.Missed == runner.MissedAll && (s.N > 1 || !how.inTime) && !eng.nextOpen(task, now).After(now):
		return eng.slotPerInstant(s, due, p, now)
	case p.MissedWithin > 0 && how.least > p.MissedWithin:
		s.Missed = lateReason(late)
	case how.inTime:
	case eng.nextOpen(task, now).After(now):
		s.Missed = runner.Reason{Code: runner.ReasonLateOutside, Span: late.Round(time.Second)}
	case how.catchUp && p.Missed != runner.MissedSkip, p.Missed == runner.MissedOnce:
		s.Cause = runner.CauseCatchup
	default:
		s.Missed = lateReason(late)
	}
	return []runner.Slot{s}
}

// missedPolicy returns the policy for missed slots, with the default if the file sets none.
func (eng *Engine) missedPolicy(missed runner.CatchUp, due []schedule.Due) runner.CatchUp {
	once := func(d schedule.Due) bool { return eng.entries[d.Key].Spec.Kind() == schedule.Once }
	switch {
	case missed != "":
		return missed
	case eng.options.Once: // --once runs the slots since its last start
		return runner.MissedOnce
	case slices.ContainsFunc(due, once):
		return runner.MissedOnce
	}
	return ""
}

// lateness is how late the slots of a task are that are due together.
type lateness struct {
	least   time.Duration // the least delay of them
	inTime  bool          // one of them is not late
	catchUp bool          // one of them may still be started
}

func (eng *Engine) lateness(due []schedule.Due, now time.Time) lateness {
	how := lateness{least: math.MaxInt64}
	for _, d := range due {
		e, by := eng.entries[d.Key], now.Sub(d.Last)
		how.least = min(how.least, by)
		how.inTime = how.inTime || by <= lateTolerance
		how.catchUp = how.catchUp || by <= catchUpLimit && !d.Last.Before(eng.epochStart) && (e.Spec.Fixed() || by < gapToNext(d)/2)
	}
	return how
}

// gapToNext returns the time from the newest due slot to the next one; if there is none,
// more than twice [catchUpLimit].
func gapToNext(d schedule.Due) time.Duration {
	next := d.When.Next(d.Last)
	if next.IsZero() {
		return 2*catchUpLimit + time.Second
	}
	return next.Sub(d.Last)
}

// nextOpen returns the first instant, from at on, at which a late run may be started or a
// run retried: within between, if the task has one.
func (eng *Engine) nextOpen(task string, at time.Time) time.Time {
	var first time.Time
	for _, spec := range eng.inForce.Load().Tasks.Get(task).Triggers {
		if open := spec.NextOpen(at); first.IsZero() || open.Before(first) {
			first = open
		}
	}
	if first.IsZero() {
		return at
	}
	return first
}

func lateReason(d time.Duration) runner.Reason {
	return runner.Reason{Code: runner.ReasonLate, Span: d.Round(time.Second)}
}

// slotPerInstant returns a slot for each instant that is not too old and fits into the
// queue, and one slot that stands for all before.
func (eng *Engine) slotPerInstant(all runner.Slot, due []schedule.Due, p runner.Policy, now time.Time) []runner.Slot {
	within := cmp.Or(p.MissedWithin, plan.MissedAllWithin)
	room := eng.cfg.Queues[p.Queue].Capacity
	if p.Queue == "" {
		room = runner.UnqueuedCapacity
	}
	at := instants(eng.limitEach(due, now.Add(-within)), now.Add(-within), room)
	var slots []runner.Slot
	if n := all.N - len(at); n > 0 {
		before := all
		before.N, before.Missed = n, lateReason(now.Sub(all.First))
		if len(at) > 0 {
			before.Last = lastDueBefore(due, at[0])
		}
		slots = append(slots, before)
	}
	for _, t := range at {
		s := all
		s.First, s.Prev, s.Last, s.N, s.Each = t, time.Time{}, t, 1, true
		if now.Sub(t) > lateTolerance {
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
			if len(all) > 2*max(n, 1000) { // limits the memory
				all = newest(all, n)
			}
		}
	}
	return newest(all, n)
}

// newest sorts instants, removes duplicates and returns the newest n.
func newest(all []time.Time, n int) []time.Time {
	slices.SortFunc(all, time.Time.Compare)
	all = slices.CompactFunc(all, time.Time.Equal)
	return all[max(0, len(all)-n):]
}

// lastDueBefore returns the newest slot before an instant.
func lastDueBefore(due []schedule.Due, before time.Time) time.Time {
	var found time.Time
	for _, d := range due {
		if !d.First.Before(before) {
			continue
		}
		// Doubled each time, as slots may be seconds or years apart.
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

// mergeDue merges the due entries of several triggers into one slot. An instant that is due
// of several of them counts once, unless there are too many to count.
func mergeDue(due []schedule.Due) runner.Slot {
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
