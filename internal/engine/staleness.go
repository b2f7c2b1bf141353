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

// watchStaleness watches every task that is expected to end well from time to time.
func (eng *Engine) watchStaleness() {
	for name := range eng.cfg.Tasks {
		eng.expect(name)
	}
}

// expect has an alarm go off unless the task ends well in time. It does so for a
// task that is held or disabled too: that nobody thought of it again is what it
// is there to tell.
func (eng *Engine) expect(task string) {
	within := eng.cfg.Tasks[task].ExpectSuccessWithin
	if within == 0 {
		eng.agenda.Drop(stalenessKey + task)
		return
	}
	eng.put(stalenessKey+task, eng.staleFrom(task).Add(within))
}

// staleFrom is from when on the time counts within which a task is to end well:
// its last success or, if it never had one, when that was first expected.
func (eng *Engine) staleFrom(task string) time.Time {
	if last := eng.lastSuccess(task); !last.IsZero() {
		return last
	}
	if first := eng.states[task].Seen.Of(plan.ExpectedKey); !first.IsZero() {
		return first
	}
	return eng.clock.Now()
}

// stale raises the alarm that a task has not ended well for too long, once until
// it does: what is written down keeps a restart from raising it again.
func (eng *Engine) stale(ctx context.Context, task string) error {
	t := eng.cfg.Tasks[task]
	within, from := t.ExpectSuccessWithin, eng.staleFrom(task)
	now := eng.clock.Now()
	if within == 0 || from.Add(within).After(now) {
		eng.expect(task) // the file was edited, or its last success forgotten
		return nil
	}
	told, err := eng.ledger.Events(ctx, ledger.EventFilter{Task: task, Kinds: []string{"stale"}, Since: from, Limit: 1})
	if err != nil {
		return err // and the engine tries again
	}
	eng.agenda.Drop(stalenessKey + task)
	if len(told) > 0 {
		return nil
	}
	text := "it never ended well"
	if last := eng.lastSuccess(task); !last.IsZero() {
		text = "it last ended well at " + eng.formatTime(last)
	}
	text += "; expect_success_within = " + schedule.FormatDuration(within)
	run := runner.Run{Task: task, Finished: now.Truncate(time.Second)}
	run.Because(runner.TextReason(text))
	event := ledger.Event{Time: now, Kind: "stale", Task: task, Text: text}
	// With the event, which keeps the alarm from being raised again.
	done, err := eng.ledger.Commit(ctx, ledger.Change{
		Events:  []ledger.Event{event},
		Notices: eng.notices(run, hookOf{"stale", slices.Concat(t.Hooks.OnFailure, t.Hooks.OnMissed)}),
	})
	if err != nil {
		eng.put(stalenessKey+task, now.Add(time.Second))
		return err
	}
	eng.publishEvents(event)
	eng.log.Error("stale", "task", task, "why", text)
	eng.notifications.deliver(done.Notices)
	return nil
}
