package query

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"rota/internal/api"
	"rota/internal/ledger"
	"rota/runner"
)

// maxRuns is how many runs are returned if the query has no number.
const maxRuns = 100

// maxRunsOfTasks is that number for a query with Each or Active.
const maxRunsOfTasks = 100_000

// Runs implements [api.Reader].
func (r *Reader) Runs(ctx context.Context, q api.RunQuery) ([]api.Run, error) {
	limit := maxRuns
	if q.Each > 0 || !q.Active.IsZero() {
		limit = maxRunsOfTasks
	}
	runs, err := r.Ledger.List(ctx, ledger.Filter{
		Brief: true, Task: q.Task, States: q.States, Outcomes: q.Outcomes, Since: q.Since, Limit: cmp.Or(q.N, limit),
		Tasks: q.Tasks, Each: q.Each, Active: q.Active, Summaries: q.Summaries,
	})
	if err == nil && len(runs) == 0 && q.Task != "" {
		return nil, r.known(ctx, q.Task)
	}
	return api.RunsOf(runs), err
}

// known returns an error for a task that neither the file nor the ledger has.
func (r *Reader) known(ctx context.Context, task string) error {
	cfg := r.Config()
	if _, ok := cfg.Tasks[task]; ok {
		return nil
	}
	runs, err := r.Ledger.List(ctx, ledger.Filter{Brief: true, Task: task, Limit: 1})
	if err != nil || len(runs) > 0 {
		return err
	}
	return NoTask(cfg.Tasks, task)
}

// Run implements [api.Reader].
func (r *Reader) Run(ctx context.Context, id string) (api.RunDetails, error) {
	run, steps, err := r.Find(ctx, id)
	if err != nil {
		return api.RunDetails{}, err
	}
	answer := api.RunDetails{Run: api.RunOf(run), Transitions: api.TransitionsOf(steps)}
	for n := 1; n <= run.Attempts; n++ {
		if _, err := os.Stat(r.logs().Log(run.ID, n)); err == nil {
			answer.WithOutput = append(answer.WithOutput, n)
			answer.Outputs = n == run.Attempts
		}
	}
	return answer, nil
}

// Find returns the run with an id, or the newest run of a task, and its transitions.
func (r *Reader) Find(ctx context.Context, id string) (runner.Run, []runner.Transition, error) {
	id, err := r.resolve(ctx, id)
	if err != nil {
		return runner.Run{}, nil, err
	}
	run, steps, err := r.Ledger.Get(ctx, id)
	if absent(err) {
		err = noRun(r.Config(), id)
	}
	return run, steps, err
}

// resolve returns the id of a run; for the name of a task, that of its newest run.
func (r *Reader) resolve(ctx context.Context, id string) (string, error) {
	if strings.Contains(id, "/") {
		return id, nil
	}
	newest, err := r.Ledger.Newest(ctx, id)
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

// Ran returns the run with an id, or the newest run of a task. For a recurring request
// it returns the newest run of the request that has started, if any.
func (r *Reader) Ran(ctx context.Context, id string) (runner.Run, error) {
	id, err := r.resolve(ctx, id)
	if err != nil {
		return runner.Run{}, err
	}
	run, _, err := r.Ledger.Get(ctx, id)
	switch {
	case absent(err):
		return run, noRun(r.Config(), id)
	case err == nil && !api.SeesRun(ctx, run):
		return run, noRun(r.Config(), id)
	case err != nil || run.On == "":
		return run, err
	}
	ran, err := r.Ledger.List(ctx, ledger.Filter{
		Brief: true, Task: run.Task, Parent: run.ID, Limit: 1, States: []runner.State{runner.Running},
		Outcomes: []runner.Outcome{runner.OK, runner.Failed, runner.TimedOut, runner.Lost},
	})
	if err == nil && len(ran) > 0 {
		if run = ran[0]; !api.SeesRun(ctx, run) {
			return run, noRun(r.Config(), id)
		}
	}
	return run, err
}

// Result implements [api.Reader].
func (r *Reader) Result(ctx context.Context, id string) (io.ReadCloser, error) {
	run, err := r.Ran(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case run.Outcome == "":
		return nil, api.Errorf(api.NotNow, "", "run %s is %s; its result is available after its end", run.ID, run.State)
	}
	noResult := api.Errorf(api.NotFound, "a task writes it to the file that ROTA_RESULT_FILE names", "run %s has no result", run.ID)
	if run.Attempts == 0 { // a result there is that of another run that had its id
		return nil, noResult
	}
	result, err := os.Open(r.logs().Result(run.ID))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, noResult
	}
	return result, err
}
