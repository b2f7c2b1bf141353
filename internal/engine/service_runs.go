package engine

import (
	"context"
	"errors"
	"slices"

	"rota/internal/api"
	"rota/internal/ledger"
	"rota/runner"
)

// Wait implements [api.Service].
func (s *Service) Wait(ctx context.Context, id string) (api.Run, error) {
	run, err := s.Run(ctx, id)
	if err != nil || run.Outcome != "" {
		return run.Run, err
	}
	if err := s.eng.waitForEnd(ctx, run.ID); err != nil {
		return run.Run, err
	}
	run, err = s.Run(context.WithoutCancel(ctx), run.ID) // also while the daemon ends
	return run.Run, err
}

// Cancel implements [api.Service].
func (s *Service) Cancel(ctx context.Context, id string) (api.Run, error) {
	run, _, err := s.Find(ctx, id)
	if err != nil {
		return api.Run{}, err
	}
	err = s.eng.doWithoutCancel(ctx, func(ctx context.Context) error {
		err := s.eng.cancel(ctx, run, runner.Reason{Code: runner.ReasonCancelled, By: api.Who(ctx)})
		if !errors.Is(err, ledger.ErrConflict) {
			return err
		}
		now, _, err := s.eng.ledger.Get(ctx, run.ID)
		switch {
		case err != nil:
			return err
		case now.Outcome != "":
			return api.Errorf(api.Conflict, "", "%s has ended: %s", run.ID, now.Outcome)
		}
		return api.Errorf(api.Conflict, "to stop it: rota stop "+run.ID, "%s is running", run.ID)
	})
	if err != nil {
		return api.RunOf(run), err
	}
	run, _, err = s.Find(ctx, run.ID)
	return api.RunOf(run), err
}

// CancelAll implements [api.Service]. Recurring requests stay: they are schedules, and are
// cancelled one by one.
func (s *Service) CancelAll(ctx context.Context, task string) (cancelled []string, err error) {
	states := []runner.State{runner.Queued, runner.Delayed, runner.Held}
	why := runner.Reason{Code: runner.ReasonCancelled, By: api.Who(ctx)}
	runs, err := s.eng.ledger.List(ctx, ledger.Filter{Brief: true, Task: task, States: states})
	if err != nil {
		return nil, err
	}
	if task != "" && len(runs) == 0 { // with waiting runs the task may be missing from the file
		if err := s.eng.read(ctx, func() error { return s.eng.checkTasks(task) }); err != nil {
			return nil, err
		}
	}
	for few := range slices.Chunk(runs, batchSize) {
		err := s.eng.doWithoutCancel(ctx, func(ctx context.Context) error {
			for _, run := range few {
				switch err := s.eng.cancel(ctx, run, why); {
				case err == nil:
					cancelled = append(cancelled, run.ID)
				case !errors.Is(err, ledger.ErrConflict) && !errors.Is(err, ledger.ErrNotFound):
					return err
				}
			}
			return nil
		})
		if err != nil {
			return cancelled, err
		}
	}
	return cancelled, nil
}

// Stop implements [api.Service].
func (s *Service) Stop(ctx context.Context, id string, kill bool) ([]api.Run, error) {
	why := runner.Reason{Code: runner.ReasonStopped, By: api.Who(ctx)}
	var stopped []string
	err := s.eng.doWithoutCancel(ctx, func(ctx context.Context) error {
		live, err := s.eng.liveRuns(ctx, id)
		for _, run := range live {
			s.eng.runner.Stop(runner.NewEnd(run.ID, runner.Cancelled, why))
			if kill {
				s.eng.runner.Kill(run.ID)
			}
			stopped = append(stopped, run.ID)
		}
		return err
	})
	var ended []api.Run
	for _, id := range stopped {
		run, err := s.Wait(ctx, id)
		if err != nil {
			return ended, err
		}
		ended = append(ended, run)
	}
	return ended, err
}

// liveRuns returns the run with an id, or all those of a task; an error if none is under
// way.
func (eng *Engine) liveRuns(ctx context.Context, id string) ([]runner.Run, error) {
	task, key := runner.SplitID(id)
	if err := eng.checkTasks(task); err != nil && key == "" {
		return nil, err
	}
	live := slices.DeleteFunc(eng.view.Live(task), func(r runner.Run) bool {
		_, leased := eng.leases.Load(r.ID) // else it has ended, but its action has not returned
		return !leased || key != "" && r.ID != id
	})
	if len(live) > 0 {
		return live, nil
	}
	if key == "" {
		return nil, api.Errorf(api.Conflict, "", "no run of task %q is running", task)
	}
	run, _, err := eng.ledger.Get(ctx, id)
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		return nil, api.Errorf(api.NotFound, "", "no run %q", id)
	case err != nil:
		return nil, err
	case run.Outcome != "":
		return nil, api.Errorf(api.Conflict, "", "%s has ended: %s", id, run.Outcome)
	}
	return nil, api.Errorf(api.Conflict, "to end it: rota cancel "+id, "%s is %s, not running", id, run.State)
}

// releaseRun lets a held request start.
func (eng *Engine) releaseRun(ctx context.Context, id, who string) error {
	run, held := eng.view.ParkedAs(id, runner.Held)
	if !held {
		run, _, err := eng.ledger.Get(ctx, id)
		switch {
		case errors.Is(err, ledger.ErrNotFound):
			return api.Errorf(api.NotFound, "", "no run %q", id)
		case err != nil:
			return err
		case run.State != "":
			return api.Errorf(api.Conflict, "", "%s is %s, not held", id, run.State)
		}
		return api.Errorf(api.Conflict, "", "%s has ended: %s", id, run.Outcome)
	}
	if run.Binding && !api.Binds(ctx, run.Task) {
		return api.Errorf(api.Forbidden, "ask them to release it", "%s is held by %s; %s may not override that", id, run.Who, who)
	}
	now := eng.clock.Now()
	t := runner.Transition{Time: now, State: runner.Queued}.Because(runner.Reason{Code: runner.ReasonReleased, By: who})
	switch {
	case run.On != "":
		t.State, t.On, t.Until = runner.Recurring, run.On, now
	case run.NotBefore.After(now):
		t.State = runner.Delayed
	}
	if err := eng.move(ctx, id, runner.Held, t); isGone(err) {
		eng.unregister(id)
		return api.Errorf(api.Conflict, "", "%s was changed meanwhile: %v", id, err)
	} else if err != nil {
		return err
	}
	eng.unregister(id)
	run.State = t.State
	run.Because(t.Reason)
	switch run.State {
	case runner.Queued:
		run.Queued = now
	case runner.Recurring:
		run.NotBefore = now
	}
	eng.registerRequest(run)
	return nil
}

// Forget implements [api.Service].
func (s *Service) Forget(ctx context.Context, f api.Forgetting) (int, error) {
	if err := api.CheckSpan("the age", f.Older); err != nil {
		return 0, err
	}
	filter := ledger.Filter{IDs: f.IDs, Task: f.Task, Outcomes: f.Outcomes}
	if f.Older > 0 {
		filter.Before = s.eng.clock.Now().Add(-f.Older)
	}
	n, err := s.eng.ledger.Forget(ctx, filter)
	if err == nil && n == 0 && len(f.IDs) > 0 {
		return 0, api.Errorf(api.NotFound, "", "no run that has ended among %v", f.IDs)
	}
	if n > 0 {
		s.eng.post(func() { clear(s.eng.lastSuccesses); clear(s.eng.lastFinishes) })
	}
	return n, err
}
