package engine

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"rota/config"
	"rota/internal/api"
	"rota/internal/plan"
	"rota/runner"
)

// Status implements [api.Service]. Every command calls it, so it uses only values in memory.
func (s *Service) Status(ctx context.Context) (api.Status, error) {
	var st api.Status
	err := s.eng.read(ctx, func() error {
		st = s.eng.currentStatus()
		return nil
	})
	if change := s.eng.inForce.Load().ZoneChange(); change != "" {
		st.Trouble = append(st.Trouble, change)
	}
	st.LedgerBytes = s.LedgerBytes()
	if s.eng.notifications != nil {
		for _, u := range s.eng.notifications.Undelivered() {
			st.Undelivered = append(st.Undelivered, api.Undelivered(u))
		}
	}
	return st, err
}

// leftoverWrites is how long after a write a leftover process counts as still writing.
const leftoverWrites = time.Minute

// currentStatus returns the status of the daemon.
func (eng *Engine) currentStatus() api.Status {
	live := eng.view.Live("")
	st := api.Status{
		Daemon: true, Version: eng.options.Version, PID: os.Getpid(), Started: eng.started,
		Config: eng.cfg.Path, ConfigID: api.FileID(eng.cfg.Path), Revision: eng.cfg.Revision, Loaded: eng.loaded, StateDir: eng.stateDir, Timezone: eng.cfg.Rota.Timezone.String(),
		Tasks: len(eng.cfg.Tasks), Running: len(live), Waiting: len(eng.view.Waiting("")) + len(eng.view.Parked("", runner.Delayed, runner.Held)), Draining: eng.view.Draining, DrainingUntil: eng.drainEnds,
		Next: eng.soonestSlot(), Lag: (time.Duration(eng.lag.Load()) * time.Microsecond).Seconds(), Epoch: eng.cursor.Epoch, Through: eng.cursor.Through, OutputBytes: eng.outputBytes.Load(),
	}
	for name, state := range eng.states {
		if _, ok := eng.cfg.Tasks[name]; ok && state.Hold != nil {
			st.Held++
		}
	}
	if eng.broken != nil {
		st.Broken = config.Describe(eng.broken)
	}
	st.Differs = eng.broken != nil || eng.notInForce != nil
	st.Trouble = eng.statusTroubles(live)
	return st
}

// statusTroubles returns all troubles for status, as sentences.
func (eng *Engine) statusTroubles(live []runner.Run) (all []string) {
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if eng.notInForce != nil {
		say("a reload is pending and is tried again: %v", eng.notInForce)
	}
	for _, a := range eng.currentTroubles() {
		say("%s", a.text)
	}
	if n := int(eng.unrecordedEnds.Load()); n > 0 {
		say("the end of %s cannot be recorded yet", api.Plural(n, "run", "runs"))
	}
	for _, run := range live {
		if _, leased := eng.leases.Load(run.ID); !leased {
			say("task %s is blocked: its action has not returned since %s timed out", run.Task, run.ID)
		}
	}
	for _, left := range eng.runner.Leftovers() {
		if !left.Last.IsZero() && time.Since(left.Last) < leftoverWrites {
			say("processes left behind by run %s still write to its %s, which is no longer read: %d KiB since the run ended; rota show %s names the processes: end them, or set leftovers = \"stop\" for the task",
				left.Run, left.What, left.Bytes>>10, left.Run)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(eng.stoppedQueues)) {
		if eng.stoppedQueues[name] {
			say("the queue %s is stopped", name)
		}
	}
	return all
}

// soonestSlot returns the next slot of all tasks that are not held; nil: none.
func (eng *Engine) soonestSlot() *api.Slot {
	var first time.Time
	var of plan.Entry
	consider := func(key string) {
		e, ok := eng.entries[key]
		at := eng.agenda.Next(key)
		if !ok || at.IsZero() || !first.IsZero() && (at.After(first) || at.Equal(first) && e.Task >= of.Task) {
			return
		}
		if _, held := eng.holdReason(e.Task); !held {
			first, of = at, e
		}
	}
	if at := eng.agenda.At(); !at.IsZero() {
		for _, d := range eng.agenda.Due(at) {
			consider(d.Key)
		}
	}
	if first.IsZero() { // the next entry is held, or a moment
		for key := range eng.entries {
			consider(key)
		}
	}
	if first.IsZero() {
		return nil
	}
	at := of.Delay().Slot(first)
	return &api.Slot{Task: of.Task, At: at.In(eng.cfg.ZoneOf(of.Task)), Note: of.Spec.Note(at), Request: of.Request}
}
