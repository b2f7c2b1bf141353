package engine

import (
	"context"
	"slices"
	"sync"
	"time"

	"rota/internal/ledger"
	"rota/internal/plan"
	"rota/runner"
	"rota/schedule"
)

// Slots that are certain to start are recorded, and prepared, shortly before they are due:
// then only the start is left to do, and the first of a thousand does not wait for the
// records of the others. A kill in that moment makes such a run lost. Slots
// that a hold, a queue or another run may keep from starting are decided when they are due.
//
// The cursor does not come to an instant before its time, so that what is recorded ahead
// comes due all the same, and is known by its row; after a restart, too.

// How long before an instant its slots are recorded: the time of a commit, and some for
// each of them.
const (
	aheadLeast   = 20 * time.Millisecond
	aheadOfEach  = 150 * time.Microsecond
	aheadMost    = 500 * time.Millisecond
	aheadUnasked = time.Minute // an instant that is farther away is not looked at yet
)

// ahead is what is recorded of instants to come.
type ahead struct {
	tried      time.Time            // the instant that was looked at last
	slots      map[string]time.Time // the slot, by task
	through    time.Time            // the newest of all slots that were recorded ahead in this epoch
	beginnings []beginning
}

// beginning is an instant at which runs begin that are recorded.
type beginning struct {
	at    time.Time
	begin <-chan struct{}
	open  func()
	runs  []runner.Run
}

// recordedAhead is when slots of an instant are recorded that is the next one; zero: at
// the instant itself.
func (eng *Engine) recordedAhead(at time.Time) time.Time {
	switch {
	case !eng.options.Ahead || eng.options.Once || eng.needsPlan || eng.recordError != "" || eng.stopping:
		return time.Time{}
	case at.IsZero() || at.Equal(eng.ahead.tried) || len(eng.startSlots) > 0 || eng.view.MaxRunning > 0 || eng.view.Draining:
		return time.Time{}
	case at.Sub(eng.clock.Now()) > aheadUnasked:
		return at.Add(-aheadMost)
	}
	n := time.Duration(eng.agenda.Count(at))
	return at.Add(-min(aheadMost, aheadLeast+n*aheadOfEach))
}

// recordAhead records what comes due next and will simply start, if it is time to. What
// it could not record is recorded at its time.
func (eng *Engine) recordAhead(ctx context.Context, now time.Time) {
	at := eng.agenda.At()
	if from := eng.recordedAhead(at); from.IsZero() || now.Before(from) || !at.After(now) {
		return
	}
	eng.ahead.tried = at
	due := slices.DeleteFunc(eng.agenda.Due(at), func(d schedule.Due) bool { return !eng.willStart(d, at) })
	if len(due) == 0 {
		return
	}
	t, err := eng.decide(ctx, due, at)
	if err != nil {
		return
	}
	t.change.Batch.Ahead = at
	t.change.Cursor = &ledger.CursorMove{From: eng.cursor, To: eng.cursorAt(now)}
	done, err := eng.commitTurn(ctx, t)
	if err != nil {
		return
	}
	eng.rememberAhead(t.change.Batch.Runs...)
	eng.apply(t, done)
}

// willStart reports whether nothing can keep what comes due at an instant from starting
// then.
func (eng *Engine) willStart(d schedule.Due, at time.Time) bool {
	e, known := eng.entries[d.Key]
	if !known || e.Request != "" || d.N != 1 || e.Delay().By != 0 || eng.runsLeft(d.Key) != plan.NoCount {
		return false
	}
	task, policy, state := eng.cfg.Tasks[e.Task], eng.policyOf(e.Task), eng.states[e.Task]
	switch {
	case policy.Queue != "" || task.OnlyIf != nil:
		return false
	case state.Hold != nil || state.Planned != nil || len(state.Skip) > 0:
		return false
	}
	return !eng.view.Has(e.Task)
}

// rememberAhead notes runs that are recorded before they are due.
func (eng *Engine) rememberAhead(runs ...runner.Run) {
	if eng.ahead.slots == nil {
		eng.ahead.slots = map[string]time.Time{}
	}
	for _, r := range runs {
		eng.ahead.slots[r.Task] = r.Scheduled
		eng.ahead.through = later(eng.ahead.through, r.Scheduled)
	}
}

// restoreAhead finds what an earlier daemon recorded of slots that are not due for the
// cursor.
func (eng *Engine) restoreAhead(ctx context.Context) error {
	var ids []string
	for key, e := range eng.entries {
		if at := eng.agenda.Next(key); e.Request == "" && !at.IsZero() && at.Sub(eng.cursor.Through) <= aheadMost {
			ids = append(ids, runner.SlotID(e.Task, at, eng.cursor.Epoch))
		}
	}
	for some := range slices.Chunk(ids, movesPerCommit) {
		runs, err := eng.ledger.List(ctx, ledger.Filter{Brief: true, IDs: some})
		if err != nil {
			return err
		}
		eng.rememberAhead(runs...)
	}
	for key, e := range eng.entries {
		if at, recorded := eng.ahead.slots[e.Task]; recorded && e.Request == "" && eng.agenda.Next(key).Equal(at) {
			eng.agenda.Put(schedule.Entry{Key: key, When: e.When(), Last: at})
		}
	}
	return nil
}

// withoutAhead takes out of what came due what is recorded.
func (eng *Engine) withoutAhead(due []schedule.Due) []schedule.Due {
	if len(eng.ahead.slots) == 0 {
		return due
	}
	var left []schedule.Due
	for _, d := range due {
		e := eng.entries[d.Key]
		at, recorded := eng.ahead.slots[e.Task]
		if !recorded || e.Request != "" || at.Before(d.First) || at.After(d.Last) {
			left = append(left, d)
			continue
		}
		left = append(left, dueBetween(d, d.First.Add(-time.Second), at.Add(-time.Second))...)
		left = append(left, dueBetween(d, at, d.Last)...)
	}
	return left
}

// forgetAhead forgets what was recorded of instants that have come, once the cursor or
// the agenda has.
func (eng *Engine) forgetAhead(now time.Time) {
	for task, at := range eng.ahead.slots {
		if !at.After(now) {
			delete(eng.ahead.slots, task)
		}
	}
}

// beginAt returns what is closed when a run begins that is recorded ahead; nil: it does
// now. The timer is for an engine that is busy then.
func (eng *Engine) beginAt(run runner.Run) <-chan struct{} {
	wait := run.Started.Sub(eng.clock.Now())
	if wait <= 0 || wait > aheadMost {
		return nil
	}
	all := eng.ahead.beginnings
	i := slices.IndexFunc(all, func(b beginning) bool { return b.at.Equal(run.Started) })
	if i < 0 {
		c := make(chan struct{})
		open := sync.OnceFunc(func() { close(c) })
		time.AfterFunc(wait+time.Millisecond, open)
		i, all = len(all), append(all, beginning{at: run.Started, begin: c, open: open})
	}
	all[i].runs = append(all[i].runs, run)
	eng.ahead.beginnings = all
	return all[i].begin
}

// beginDue lets the runs begin whose instant has come.
func (eng *Engine) beginDue(now time.Time) {
	waits := func(b beginning) bool { return b.at.After(now) && b.at.Sub(now) <= aheadMost } // else the clock was set back
	for _, b := range eng.ahead.beginnings {
		if waits(b) {
			continue
		}
		b.open()
		eng.lag.Store(max(0, now.Sub(b.at)).Microseconds())
		for _, run := range b.runs {
			if _, there := eng.view.Find(run.ID); there {
				eng.record(run)
			}
		}
	}
	eng.ahead.beginnings = slices.DeleteFunc(eng.ahead.beginnings, func(b beginning) bool { return !waits(b) })
}
