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
// records of the others. A kill in between makes such a run lost. Slots that a hold, a queue
// or another run may keep from starting are decided when they are due.
//
// The cursor is not moved to an instant before its time. So a slot that is recorded ahead is
// due again at its time, also after a restart, and is then recognized by its row.

// How long before an instant its slots are recorded: the time of a commit, and some time for
// each slot, up to a limit.
const (
	minAhead     = 20 * time.Millisecond
	aheadPerSlot = 150 * time.Microsecond
	maxAhead     = 500 * time.Millisecond
	aheadHorizon = time.Minute // instants that are farther away are not considered yet
)

// ahead is the state of slots that are recorded before they are due.
type ahead struct {
	tried   time.Time            // the last instant that recordAhead handled
	slots   map[string]time.Time // recorded slots, by task
	through time.Time            // the newest slot recorded ahead in this epoch
	starts  []futureStart
}

// futureStart is an instant at which prepared runs start.
type futureStart struct {
	at     time.Time
	opened <-chan struct{}
	open   func()
	runs   []string // ids
}

// aheadTime returns when the slots of at, the next due instant, are recorded; zero: at the
// instant itself.
func (eng *Engine) aheadTime(at time.Time) time.Time {
	switch {
	case !eng.options.Ahead || eng.options.Once || eng.needsPlan || eng.recordError != "" || eng.stopping:
		return time.Time{}
	case at.IsZero() || at.Equal(eng.ahead.tried) || len(eng.startSlots) > 0 || eng.view.MaxRunning > 0 || eng.view.Draining:
		return time.Time{}
	case at.Sub(eng.clock.Now()) > aheadHorizon:
		return at.Add(-maxAhead)
	}
	n := time.Duration(eng.agenda.Count(at))
	return at.Add(-min(maxAhead, minAhead+n*aheadPerSlot))
}

// recordAhead records the next slots that are certain to start, if it is time to. If that
// fails they are recorded when they are due.
func (eng *Engine) recordAhead(ctx context.Context, now time.Time) {
	at := eng.agenda.At()
	if from := eng.aheadTime(at); from.IsZero() || now.Before(from) || !at.After(now) {
		return
	}
	eng.ahead.tried = at
	due := slices.DeleteFunc(eng.agenda.Due(at), func(d schedule.Due) bool { return !eng.willStart(d) })
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

// willStart reports whether an entry is certain to start when it is due.
func (eng *Engine) willStart(d schedule.Due) bool {
	e, known := eng.entries[d.Key]
	if !known || e.Request != "" || d.N != 1 || e.Delay().By != 0 || eng.runsLeft(d.Key) != plan.NoCount {
		return false
	}
	task, policy, state := eng.cfg.Tasks.Get(e.Task), eng.policyOf(e.Task), eng.states[e.Task]
	switch {
	case policy.Queue != "" || task.OnlyIf != nil:
		return false
	case state.Hold != nil || state.Planned != nil || len(state.Skip) > 0:
		return false
	}
	return !eng.view.Has(e.Task)
}

// rememberAhead notes runs that were recorded before they are due.
func (eng *Engine) rememberAhead(runs ...runner.Run) {
	if eng.ahead.slots == nil {
		eng.ahead.slots = map[string]time.Time{}
	}
	for _, r := range runs {
		eng.ahead.slots[r.Task] = r.Scheduled
		eng.ahead.through = later(eng.ahead.through, r.Scheduled)
	}
}

// restoreAhead finds the slots that an earlier daemon recorded ahead: they are after the
// cursor.
func (eng *Engine) restoreAhead(ctx context.Context) error {
	var ids []string
	for key, e := range eng.entries {
		if at := eng.agenda.Next(key); e.Request == "" && !at.IsZero() && at.Sub(eng.cursor.Through) <= maxAhead {
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

// withoutAhead removes from due entries the slots that were recorded ahead.
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

// doBetweenStarts is doWithoutCancel for changes that decide whether slots run, as a hold, a
// skip or a reload: they are made after the start of the slots that were recorded ahead, so
// that no slot starts that they are to keep from it.
func (eng *Engine) doBetweenStarts(ctx context.Context, f func(context.Context) error) error {
	for {
		var opened <-chan struct{}
		err := eng.doWithoutCancel(ctx, func(ctx context.Context) error {
			if len(eng.ahead.starts) > 0 {
				opened = eng.ahead.starts[0].opened
				return nil
			}
			return f(ctx)
		})
		if opened == nil || err != nil {
			return err
		}
		select {
		case <-opened:
		case <-ctx.Done():
			return ctx.Err()
		case <-eng.closed:
			return errStopping
		}
	}
}

// forgetAhead forgets slots recorded ahead once the agenda, or the cursor, is past them.
func (eng *Engine) forgetAhead(now time.Time) {
	for task, at := range eng.ahead.slots {
		if !at.After(now) {
			delete(eng.ahead.slots, task)
		}
	}
}

// beginAt returns a channel that is closed when a run that is recorded ahead starts; nil: it
// starts now. The timer closes it if the engine is busy then.
func (eng *Engine) beginAt(run runner.Run) <-chan struct{} {
	wait := run.Started.Sub(eng.clock.Now())
	if wait <= 0 || wait > maxAhead {
		return nil
	}
	all := eng.ahead.starts
	i := slices.IndexFunc(all, func(b futureStart) bool { return b.at.Equal(run.Started) })
	if i < 0 {
		c := make(chan struct{})
		open := sync.OnceFunc(func() { close(c) })
		time.AfterFunc(wait+time.Millisecond, open)
		i, all = len(all), append(all, futureStart{at: run.Started, opened: c, open: open})
	}
	all[i].runs = append(all[i].runs, run.ID)
	eng.ahead.starts = all
	return all[i].opened
}

// beginDue starts the prepared runs that are due, or whose timer has started them: the clock
// may have been set back.
func (eng *Engine) beginDue(now time.Time) {
	waits := func(b futureStart) bool {
		select {
		case <-b.opened:
			return false
		default:
			return b.at.After(now) && b.at.Sub(now) <= maxAhead
		}
	}
	var left []futureStart
	for _, b := range eng.ahead.starts {
		if waits(b) {
			left = append(left, b)
			continue
		}
		b.open()
		eng.lag.Store(max(0, now.Sub(b.at)).Microseconds())
		for _, id := range b.runs {
			if run, there := eng.view.Find(id); there {
				eng.record(run)
			}
		}
	}
	eng.ahead.starts = left
}
