package query

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"rota/config"
	"rota/internal/api"
	"rota/internal/ledger"
	"rota/internal/plan"
	"rota/runner"
)

// Queues implements [api.Reader].
func (r *Reader) Queues(ctx context.Context, patterns ...string) (api.Queues, error) {
	cfg, now := r.Config(), r.Now()
	var answer api.Queues
	names := slices.Sorted(maps.Keys(cfg.Queues))
	if len(patterns) > 0 {
		var unmatched []string
		names, unmatched = config.MatchQueues(patterns, names)
		for _, p := range unmatched {
			answer.Warnings = append(answer.Warnings, fmt.Sprintf("%q matches no queue", p))
		}
	}
	var of []string
	for _, name := range names {
		of = append(of, ledger.QueueName(name))
	}
	states, err := r.statesOf(ctx, of...)
	if err != nil {
		return answer, err
	}
	runs, err := r.Ledger.List(ctx, ledger.Filter{Brief: true, States: []runner.State{runner.Running, runner.Queued}})
	if err != nil {
		return answer, err
	}
	running, waiting := map[string][]string{}, map[string]int{}
	for _, run := range slices.Backward(runs) {
		queue := run.Queue
		if _, ok := cfg.Queues[queue]; !ok && queue != "" {
			queue = cfg.Tasks.Get(run.Task).Queue // the queue of the run was removed from the file
		}
		if run.State == runner.Running {
			running[queue] = append(running[queue], run.ID)
		} else {
			waiting[queue]++
		}
	}
	answer.Queues = make([]api.Queue, 0, len(names))
	for _, name := range names {
		kept := states[ledger.QueueName(name)]
		q, hold := cfg.Queues[name], kept.Hold.At(now)
		state := "stopped"
		if plan.StartsRuns(cfg, name, kept) {
			state = "started"
		}
		answer.Queues = append(answer.Queues, api.Queue{
			Queue: name, State: state, Workers: q.Workers, Capacity: q.Capacity, Description: q.Description,
			Running: append([]string{}, running[name]...), Waiting: waiting[name], Hold: holdOf(hold), Started: startedOf(kept.Started),
		})
	}
	return answer, nil
}
