package query

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"rota/config"
	"rota/internal/api"
	"rota/internal/ledger"
	"rota/internal/plan"
	"rota/runner"
	"rota/schedule"
)

// mostIll is how many tasks a verdict names.
const mostIll = 5

// Health implements [api.Service], as far as it needs no daemon. A task is healthy unless
// its last run failed, it has not ended well for too long, or it missed a slot and has
// not ended well since. A hold is no illness: somebody wanted it.
func (r *Reader) Health(ctx context.Context, q api.HealthQuery) error {
	cfg := r.Config()
	names, err := healthOf(ctx, cfg, q)
	if err != nil {
		return err
	}
	states, err := r.statesOf(ctx, names...)
	if err != nil {
		return err
	}
	var ill []string
	for _, name := range names {
		what, err := r.illness(ctx, cfg, name, states[name])
		if err != nil {
			return err
		}
		if what != "" {
			ill = append(ill, "task "+name+" "+what)
		}
	}
	if n := len(ill) - mostIll; n > 0 {
		ill = append(ill[:mostIll], "and "+api.Plural(n, "more task", "more tasks"))
	}
	if ill == nil {
		return nil
	}
	return api.Errorf(api.NotNow, "", "%s", strings.Join(ill, "; "))
}

// healthOf returns the tasks that a question is about, which are there for the caller.
func healthOf(ctx context.Context, cfg *config.Config, q api.HealthQuery) (names []string, err error) {
	if q.Task != "" {
		if _, ok := cfg.Tasks[q.Task]; !ok {
			return nil, NoTask(cfg.Tasks, q.Task)
		}
		return []string{q.Task}, nil
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Tasks)) {
		of := func(tag string) bool { return slices.Contains(cfg.Tasks[name].Tags, tag) }
		if api.SeesTask(ctx, name) && (len(q.Tags) == 0 || slices.ContainsFunc(q.Tags, of)) {
			names = append(names, name)
		}
	}
	for _, tag := range q.Tags { // one that is misspelt must not be healthy
		if !slices.ContainsFunc(names, func(name string) bool { return slices.Contains(cfg.Tasks[name].Tags, tag) }) {
			return nil, api.Errorf(api.NotFound, "", "no task has the tag %q", tag)
		}
	}
	return names, nil
}

// illness says what is wrong with a task; "": nothing is.
func (r *Reader) illness(ctx context.Context, cfg *config.Config, name string, state ledger.TaskState) (string, error) {
	past, err := r.Ledger.Past(ctx, name)
	if err != nil {
		return "", err
	}
	clock := func(t time.Time) string { return t.In(cfg.ZoneOf(name)).Format("2006-01-02 15:04:05 MST") }
	switch {
	case past.Failures == 1:
		return "failed", nil
	case past.Failures > 1:
		return fmt.Sprintf("failed %d times in a row", past.Failures), nil
	}
	if within := cfg.Tasks[name].ExpectSuccessWithin; within > 0 {
		what, from := "last ended well at "+clock(past.Success), past.Success
		if from.IsZero() {
			what, from = "never ended well", state.Seen[plan.ExpectedKey]
		}
		if !from.IsZero() && r.Now().Sub(from) >= within {
			return what + ", expect_success_within is " + schedule.FormatDuration(within), nil
		}
	}
	missed, err := r.Ledger.List(ctx, ledger.Filter{Brief: true, Task: name, Outcomes: []runner.Outcome{runner.Missed}, Since: past.Success, Limit: 1})
	if err != nil || len(missed) == 0 {
		return "", err
	}
	return "missed its slot of " + clock(ledger.Began(missed[0])), nil
}
