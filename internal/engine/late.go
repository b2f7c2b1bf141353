package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"rota/internal/ledger"
	"rota/runner"
)

const (
	usualRuns    = 20          // the median of so many is what runs usually take
	minUsualRuns = 5           // fewer have no meaningful median
	minLateAfter = time.Minute // a run is never late before that by a multiple of the median
)

// watchLateness watches whether a run that starts, or is adopted, exceeds warn_after.
func (eng *Engine) watchLateness(ctx context.Context, run runner.Run) {
	why, ok := eng.warnReason(ctx, run.Task)
	if !ok || run.Reason.Is(runner.ReasonRunsLate) {
		return
	}
	if eng.overdue == nil {
		eng.overdue = map[string]overdue{}
	}
	eng.overdue[run.ID] = overdue{run.Started.Add(why.Span), why}
	eng.putMoment(lateKey+run.ID, eng.overdue[run.ID].at)
}

// overdue is when a run under way is late, and why.
type overdue struct {
	at  time.Time
	why runner.Reason
}

// warnReason returns the reason of a late run of a task, with the time after which it is
// late as Span; false: never.
func (eng *Engine) warnReason(ctx context.Context, task string) (runner.Reason, bool) {
	late := eng.cfg.Tasks.Get(task).WarnAfter
	why := runner.Reason{Code: runner.ReasonRunsLate, Span: late.After}
	if late.Times == 0 {
		return why, late.After > 0
	}
	runs, err := eng.ledger.List(ctx, ledger.Filter{Brief: true, Task: task, Outcomes: []runner.Outcome{runner.OK}, Limit: usualRuns})
	if err != nil {
		eng.log.Error("cannot read how long a task usually takes", "task", task, "error", err)
		return why, false
	}
	var took []time.Duration
	for _, run := range runs {
		if !run.IsSummary() && !run.Started.IsZero() {
			took = append(took, max(0, run.Finished.Sub(run.Started)))
		}
	}
	if len(took) < minUsualRuns {
		return why, false
	}
	slices.Sort(took)
	usual := (took[(len(took)-1)/2] + took[len(took)/2]) / 2
	why.Span = max(minLateAfter, time.Duration(min(late.Times*float64(usual), float64(100*365*24*time.Hour))).Round(time.Second))
	why.Detail = fmt.Sprintf("usually %s (warn_after = %s)", usual.Round(time.Millisecond), strconv.Quote(late.String()))
	return why, true
}

// recordLate records that a run exceeds warn_after, with the notices and runs of on_late,
// once for each run: after a restart, or for another attempt, they are not repeated.
func (eng *Engine) recordLate(ctx context.Context, id string) error {
	o, known := eng.overdue[id]
	v, leased := eng.leases.Load(id)
	if !known || !leased {
		eng.unwatchLateness(id)
		return nil
	}
	run, steps, err := eng.ledger.Get(ctx, id)
	switch {
	case err != nil && !errors.Is(err, ledger.ErrNotFound):
		return err // and the engine tries again
	case err != nil || run.State != runner.Running || run.Reason.Is(runner.ReasonRunsLate):
		eng.unwatchLateness(id)
		return nil
	}
	run.Because(o.why)
	c := ledger.Change{Notes: []ledger.Note{{Lease: v.(leasedRun).Lease, To: runner.Transition{State: runner.Running}.Because(o.why)}}}
	if !slices.ContainsFunc(steps, func(t runner.Transition) bool { return t.Reason.Is(runner.ReasonRunsLate) }) {
		hook := eventHooks{"late", eng.cfg.Tasks.Get(run.Task).Hooks.OnLate}
		c.Notices, c.Requests = eng.notices(run, hook), eng.chains(run, []eventHooks{hook})
	}
	done, err := eng.ledger.Commit(ctx, c)
	if errors.Is(err, ledger.ErrQueueFull) {
		eng.logQueueFull(c.Requests[0])
		c.Requests = nil
		done, err = eng.ledger.Commit(ctx, c)
	}
	switch {
	case errors.Is(err, ledger.ErrFenced), errors.Is(err, ledger.ErrNotFound): // it has just ended
		eng.unwatchLateness(id)
		return nil
	case err != nil:
		return err
	}
	eng.unwatchLateness(id)
	if r, ok := eng.view.Remove(id); ok {
		r.Because(o.why)
		eng.view.Add(r)
	}
	eng.log.Warn("late", "task", run.Task, "run", id, "why", run.Why)
	_ = publisher{eng.hub}.Record(run) // nothing else has changed
	eng.registerChains(ctx, done.Requests)
	eng.notifications.deliver(done.Notices)
	return nil
}

// unwatchLateness ends the watch of a run that has ended, or was recorded as late.
func (eng *Engine) unwatchLateness(id string) {
	delete(eng.overdue, id)
	eng.agenda.Drop(lateKey + id)
}
