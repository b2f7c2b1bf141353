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

// freshness watches every task that is expected to end well from time to time.
func (l *loop) freshness() {
	for name := range l.cfg.Tasks {
		l.expect(name)
	}
}

// expect has an alarm go off unless the task ends well in time. It does so for a
// task that is held or disabled too: that nobody thought of it again is what it
// is there to tell.
func (l *loop) expect(task string) {
	within := l.cfg.Tasks[task].ExpectSuccessWithin
	if within == 0 {
		l.agenda.Drop(freshKey + task)
		return
	}
	l.put(freshKey+task, l.freshFrom(task).Add(within))
}

// freshFrom is from when on the time counts within which a task is to end well:
// its last success or, if it never had one, when that was first expected.
func (l *loop) freshFrom(task string) time.Time {
	if last := l.lastSuccess(task); !last.IsZero() {
		return last
	}
	if first := l.states[task].Seen[plan.ExpectedKey]; !first.IsZero() {
		return first
	}
	return l.clock.Now()
}

// stale raises the alarm that a task has not ended well for too long, once until
// it does: what is written down keeps a restart from raising it again.
func (l *loop) stale(ctx context.Context, task string) error {
	t := l.cfg.Tasks[task]
	within, from := t.ExpectSuccessWithin, l.freshFrom(task)
	now := l.clock.Now()
	if within == 0 || from.Add(within).After(now) {
		l.expect(task) // the file was edited, or its last success forgotten
		return nil
	}
	told, err := l.ledger.Events(ctx, ledger.EventFilter{Task: task, Kinds: []string{"stale"}, Since: from, Limit: 1})
	if err != nil {
		return err // and the loop tries again
	}
	l.agenda.Drop(freshKey + task)
	if len(told) > 0 {
		return nil
	}
	text := "it never ended well"
	if last := l.lastSuccess(task); !last.IsZero() {
		text = "it last ended well at " + l.spell(last)
	}
	text += "; expect_success_within = " + schedule.FormatDuration(within)
	run := runner.Run{Task: task, Finished: now.Truncate(time.Second)}
	run.Because(runner.Said(text))
	event := ledger.Event{Time: now, Kind: "stale", Task: task, Text: text}
	// With the event, which keeps the alarm from being raised again.
	done, err := l.ledger.Commit(ctx, ledger.Change{
		Events:  []ledger.Event{event},
		Notices: l.notices(run, hookOf{"stale", slices.Concat(t.Hooks.OnFailure, t.Hooks.OnMissed)}),
	})
	if err != nil {
		l.put(freshKey+task, now.Add(time.Second))
		return err
	}
	l.happened(event)
	l.log.Error("stale", "task", task, "why", text)
	l.notifications.deliver(done.Notices)
	return nil
}
