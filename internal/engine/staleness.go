package engine

import (
	"context"
	"slices"
	"time"

	"rota/internal/ledger"
	"rota/internal/plan"
	"rota/runner"
	"rota/schedule"
)

// watchStaleness watches every task with expect_success_within.
func (eng *Engine) watchStaleness() {
	for name := range eng.cfg.Tasks {
		eng.watchStalenessOf(name)
	}
}

// watchStalenessOf plans the alarm that a task had no success for expect_success_within. It
// does so also for a held or disabled task, which may have been forgotten.
func (eng *Engine) watchStalenessOf(task string) {
	within := eng.cfg.Tasks.Get(task).ExpectSuccessWithin
	if within == 0 {
		eng.agenda.Drop(stalenessKey + task)
		return
	}
	eng.putMoment(stalenessKey+task, eng.staleFrom(task).Add(within))
}

// staleFrom returns from when expect_success_within counts: the last success of the task or,
// if it never had one, when the key was first seen.
func (eng *Engine) staleFrom(task string) time.Time {
	if last := eng.lastSuccess(task); !last.IsZero() {
		return last
	}
	if first := eng.states[task].FirstSeen.Of(plan.ExpectedKey); !first.IsZero() {
		return first
	}
	return eng.clock.Now()
}

// notifyStale raises the alarm that a task had no success for too long, once until its next
// success: the recorded event prevents that a restart raises it again.
func (eng *Engine) notifyStale(ctx context.Context, task string) error {
	t := eng.cfg.Tasks.Get(task)
	within, from := t.ExpectSuccessWithin, eng.staleFrom(task)
	now := eng.clock.Now()
	if within == 0 || from.Add(within).After(now) {
		eng.watchStalenessOf(task) // the file was edited, or the last success was forgotten
		return nil
	}
	raised, err := eng.ledger.Events(ctx, ledger.EventFilter{Task: task, Kinds: []string{"stale"}, Since: from, Limit: 1})
	if err != nil {
		return err // and the engine tries again
	}
	eng.agenda.Drop(stalenessKey + task)
	if len(raised) > 0 {
		return nil
	}
	text := "it never succeeded"
	if last := eng.lastSuccess(task); !last.IsZero() {
		text = "it last succeeded at " + eng.formatTime(last)
	}
	text += "; expect_success_within = " + schedule.FormatDuration(within)
	run := runner.Run{Task: task, Finished: now.Truncate(time.Second)}
	run.Because(runner.TextReason(text))
	event := ledger.Event{Time: now, Kind: "stale", Task: task, Text: text}
	// With the event, which prevents that the alarm is raised again.
	done, err := eng.ledger.Commit(ctx, ledger.Change{
		Events:  []ledger.Event{event},
		Notices: eng.notices(run, eventHooks{"stale", slices.Concat(t.Hooks.OnFailure, t.Hooks.OnMissed)}),
	})
	if err != nil {
		eng.putMoment(stalenessKey+task, now.Add(time.Second))
		return err
	}
	eng.publishEvents(event)
	eng.log.Error("stale", "task", task, "why", text)
	eng.notifications.deliver(done.Notices)
	return nil
}
