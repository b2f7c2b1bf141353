package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"rota/internal/api"
	"rota/internal/ledger"
	"rota/internal/plan"
	"rota/runner"
)

// heldAtStart is the By of the holds that a daemon with --held sets.
const heldAtStart = "rota daemon --held"

// holdReason returns by whom a task is held, since when and why; false: it is not held.
func (eng *Engine) holdReason(task string) (runner.Reason, bool) {
	h := eng.states[task].Hold
	if h == nil {
		return runner.Reason{}, false
	}
	return reasonOfHold(h), true
}

// reasonOfHold returns the reason of a slot that is skipped because of a hold.
func reasonOfHold(h *ledger.Hold) runner.Reason {
	return runner.Reason{Code: runner.ReasonHeld, By: h.By, Since: h.Since, Until: h.Until, Detail: h.Why}
}

// holdText returns as text by whom a task is held, since when and why.
func (eng *Engine) holdText(h *ledger.Hold) string {
	return reasonOfHold(h).Text(eng.cfg.Rota.Timezone)
}

// isHoldBinding reports whether a task is held by a user with the right to control it.
func (eng *Engine) isHoldBinding(task string) bool {
	h := eng.states[task].Hold
	return h != nil && h.Binding
}

// mayOverrideHold returns an error if the caller only owns a task and its hold is by a user
// with the right to control it: then the owner can neither change the hold nor start a run
// in spite of it.
func (eng *Engine) mayOverrideHold(ctx context.Context, task string) error {
	if !eng.isHoldBinding(task) || api.Binds(ctx, task) {
		return nil
	}
	return api.Errorf(api.Forbidden, "ask them to release it", "task %q is %s; %s may not override that", task, eng.holdText(eng.states[task].Hold), api.Who(ctx))
}

// formatTime formats an instant for people.
func (eng *Engine) formatTime(t time.Time) string {
	return t.In(eng.cfg.Rota.Timezone).Format("2006-01-02 15:04:05 MST")
}

// holdTasks holds tasks: their slots start no runs.
func (eng *Engine) holdTasks(ctx context.Context, tasks []string, h ledger.Hold) error {
	for _, name := range tasks {
		text := h.Why
		if !h.Until.IsZero() {
			text = joinTexts(text, "until "+eng.formatTime(h.Until))
		}
		err := eng.changeState(ctx, name, func(s *ledger.TaskState) { s.Hold = new(h) },
			ledger.Event{Time: h.Since, Kind: "hold", Task: name, Who: h.By, Text: text, Data: ledger.EventData{Reason: h.Why, Until: h.Until}})
		if err != nil {
			return err
		}
		eng.log.Info("held", "task", name, "by", h.By, "why", h.Why)
		eng.releaseAt(name, h.Until)
	}
	return nil
}

// planHold plans a hold of a task that begins later. It replaces one that is planned
// already.
func (eng *Engine) planHold(ctx context.Context, task string, h ledger.Hold) error {
	if err := eng.mayOverridePlanned(ctx, task); err != nil {
		return err
	}
	text := joinTexts(h.Why, "from "+eng.formatTime(h.Since))
	if !h.Until.IsZero() {
		text += " until " + eng.formatTime(h.Until)
	}
	err := eng.changeState(ctx, task, func(s *ledger.TaskState) { s.Planned = new(h) },
		ledger.Event{Time: eng.clock.Now(), Kind: "hold planned", Task: task, Who: h.By, Text: text, Data: ledger.EventData{Reason: h.Why, Until: h.Until}})
	if err == nil {
		eng.log.Info("hold planned", "task", task, "from", h.Since.Format(time.RFC3339), "by", h.By, "why", h.Why)
		eng.putMoment(holdKey+task, h.Since)
	}
	return err
}

// mayOverridePlanned is mayOverrideHold for the planned hold of a task.
func (eng *Engine) mayOverridePlanned(ctx context.Context, task string) error {
	h := eng.states[task].Planned
	if h == nil || !h.Binding || api.Binds(ctx, task) {
		return nil
	}
	return api.Errorf(api.Forbidden, "ask them to release it", "a hold of task %q is planned by %s; %s may not override that", task, h.By, api.Who(ctx))
}

// cancelPlannedHold cancels the planned hold of a task, and reports whether it had one.
func (eng *Engine) cancelPlannedHold(ctx context.Context, task, who string) (bool, error) {
	if eng.states[task].Planned == nil {
		return false, nil
	}
	err := eng.changeState(ctx, task, func(s *ledger.TaskState) { s.Planned = nil },
		ledger.Event{Time: eng.clock.Now(), Kind: "hold planned", Task: task, Who: who, Text: "cancelled"})
	if err == nil {
		eng.agenda.Drop(holdKey + task)
	}
	return err == nil, err
}

// beginPlannedHold begins the planned hold of a task, unless a hold in force outlasts it. If
// the planned hold is over already, as rota was down, the slots in it are still skipped.
func (eng *Engine) beginPlannedHold(ctx context.Context, task string) error {
	h, was := eng.states[task].Planned, eng.states[task].Hold
	if h == nil {
		return nil
	}
	over := !h.Until.IsZero() && !h.Until.After(eng.clock.Now())
	stays := was != nil && outlasts(*was, *h)
	var events []ledger.Event
	if !stays {
		events = append(events, ledger.Event{Time: h.Since, Kind: "hold", Task: task, Who: h.By, Text: h.Why, Data: ledger.EventData{Reason: h.Why, Until: h.Until}})
	}
	if !stays && over {
		events = append(events, ledger.Event{Time: h.Until, Kind: "release", Task: task, Who: "rota"})
	}
	err := eng.changeState(ctx, task, func(s *ledger.TaskState) {
		switch s.Planned = nil; {
		case stays:
		case over:
			s.LastHold = &ledger.EndedHold{Hold: *h, Ended: h.Until}
		default:
			s.Hold = new(*h)
		}
	}, events...)
	if err != nil || stays || over {
		return err
	}
	eng.log.Info("held", "task", task, "by", h.By, "why", h.Why)
	eng.releaseAt(task, h.Until)
	return nil
}

// outlasts reports whether a hold stays when another one begins: it is binding and the
// other is not, or both are alike and it lasts longer.
func outlasts(was, h ledger.Hold) bool {
	if was.Binding != h.Binding {
		return was.Binding
	}
	return was.Until.IsZero() || !h.Until.IsZero() && was.Until.After(h.Until)
}

// releaseAt plans the automatic release of a task; zero: none.
func (eng *Engine) releaseAt(task string, at time.Time) {
	if at.IsZero() {
		eng.agenda.Drop(releaseKey + task)
		return
	}
	eng.putMoment(releaseKey+task, at)
}

// release ends the hold of a task, if it has one; at is the instant at which it ended, which
// may be in the past. Skipped slots stay skipped: a release makes up for none.
func (eng *Engine) release(ctx context.Context, task, who string, at time.Time) (bool, error) {
	if eng.states[task].Hold == nil {
		return false, nil
	}
	now := eng.clock.Now()
	err := eng.changeState(ctx, task, func(s *ledger.TaskState) {
		if s.Hold != nil {
			s.LastHold = &ledger.EndedHold{Hold: *s.Hold, Ended: at}
		}
		s.Hold = nil
	}, ledger.Event{Time: now, Kind: "release", Task: task, Who: who})
	if err != nil {
		return false, err
	}
	eng.log.Info("released", "task", task, "by", who)
	eng.agenda.Drop(releaseKey + task)
	eng.restartInterval(task, now)
	return true, nil
}

// restoreHolds restores, at a start, the holds that an earlier daemon recorded.
func (eng *Engine) restoreHolds(ctx context.Context, now time.Time) error {
	for _, name := range slices.Sorted(maps.Keys(eng.states)) {
		h := eng.states[name].Hold
		if h == nil {
			continue
		}
		if h.By == heldAtStart && !eng.options.Held {
			if _, err := eng.release(ctx, name, "rota", now); err != nil {
				return err
			}
			continue
		}
		if _, ok := eng.cfg.Tasks[name]; !ok {
			continue // of a queue, or of a task that is missing from the file and may return
		}
		eng.log.Warn("held", "task", name, "by", h.By, "why", h.Why, "since", h.Since.Format(time.RFC3339))
	}
	if !eng.options.Held {
		return nil
	}
	eng.log.Warn("every task is held, because of --held; to release them: rota release --all")
	free := slices.DeleteFunc(slices.Sorted(maps.Keys(eng.cfg.Tasks)), func(name string) bool { return eng.states[name].Hold != nil })
	return eng.holdTasks(ctx, free, ledger.Hold{By: heldAtStart, Since: now, Binding: true})
}

// holdAfterFailures returns the hold of a task that reaches hold_after by the failure of a
// run; nil: it does not. more is the number of failures of the task that are not recorded
// yet, including this one. The owner may release the hold. Failures count from the last
// success: after a release the next failure holds the task again. It may be called from any
// goroutine.
func (eng *Engine) holdAfterFailures(ctx context.Context, run runner.Run, p runner.Policy, more int) (*ledger.StateChange, error) {
	past, err := eng.ledger.Past(ctx, run.Task)
	if _, known := eng.inForce.Load().Tasks[run.Task]; err != nil || !known || past[run.Task].Failures+more < p.HoldAfter {
		return nil, err
	}
	prev, err := eng.ledger.Task(ctx, run.Task)
	if err != nil || prev.Hold != nil {
		return nil, err
	}
	why := fmt.Sprintf("failed %s in a row, the last time as %s", api.Plural(past[run.Task].Failures+more, "time", "times"), run.ID)
	next, now := prev, eng.clock.Now()
	next.Hold = &ledger.Hold{By: "rota", Why: why, Since: now}
	event := ledger.Event{Time: now, Kind: "hold", Task: run.Task, Who: "rota", Text: why, Data: ledger.EventData{Reason: why}}
	return &ledger.StateChange{Name: run.Task, Prev: prev, Next: next, Events: []ledger.Event{event}}, nil
}

// failureHolds are the holds of tasks that reach hold_after.
type failureHolds []failureHold

type failureHold struct {
	run    runner.Run
	change ledger.StateChange
}

func (h failureHolds) changes() []ledger.StateChange {
	var all []ledger.StateChange
	for _, hold := range h {
		all = append(all, hold.change)
	}
	return all
}

// holdsAfterSuperseded returns the holds caused by the superseded runs of a batch: their
// failures are final now.
func (eng *Engine) holdsAfterSuperseded(ctx context.Context, b runner.Batch) (failureHolds, error) {
	var holds failureHolds
	more, held := map[string]int{}, map[string]bool{} // by task
	for _, e := range b.Ends {
		run, ok := eng.supersededRun(e)
		p := eng.policyOf(run.Task)
		if !ok || p.HoldAfter == 0 || held[run.Task] {
			continue
		}
		more[run.Task]++
		change, err := eng.holdAfterFailures(ctx, run, p, more[run.Task])
		if err != nil {
			return nil, err
		}
		if change != nil {
			held[run.Task] = true
			holds = append(holds, failureHold{run, *change})
		}
	}
	return holds, nil
}

// applyHold applies a hold that was recorded with the end of a run.
func (eng *Engine) applyHold(run runner.Run, c ledger.StateChange) {
	c.Next.Version = c.Prev.Version + 1
	if eng.states[run.Task].Version < c.Next.Version { // else it was released already
		eng.states[run.Task] = c.Next
		eng.releaseAt(run.Task, time.Time{})
	}
	eng.publishEvents(c.Events...)
	hold := c.Next.Hold
	eng.log.Info("held", "task", run.Task, "by", hold.By, "why", hold.Why)
}

// isQueueStopped reports whether a queue starts no runs.
func (eng *Engine) isQueueStopped(queue string) bool { return eng.stoppedQueues[queue] }

// initQueues sets which queues start runs, by [plan.StartsRuns]. Queues that the last
// configuration had, too, stay as they are.
func (eng *Engine) initQueues() {
	stopped := map[string]bool{}
	for name := range eng.cfg.Queues {
		if was, known := eng.stoppedQueues[name]; known {
			stopped[name] = was
			continue
		}
		stopped[name] = !plan.StartsRuns(eng.cfg, name, eng.states[ledger.QueueName(name)])
		if stopped[name] {
			eng.log.Warn("queue stopped", "queue", name, "to start it", "rota queue start "+name)
		} else {
			eng.log.Debug("queue started", "queue", name)
		}
	}
	eng.stoppedQueues = stopped
}

// switchQueues starts or stops queues.
func (eng *Engine) switchQueues(ctx context.Context, names []string, who string, stop bool) error {
	now := eng.clock.Now()
	for _, name := range names {
		kind, hold, started := "queue start", (*ledger.Hold)(nil), &ledger.Started{By: who, Since: now}
		if stop {
			kind, hold, started = "queue stop", &ledger.Hold{By: who, Since: now}, nil
		}
		if eng.stoppedQueues[name] != stop || (hold == nil) != (eng.states[ledger.QueueName(name)].Hold == nil) {
			err := eng.changeState(ctx, ledger.QueueName(name), func(s *ledger.TaskState) { s.Hold, s.Started = hold, started },
				ledger.Event{Time: now, Kind: kind, Who: who, Text: name, Data: ledger.EventData{Queue: name}})
			if err != nil {
				return err
			}
			eng.log.Info(kind, "queue", name, "by", who)
		}
		eng.stoppedQueues[name] = stop
	}
	return nil
}

// joinTexts joins two parts of a text, each of which may be empty.
func joinTexts(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}
