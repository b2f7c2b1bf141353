package engine

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"rota/internal/api"
	"rota/internal/ledger"
	"rota/runner"
)

// checkTasks returns an error for a name that no task has.
func (eng *Engine) checkTasks(names ...string) error {
	for _, name := range names {
		if _, ok := eng.cfg.Tasks[name]; !ok {
			return eng.noTask(name)
		}
	}
	return nil
}

// batchSize limits the tasks or runs that the engine changes in one turn if a call is for
// thousands, so that no slot waits for all of them.
const batchSize = 16

// maxTextLength limits the reasons and triggers of clients, which are stored in the row of
// every skipped slot and shown in every list.
const maxTextLength = 1000

// Hold implements [api.Service].
func (s *Service) Hold(ctx context.Context, h api.Holding) ([]api.Task, error) {
	if err := api.CheckSpan("the hold", h.For); err != nil {
		return nil, err
	}
	if len(h.Why) > maxTextLength {
		return nil, api.Errorf(api.Usage, "use fewer words", "the reason is longer than %d bytes", maxTextLength)
	}
	names, err := s.existingTasks(ctx, h.Tasks, h.All)
	if err != nil || len(names) == 0 {
		return nil, err
	}
	hold := ledger.Hold{By: api.Who(ctx), Why: h.Why, Since: s.eng.clock.Now()}
	if !h.At.IsZero() {
		if err := api.CheckTime("the start of the hold", h.At); err != nil {
			return nil, err
		}
		if !h.At.After(hold.Since) {
			return nil, api.Errorf(api.Usage, "to hold it now, omit the time", "the start of the hold, %s, is in the past", s.eng.formatTime(h.At))
		}
		hold.Since = h.At
	}
	if h.For > 0 {
		hold.Until = hold.Since.Add(h.For)
		if err := api.CheckTime("the end of the hold", hold.Until); err != nil {
			return nil, err
		}
	}
	done, failed := s.forEach(ctx, names, func(ctx context.Context, name string) error {
		if !h.At.IsZero() {
			hold.Binding = api.Binds(ctx, name)
			return s.eng.planHold(ctx, name, hold)
		}
		if err := s.eng.mayOverrideHold(ctx, name); err != nil {
			return err
		}
		hold.Since = s.eng.clock.Now() // which may be after slots that started meanwhile
		hold.Binding = api.Binds(ctx, name)
		return s.eng.holdTasks(ctx, []string{name}, hold)
	})
	err = failed.Err(len(names))
	if len(done) == 0 {
		return nil, err
	}
	tasks, unread := s.Tasks(ctx, done...)
	return tasks, cmp.Or(err, unread)
}

// forEach makes the engine's goroutine call f with each name, a few in each turn, and
// returns the names for which it succeeded, and the others. After a failure that is not
// specific to a name, such as a full disk, all following names fail.
func (s *Service) forEach(ctx context.Context, names []string, f func(ctx context.Context, name string) error) (done []string, failed api.Failures) {
	var over error
	for few := range slices.Chunk(names, batchSize) {
		if over == nil {
			over = s.eng.doBetweenStarts(ctx, func(ctx context.Context) error {
				for i, name := range few {
					switch err := f(ctx, name); api.CodeOf(err) {
					case "":
						done = append(done, name)
					case api.Failed:
						few = few[i:]
						return err
					default:
						failed.Add(name, err)
					}
				}
				few = nil
				return nil
			})
		}
		for _, name := range few { // those for which f was not called, or failed
			failed.Add(name, over)
		}
	}
	return done, failed
}

// existingTasks returns the names of tasks, which must exist: those given, or all.
func (s *Service) existingTasks(ctx context.Context, names []string, all bool) ([]string, error) {
	return names, s.eng.read(ctx, func() error {
		if all {
			names = slices.Sorted(maps.Keys(s.eng.cfg.Tasks))
		}
		return s.eng.checkTasks(names...)
	})
}

// Release implements [api.Service].
func (s *Service) Release(ctx context.Context, names ...string) (api.Released, error) {
	done := api.Released{Tasks: []string{}, Runs: []string{}}
	all := len(names) == 0
	var tasks, runs []string
	for _, name := range names {
		if _, key := runner.SplitID(name); key != "" {
			runs = append(runs, name)
		} else {
			tasks = append(tasks, name)
		}
	}
	tasks, err := s.existingTasks(ctx, tasks, all)
	if err != nil {
		return done, err
	}
	who := api.Who(ctx)
	_, failed := s.forEach(ctx, tasks, func(ctx context.Context, name string) error {
		if err := s.eng.mayOverrideHold(ctx, name); err != nil {
			return err
		}
		was, err := s.eng.release(ctx, name, who, s.eng.clock.Now())
		if err == nil {
			var planned bool
			if err = s.eng.mayOverridePlanned(ctx, name); err == nil {
				planned, err = s.eng.cancelPlannedHold(ctx, name, who)
			} else if was {
				err = nil // the hold in force is released; the planned one stays
			}
			was = was || planned
		}
		switch {
		case err != nil:
			return err
		case was:
			done.Tasks = append(done.Tasks, name)
		case !all:
			return api.Errorf(api.Conflict, "", "task %q is not held", name)
		}
		return nil
	})
	released, also := s.forEach(ctx, runs, func(ctx context.Context, id string) error { return s.eng.releaseRun(ctx, id, who) })
	done.Runs = append(done.Runs, released...)
	failed.Join(also)
	return done, failed.Err(len(tasks) + len(runs))
}

// Reschedule implements [api.Service].
func (s *Service) Reschedule(ctx context.Context, r api.Rescheduling) (done api.Rescheduled, err error) {
	if err := api.CheckTime("the end of the reschedule", r.Until); err != nil {
		return done, err
	}
	err = s.eng.doBetweenStarts(ctx, func(ctx context.Context) error {
		var err error
		task, key := runner.SplitID(r.Name)
		switch _, recurring := s.eng.view.ParkedAs(r.Name, runner.Recurring); {
		case recurring:
			done, err = s.eng.rescheduleRequest(ctx, r, api.Who(ctx))
		case key != "":
			err = api.Errorf(api.Conflict, "", "%s is not a recurring request: only those and tasks have a trigger", r.Name)
		default:
			if err = s.eng.checkTasks(task); err == nil && r.Expr == "default" {
				err = s.eng.unskip(ctx, task, api.Who(ctx)) // "default" also cancels skips
			}
			if err == nil {
				done, err = s.eng.reschedule(ctx, r, api.Who(ctx))
			}
		}
		return err
	})
	return done, err
}

// maxSkips limits the upcoming slots of a task that are skipped.
const maxSkips = 100

// Skip implements [api.Service].
func (s *Service) Skip(ctx context.Context, task string) (slot api.Slot, err error) {
	err = s.eng.doBetweenStarts(ctx, func(ctx context.Context) error {
		if err := s.eng.checkTasks(task); err != nil {
			return err
		}
		now := s.eng.clock.Now()
		out := slices.DeleteFunc(slices.Clone(s.eng.states[task].Skip), func(s ledger.Skip) bool { return s.Slot.Before(now) })
		if len(out) >= maxSkips {
			return api.Errorf(api.Conflict, "hold it: rota hold "+task, "%d slots of task %q are skipped already", maxSkips, task)
		}
		slot, err = s.eng.skipNext(ctx, task, api.Who(ctx))
		return err
	})
	return slot, err
}
