package engine

import (
	"context"
	"maps"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"rota/internal/ledger"
	"rota/runner"
	"rota/schedule"
)

// Durations are measured in elapsed time, including sleep of the machine: delays, retries,
// max_wait, holds and drains for a time, and a reschedule "in 5m". Their ends are stored, in
// the agenda and the ledger, as times of the wall clock. When the clock is set while rota
// runs, they are shifted by the same amount. At a restart they are not, as the elapsed time
// is not known.

// machineSleepTime returns how long the machine has slept since it was booted.
func machineSleepTime() time.Duration {
	var all, awake unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &awake) != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &all) != nil {
		return 0
	}
	return time.Duration(all.Nano() - awake.Nano())
}

// shiftDurations shifts the ends of durations after the clock was set. An end that cannot be
// recorded is shifted until the next start.
func (eng *Engine) shiftDurations(ctx context.Context, now time.Time, by time.Duration) {
	by = by.Round(time.Microsecond) // as the ledger keeps instants
	failed := func(err error) {
		eng.log.Error("cannot record the ends of durations that were shifted because the clock was set", "error", err)
	}
	var moves []ledger.Move
	for _, run := range eng.view.Parked("", runner.Delayed) {
		if !eng.relativeStarts[run.ID] && run.Attempts == 0 {
			continue // it is delayed until a time of the clock
		}
		to := runner.Transition{Time: now, State: runner.Delayed, Until: run.NotBefore.Add(by)}
		moves = append(moves, ledger.Move{ID: run.ID, From: runner.Delayed, To: to.Because(run.Reason)})
		run.NotBefore = to.Until
		eng.register(run)
	}
	if err := eng.moveAll(ctx, moves, func(ledger.Move, bool) {}); err != nil {
		failed(err)
	}
	for _, name := range slices.Sorted(maps.Keys(eng.states)) {
		h := eng.states[name].Hold
		if _, ok := eng.cfg.Tasks[name]; !ok || h == nil || h.Until.IsZero() {
			continue
		}
		moved := *h
		moved.Until = h.Until.Add(by)
		if err := eng.changeState(ctx, name, func(s *ledger.TaskState) { s.Hold = &moved }); err != nil {
			failed(err)
		}
		eng.releaseAt(name, moved.Until)
	}
	eng.shiftReschedules(ctx, now, by, failed)
	eng.view.Shift(by)
	for _, run := range eng.view.Waiting("") {
		eng.expireAfterMaxWait(run)
	}
	if !eng.drainEnds.IsZero() {
		eng.drainEnds = eng.drainEnds.Add(by)
		eng.putMoment(undrainKey, eng.drainEnds)
	}
}

// shiftReschedules shifts the instants of reschedules "in" a duration.
func (eng *Engine) shiftReschedules(ctx context.Context, now time.Time, by time.Duration, failed func(error)) {
	some := false
	for _, name := range slices.Sorted(maps.Keys(eng.states)) {
		on := eng.states[name].Reschedule
		if _, ok := eng.cfg.Tasks[name]; !ok || on == nil || !on.Elapsed {
			continue
		}
		spec, faults := schedule.ParseExpr(on.Expr, eng.cfg.ZoneOf(name))
		if faults != nil {
			continue // recorded by another version of rota
		}
		at := spec.Next(time.Time{}).Add(by).Truncate(time.Second)
		spec, faults = schedule.ParseExpr("once "+at.UTC().Format(time.RFC3339), eng.cfg.ZoneOf(name))
		if faults != nil {
			continue
		}
		moved := *on
		moved.Expr, moved.Since = spec.String(), on.Since.Add(by)
		if !on.Until.IsZero() {
			moved.Until = at.Add(time.Second)
		}
		if err := eng.changeState(ctx, name, func(s *ledger.TaskState) { s.Reschedule = &moved }); err != nil {
			failed(err)
			continue
		}
		some = true
	}
	if !some {
		return
	}
	if err := eng.plan(ctx, now); err != nil {
		failed(err)
	}
}
