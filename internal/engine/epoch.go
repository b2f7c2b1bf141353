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
// it shows; before is what it showed at the last turn of the engine, and passed
// how much time really went by since then.
func (eng *Engine) follow(ctx context.Context, now, before time.Time, passed time.Duration) error {
	if by := now.Sub(before) - passed; by.Abs() >= jumped {
		text := "forward by " + schedule.FormatDuration(by.Round(time.Second)) + ": set, or the machine slept"
		if by < 0 {
			text = "set back by " + schedule.FormatDuration((-by).Round(time.Second))
		}
		eng.log.Warn("the clock jumped", "by", text)
		eng.event(ctx, ledger.Event{Time: now, Kind: "clock step", Text: text, Data: ledger.EventData{By: by.Round(time.Second)}})
	}
	asleep := eng.asleep()
	if set := now.Sub(before) - passed - (asleep - eng.slept); set.Abs() >= jumped {
		eng.shiftDurations(ctx, now, set)
	}
	eng.slept = asleep
	if eng.cursor.Through.Sub(now) > jumped {
		last := later(eng.cursor.Through, eng.ahead.through)
		next := eng.cursorAt(now)
		if next.Epoch++; next.Reach.Before(last) {
			next.Reach = last
		}
		if err := eng.commit(ctx, next); err != nil {
			return err
		}
		eng.ahead.through = time.Time{}
		if eng.since = now; eng.renewed.Before(last) {
			eng.renewed = last
		}
	}
	if eng.renewed.IsZero() {
		return nil
	}
	return eng.newEpoch(ctx, now) // again, if it failed at the last turn
}

// newEpoch starts the schedule anew from a time that was recorded already: slots come
// due again, and [Engine.unsettled] takes out those that an earlier epoch settled.
func (eng *Engine) newEpoch(ctx context.Context, now time.Time) error {
	last := eng.renewed
	eng.entries, eng.agenda = map[string]plan.Entry{}, schedule.Agenda{}
	eng.ahead.tried, eng.ahead.slots = time.Time{}, nil
	if err := eng.plan(ctx, now); err != nil {
		return err
	}
	eng.planAllMoments()
	eng.renewed = time.Time{}
	eng.log.Warn("the clock was set back: slots are counted anew", "epoch", eng.cursor.Epoch, "from", now.Format(time.RFC3339), "had come to", last.Format(time.RFC3339))
	return nil
}
