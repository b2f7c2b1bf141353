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

// heldAtStart is who holds the tasks of a daemon that was started with --held.
const heldAtStart = "rota daemon --held"

// held tells by whom a task is held, since when and why.
func (l *loop) held(task string) (runner.Reason, bool) {
	h := l.states[task].Hold
	if h == nil {
		return runner.Reason{}, false
	}
	return heldBecause(h), true
}

// heldBecause is why a slot is not executed that falls into a hold.
func heldBecause(h *ledger.Hold) runner.Reason {
	return runner.Reason{Code: runner.ReasonHeld, By: h.By, Since: h.Since, Until: h.Until, Detail: h.Why}
}

// holdText says by whom a task is held, since when and why.
func (l *loop) holdText(h *ledger.Hold) string { return heldBecause(h).Text(l.cfg.Rota.Timezone) }

// isBinding reports whether a task is held by somebody who may control it.
func (l *loop) isBinding(task string) bool {
	h := l.states[task].Hold
	return h != nil && h.Binding
}

// mayEnd refuses to change a hold, or to start something in spite of it, to who only
// owns the task, if somebody holds it who may control it.
func (l *loop) mayEnd(ctx context.Context, task string) error {
	if !l.isBinding(task) || api.Binds(ctx, task) {
		return nil
	}
	return api.Errorf(api.Forbidden, "ask them to release it", "task %q is %s; %s may not override that", task, l.holdText(l.states[task].Hold), api.Who(ctx))
}

// spell writes an instant for people.
func (l *loop) spell(t time.Time) string {
	return t.In(l.cfg.Rota.Timezone).Format("2006-01-02 15:04:05 MST")
}

// hold keeps tasks from starting anything by themselves.
func (l *loop) hold(ctx context.Context, tasks []string, h ledger.Hold) error {
	for _, name := range tasks {
		text := h.Why
		if !h.Until.IsZero() {
			text = joined(text, "until "+l.spell(h.Until))
		}
		err := l.change(ctx, name, func(s *ledger.TaskState) { s.Hold = new(h) },
			ledger.Event{Time: h.Since, Kind: "hold", Task: name, Who: h.By, Text: text, Data: ledger.EventData{Said: h.Why, Until: h.Until}})
		if err != nil {
			return err
		}
		l.log.Info("held", "task", name, "by", h.By, "why", h.Why)
		l.releaseAt(name, h.Until)
	}
	return nil
}

// planHold lets a hold of a task begin at an instant to come. It takes the place of one
// that is planned already.
func (l *loop) planHold(ctx context.Context, task string, h ledger.Hold) error {
	if err := l.mayEndPlanned(ctx, task); err != nil {
		return err
	}
	text := joined(h.Why, "from "+l.spell(h.Since))
	if !h.Until.IsZero() {
		text += " until " + l.spell(h.Until)
	}
	err := l.change(ctx, task, func(s *ledger.TaskState) { s.Planned = new(h) },
		ledger.Event{Time: l.clock.Now(), Kind: "hold planned", Task: task, Who: h.By, Text: text, Data: ledger.EventData{Said: h.Why, Until: h.Until}})
	if err == nil {
		l.log.Info("hold planned", "task", task, "from", h.Since.Format(time.RFC3339), "by", h.By, "why", h.Why)
		l.put(holdKey+task, h.Since)
	}
	return err
}

// mayEndPlanned refuses to change the planned hold of a task to who only owns it, if
// somebody planned it who may control it.
func (l *loop) mayEndPlanned(ctx context.Context, task string) error {
	h := l.states[task].Planned
	if h == nil || !h.Binding || api.Binds(ctx, task) {
		return nil
	}
	return api.Errorf(api.Forbidden, "ask them to release it", "a hold of task %q is planned by %s; %s may not override that", task, h.By, api.Who(ctx))
}

// unplan takes back the planned hold of a task, and reports whether it had one.
func (l *loop) unplan(ctx context.Context, task, who string) (bool, error) {
	if l.states[task].Planned == nil {
		return false, nil
	}
	err := l.change(ctx, task, func(s *ledger.TaskState) { s.Planned = nil },
		ledger.Event{Time: l.clock.Now(), Kind: "hold planned", Task: task, Who: who, Text: "taken back"})
	if err == nil {
		l.agenda.Drop(holdKey + task)
	}
	return err == nil, err
}

// holdAsPlanned begins the planned hold of a task. A hold that binds more, or lasts
// longer, stays in its place. Of one that is over already, as rota was down, the slots
// that fell into it stay without a run.
func (l *loop) holdAsPlanned(ctx context.Context, task string) error {
	h, was := l.states[task].Planned, l.states[task].Hold
	if h == nil {
		return nil
	}
	over := !h.Until.IsZero() && !h.Until.After(l.clock.Now())
	stays := was != nil && outlasts(*was, *h)
	var events []ledger.Event
	if !stays {
		events = append(events, ledger.Event{Time: h.Since, Kind: "hold", Task: task, Who: h.By, Text: h.Why, Data: ledger.EventData{Said: h.Why, Until: h.Until}})
	}
	if !stays && over {
		events = append(events, ledger.Event{Time: h.Until, Kind: "release", Task: task, Who: "rota"})
	}
	err := l.change(ctx, task, func(s *ledger.TaskState) {
		switch s.Planned = nil; {
		case stays:
		case over:
			s.Held = &ledger.EndedHold{Hold: *h, Ended: h.Until}
		default:
			s.Hold = new(*h)
		}
	}, events...)
	if err != nil || stays || over {
		return err
	}
	l.log.Info("held", "task", task, "by", h.By, "why", h.Why)
	l.releaseAt(task, h.Until)
	return nil
}

// outlasts reports whether a hold stays when another one begins: it binds more, or as
// much and for longer.
func outlasts(was, h ledger.Hold) bool {
	if was.Binding != h.Binding {
		return was.Binding
	}
	return was.Until.IsZero() || !h.Until.IsZero() && was.Until.After(h.Until)
}

// releaseAt ends a hold by itself; a zero time does not.
func (l *loop) releaseAt(task string, at time.Time) {
	if at.IsZero() {
		l.agenda.Drop(releaseKey + task)
		return
	}
	l.put(releaseKey+task, at)
}

// release ends the hold of a task, if it has one, as at an instant that may be past.
// What its slots would have started stays as it is: a release is never catch-up.
func (l *loop) release(ctx context.Context, task, who string, at time.Time) (bool, error) {
	if l.states[task].Hold == nil {
		return false, nil
	}
	now := l.clock.Now()
	err := l.change(ctx, task, func(s *ledger.TaskState) {
		if s.Hold != nil {
			s.Held = &ledger.EndedHold{Hold: *s.Hold, Ended: at}
		}
		s.Hold = nil
	}, ledger.Event{Time: now, Kind: "release", Task: task, Who: who})
	if err != nil {
		return false, err
	}
	l.log.Info("released", "task", task, "by", who)
	l.agenda.Drop(releaseKey + task)
	l.again(task, now)
	return true, nil
}

// holdings takes up, at a start, the holds that an earlier daemon left.
func (l *loop) holdings(ctx context.Context, now time.Time) error {
	for _, name := range slices.Sorted(maps.Keys(l.states)) {
		h := l.states[name].Hold
		if h == nil {
			continue
		}
		if h.By == heldAtStart && !l.options.Held {
			if _, err := l.release(ctx, name, "rota", now); err != nil {
				return err
			}
			continue
		}
		if _, ok := l.cfg.Tasks[name]; !ok {
			continue // of a queue, or of a task that may come back
		}
		l.log.Warn("held", "task", name, "by", h.By, "why", h.Why, "since", h.Since.Format(time.RFC3339))
	}
	if !l.options.Held {
		return nil
	}
	l.log.Warn("every task is held, because of --held; to let them start: rota release --all")
	free := slices.DeleteFunc(slices.Sorted(maps.Keys(l.cfg.Tasks)), func(name string) bool { return l.states[name].Hold != nil })
	return l.hold(ctx, free, ledger.Hold{By: heldAtStart, Since: now, Binding: true})
}

// holdAfterFailures is the hold of a task that the failure of a run is one too many
// for; nil: it is not. more is how many failures of the task are not recorded yet, with
// that one. Its owner may release it. Failures count from the last success: after a release the next one
// holds the task again. It may be called from any goroutine.
func (l *loop) holdAfterFailures(ctx context.Context, run runner.Run, p runner.Policy, more int) (*ledger.StateChange, error) {
	past, err := l.ledger.Past(ctx, run.Task)
	if _, known := l.inForce.Load().Tasks[run.Task]; err != nil || !known || past.Failures+more < p.HoldAfter {
		return nil, err
	}
	prev, err := l.ledger.Task(ctx, run.Task)
	if err != nil || prev.Hold != nil {
		return nil, err
	}
	why := fmt.Sprintf("failed %s in a row, the last time as %s", api.Plural(past.Failures+more, "time", "times"), run.ID)
	next, now := prev, l.clock.Now()
	next.Hold = &ledger.Hold{By: "rota", Why: why, Since: now}
	event := ledger.Event{Time: now, Kind: "hold", Task: run.Task, Who: "rota", Text: why, Data: ledger.EventData{Said: why}}
	return &ledger.StateChange{Name: run.Task, Prev: prev, Next: next, Events: []ledger.Event{event}}, nil
}

// failureHolds are the holds of tasks that failures of runs are one too many for.
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

// holdsAfterSuperseded are those that a batch causes which ends failed runs that were
// to be attempted again.
func (l *loop) holdsAfterSuperseded(ctx context.Context, b runner.Batch) (failureHolds, error) {
	var holds failureHolds
	more, held := map[string]int{}, map[string]bool{} // by task
	for _, e := range b.Ends {
		run, ok := l.gaveWay(e)
		p := l.policyOf(run.Task)
		if !ok || p.HoldAfter == 0 || held[run.Task] {
			continue
		}
		more[run.Task]++
		change, err := l.holdAfterFailures(ctx, run, p, more[run.Task])
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

// heldAfterFailures takes in a hold that was recorded with the end of a run. The
// targets of on_failure are told, beside of that failure.
func (l *loop) heldAfterFailures(run runner.Run, c ledger.StateChange) {
	c.Next.Version = c.Prev.Version + 1
	if l.states[run.Task].Version < c.Next.Version { // else somebody has released it already
		l.states[run.Task] = c.Next
		l.releaseAt(run.Task, time.Time{})
	}
	l.happened(c.Events...)
	hold := c.Next.Hold
	l.log.Info("held", "task", run.Task, "by", hold.By, "why", hold.Why)
}

// stopped reports whether a queue starts nothing.
func (l *loop) stopped(queue string) bool { return l.lanes[queue] }

// openLanes decides which queues start runs, by [plan.StartsRuns]. Those that were there
// already stay as they are.
func (l *loop) openLanes() {
	lanes := map[string]bool{}
	for name := range l.cfg.Queues {
		if was, known := l.lanes[name]; known {
			lanes[name] = was
			continue
		}
		lanes[name] = !plan.StartsRuns(l.cfg, name, l.states[ledger.QueueName(name)])
		if lanes[name] {
			l.log.Warn("queue stopped", "queue", name, "to start it", "rota queue start "+name)
		} else {
			l.log.Debug("queue started", "queue", name)
		}
	}
	l.lanes = lanes
}

// turnQueues starts or stops queues.
func (l *loop) turnQueues(ctx context.Context, names []string, who string, stop bool) error {
	now := l.clock.Now()
	for _, name := range names {
		kind, hold, started := "queue start", (*ledger.Hold)(nil), &ledger.Started{By: who, Since: now}
		if stop {
			kind, hold, started = "queue stop", &ledger.Hold{By: who, Since: now}, nil
		}
		if l.lanes[name] != stop || (hold == nil) != (l.states[ledger.QueueName(name)].Hold == nil) {
			err := l.change(ctx, ledger.QueueName(name), func(s *ledger.TaskState) { s.Hold, s.Started = hold, started },
				ledger.Event{Time: now, Kind: kind, Who: who, Text: name, Data: ledger.EventData{Queue: name}})
			if err != nil {
				return err
			}
			l.log.Info(kind, "queue", name, "by", who)
		}
		l.lanes[name] = stop
	}
	return nil
}

// joined puts two parts of a text together, of which one may be missing.
func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}
