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

// Status implements [api.Service]. Every command asks for it, so it is told
// from what the loop has at hand.
func (s *Service) Status(ctx context.Context) (api.Status, error) {
	var st api.Status
	err := s.l.ask(ctx, func() error {
		st = s.l.condition()
		return nil
	})
	if change := s.l.inForce.Load().ZoneChange(); change != "" {
		st.Trouble = append(st.Trouble, change)
	}
	st.LedgerBytes = s.LedgerBytes()
	if s.l.notifications != nil {
		for _, u := range s.l.notifications.Undelivered() {
			st.Undelivered = append(st.Undelivered, api.Undelivered(u))
		}
	}
	return st, err
}

// leftoverWrites is for how long what a run left behind counts as writing after it did.
const leftoverWrites = time.Minute

// condition is how the daemon is.
func (l *loop) condition() api.Status {
	live := l.view.Live("")
	st := api.Status{
		Daemon: true, Version: l.options.Version, PID: os.Getpid(), Started: l.started,
		Config: l.cfg.Path, ConfigID: api.FileID(l.cfg.Path), Revision: l.cfg.Revision, Loaded: l.loaded, StateDir: l.stateDir, Timezone: l.cfg.Rota.Timezone.String(),
		Tasks: len(l.cfg.Tasks), Running: len(live), Waiting: len(l.view.Waiting("")) + len(l.view.Parked("", runner.Delayed, runner.Held)), Draining: l.view.Draining, DrainingUntil: l.drained,
		Next: l.soonestSlot(), Lag: (time.Duration(l.lag.Load()) * time.Microsecond).Seconds(), Epoch: l.cursor.Epoch, Through: l.cursor.Through, OutputBytes: l.kept.Load(),
	}
	for name, state := range l.states {
		if _, ok := l.cfg.Tasks[name]; ok && state.Hold != nil {
			st.Held++
		}
	}
	if l.broken != nil {
		st.Broken = config.Describe(l.broken)
	}
	st.Differs = l.broken != nil || l.notInForce != nil
	st.Trouble = l.troubleNow(live)
	return st
}

// troubleNow is what is wrong with rota, in sentences.
func (l *loop) troubleNow(live []runner.Run) (all []string) {
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if l.notInForce != nil {
		say("a reload is pending and is tried again: %v", l.notInForce)
	}
	for _, a := range l.troubles() {
		say("%s", a.text)
	}
	if n := int(l.unwritten.Load()); n > 0 {
		say("the end of %s cannot be recorded yet", api.Plural(n, "run", "runs"))
	}
	for _, run := range live {
		if _, leased := l.leases.Load(run.ID); !leased {
			say("task %s is blocked: its action has not come back since %s was timed out", run.Task, run.ID)
		}
	}
	for _, left := range l.runner.Leftovers() {
		if !left.Last.IsZero() && time.Since(left.Last) < leftoverWrites {
			say("what run %s left behind still writes to its %s, which nobody reads: %d KiB since the run ended; rota show %s names the processes: end them, or set leftovers = \"stop\" for the task",
				left.Run, left.What, left.Bytes>>10, left.Run)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.lanes)) {
		if l.lanes[name] {
			say("the queue %s is stopped", name)
		}
	}
	return all
}

// soonestSlot is the slot that comes next of a task that is not held; nil: none
// does.
func (l *loop) soonestSlot() *api.Slot {
	var first time.Time
	var of plan.Entry
	consider := func(key string) {
		e, ok := l.entries[key]
		at := l.agenda.Next(key)
		if !ok || at.IsZero() || !first.IsZero() && (at.After(first) || at.Equal(first) && e.Task >= of.Task) {
			return
		}
		if _, held := l.held(e.Task); !held {
			first, of = at, e
		}
	}
	if at := l.agenda.At(); !at.IsZero() {
		for _, d := range l.agenda.Due(at) {
			consider(d.Key)
		}
	}
	if first.IsZero() { // what comes next is held, or no slot
		for key := range l.entries {
			consider(key)
		}
	}
	if first.IsZero() {
		return nil
	}
	at := of.Delay().Slot(first)
	return &api.Slot{Task: of.Task, At: at.In(l.cfg.ZoneOf(of.Task)), Note: of.Spec.Note(at), Request: of.Request}
}
