package query

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"rota/config"
	"rota/internal/api"
	"rota/internal/ledger"
	"rota/internal/plan"
	"rota/runner"
)

// Tasks implements [api.Reader].
func (r *Reader) Tasks(ctx context.Context, names ...string) ([]api.Task, error) {
	cfg, now := r.Config(), r.Now()
	for _, name := range names {
		if _, ok := cfg.Tasks[name]; !ok {
			return nil, NoTask(cfg.Tasks, name)
		}
	}
	byName := len(names) > 0
	states, err := r.statesOf(ctx, names...)
	if err != nil {
		return nil, err
	}
	newest, err := r.Ledger.Newest(ctx, names...)
	if err != nil {
		return nil, err
	}
	alive, err := r.unfinished(ctx, names)
	if err != nil {
		return nil, err
	}
	past, err := r.Ledger.Past(ctx, names...)
	if err != nil {
		return nil, err
	}
	next, err := r.firstSlots(ctx, cfg, names)
	if err != nil {
		return nil, err
	}
	if !byName {
		names = slices.Sorted(maps.Keys(cfg.Tasks))
	}
	tasks := make([]api.Task, 0, len(names))
	for _, name := range names {
		t := taskOf(cfg, name, states[name], alive[name], now)
		t.Next = next[name]
		if last, ok := newest[name]; ok && !last.Started.IsZero() {
			t.Last = new(api.RunOf(last.Brief()))
		}
		t.Failures, t.LastSuccess = past[name].Failures, past[name].Success
		t.State = stateOf(t, alive[name])
		if byName {
			t.RunsLeft = runsLeftOf(cfg, name, states[name], now)
			t.Settings = settingsOf(cfg.Tasks.Get(name))
		}
		tasks = append(tasks, t)
	}
	return tasks, nil
}

// unfinished returns the runs without an outcome of the named tasks, or without names of all
// tasks, by task, the oldest first.
func (r *Reader) unfinished(ctx context.Context, names []string) (map[string][]runner.Run, error) {
	const few = 100
	if len(names) == 0 || len(names) > few {
		names = []string{""}
	}
	byTask := map[string][]runner.Run{}
	asked := map[string]bool{}
	for _, name := range names {
		if asked[name] {
			continue
		}
		asked[name] = true
		runs, err := r.Ledger.List(ctx, ledger.Filter{Brief: true, Task: name, States: []runner.State{runner.Running, runner.Queued, runner.Delayed, runner.Held, runner.Recurring}})
		if err != nil {
			return nil, err
		}
		for _, run := range slices.Backward(runs) {
			byTask[run.Task] = append(byTask[run.Task], run)
		}
	}
	return byTask, nil
}

// taskOf returns a task as a value of the API, made from the file, the state in the
// ledger and the runs without an outcome.
func taskOf(cfg *config.Config, name string, state ledger.TaskState, alive []runner.Run, now time.Time) api.Task {
	task := cfg.Tasks.Get(name)
	t := api.Task{
		Task: name, Description: task.Description, Tags: task.Tags, Enabled: task.Enabled,
		Schedule: plan.InWords(task), Timezone: cfg.ZoneOf(name).String(), Mode: task.Mode, Queue: task.Queue, User: task.User, Params: task.Params,
		Action: runner.ActionName(task.Action), Does: Does(task.Action), Hold: holdOf(state.HoldAt(now)), Planned: plannedAfter(state, now),
	}
	if on := rescheduled(task, state, now); on != nil {
		t.On = &api.On{Expr: on.Expr, By: on.By, Since: on.Since, Until: on.Until}
	}
	for _, name := range task.After {
		t.After = append(t.After, api.Awaited{Task: name, OK: state.After != nil && state.After.OK[name] != ""})
	}
	for _, skip := range state.Skip {
		if skip.Slot.After(now) {
			t.Skip = append(t.Skip, skip.Slot.In(cfg.ZoneOf(name)))
		}
	}
	for _, run := range alive {
		switch run.State {
		case runner.Running:
			t.Running = append(t.Running, run.ID)
			t.Late = t.Late || run.Reason.Is(runner.ReasonRunsLate)
		case runner.Recurring:
			t.Recurring = append(t.Recurring, api.RunOf(run))
		default:
			t.Waiting = append(t.Waiting, run.ID)
		}
	}
	return t
}

// rescheduled returns the reschedule in force at an instant; nil: none.
func rescheduled(task config.Task, state ledger.TaskState, now time.Time) *ledger.Reschedule {
	if on := state.Reschedule; plan.Applies(task, on) && (on.Until.IsZero() || now.Before(on.Until)) {
		return on
	}
	return nil
}

// stateOf returns a task's state in one word. Delayed and held runs do not affect it.
func stateOf(t api.Task, alive []runner.Run) string {
	switch {
	case len(t.Running) > 0:
		return string(runner.Running)
	case t.Hold != nil:
		return string(runner.Held)
	case slices.ContainsFunc(alive, func(r runner.Run) bool { return r.State == runner.Queued }):
		return string(runner.Queued)
	case !t.Enabled:
		return "disabled"
	case t.Last != nil:
		return cmp.Or(string(t.Last.Outcome), string(t.Last.State))
	}
	return "new"
}

// runsLeftOf returns how many runs are left of each trigger of a task that has a count,
// including those of a reschedule.
func runsLeftOf(cfg *config.Config, name string, state ledger.TaskState, now time.Time) []api.RunsLeft {
	var all []api.RunsLeft
	for _, t := range plan.Terms(cfg, name, rescheduled(cfg.Tasks.Get(name), state, now)) {
		if left := plan.RunsLeft(t.Spec, state, t.Key); left != plan.NoCount {
			all = append(all, api.RunsLeft{Trigger: t.Spec.String(), Count: t.Spec.Count(), Left: left})
		}
	}
	return all
}

// settingsOf returns all keys of a task with the values in force.
func settingsOf(t config.Task) []api.Setting {
	var all []api.Setting
	action := runner.ActionName(t.Action)
	for _, s := range t.Settings() {
		if s.Key == action {
			s.Value = Does(t.Action) // the full value may be secret
		}
		all = append(all, api.Setting(s))
	}
	return all
}

// plannedAfter returns the hold of a task that begins after an instant, as a value of the API.
func plannedAfter(state ledger.TaskState, at time.Time) *api.Hold {
	if h := state.Planned; h != nil && h.Since.After(at) {
		return holdOf(h)
	}
	return nil
}
