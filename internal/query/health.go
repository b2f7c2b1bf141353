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

// maxUnhealthy is how many unhealthy tasks an answer names.
const maxUnhealthy = 5

// Health implements [api.Service] without a daemon. A task is unhealthy if its last run
// failed, if it has had no success within expect_success_within, or if it has missed a
// slot since its last success. A held task is healthy: a user held it on purpose.
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
	past, err := r.Ledger.Past(ctx, names...)
	if err != nil {
		return err
	}
	var ill []string
	for _, name := range names {
		what, err := r.unhealthy(ctx, cfg, name, states[name], past[name])
		if err != nil {
			return err
		}
		if what != "" {
			ill = append(ill, "task "+name+" "+what)
		}
	}
	if n := len(ill) - maxUnhealthy; n > 0 {
		ill = append(ill[:maxUnhealthy], "and "+api.Plural(n, "more task", "more tasks"))
	}
	if ill == nil {
		return nil
	}
	return api.Errorf(api.NotNow, "", "%s", strings.Join(ill, "; "))
}

// healthOf returns the tasks of a query that the caller may see.
func healthOf(ctx context.Context, cfg *config.Config, q api.HealthQuery) (names []string, err error) {
	if q.Task != "" {
		if _, ok := cfg.Tasks[q.Task]; !ok {
			return nil, NoTask(cfg.Tasks, q.Task)
		}
		return []string{q.Task}, nil
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Tasks)) {
		of := func(tag string) bool { return slices.Contains(cfg.Tasks.Get(name).Tags, tag) }
		if api.SeesTask(ctx, name) && (len(q.Tags) == 0 || slices.ContainsFunc(q.Tags, of)) {
			names = append(names, name)
		}
	}
	for _, tag := range q.Tags { // a misspelt tag must not look healthy
		if !slices.ContainsFunc(names, func(name string) bool { return slices.Contains(cfg.Tasks.Get(name).Tags, tag) }) {
			return nil, api.Errorf(api.NotFound, "", "no task has the tag %q", tag)
		}
	}
	return names, nil
}

// unhealthy describes why a task is unhealthy; "": it is healthy.
func (r *Reader) unhealthy(ctx context.Context, cfg *config.Config, name string, state ledger.TaskState, past ledger.Past) (string, error) {
	clock := func(t time.Time) string { return t.In(cfg.ZoneOf(name)).Format("2006-01-02 15:04:05 MST") }
	switch {
	case past.Failures == 1:
		return "failed", nil
	case past.Failures > 1:
		return fmt.Sprintf("failed %d times in a row", past.Failures), nil
	}
	if within := cfg.Tasks.Get(name).ExpectSuccessWithin; within > 0 {
		what, from := "last succeeded at "+clock(past.Success), past.Success
		if from.IsZero() {
			what, from = "never succeeded", state.FirstSeen.Of(plan.ExpectedKey)
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
