package daemon

import (
	"context"
	"time"

	"rota/internal/ledger"
	"rota/runner"
	"rota/schedule"
)

// freshness watches every task that is expected to end well from time to time.
func (l *loop) freshness() {
	for name := range l.cfg.Tasks {
		l.expect(name)
	}
}

// expect has an alarm go off unless the task ends well in time.
func (l *loop) expect(task string) {
	within := l.cfg.Tasks[task].ExpectSuccessWithin
	if within == 0 {
		l.agenda.Drop(freshKey + task)
		return
	}
	from := l.lastSuccess(task)
	if from.IsZero() {
		from = l.firstSight(task)
	}
	l.put(freshKey+task, from.Add(within))
}

// firstSight is since when a task is known: from its first trigger on or, if it
// has none, from when this daemon started.
func (l *loop) firstSight(task string) time.Time {
	first := l.started
	for _, at := range l.states[task].Seen {
		if at.Before(first) {
			first = at
		}
	}
	return first
}

// stale raises the alarm that a task has not ended well for too long, once until
// it does.
func (l *loop) stale(ctx context.Context, task string) error {
	l.agenda.Drop(freshKey + task)
	within := l.cfg.Tasks[task].ExpectSuccessWithin
	last := l.lastSuccess(task)
	told, err := l.ledger.Events(ctx, ledger.EventFilter{Task: task, Kinds: []string{"stale"}, Since: last, Limit: 1})
	if err != nil || len(told) > 0 {
		return err
	}
	text := "it never ended well"
	if !last.IsZero() {
		text = "it last ended well at " + l.spell(last)
	}
	text += "; expect_success_within = " + schedule.FormatDuration(within)
	now := l.clock.Now()
	l.event(ctx, ledger.Event{Time: now, Kind: "stale", Task: task, Text: text})
	l.log.Error("stale", "task", task, "why", text)
	hooks := l.cfg.Tasks[task].Hooks
	l.tellHook(runner.Run{Task: task, Why: text, Finished: now.Truncate(time.Second)}, "stale", append(hooks.OnFailure[:len(hooks.OnFailure):len(hooks.OnFailure)], hooks.OnMissed...))
	return nil
}
