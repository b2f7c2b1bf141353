package engine

import (
	"context"
	"time"

	"rota/internal/ledger"
	"rota/internal/plan"
	"rota/schedule"
)

// jumped is the least change of the clock that counts: it is worth an event and, if
// the clock was set back by more, slots are counted anew (rule 14). What the clock
// shows again is due again, as with cron, but for what names its time: that has run.
const jumped = 2 * time.Second

// follow notices that the clock was set, or that the machine slept. now is what
// it shows; before is what it showed at the last turn of the loop, and passed
// how much time really went by since then.
func (l *loop) follow(ctx context.Context, now, before time.Time, passed time.Duration) error {
	if by := now.Sub(before) - passed; by.Abs() >= jumped {
		text := "forward by " + schedule.FormatDuration(by.Round(time.Second)) + ": set, or the machine slept"
		if by < 0 {
			text = "set back by " + schedule.FormatDuration((-by).Round(time.Second))
		}
		l.log.Warn("the clock jumped", "by", text)
		l.event(ctx, ledger.Event{Time: now, Kind: "clock step", Text: text, Data: ledger.EventData{By: by.Round(time.Second)}})
	}
	asleep := l.asleep()
	if set := now.Sub(before) - passed - (asleep - l.slept); set.Abs() >= jumped {
		l.shift(ctx, now, set)
	}
	l.slept = asleep
	if l.cursor.Through.Sub(now) > jumped {
		last := l.cursor.Through
		next := l.cursorAt(now)
		if next.Epoch++; next.Reach.Before(last) {
			next.Reach = last
		}
		if err := l.commit(ctx, next); err != nil {
			return err
		}
		if l.since = now; l.renewed.Before(last) {
			l.renewed = last
		}
	}
	if l.renewed.IsZero() {
		return nil
	}
	return l.newEpoch(ctx, now) // again, if it failed at the last turn
}

// newEpoch starts the schedule anew from a time that was recorded already: slots come
// due again, and [loop.unsettled] takes out those that an earlier epoch settled.
func (l *loop) newEpoch(ctx context.Context, now time.Time) error {
	last := l.renewed
	l.entries, l.agenda = map[string]plan.Entry{}, schedule.Agenda{}
	if err := l.plan(ctx, now); err != nil {
		return err
	}
	l.replant()
	l.renewed = time.Time{}
	l.log.Warn("the clock was set back: slots are counted anew", "epoch", l.cursor.Epoch, "from", now.Format(time.RFC3339), "had come to", last.Format(time.RFC3339))
	return nil
}
