package engine

import (
	"context"
	"maps"
	"slices"

	"rota/config"
	"rota/internal/api"
)

// StartQueues implements [api.Service].
func (s *Service) StartQueues(ctx context.Context, patterns ...string) (api.Queues, error) {
	return s.turn(ctx, patterns, false)
}

// StopQueues implements [api.Service].
func (s *Service) StopQueues(ctx context.Context, patterns ...string) (api.Queues, error) {
	return s.turn(ctx, patterns, true)
}

func (s *Service) turn(ctx context.Context, patterns []string, stop bool) (api.Queues, error) {
	if len(patterns) == 0 {
		patterns = []string{"*"}
	}
	err := s.l.act(ctx, func(ctx context.Context) error {
		names, _ := config.MatchQueues(patterns, slices.Sorted(maps.Keys(s.l.cfg.Queues)))
		return s.l.turnQueues(ctx, names, api.Who(ctx), stop)
	})
	if err != nil {
		return api.Queues{}, err
	}
	return s.Queues(ctx, patterns...)
}

// Queues adds to what the ledger knows which queues the daemon has stopped.
func (s *Service) Queues(ctx context.Context, patterns ...string) (api.Queues, error) {
	q, err := s.Reader.Queues(ctx, patterns...)
	if err != nil {
		return q, err
	}
	return q, s.l.ask(ctx, func() error {
		for i := range q.Queues {
			q.Queues[i].State = "started"
			if s.l.stoppedQueues[q.Queues[i].Queue] {
				q.Queues[i].State = "stopped"
			}
		}
		return nil
	})
}
