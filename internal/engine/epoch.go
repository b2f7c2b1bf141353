package engine

import (
	"context"
	"time"

	"rota/internal/ledger"
	"rota/internal/plan"
	"rota/schedule"
)

// minClockStep is the smallest step of the clock that counts: it is recorded as an event
// and, if the clock was set back, begins a new epoch (rule 14). Slots of the repeated time
// are due again, as with cron, except those of triggers that name a time and have run.
const minClockStep = 2 * time.Second

// checkClock detects that the clock was set, or that the machine slept. now is the current
// time, before the time at the last turn, and passed the monotonic time between them.
func (eng *Engine) checkClock(ctx context.Context, now, before time.Time, passed time.Duration) error {
	if by := now.Sub(before) - passed; by.Abs() >= minClockStep {
		text := "forward by " + schedule.FormatDuration(by.Round(time.Second)) + ": set, or the machine slept"
		if by < 0 {
			text = "set back by " + schedule.FormatDuration((-by).Round(time.Second))
		}
		eng.log.Warn("the clock jumped", "by", text)
		eng.event(ctx, ledger.Event{Time: now, Kind: "clock step", Text: text, Data: ledger.EventData{By: by.Round(time.Second)}})
	}
	asleep := eng.sleepTime()
	if set := now.Sub(before) - passed - (asleep - eng.lastSleepTime); set.Abs() >= minClockStep {
		eng.shiftDurations(ctx, now, set)
	}
	eng.lastSleepTime = asleep
	if eng.cursor.Through.Sub(now) > minClockStep {
		last := later(eng.cursor.Through, eng.ahead.through)
		next := eng.cursorAt(now)
		if next.Epoch++; next.Reach.Before(last) {
			next.Reach = last
		}
		if err := eng.commit(ctx, next); err != nil {
			return err
		}
		eng.ahead.through = time.Time{}
		if eng.epochStart = now; eng.oldEpochEnd.Before(last) {
			eng.oldEpochEnd = last
		}
	}
	if eng.oldEpochEnd.IsZero() {
		return nil
	}
	return eng.newEpoch(ctx, now) // again, if that failed in the last turn
}

// newEpoch rebuilds the agenda from a time that was recorded already: slots are due again,
// and [Engine.withoutHandled] removes those that an earlier epoch handled.
func (eng *Engine) newEpoch(ctx context.Context, now time.Time) error {
	last := eng.oldEpochEnd
	eng.entries, eng.agenda = map[string]plan.Entry{}, schedule.Agenda{}
	eng.ahead.tried, eng.ahead.slots = time.Time{}, nil
	if err := eng.plan(ctx, now); err != nil {
		return err
	}
	eng.planAllMoments()
	eng.oldEpochEnd = time.Time{}
	eng.log.Warn("the clock was set back: a new epoch begins", "epoch", eng.cursor.Epoch, "from", now.Format(time.RFC3339), "had come to", last.Format(time.RFC3339))
	return nil
}
