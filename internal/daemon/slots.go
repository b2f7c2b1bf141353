package daemon

import (
	"slices"
	"time"

	"rota/runner"
	"rota/schedule"
)

const (
	// lateAfter is how late a slot may be and still simply run (rule 13).
	lateAfter = time.Minute
	// madeUp is the longest gap, lived through, after which what names a time
	// of the day still runs (rule 13, as cron does).
	madeUp = 3 * time.Hour
)

// slots puts together what came due, one slot for each task.
func (l *loop) slots(due []schedule.Due, now time.Time) []runner.Slot {
	slots := slices.Clone(l.starts)
	byTask := map[string][]schedule.Due{}
	var order []string
	for _, d := range due {
		task := l.entries[d.Key].task
		if byTask[task] == nil {
			order = append(order, task)
		}
		byTask[task] = append(byTask[task], d)
	}
	for _, task := range order {
		slots = append(slots, l.slot(task, byTask[task], now))
	}
	return slots
}

// slot makes one slot of all that came due of one task, and decides what
// becomes of it if it is late.
func (l *loop) slot(task string, due []schedule.Due, now time.Time) runner.Slot {
	var inTime, makeUp bool
	least := time.Duration(1<<63 - 1)
	for i, d := range due {
		e, by := l.entries[d.Key], now.Sub(d.Last)
		inTime = inTime || by <= lateAfter
		makeUp = makeUp || e.spec.Kind() == schedule.Once || by <= madeUp && e.spec.Fixed() && !d.Last.Before(l.since)
		least = min(least, by)
		due[i] = e.slots(d)
	}
	s := merge(due)
	s.Task, s.Epoch, s.Cause = task, l.cursor.Epoch, runner.CauseSchedule
	switch {
	case inTime:
	case makeUp:
		s.Cause = runner.CauseCatchup
	default:
		s.Missed = "due " + schedule.FormatDuration(least.Round(time.Second)) + " ago, when rota could not start it"
	}
	return s
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
