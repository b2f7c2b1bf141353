package daemon

import (
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"rota/config"
	"rota/internal/control"
	"rota/internal/ledger"
	"rota/internal/notify"
	"rota/runner"
)

// service is what a daemon does for others. What changes anything is done by the
// loop; what only looks reads the ledger.
type service struct {
	*reader
	l    *loop
	file *file
}

var _ control.Service = (*service)(nil)

// Status implements [control.Service]. Every command asks for it, so it is told
// from what the loop has at hand.
func (s *service) Status(ctx context.Context) (control.Status, error) {
	var st control.Status
	err := s.l.ask(ctx, func() error {
		st = s.l.condition()
		return nil
	})
	st.LedgerBytes = s.ledgerBytes()
	if s.l.tells != nil {
		for _, u := range s.l.tells.Undelivered() {
			st.Undelivered = append(st.Undelivered, control.Undelivered(u))
		}
	}
	return st, err
}

// condition is how the daemon is.
func (l *loop) condition() control.Status {
	live := l.view.Live("")
	st := control.Status{
		Daemon: true, Version: l.o.Version, PID: os.Getpid(), Started: l.started,
		Config: l.cfg.Path, Revision: l.cfg.Revision, Loaded: l.loaded, StateDir: l.stateDir, Timezone: l.cfg.Rota.Timezone.String(),
		Tasks: len(l.cfg.Tasks), Running: len(live), Waiting: len(l.view.Waiting("")) + len(l.heldRuns), Draining: l.view.Draining,
		Next: l.soonestSlot(), LagMicros: l.lag.Load(), Epoch: l.cursor.Epoch, Through: l.cursor.Through, OutputBytes: l.kept.Load(),
	}
	for name, state := range l.states {
		if _, ok := l.cfg.Tasks[name]; ok && state.Hold != nil {
			st.Held++
		}
	}
	for _, delays := range l.delays {
		st.Waiting += len(delays)
	}
	if l.broken != nil {
		st.Broken = complaint(l.broken)
	}
	if l.failing != "" {
		st.Trouble = append(st.Trouble, "nothing starts: what is due cannot be written down: "+l.failing)
	}
	if l.diskLow != nil && l.diskLow() {
		st.Trouble = append(st.Trouble, "the disk is full: outputs are not kept")
	}
	for _, run := range live {
		if _, leased := l.leases.Load(run.ID); !leased {
			st.Trouble = append(st.Trouble, "task "+run.Task+" is blocked: its action has not come back since "+run.ID+" was timed out")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.lanes)) {
		if l.lanes[name] {
			st.Trouble = append(st.Trouble, "the queue "+name+" is stopped")
		}
	}
	return st
}

// soonestSlot is the slot that comes next of a task that is not held; nil: none
// does.
func (l *loop) soonestSlot() *control.Slot {
	var first time.Time
	var of entry
	for key, e := range l.entries {
		at := l.agenda.Next(key)
		if at.IsZero() || !first.IsZero() && !at.Before(first) {
			continue
		}
		if _, held := l.held(e.task); !held {
			first, of = at, e
		}
	}
	if first.IsZero() {
		return nil
	}
	at := first.Add(-of.late)
	return &control.Slot{Task: of.task, At: at.In(zoneToShow(l.cfg, of.task)), Note: of.spec.Note(at), Request: of.of}
}

// Request implements [control.Service].
func (s *service) Request(ctx context.Context, r control.Request, input io.Reader) (runner.Run, error) {
	return s.l.request(ctx, r, input, control.Who(ctx))
}

// Wait implements [control.Service].
func (s *service) Wait(ctx context.Context, id string) (runner.Run, error) {
	run, err := s.Run(ctx, id)
	if err != nil || run.Outcome != "" {
		return run.Run, err
	}
	if err := s.l.wait(ctx, run.ID); err != nil {
		return run.Run, err
	}
	run, err = s.Run(ctx, run.ID)
	return run.Run, err
}

// Cancel implements [control.Service].
func (s *service) Cancel(ctx context.Context, id string) (runner.Run, error) {
	run, err := s.Run(ctx, id)
	if err != nil {
		return run.Run, err
	}
	err = s.l.ask(ctx, func() error {
		err := s.l.cancel(ctx, run.Run, did("cancelled", control.Who(ctx)))
		if !errors.Is(err, ledger.ErrConflict) {
			return err
		}
		now, _, err := s.l.ledger.Get(ctx, run.ID)
		switch {
		case err != nil:
			return err
		case now.Outcome != "":
			return control.Errorf(control.Conflict, "", "%s has ended: %s", run.ID, now.Outcome)
		}
		return control.Errorf(control.Conflict, "to stop it: rota stop "+run.ID, "%s is under way", run.ID)
	})
	if err != nil {
		return run.Run, err
	}
	run, err = s.Run(ctx, run.ID)
	return run.Run, err
}

// CancelAll implements [control.Service]. Standing requests stay: they are a
// schedule, and each is ended by name.
func (s *service) CancelAll(ctx context.Context, task string) (n int, err error) {
	states := []runner.State{runner.Queued, runner.Delayed, runner.Held}
	why := did("cancelled", control.Who(ctx))
	runs, err := s.l.ledger.List(ctx, ledger.Filter{Task: task, States: states})
	if err != nil {
		return 0, err
	}
	if err := s.l.ask(ctx, func() error { return s.l.known(task) }); task != "" && err != nil {
		return 0, err
	}
	for few := range slices.Chunk(runs, atATime) {
		err := s.l.ask(ctx, func() error {
			for _, run := range few {
				switch err := s.l.cancel(ctx, run, why); {
				case err == nil:
					n++
				case !errors.Is(err, ledger.ErrConflict) && !errors.Is(err, ledger.ErrNotFound):
					return err
				}
			}
			return nil
		})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// Stop implements [control.Service].
func (s *service) Stop(ctx context.Context, id string, kill bool) ([]runner.Run, error) {
	why := did("stopped", control.Who(ctx))
	var stopped []string
	err := s.l.ask(ctx, func() error {
		live, err := s.l.underWay(ctx, id)
		for _, run := range live {
			s.l.runner.Stop(runner.End{ID: run.ID, Outcome: runner.Cancelled, Why: why})
			if kill {
				s.l.runner.Kill(run.ID)
			}
			stopped = append(stopped, run.ID)
		}
		return err
	})
	var ended []runner.Run
	for _, id := range stopped {
		run, err := s.Wait(ctx, id)
		if err != nil {
			return ended, err
		}
		ended = append(ended, run)
	}
	return ended, err
}

// underWay returns the run of that id, or all those of a task, which must be
// under way.
func (l *loop) underWay(ctx context.Context, id string) ([]runner.Run, error) {
	task, key := runner.SplitID(id)
	if err := l.known(task); err != nil && key == "" {
		return nil, err
	}
	live := slices.DeleteFunc(l.view.Live(task), func(r runner.Run) bool {
		_, leased := l.leases.Load(r.ID) // else it has ended, and its action has not come back
		return !leased || key != "" && r.ID != id
	})
	if len(live) > 0 {
		return live, nil
	}
	if key == "" {
		return nil, control.Errorf(control.Conflict, "", "no run of task %q is under way", task)
	}
	run, _, err := l.ledger.Get(ctx, id)
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		return nil, control.Errorf(control.NotFound, "", "no run %q", id)
	case err != nil:
		return nil, err
	case run.Outcome != "":
		return nil, control.Errorf(control.Conflict, "", "%s has ended: %s", id, run.Outcome)
	}
	return nil, control.Errorf(control.Conflict, "to end it: rota cancel "+id, "%s is %s, not under way", id, run.State)
}

// known refuses a name that no task has.
func (l *loop) known(names ...string) error {
	for _, name := range names {
		if _, ok := l.cfg.Tasks[name]; !ok {
			return l.noTask(name)
		}
	}
	return nil
}

// atATime is how many tasks or runs the loop changes in one go, when somebody
// asks for thousands: no slot is to wait for all of them.
const atATime = 16

// Hold implements [control.Service].
func (s *service) Hold(ctx context.Context, h control.Holding) ([]control.Task, error) {
	names, err := s.named(ctx, h.Tasks, h.All)
	if err != nil || len(names) == 0 {
		return nil, err
	}
	hold := ledger.Hold{By: control.Who(ctx), Why: h.Why, Since: s.l.clock.Now()}
	if h.For > 0 {
		hold.Until = hold.Since.Add(h.For)
	}
	for few := range slices.Chunk(names, atATime) {
		if err := s.l.ask(ctx, func() error { return s.l.hold(ctx, few, hold) }); err != nil {
			return nil, err
		}
	}
	return s.Tasks(ctx, names...)
}

// named returns names of tasks that there are: those given, or all.
func (s *service) named(ctx context.Context, names []string, all bool) ([]string, error) {
	return names, s.l.ask(ctx, func() error {
		if all {
			names = slices.Sorted(maps.Keys(s.l.cfg.Tasks))
		}
		return s.l.known(names...)
	})
}

// Release implements [control.Service].
func (s *service) Release(ctx context.Context, names ...string) (control.Released, error) {
	done := control.Released{Tasks: []string{}, Runs: []string{}}
	all := len(names) == 0
	var tasks, runs []string
	for _, name := range names {
		if _, key := runner.SplitID(name); key != "" {
			runs = append(runs, name)
		} else {
			tasks = append(tasks, name)
		}
	}
	tasks, err := s.named(ctx, tasks, all)
	if err != nil {
		return done, err
	}
	who := control.Who(ctx)
	for few := range slices.Chunk(tasks, atATime) {
		err := s.l.ask(ctx, func() error {
			for _, name := range few {
				switch was, err := s.l.release(ctx, name, who); {
				case err != nil:
					return err
				case was:
					done.Tasks = append(done.Tasks, name)
				case !all:
					return control.Errorf(control.Conflict, "", "task %q is not held", name)
				}
			}
			return nil
		})
		if err != nil {
			return done, err
		}
	}
	return done, s.l.ask(ctx, func() error {
		for _, id := range runs {
			if err := s.l.releaseRun(ctx, id, who); err != nil {
				return err
			}
			done.Runs = append(done.Runs, id)
		}
		return nil
	})
}

// releaseRun lets a held request start.
func (l *loop) releaseRun(ctx context.Context, id, who string) error {
	run, held := l.heldRuns[id]
	if !held {
		run, _, err := l.ledger.Get(ctx, id)
		switch {
		case errors.Is(err, ledger.ErrNotFound):
			return control.Errorf(control.NotFound, "", "no run %q", id)
		case err != nil:
			return err
		case run.State != "":
			return control.Errorf(control.Conflict, "", "%s is %s, not held", id, run.State)
		}
		return control.Errorf(control.Conflict, "", "%s has ended: %s", id, run.Outcome)
	}
	now := l.clock.Now()
	t := runner.Transition{Time: now, State: runner.Queued, Why: did("released", who)}
	switch {
	case run.On != "":
		t.State, t.On, t.Until = runner.Standing, run.On, now
	case run.NotBefore.After(now):
		t.State = runner.Delayed
	}
	if err := l.ledger.Shift(ctx, id, runner.Held, t); err != nil {
		return err
	}
	delete(l.heldRuns, id)
	run.State, run.Why = t.State, t.Why
	switch run.State {
	case runner.Queued:
		run.Queued = now
	case runner.Standing:
		run.NotBefore = now
	}
	l.take(run)
	return nil
}

// Reschedule implements [control.Service].
func (s *service) Reschedule(ctx context.Context, r control.Rescheduling) (done control.Rescheduled, err error) {
	err = s.l.ask(ctx, func() error {
		var err error
		task, key := runner.SplitID(r.Name)
		switch _, standing := s.l.standing[r.Name]; {
		case standing:
			done, err = s.l.restand(ctx, r, control.Who(ctx))
		case key != "":
			err = control.Errorf(control.Conflict, "", "%s is no standing request: only those and tasks have a trigger", r.Name)
		default:
			if err = s.l.known(task); err == nil {
				done, err = s.l.reschedule(ctx, r, control.Who(ctx))
			}
		}
		return err
	})
	return done, err
}

// Skip implements [control.Service].
func (s *service) Skip(ctx context.Context, task string) (slot control.Slot, err error) {
	err = s.l.ask(ctx, func() error {
		if err := s.l.known(task); err != nil {
			return err
		}
		slot, err = s.l.skipNext(ctx, task, control.Who(ctx))
		return err
	})
	return slot, err
}

// StartQueues implements [control.Service].
func (s *service) StartQueues(ctx context.Context, patterns ...string) (control.Queues, error) {
	return s.turn(ctx, patterns, false)
}

// StopQueues implements [control.Service].
func (s *service) StopQueues(ctx context.Context, patterns ...string) (control.Queues, error) {
	return s.turn(ctx, patterns, true)
}

func (s *service) turn(ctx context.Context, patterns []string, stop bool) (control.Queues, error) {
	if len(patterns) == 0 {
		patterns = []string{"*"}
	}
	err := s.l.ask(ctx, func() error {
		names, _ := config.MatchQueues(patterns, slices.Sorted(maps.Keys(s.l.cfg.Queues)))
		return s.l.turn(ctx, names, control.Who(ctx), stop)
	})
	if err != nil {
		return control.Queues{}, err
	}
	return s.Queues(ctx, patterns...)
}

// Queues adds to what the ledger knows which queues the daemon has stopped.
func (s *service) Queues(ctx context.Context, patterns ...string) (control.Queues, error) {
	q, err := s.reader.Queues(ctx, patterns...)
	if err != nil {
		return q, err
	}
	return q, s.l.ask(ctx, func() error {
		for i := range q.Queues {
			q.Queues[i].State = "started"
			if s.l.lanes[q.Queues[i].Queue] {
				q.Queues[i].State = "stopped"
			}
		}
		return nil
	})
}

// Forget implements [control.Service].
func (s *service) Forget(ctx context.Context, f control.Forgetting) (int, error) {
	filter := ledger.Filter{IDs: f.IDs, Task: f.Task, Outcomes: f.Outcomes}
	if f.Older > 0 {
		filter.Before = s.l.clock.Now().Add(-f.Older)
	}
	n, err := s.l.ledger.Forget(ctx, filter)
	if err == nil && n == 0 && len(f.IDs) > 0 {
		return 0, control.Errorf(control.NotFound, "", "no run that has ended among %v", f.IDs)
	}
	if n > 0 {
		s.l.post(func() { clear(s.l.success); clear(s.l.finished) })
	}
	return n, err
}

// Reload implements [control.Service].
func (s *service) Reload(ctx context.Context, plan bool) (control.Reloaded, error) {
	var changes config.Changes
	var err error
	cfg := s.l.inForce.Load()
	if plan {
		cfg, changes, err = s.file.plan()
	} else if changes, err = s.file.reload(ctx, s.l, cmp.Or(control.Who(ctx), "somebody")); err == nil {
		cfg = s.l.inForce.Load()
	}
	if err != nil {
		return control.Reloaded{}, fileError(err)
	}
	r := control.Reloaded{Added: changes.Added, Removed: changes.Removed, Same: changes.Same, Settings: changes.Settings, Text: changes.String(), Plan: plan}
	for _, c := range changes.Changed {
		r.Changed = append(r.Changed, c.Task+": "+c.Detail)
	}
	for _, w := range cfg.Warnings {
		r.Warnings = append(r.Warnings, w.Error())
	}
	return r, nil
}

// fileError is an error of the file for others.
func fileError(err error) error {
	var wrong *config.Errors
	if !errors.As(err, &wrong) {
		return control.Errorf(control.File, "", "%v", err)
	}
	e := control.Errorf(control.File, "", "%s in the file; the last good one stays in force", plural(len(wrong.Faults), "error", "errors"))
	for _, f := range wrong.Faults {
		e.Faults = append(e.Faults, control.Fault{Message: f.Msg, File: f.File, Line: f.Line, Column: f.Col, Hint: f.Hint, Warning: f.Warning, Text: f.Render()})
	}
	return e
}

// Drain implements [control.Service].
func (s *service) Drain(ctx context.Context, d time.Duration) (control.Drained, error) {
	l := s.l
	drained := control.Drained{Forked: []string{}}
	idle := make(chan struct{})
	err := l.ask(ctx, func() error {
		now := l.clock.Now()
		l.view.Draining = true
		if d > 0 {
			drained.Until = now.Add(d)
			l.put(undrainKey, drained.Until)
		}
		l.event(ctx, ledger.Event{Time: now, Kind: "drain", Who: control.Who(ctx)})
		l.log.Warn("draining: nothing new starts", "by", control.Who(ctx))
		l.calls.idle = append(l.calls.idle, idle)
		l.calls.drained(l)
		return nil
	})
	if err != nil {
		return drained, err
	}
	var over <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-idle:
	case <-over:
	case <-ctx.Done():
		return drained, ctx.Err()
	case <-l.over:
	}
	return drained, l.ask(ctx, func() error {
		for _, run := range l.view.Live("") {
			drained.Forked = append(drained.Forked, run.ID)
		}
		drained.Waiting = len(l.view.Waiting(""))
		return nil
	})
}

// undrain lets things start again.
func (l *loop) undrain(ctx context.Context) {
	l.agenda.Drop(undrainKey)
	l.view.Draining = false
	l.event(ctx, ledger.Event{Time: l.clock.Now(), Kind: "drain end"})
	l.log.Info("the drain is over: things start again")
}

// Notify implements [control.Service].
func (s *service) Notify(ctx context.Context, name string) (control.Notified, error) {
	if s.l.tells == nil {
		return control.Notified{}, control.Errorf(control.NotFound, "", "no target %q", name)
	}
	to, took, err := s.l.tells.Test(ctx, name)
	switch {
	case errors.Is(err, notify.ErrNoTarget):
		e := noTask(s.l.inForce.Load().Notify, name).(*control.Error)
		e.Message = "no [notify] target \"" + name + "\""
		return control.Notified{}, e
	case err != nil:
		return control.Notified{}, control.Errorf(control.Failed, "", "%s: %v", name, err)
	}
	return control.Notified{Target: name, To: to, Took: took}, nil
}

// Watch implements [control.Service].
func (s *service) Watch(ctx context.Context) (<-chan control.Message, error) {
	return s.l.hub.Watch(ctx), nil
}
