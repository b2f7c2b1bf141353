package daemon

import (
	"cmp"
	"context"
	"io"
	"strings"

	"rota/internal/api"
	"rota/internal/ledger"
	"rota/runner"
)

// mostRuns is how many runs are returned to who does not say how many.
const mostRuns = 100

// Runs implements [api.Reader].
func (r *reader) Runs(ctx context.Context, q api.RunQuery) ([]api.Run, error) {
	runs, err := r.book.List(ctx, ledger.Filter{
		Brief: true, Task: q.Task, States: q.States, Outcomes: q.Outcomes, Since: q.Since, Limit: cmp.Or(q.N, mostRuns),
	})
	if err == nil && len(runs) == 0 && q.Task != "" {
		return nil, r.known(ctx, q.Task)
	}
	return api.RunsOf(runs), err
}

// known complains about a task that neither the file nor the ledger knows.
func (r *reader) known(ctx context.Context, task string) error {
	cfg := r.config()
	if _, ok := cfg.Tasks[task]; ok {
		return nil
	}
	runs, err := r.book.List(ctx, ledger.Filter{Brief: true, Task: task, Limit: 1})
	if err != nil || len(runs) > 0 {
		return err
	}
	return noTask(cfg.Tasks, task)
}

// Run implements [api.Reader].
func (r *reader) Run(ctx context.Context, id string) (api.RunDetails, error) {
	run, steps, err := r.find(ctx, id)
	if err != nil {
		return api.RunDetails{}, err
	}
	answer := api.RunDetails{Run: api.RunOf(run), Transitions: api.TransitionsOf(steps)}
	if log, err := r.book.OpenLog(ctx, run.ID); err == nil {
		log.Close()
		answer.Outputs = true
	}
	return answer, nil
}

// find returns the run of an id, or the newest of a task, and the steps of its life.
func (r *reader) find(ctx context.Context, id string) (runner.Run, []runner.Transition, error) {
	id, err := r.resolve(ctx, id)
	if err != nil {
		return runner.Run{}, nil, err
	}
	run, steps, err := r.book.Get(ctx, id)
	if absent(err) {
		err = noRun(r.config(), id)
	}
	return run, steps, err
}

// resolve returns the id of a run: for a task alone that of its newest run.
func (r *reader) resolve(ctx context.Context, id string) (string, error) {
	if strings.Contains(id, "/") {
		return id, nil
	}
	newest, err := r.book.Newest(ctx, id)
	if err != nil {
		return "", err
	}
	if run, ok := newest[id]; ok {
		return run.ID, nil
	}
	if err := r.known(ctx, id); err != nil {
		return "", err
	}
	return "", api.Errorf(api.NotFound, "", "task %q has no run yet", id)
}

// ran returns the run that a name is of where only one that runs or ran will do:
// of a recurring request that is its newest, if there was one.
func (r *reader) ran(ctx context.Context, id string) (runner.Run, error) {
	id, err := r.resolve(ctx, id)
	if err != nil {
		return runner.Run{}, err
	}
	run, _, err := r.book.Get(ctx, id)
	switch {
	case absent(err):
		return run, noRun(r.config(), id)
	case err == nil && !api.SeesRun(ctx, run):
		return run, noRun(r.config(), id)
	case err != nil || run.On == "":
		return run, err
	}
	ran, err := r.book.List(ctx, ledger.Filter{
		Brief: true, Task: run.Task, Parent: run.ID, Limit: 1, States: []runner.State{runner.Running},
		Outcomes: []runner.Outcome{runner.OK, runner.Failed, runner.TimedOut, runner.Lost},
	})
	if err == nil && len(ran) > 0 {
		if run = ran[0]; !api.SeesRun(ctx, run) {
			return run, noRun(r.config(), id)
		}
	}
	return run, err
}

// Result implements [api.Reader].
func (r *reader) Result(ctx context.Context, id string) (io.ReadCloser, error) {
	run, err := r.ran(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case run.Outcome == "":
		return nil, api.Errorf(api.NotNow, "", "run %s is %s; there is no result before its end", run.ID, run.State)
	}
	result, err := r.book.OpenResult(ctx, run.ID)
	if absent(err) {
		err = api.Errorf(api.NotFound, "a task writes it to the file that ROTA_RESULT_FILE names", "run %s has no result", run.ID)
	}
	return result, err
}
