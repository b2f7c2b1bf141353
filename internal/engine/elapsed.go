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

// What is a duration is measured in the time that goes by, in which a sleep of the
// machine counts: delays, retries, max_wait, holds and drains for a time, and a reschedule "in 5m". The agenda and
// the ledger have their ends as times of the wall clock. When that is set, live, they
// are moved by as much. Over a restart they stay as they are: how much time went by
// meanwhile nobody knows.

// machineSlept is how long the machine has slept since it was started.
func machineSlept() time.Duration {
	var all, awake unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &awake) != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &all) != nil {
		return 0
	}
	return time.Duration(all.Nano() - awake.Nano())
}

// shiftDurations moves the ends of durations after the clock was set by so much. What cannot be
// recorded is moved all the same, until the next start.
func (eng *Engine) shiftDurations(ctx context.Context, now time.Time, by time.Duration) {
	failed := func(err error) {
		eng.log.Error("cannot record that what ends after a duration was moved as the clock was set", "error", err)
	}
	var moves []ledger.Move
	for _, run := range eng.view.Parked("", runner.Delayed) {
		if !eng.spans[run.ID] && run.Attempts == 0 {
			continue // it is for a time of the clock
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
		if err := eng.change(ctx, name, func(s *ledger.TaskState) { s.Hold = &moved }); err != nil {
			failed(err)
		}
		eng.releaseAt(name, moved.Until)
	}
	eng.shiftReschedules(ctx, now, by, failed)
	eng.view.Shift(by)
	for _, run := range eng.view.Waiting("") {
		eng.expireAfterMaxWait(run)
	}
	if !eng.drained.IsZero() {
		eng.drained = eng.drained.Add(by)
		eng.put(undrainKey, eng.drained)
	}
}

// shiftReschedules moves the instants that tasks are rescheduled to after a duration.
func (eng *Engine) shiftReschedules(ctx context.Context, now time.Time, by time.Duration, failed func(error)) {
	some := false
	for _, name := range slices.Sorted(maps.Keys(eng.states)) {
		on := eng.states[name].On
		if _, ok := eng.cfg.Tasks[name]; !ok || on == nil || !on.Elapsed {
			continue
		}
		spec, faults := schedule.ParseExpr(on.Expr, eng.cfg.ZoneOf(name))
		if faults != nil {
			continue // of another version of rota
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
		if err := eng.change(ctx, name, func(s *ledger.TaskState) { s.On = &moved }); err != nil {
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
