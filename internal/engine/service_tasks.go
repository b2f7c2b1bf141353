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

// known refuses a name that no task has.
func (eng *Engine) known(names ...string) error {
	for _, name := range names {
		if _, ok := eng.cfg.Tasks[name]; !ok {
			return eng.noTask(name)
		}
	}
	return nil
}

// batchSize is how many tasks or runs the engine changes in one go, when somebody
// asks for thousands: no slot is to wait for all of them.
const batchSize = 16

// maxTriggerLength bounds what people write to be remembered: a reason, a trigger. It is
// shown in every list, and stands in the row of every slot that is left out.
const maxTriggerLength = 1000

// Hold implements [api.Service].
func (s *Service) Hold(ctx context.Context, h api.Holding) ([]api.Task, error) {
	if err := api.CheckSpan("the hold", h.For); err != nil {
		return nil, err
	}
	if len(h.Why) > maxTriggerLength {
		return nil, api.Errorf(api.Usage, "say it in fewer words", "the reason is longer than %d bytes", maxTriggerLength)
	}
	names, err := s.named(ctx, h.Tasks, h.All)
	if err != nil || len(names) == 0 {
		return nil, err
	}
	hold := ledger.Hold{By: api.Who(ctx), Why: h.Why, Since: s.l.clock.Now()}
	if !h.At.IsZero() {
		if err := api.CheckTime("the begin of the hold", h.At); err != nil {
			return nil, err
		}
		if !h.At.After(hold.Since) {
			return nil, api.Errorf(api.Usage, "to hold it now, leave that out", "the begin of the hold, %s, is in the past", s.l.formatTime(h.At))
		}
		hold.Since = h.At
	}
	if h.For > 0 {
		hold.Until = hold.Since.Add(h.For)
		if err := api.CheckTime("the end of the hold", hold.Until); err != nil {
			return nil, err
		}
	}
	done, failed := s.each(ctx, names, func(ctx context.Context, name string) error {
		if !h.At.IsZero() {
			hold.Binding = api.Binds(ctx, name)
			return s.l.planHold(ctx, name, hold)
		}
		if err := s.l.mayEnd(ctx, name); err != nil {
			return err
		}
		hold.Binding = api.Binds(ctx, name)
		return s.l.hold(ctx, []string{name}, hold)
	})
	err = failed.Err(len(names))
	if len(done) == 0 {
		return nil, err
	}
	tasks, unread := s.Tasks(ctx, done...)
	return tasks, cmp.Or(err, unread)
}

// each has the engine call f with each name, a few at a time, and returns the names with
// which it succeeded, and the others. What is no matter of a name, such as a full disk,
// fails all that follow.
func (s *Service) each(ctx context.Context, names []string, f func(ctx context.Context, name string) error) (done []string, failed api.Failures) {
	var over error
	for few := range slices.Chunk(names, batchSize) {
		if over == nil {
			over = s.l.act(ctx, func(ctx context.Context) error {
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
		for _, name := range few { // those that f was not called with, or failed with
			failed.Add(name, over)
		}
	}
	return done, failed
}

// named returns names of tasks that there are: those given, or all.
func (s *Service) named(ctx context.Context, names []string, all bool) ([]string, error) {
	return names, s.l.ask(ctx, func() error {
		if all {
			names = slices.Sorted(maps.Keys(s.l.cfg.Tasks))
		}
		return s.l.known(names...)
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
	tasks, err := s.named(ctx, tasks, all)
	if err != nil {
		return done, err
	}
	who := api.Who(ctx)
	_, failed := s.each(ctx, tasks, func(ctx context.Context, name string) error {
		if err := s.l.mayEnd(ctx, name); err != nil {
			return err
		}
		was, err := s.l.release(ctx, name, who, s.l.clock.Now())
		if err == nil {
			var planned bool
			if err = s.l.mayEndPlanned(ctx, name); err == nil {
				planned, err = s.l.unplan(ctx, name, who)
			} else if was {
				err = nil // the hold that there was is ended; the other stays
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
	released, also := s.each(ctx, runs, func(ctx context.Context, id string) error { return s.l.releaseRun(ctx, id, who) })
	done.Runs = append(done.Runs, released...)
	failed.Join(also)
	return done, failed.Err(len(tasks) + len(runs))
}

// Reschedule implements [api.Service].
func (s *Service) Reschedule(ctx context.Context, r api.Rescheduling) (done api.Rescheduled, err error) {
	if err := api.CheckTime("the end of the reschedule", r.Until); err != nil {
		return done, err
	}
	err = s.l.act(ctx, func(ctx context.Context) error {
		var err error
		task, key := runner.SplitID(r.Name)
		switch _, recurring := s.l.view.ParkedAs(r.Name, runner.Recurring); {
		case recurring:
			done, err = s.l.rescheduleRequest(ctx, r, api.Who(ctx))
		case key != "":
			err = api.Errorf(api.Conflict, "", "%s is no recurring request: only those and tasks have a trigger", r.Name)
		default:
			if err = s.l.known(task); err == nil && r.Expr == "default" {
				err = s.l.unskip(ctx, task, api.Who(ctx)) // as in the file is as in the file
			}
			if err == nil {
				done, err = s.l.reschedule(ctx, r, api.Who(ctx))
			}
		}
		return err
	})
	return done, err
}

// maxSkips bounds how many slots of a task can be left out in advance.
const maxSkips = 100

// Skip implements [api.Service].
func (s *Service) Skip(ctx context.Context, task string) (slot api.Slot, err error) {
	err = s.l.act(ctx, func(ctx context.Context) error {
		if err := s.l.known(task); err != nil {
			return err
		}
		now := s.l.clock.Now()
		out := slices.DeleteFunc(slices.Clone(s.l.states[task].Skip), func(s ledger.Skip) bool { return s.Slot.Before(now) })
		if len(out) >= maxSkips {
			return api.Errorf(api.Conflict, "hold it: rota hold "+task, "%d slots of task %q are left out already", maxSkips, task)
		}
		slot, err = s.l.skipNext(ctx, task, api.Who(ctx))
		return err
	})
	return slot, err
}
